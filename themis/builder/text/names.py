"""Made-up names of cities and people, so many that training hardly repeats one.

A model of a few million parameters learns to copy a name into a call only from names that never repeat. None of these
is meant to exist.
"""

from random import Random

from themis.phrases import phrases

_NAMES = phrases(__package__, "names.yaml")
_NEAR_PINYIN = (_NAMES["pinyin_openings"], ("",), _NAMES["pinyin_endings"])
_MANY_TONGUES = (_NAMES["openings"], _NAMES["middles"], _NAMES["endings"])
"""Openings, middles (often empty) and endings of words."""


def city(rng: Random) -> str:
    """A made-up city, such as `Zhenkou`, `Port Talira` or `Mako-Vilpur`."""
    name = _word(rng)
    shape = rng.random()
    if shape < 0.08:
        return f"{rng.choice(_NAMES['before_a_city'])} {name}"
    if shape < 0.15:
        return f"{name} {rng.choice(_NAMES['after_a_city'])}"
    if shape < 0.20:
        return f"{name}-{_word(rng)}"
    if shape < 0.25:
        return f"{name} {_word(rng)}"
    if shape < 0.30:
        return f"{name} {rng.choice(('upon', 'on', 'de', 'la', 'of', 'am', 'sur', 'and'))} {_word(rng)}"
    return name


def person(rng: Random) -> str:
    """A first name."""
    return rng.choice(_NAMES["people"])


def _word(rng: Random) -> str:
    opening, middle, ending = _NEAR_PINYIN if rng.random() < 0.45 else _MANY_TONGUES
    return rng.choice(opening) + rng.choice(middle) + rng.choice(ending)
