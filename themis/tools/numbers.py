"""Numbers as people write them: the signs and blanks of Unicode, groups of digits, the final `#### n` of an answer.

The calculator, the arguments of tools, weather files and the builder's checks read numbers here. A number that goes on
in a way that is not understood (`0,125`, `2 million`, `3 1/2`) is not read. Its half is never taken for the whole.

Knows nothing of sums (`calculator`) or of tools.
"""

import re
import unicodedata
from fractions import Fraction

MAX_DIGITS = 100
_LOOK_ALIKES = ("-‐‑‒–—―−⁃˗➖", "*×·∗⋅∙•‧✕✖⨯", "/÷∕⁄➗", "+➕", "'’‘ʼ′", ",٬", ".٫", "\u00a0\u2007\u2008\u2009\u200a\u202f")
"""Each after the sign for which it is read; the last are the blanks that part groups of digits."""
_SEPARATORS = (",", "'", "_", "\u00a0", r"\{,\}", r"\\,")
GROUPED = "|".join(
    [rf"[1-9]\d{{0,2}}(?:{sign}\d{{3}})+(?!{sign}?\d)" for sign in _SEPARATORS] + [r"[1-9]\d?(?:,\d\d)+,\d{3}(?!,?\d)"]  # 1,00,000
)
"""Whole numbers in groups, in a text that is `plain`. A lone 0 opens none: `0,125` has a decimal comma."""
NUMBER = rf"(?:(?:{GROUPED}|\d+)(?:\.\d*)?|\.\d+)"
ENDS = rf"(?!\d|(?:{'|'.join(_SEPARATORS)}|\.)\d)"
"""What stands here does not continue the number before it."""

_WRITTEN = re.compile(rf"\s*([-+]?)({NUMBER})([eE][-+]?\d{{1,3}})?\s*", re.ASCII)
_FINAL_LINE = re.compile(r"####([^\n#]*)")
_MONEY = re.compile(r"(?<!\d)\\?\$\s*")
_FINAL = re.compile(rf"(?P<before>[^\d.+-]{{0,40}}?)(?P<sign>[-+]?\s*)(?P<number>{NUMBER})(?P<below>\s*/\s*\d+)?(?P<after>.*)", re.ASCII)
_CHANGES = re.compile(
    r"[±√∛≠≤≥]|(?:^|\s)[<>]=?\s*$|frac|sqrt|\b(?:half|not|never|cannot|other than|anything but|except)\b|n['’]t\b", re.IGNORECASE
)
_MINUS = re.compile(r"\b(?:minus|negative)\s*$", re.IGNORECASE)
_GOES_ON = re.compile(
    r"\s?(?:[kKMBT]|bn|mn|mio|mrd|tn|mil)\b|[mbtxyz]\b|\s?(?:\\?pi\b|\\sqrt|[π√만억천백])|\s*[*^+]\s*\w"
    r"|.*\b(?i:hundred|thousand|[mbtr]+illi(?:on|ard)|mill[oó]n|miljoen|dozen|lakh|crore|tenth)(?:s|es|en|ths?)?\b"
    r"|.*\b(?i:tausend|tsd|mille|mln|mld|squared|cubed|тысяч\w*|тыс|миллион\w*|млн)\b"
    r"|.*\band[ -](?:an?[ -]|one[ -])?(?:half|third|quarter)\b"
)


def plain(text: str) -> str:
    """The text with ASCII signs, digits and blanks for those that look like them; of currencies, `$`.

    Ends of lines stay, and blanks that may part groups of digits become U+00A0.
    """
    return text if text.isascii() else text.translate(_PLAIN)


def number(text: str) -> Fraction | None:
    """The value of a text that is one number, such as `−1,250.5` or `2e3`, and nothing else."""
    match = _WRITTEN.fullmatch(plain(text)) if len(text) <= MAX_DIGITS else None
    if match is None:
        return None
    return Fraction(f"{match[1]}{re.sub(r'[^0-9.]', '', match[2]).removesuffix('.')}{match[3] or ''}")


def final(answer: str) -> tuple[Fraction, str] | None:
    """The answer's own last `#### n`, and how it is written. None where there is none, or it goes on."""
    stated = next((line for line in reversed(_FINAL_LINE.findall(plain(answer))) if any(map(str.isnumeric, line))), "")
    match = _FINAL.fullmatch(_MONEY.sub("", stated.strip()))
    above = number(match["number"]) if match and len(match["below"] or "") <= MAX_DIGITS else None
    if match is None or above is None:
        return None
    before, sign, after = match["before"], match["sign"], match["after"]
    if any(map(str.isnumeric, before + after)) or _CHANGES.search(before) or _GOES_ON.match(after):
        return None
    below = Fraction((match["below"] or "1").strip(" /"))
    if below == 0 or (sign[1:] and before.strip()):  # of `so - 5` nobody knows whether the sign is a dash
        return None
    return above / below * (-1 if sign[:1] == "-" or _MINUS.search(before) else 1), match["number"]


class _Plain(dict[int, str]):
    """What stands for a character; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        character = chr(code - 0xFEE0) if 0xFF01 <= code <= 0xFF5E else chr(code)
        category = unicodedata.category(character)
        blank_or_other = " " if category in ("Zs", "Zl", "Zp", "Cf") or character == "\x85" else character
        found = str(unicodedata.decimal(character)) if category == "Nd" else "$" if category == "Sc" else blank_or_other
        return self.setdefault(code, found)


_PLAIN = _Plain({ord(each): signs[0] for signs in _LOOK_ALIKES for each in signs})
