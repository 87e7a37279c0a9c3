"""Names of places as people write them: `London, UK`, `Portland, OR, USA`, `Paris (France)`, `Washington, D.C.`

Knows nothing of where a place lies; `places.yaml` holds the other names of countries and regions.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

from themis.phrases import document

_PARTS = re.compile(r"[,;/()，、]|\s[-–—]\s")
_AROUND = re.compile(r"^(the|in) | (state|province|county|prefecture|oblast|district)$")
_POSTCODE = re.compile(r"\s+\d[\d-]*$", re.ASCII)


def parts_of(place: str) -> tuple[str, tuple[str, ...]]:
    """The name of a place, empty where there is none, and the regions that it lies in, as they are written."""
    name, *regions = (part.strip() for part in _PARTS.split(place))
    return name, tuple(_POSTCODE.sub("", region) for region in regions if region)


def without_commas(name: str) -> list[tuple[str, str]]:
    """The ways to read a name as a place and a known region: `Portland Oregon`, `Seoul South Korea`."""
    words = name.split()
    ways = [(" ".join(words[:-count]), " ".join(words[-count:])) for count in range(1, min(4, len(words)))]
    return [way for way in ways if _folded(way[1]) in _known()]


def lies_in(region: str, regions: Iterable[str], countries: Iterable[str]) -> bool:
    """Is what somebody wrote one of a place's regions, or its country, each a name or a code?"""
    there, home = ({part for name in names for part in _folded(name).split(", ")} for names in (regions, countries))
    meant = _known().get(_folded(region), {})
    codes = {code for name in home for code in _known().get(name, {}).get("countries", ())}
    return _folded(region) in there | home or not (
        there.isdisjoint(meant.get("regions", ())) and codes.isdisjoint(meant.get("countries", ()))
    )


@cache
def _known() -> Mapping[str, dict[str, set[str]]]:
    """By each name: the codes of the countries, and the names of the regions, that it may mean."""
    known: dict[str, dict[str, set[str]]] = {}
    for kind, table in document(__package__, "places.yaml").items():
        for own, others in table.items():
            for name in (own, *others.split(", ")):
                known.setdefault(_folded(name), {}).setdefault(kind, set()).add(_folded(own))
    return known


def _folded(name: str) -> str:
    """In small letters, without accents, dots and words such as `the` or `State`."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(each))
    return _AROUND.sub("", " ".join(re.sub(r"[.'’]", "", plain).replace("&", " and ").replace("-", " ").split()))
