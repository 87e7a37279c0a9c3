"""A tool for Themis in a package of its own: `pip install examples/themis-tool-roman`, and every judge may call it."""

from themis.errors import ToolError
from themis.tools import tool


@tool(name="roman_number")
def roman_number(number: int) -> str:
    """A number from 1 to 3999 in Roman numerals, e.g. `1999`."""
    if not 1 <= number <= 3999:
        raise ToolError(f"expected a number from 1 to 3999, found {number}")
    places = ("", "M", "MM", "MMM"), ("", *"C CC CCC CD D DC DCC DCCC CM".split()), ("", *"X XX XXX XL L LX LXX LXXX XC".split())
    ones = ("", *"I II III IV V VI VII VIII IX".split())
    return "".join(place[int(digit)] for place, digit in zip((*places, ones), f"{number:04}", strict=True))
