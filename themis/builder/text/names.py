"""Made-up names of cities and people, so many that training hardly repeats one.

A model of a few million parameters learns to copy a name into a call only from names that never repeat. None of these
is meant to exist.
"""

from random import Random

Style = tuple[list[str], list[str], list[str]]
"""Openings, middles (often empty) and endings of words."""

_NEAR_PINYIN: Style = (
    """
    Ba Bai Bin Chang Chong Da Deng Dong Fu Gan Guang Gui Han Heng Hong Hu Huai Huang Ji Jia Jin Jing Kun Lai Lan
    Li Lian Liu Long Luo Mian Mu Nan Ning Pan Pu Qi Qian Qing Qu Ri Shan Shao Shen Shi Su Sui Tai Tang Tong Wei
    Wen Wu Xi Xian Xin Xing Xu Xuan Ya Yan Yang Yi Yong Yu Yue Yun Zhan Zhang Zhao Zhen Zhong Zi Zun
    """.split(),
    [""],
    """
    an bei bo cheng chuan chun dao de ding du dong fang fei fu gang guan guang hai he hua huang hui jiang jin jing
    jie kou le li lin ling long men meng ming nan ning ping pu qian qing quan sha shan shi shui shun tai tian tong
    wei wu xi xiang xin yan yang yi yin ying yuan yun zhong zhou zhuang zuo
    """.split(),
)
_MANY_TONGUES: Style = (
    """
    Al An Ar Bar Bel Ben Bor Bra Bu Cal Car Cas Co Cor Cu Dam Dar Del Dja Do Dub El Es Fal Fre Ga Gal Gre Ha Har
    Hel Hu Ib Is Ja Jo Ka Kar Ki Kin Ku La Le Lis Lo Lu Ma Mad Man Mar Mel Mo Mon Mos Na Nai No O Os Pa Pal Per Po
    Por Pra Pre Ra Re Ri Ro Sa Sal San Se So Sta Stra Ta Tal Te Ti To Tri Tu Ul Va Var Ve Vi Vil Wa War Win Ya Ye
    Za Ze Zu
    """.split(),
    ["", ""]
    + """
    ba bi ca ce da de do ga go gu ka ki ko la le li lo ma me mi mo na ne ni no pa pe ra re ri ro ru sa se si ta te
    ti to va ve vi wa ya za zi
    """.split(),
    """
    bad berg bo bourne burg bul by cas co dad dam des dia don dra du ford gen go grad ham i ia in ja ka kia la
    land lin lo lon lu ly ma men mo mouth na nia no nu pol pore pur ra res ria ro rut sa san shi sk ston stad ta
    tara te ti ton tou tu ul va vo yama ya za zh zi é ão ön ü ă í ış
    """.split(),
)
_BEFORE = "New, Port, San, Santa, St., East, West, North, South, Fort, El, La, Saint, Ciudad, Great, Old, Upper, The, City of".split(", ")
_AFTER = "City, Town, Bay, Springs, Falls, Hills, Region, Beach, Island, del Mar, la Vella, New Area, Harbour, Junction".split(", ")

PEOPLE = """
    Ada Amir Anna Ben Bilal Carla Chen Dana David Elena Emeka Farah Felix Grace Hana Hugo Ines Ivan Jack Jamal
    Julia Kenji Lena Liam Lucia Maria Mei Milo Nadia Noah Olga Omar Paul Priya Rosa Ruth Sam Sara Tariq Tom Uma
    Vera Wei Xavier Yara Zoe
""".split()


def city(rng: Random) -> str:
    """A made-up city, such as `Zhenkou`, `Port Talira` or `Mako-Vilpur`."""
    name = _word(rng)
    shape = rng.random()
    if shape < 0.08:
        return f"{rng.choice(_BEFORE)} {name}"
    if shape < 0.15:
        return f"{name} {rng.choice(_AFTER)}"
    if shape < 0.20:
        return f"{name}-{_word(rng)}"
    if shape < 0.25:
        return f"{name} {_word(rng)}"
    if shape < 0.30:
        return f"{name} {rng.choice(('upon', 'on', 'de', 'la', 'of', 'am', 'sur', 'and'))} {_word(rng)}"
    return name


def person(rng: Random) -> str:
    """A first name."""
    return rng.choice(PEOPLE)


def _word(rng: Random) -> str:
    opening, middle, ending = _NEAR_PINYIN if rng.random() < 0.45 else _MANY_TONGUES
    return rng.choice(opening) + rng.choice(middle) + rng.choice(ending)
