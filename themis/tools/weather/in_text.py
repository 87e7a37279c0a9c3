"""What a running text gives the weather tool, and the temperature it claims: `In Cairo it was 34 C on 4 May 2024`.

The city is what stands before the date (`Berlin on the 15th of May 2024`), or behind `in`. It has to start with a
capital, or be of a script without them. A text with two of them is not read.

Knows nothing of how dates are found in a text (`dates_in_text`), or of records: the verdict reads the observation.
"""

import re
from fractions import Fraction

from themis.tools.base import InText
from themis.tools.dates import is_month
from themis.tools.dates_in_text import DATE, WEEKDAY, Reading, reading
from themis.tools.units import converted, is_rounded

_START = r"[^\W\d_a-zß-öø-ÿа-яα-ω]"
"""A letter that is not small."""
_WORD = rf"(?:(?:{_START}\.){{1,4}}|(?:St|Ste|Mt|Ft)\.|{_START}(?:[\w-]|['’](?!s\b)){{0,30}})"
_NAME = rf"{_WORD}(?: (?:(?:de|del|da|do|di|la|las|los|el|of|the|am|an der|upon|sur) )?{_WORD}){{0,4}}"
_CITY = rf"{_NAME}(?:, (?!(?:It|The|We|They|I|There|On|Was)\b){_NAME}){{0,2}}"
_NO_CITY = re.compile(
    r"(?:It|The|We|They|I|There|On|Was|What|How|Is|Celsius|Fahrenheit|Temperature|Temp|Weather|History|In|At|For|À|En|Em|Bei|My"
    r"|His|Her|She|He|You|And|But|This|That"
    r"|Yes|Today|Rain|Snow|Date|City|Day|Since|From|By|Spring|Summer|Autumn|Winter|Degrees|[CF]|Grad|Morning)\b"
)
_IN = re.compile(rf"\b(?i:in|at|for|of|à|en|em|bei) (?P<city>{_CITY})")
_BEFORE = re.compile(
    rf"[\s\"'(]*(?P<city>{_CITY})(?:['’]s)?(?: (?:weather|temperature))?[\s,:(-]*(?:(?:on|the|of|am|den|dem|le|el"
    rf"|at) ?)*{WEEKDAY}?[\s,]*$"
)
_WAS = re.compile(rf"\W*(?P<city>{_NAME}) (?:was|had|is|reached|saw)(?: at)? (?=-?\d)[^,;!?]{{3,25}},? on (?:{WEEKDAY},? )?(?:the )?{DATE}")
_OTHER_CITY = re.compile(rf"(?:[^\W_][.!?]?\s|[,;(]\s?)({_START}\w*)")
_PARTICLE = re.compile(r"(?<=[⺀-鿿])[在的于於のはで]$")
_OF_ANOTHER_DAY = re.compile(
    r"\b(?:after|before|later|earlier|ago|since|until|till|than|prior|following|between|and|to|nach|vor|seit|bis)\b", re.IGNORECASE
)
_OF_ANOTHER_KIND = re.compile(
    r"\b(?:high\w*|low\w*|max\w*|min\w*|peak\w*|felt|feels|feel|warmer|colder|rose|fell|drop\w*|water|sea|record|by)\b", re.IGNORECASE
)
_TEMPERATURE = re.compile(
    r"(?<![\w.,/:-])(?P<number>-?\d{1,3}(?:\.\d{1,3})?)(?: ?° ?(?P<sign>[CF])?| ?(?:degrees?|Grad|grados?|degrés?"
    r"|度)(?: (?P<name>C|F|Celsius|Fahrenheit))?|\s?(?P<bare>[CF])"
    r"| (?P<word>Celsius|Fahrenheit))(?![\w°/])"
)
_MEASURED = re.compile(r"temperature: (-?\d+(?:\.\d+)?)\(C\)")


def weather_in(text: str) -> InText | None:
    """The one day and the one city of a text, and whether it claims the right temperature."""
    found = reading(text)
    if found is None or len(found.days) != 1 or found.amounts or _OF_ANOTHER_DAY.search(found.shape):
        return None
    claims = list(_TEMPERATURE.finditer(found.shape))
    city = _city(found)
    if city is None or len(claims) > 1 or (claims and _OF_ANOTHER_KIND.search(found.shape)):
        return None
    arguments = {"city": city, "day": found.days[0]}
    return InText(arguments, lambda observation: _verdict(claims[0], observation)) if claims else InText(arguments)


def _city(found: Reading) -> str | None:
    """The city behind `in`, else the words before the date; None where there is none, or where there may be two."""
    shape = found.shape
    named = [match for match in _IN.finditer(shape) if not _NO_CITY.match(match["city"])]
    match = named[0] if named else _BEFORE.match(shape[: shape.index(DATE)]) or _WAS.match(shape)
    if len(named) > 1 or match is None or (named and _names_more(shape[: match.start()] + shape[match.end() :], match.start())):
        return None
    city = _PARTICLE.sub("", match["city"].strip())
    return None if _NO_CITY.match(city) or is_month(city) else city


def _names_more(rest: str, at: int) -> bool:
    """Is there a capital beside the city that was at this place? In `Lima in Peru`, `in` names no city."""
    starts = re.match(rf"\W*({_START}\w*)", rest)
    is_named = starts is not None and starts.end() <= at and not _NO_CITY.match(starts[1])
    return is_named or any(not _NO_CITY.match(match[1]) for match in _OTHER_CITY.finditer(rest))


def _verdict(claim: re.Match[str], observation: str) -> str:
    """Of `34.4 degrees` nobody knows the scale: it is right if it is right in one of them."""
    measured = _MEASURED.search(observation)
    if measured is None:
        return ""
    scale = (claim["sign"] or claim["name"] or claim["bare"] or claim["word"] or "")[:1]
    celsius = Fraction(measured[1])
    fahrenheit = converted(celsius, "degree_Celsius", "degree_Fahrenheit")
    assert fahrenheit is not None
    values = {"C": celsius, "F": fahrenheit}
    right = next((each for each in values if scale in (each, "") and is_rounded(claim["number"], values[each])), "")
    shown = f"{claim['number']} {scale or right or 'degrees'}"
    also = "" if (scale or right) == "C" else f", which is {float(fahrenheit):g} F"
    return f"{shown} is {'right' if right else 'wrong'}: the temperature is {float(celsius)} C{also}."
