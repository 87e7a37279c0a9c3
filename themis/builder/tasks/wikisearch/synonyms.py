"""What may be called in other words: countries and their people, and occupations that include each other."""

import re
from functools import lru_cache

from themis.builder.tasks.wikisearch.matching import key, plain

_COUNTRIES = """
united states: american, american-born, u.s, usa, us, america, united states of america
united kingdom: british, english, scottish, welsh, uk, england, scotland, wales, great britain, northern ireland, britain
ireland: irish, republic of ireland, northern ireland
germany: german, west germany, east germany, prussia, german empire, nazi germany
russia: russian, soviet union, soviet, ussr, russian empire
china: chinese, people's republic of china, taiwan, hong kong, republic of china
czech republic: czech, czechoslovakia, czechia, bohemia
serbia: serbian, yugoslavia, yugoslav
croatia: croatian, yugoslavia, yugoslav
slovenia: slovenian, slovene, yugoslavia
bosnia and herzegovina: bosnian, yugoslavia, bosnia
north macedonia: macedonian, macedonia, yugoslavia, republic of macedonia
netherlands: dutch, holland
ukraine: ukrainian, soviet union, soviet
austria: austrian, austria-hungary, austrian empire
hungary: hungarian, austria-hungary
turkey: turkish, ottoman empire, ottoman
iran: iranian, persian, persia
south korea: korean, south korean, korea
north korea: north korean, korea
new zealand: new zealander
switzerland: swiss
spain: spanish, catalan, catalonia
france: french
italy: italian
japan: japanese
india: indian, british india
pakistan: pakistani
bangladesh: bangladeshi
sri lanka: sri lankan, ceylon
nepal: nepalese, nepali
australia: australian
canada: canadian
mexico: mexican
brazil: brazilian
argentina: argentine, argentinian
chile: chilean
colombia: colombian
peru: peruvian
venezuela: venezuelan
uruguay: uruguayan
paraguay: paraguayan
cuba: cuban
poland: polish
greece: greek
portugal: portuguese
sweden: swedish
norway: norwegian
denmark: danish
finland: finnish
iceland: icelandic
belgium: belgian, flemish
romania: romanian
bulgaria: bulgarian
israel: israeli
egypt: egyptian
nigeria: nigerian
ghana: ghanaian
kenya: kenyan
south africa: south african
philippines: filipino, philippine
indonesia: indonesian
malaysia: malaysian
thailand: thai
vietnam: vietnamese
singapore: singaporean
estonia: estonian
latvia: latvian
lithuania: lithuanian
georgia: georgian
armenia: armenian
azerbaijan: azerbaijani, azeri
kazakhstan: kazakh, kazakhstani
jamaica: jamaican
lebanon: lebanese
iraq: iraqi
saudi arabia: saudi
morocco: moroccan
algeria: algerian
tunisia: tunisian
"""
_OCCUPATIONS = """
writer novelist author poet journalist playwright essayist screenwriter critic columnist biographer historian dramatist lyricist reporter
musician singer guitarist drummer bassist composer songwriter rapper pianist vocalist conductor producer violinist saxophonist organist
politician statesman senator diplomat minister governor mayor member ambassador activist
lawyer judge jurist attorney barrister politician
footballer soccer athlete sportsman sportsperson player manager coach
defender back
forward striker winger
midfielder winger
goalkeeper goaltender
actor actress comedian performer entertainer presenter host director filmmaker producer model
artist painter sculptor illustrator photographer printmaker cartoonist designer
scientist physicist chemist biologist botanist zoologist mathematician professor academic economist engineer researcher physician
priest bishop clergyman theologian missionary cleric
soldier officer general admiral commander
businessman entrepreneur executive banker philanthropist industrialist
racer driver cyclist racing
wrestler boxer fighter artist
"""


def _countries() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in _COUNTRIES.strip().splitlines():
        name, _, others = line.partition(": ")
        group = {key(each) for each in (name, *others.split(", "))}
        for each in group:
            found.setdefault(each, set()).update(group)
    return found


_LONGEST_ANSWER = 60
"""Characters; what is longer is a passage."""
_NAMES = _countries()
_GROUPS = [frozenset(line.split()) for line in _OCCUPATIONS.strip().splitlines()]


def same_thing(answer: str, other: str) -> bool:
    """Is an answer a country or a people that another answer, or a passage, names in other words; or an occupation like it?"""
    words = key(answer).split()
    said = _said(other)
    if any(f" {name} " in said for name in _NAMES.get(" ".join(words), ())):
        return True
    if len(other) > _LONGEST_ANSWER:
        return False
    heads, others = set(words[-2:]), set(said.split())
    return any(heads & group and others & group for group in _GROUPS)


@lru_cache(maxsize=64)
def _said(text: str) -> str:
    words = " ".join(re.findall(r"[^\W_]+", plain(text)))
    return f" {words} "
