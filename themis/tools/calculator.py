"""Exact arithmetic: a plain expression, or every `<<expression=value>>` of an answer and its final `#### n`.

Values are `Fraction`s: 0.1+0.2 is 0.3, without float noise. Caps on length, depth, digits, exponents and bits make
each call return within milliseconds.

An answer with marks is checked as in the published TARA observations, so that TARA's data replays. Values are not
rounded: 2.1875 is not 2.19. A value is written as a float if its expression has a point or a division. `%` is a
remainder, never a percent sign. A wrong step is "An unexpected error". An answer without marks counts as wrong.

Three things differ on purpose. Only the answer's own final number is known here, never a reference answer. Each mark
of the answer is checked, not only those named in the argument. `^` is a power, not an exclusive or.

A plain expression may also be written as people do: `15% of 80`, `3 x 4`, `12.5% * 40`. It is read so only where it
makes no sense otherwise, so `7%3` stays a remainder. `200 - 10%` is refused: is it 199.9 or 180? Whole values are
compared exactly. A side with a decimal point may be as far off as a float.

In a text, the sums and the conversions of units that it claims are checked (`sums_in_text`, `units`).

Knows nothing of tools, of dates or of how a number is written (`numbers`). In an expression, `$` is skipped and any
other word is an error.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from themis.errors import ToolError
from themis.tools.base import InText, tool
from themis.tools.numbers import ENDS, MAX_DIGITS, NUMBER, final, number, plain
from themis.tools.setup.backend import built_in
from themis.tools.sums_in_text import Sum, last_number, sums_in
from themis.tools.units import conversions_in
from themis.traces import Case

MAX_CHARACTERS, MAX_DEPTH, MAX_EXPONENT, MAX_BITS = 1_000, 40, 1_000, 1_000
MAX_MARKS = 200
CORRECT = "Both the calculation and the answer are correct."

_TOKEN = re.compile(rf"[\s\u00a0]*(?:{NUMBER}|\*\*|//|[-+*/^%()]|abs\b|ceil\b|floor\b)", re.ASCII)
_WRITTEN_TOKEN = re.compile(rf"{_TOKEN.pattern}|\s*of\b", re.ASCII)
_TIMES = re.compile(r"(?<=[\d)%.])\s*(?<!(?<![\w.])0)[xX](?=\s*[\d(.$+-])", re.ASCII)  # but 0x5 is not a product
_PERCENT = re.compile(r"(?<=[\d)\s])per ?cent\b", re.IGNORECASE)
_ASKED = re.compile(r"^\s*[=＝]+|[=＝]+\s*[?？]?\s*$")
"""What asks for a value: `7 + 5 =`, `7+5=?`, `=7+5`."""
_TORN = re.compile(
    r"\d+\s*,\s+0\d+|(?<![\d.])0\s*,\s+\d+|(?:^|,\s|[;\n])\s*\d{1,3}\s*,\s+\d{3}(?![\d.])"
    r"|(?<!\d)\d{1,3}\s*,\s+\d{3}(?=\s*(?:$|[;=\n]|,\s))"
)
"""`1, 000` may be one number or two. In `15-8, 600/3` each is a sum."""

_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "of": 3, "**": 5, "^": 5}
_UNARY_BINDING = 4
_NUMBER_STARTS = frozenset("0123456789.")
_OPERAND_STARTS = _NUMBER_STARTS | {"("}
_PERCENT_END = ["/", "100", ")"]
_FUNCTIONS: dict[str, Callable[[Fraction], Fraction]] = {
    "abs": abs,
    "ceil": lambda value: Fraction(math.ceil(value)),
    "floor": lambda value: Fraction(math.floor(value)),
}

_MARK = re.compile(rf"<<([^<>]*)>>(?=(\d?))([-+]?{NUMBER}{ENDS})?", re.ASCII)
_ARGUMENT_MARK = re.compile(r"<<[^<>]*>>\d+\.?\d*")


def calculator_in(text: str) -> InText | None:
    """A text with steps or claims that can be checked."""
    return InText({"expression": text}) if len(text) <= MAX_CHARACTERS and (_MARK.search(text) or check_prose(text)) else None


@tool(name="calculator", in_text=calculator_in)
def calculator(expression: str = "", case: Case | None = None) -> str:
    """Arithmetic. Given an expression, its value, e.g. `3*4`; given an equation, whether it holds, e.g. `3*4=12`.

    Given the steps of the answer under judgement, e.g. `<<15-8=7>>7, <<7+9=16>>16`, or nothing: whether
    all steps of the answer are right, and whether the last one gives the number after its `####`. Given a text, e.g.
    `14 pens cost 14*3 = 45 dollars`: whether the sums that it claims are right.
    """
    if expression and not _MARK.search(expression):
        _refuse_long(expression)
        if torn := _TORN.search(plain(expression)):
            raise ToolError(f"is the comma in '{torn[0].strip(' ,;')}' part of one number? Write it without the blank, or ; between two")
        try:
            return ", ".join(_settled(piece) for piece in re.split(r",\s|[;\n]", expression) if piece.strip())
        except ToolError:
            if said := check_prose(expression):
                return said
            raise
    if case is None and not expression:
        raise ToolError("expected an expression such as 3*4, found none")
    if case is None:
        return check_answer(expression)
    if _MARK.search(case.answer):
        return check_answer(case.answer)
    if not expression and "####" not in case.answer and (said := check_prose(case.answer)):
        return said
    return check_answer(f"{expression}\n{case.answer}")


def evaluate(expression: str) -> Fraction:
    """The exact value of an expression of numbers, + - * / // % ** ^, parentheses, abs, ceil and floor."""
    _refuse_long(expression)
    return _Parser(_tokens(expression), expression).whole()


def steps_argument(answer: str) -> str:
    """TARA's argument for an answer: its marks, each with the number that follows it, joined by commas."""
    return ", ".join(_ARGUMENT_MARK.findall(answer))


def final_number(answer: str) -> Fraction | None:
    """The answer's own last `#### n`, or None where it states none."""
    stated = final(answer)
    return stated[0] if stated else None


def faults(answer: str) -> list[str]:
    """What is wrong in the marks of an answer, in our own words, e.g. `17.50/8 is 2.1875, not 2.19`."""
    return [step.fault for step in _steps(answer) if step.fault]


def check_answer(answer: str) -> str:
    """TARA's observation for an answer: are its marked steps right, and does the last give its final number?"""
    steps = _steps(answer)
    faulty = not steps or any(step.fault for step in steps)
    values = [step for step in steps if step.value is not None]
    stated = final(answer)
    if stated is None:
        process = "incorrect" if faulty else "correct"
        return f"The calculation process is {process}, and the answer does not state a final number after ####."
    named = [step for step in values if step.named] or values
    last = named[-1].written if named else "None"
    value, written = stated
    predicted = _as_float(value)
    matches = any(step.value is not None and _same(step.value, value, step.expression + written) for step in named[-1:] + values[-1:])
    details = "Details: An unexpected error occurred during the calculation."
    if matches and not faulty:
        return CORRECT
    if matches:
        return f"The calculation process is incorrect, but the answer matches the predicted answer. {details}"
    if not faulty:
        return f"The calculation process is correct, but the resulting answer {last} does not match the predicted answer {predicted}."
    return (
        f"Both the calculation and the answer are incorrect. {details} "
        f"The calculated answer {last} does not match the predicted answer {predicted}."
    )


def check_prose(text: str) -> str:
    """Whether the sums and conversions of a text are right, and its last number; empty where it claims none."""
    said, at = [], 0
    for found in conversions_in(text):
        said += [*map(_claimed, sums_in(text[at : found.first])), found.verdict]
        at = max(at, found.end)
    said += map(_claimed, sums_in(text[at:]))
    ends = last_number(text)
    return "; ".join(said) + (f". The text ends with {ends}." if ends else ".") if said else ""


def _claimed(found: Sum) -> str:
    """A claim may be rounded, as people do: `10/3 = 3.33`."""
    try:
        value, claim = _evaluate_written(found.expression), _evaluate_written(found.claim)
    except ToolError as error:
        return f"{found.shown} cannot be checked: {error}"
    places = len(found.claim.partition(".")[2])
    is_right = _same(value, claim, found.expression + found.claim) or (places > 0 and abs(value - claim) <= Fraction(1, 2 * 10**places))
    written = f"{found.expression}={found.claim}"
    return f"{written} is right" if is_right else f"{written} is wrong: {found.expression} is {_shown_value(value)}"


def _settled(expression: str) -> str:
    """The value of an expression, or, for an equation, whether it holds."""
    first, *others = (side.strip() for side in re.split(r"[=＝]+", _ASKED.sub("", expression)))
    value = _evaluate_written(first)
    if not others:
        return _shown_value(value)
    wrong = [side for side in others if not _same(_evaluate_written(side), value, first + side)]
    return f"{first}={wrong[0]} is wrong: {first} is {_shown_value(value)}" if wrong else f"{expression.strip()} is right"


@dataclass(frozen=True, slots=True)
class _Step:
    """One mark of an answer."""

    expression: str
    value: Fraction | None
    """None where the expression cannot be read, as in `<<2*W=14>>14`."""
    fault: str
    """Empty where the step is right."""
    named: bool
    """Whether TARA's argument names it. It leaves out a step whose value starts with a sign or a point."""

    @property
    def written(self) -> str:
        return "None" if self.value is None else _written(self.value, self.expression)


def _steps(answer: str) -> list[_Step]:
    marks = _MARK.findall(plain(answer))
    if len(marks) > MAX_MARKS:
        raise ToolError(f"expected at most {MAX_MARKS} steps of the form <<expression=value>>, found {len(marks)}")
    return [_step(inside, after, bool(digit)) for inside, digit, after in marks]


def _step(inside: str, after: str, named: bool) -> _Step:
    expression, *claims = inside.split("=")
    try:
        value = evaluate(expression)
    except ToolError as error:
        return _Step(expression, None, str(error), named)
    for claim in [*claims, after]:
        claimed = _value_or_none(claim)
        if claimed is not None and not _same(claimed, value, expression + claim):
            return _Step(expression, value, f"{expression} is {_written(value, expression)}, not {claim.strip().rstrip('.')}", named)
    return _Step(expression, value, "", named)


def _same(value: Fraction, other: Fraction, written: str) -> bool:
    """Equal; or, where a point is written, the same double: 31/7=4.428571428571429 is as right as a float can be."""
    is_rounded = "." in plain(written) and not value.denominator == other.denominator == 1
    return value == other or (is_rounded and float(value) == float(other))


def _refuse_long(expression: str) -> None:
    if len(expression) > MAX_CHARACTERS:
        raise ToolError(f"expected an expression of at most {MAX_CHARACTERS} characters, found {len(expression)}")


def _value_or_none(text: str) -> Fraction | None:
    try:
        return evaluate(text)
    except ToolError:
        return None


def _written(value: Fraction, expression: str) -> str:
    """As the published calculator writes it: 12+2+2 is 16, but 32/2 is 16.0 and 12.00+4 is 16.0."""
    return _as_float(value) if "." in expression or "/" in expression or value.denominator != 1 else str(value)


def _as_float(value: Fraction) -> str:
    """As Python writes it, but all digits of a large whole number."""
    return f"{value}.0" if value.denominator == 1 else repr(float(value))


def _evaluate_written(expression: str) -> Fraction:
    """The value of an expression as people write it, where it makes no sense as it stands."""
    try:
        return evaluate(expression)
    except ToolError:
        text = _TIMES.sub("*", _PERCENT.sub("%", plain(expression)))
        return _Parser(_percents_spelt_out(_tokens(text, _WRITTEN_TOKEN)), expression).whole()


def _percents_spelt_out(tokens: list[str]) -> list[str]:
    """Writes `(15/100)` for `15%`. Raises `ToolError` if `%` may mean a remainder: before a number or parenthesis."""
    spelt: list[str] = []
    remainders = 0
    for token, following in zip(tokens, [*tokens[1:], ""], strict=False):
        if token == "of" and spelt[-3:] != _PERCENT_END:
            raise ToolError("expected a percentage before 'of', as in 15% of 80")
        is_remainder = following[:1] in _OPERAND_STARTS or following in _FUNCTIONS or spelt[-3:] == _PERCENT_END
        if token != "%" or not spelt or is_remainder:
            remainders += token == "%"
            spelt.append(token)
            continue
        start = _operand_start(spelt)
        if following not in ("of", "*", "/", "//", "**", "^") and _may_be_a_share(spelt, start):
            percent = "".join(spelt[start:])
            raise ToolError(f"{percent}% of what? Write {percent}% of the number before it, or {percent}/100")
        spelt[start:] = ["(", *spelt[start:], *_PERCENT_END]
    if remainders and remainders < tokens.count("%"):
        raise ToolError("expected remainders or percentages, found both; write 20% as 20/100")
    return spelt


def _operand_start(tokens: list[str]) -> int:
    """Where the last number or parenthesis of the tokens begins."""
    depth = 0
    for at in reversed(range(len(tokens))):
        depth += (tokens[at] == ")") - (tokens[at] == "(")
        if depth <= 0:
            return at - (at > 0 and tokens[at - 1] in _FUNCTIONS)
    return 0


def _may_be_a_share(tokens: list[str], start: int) -> bool:
    """May a percentage that starts there be meant as a share of what it is added to or taken from?"""
    if start < 2 or tokens[start - 1] not in ("+", "-") or not (tokens[start - 2][0] in _NUMBER_STARTS or tokens[start - 2] == ")"):
        return False
    before = tokens[: start - 1]
    is_one = before[-1] == "1" and before[-2:-1] in ([], ["("])  # a share of 1 is the number itself
    return not is_one and before[-3:] != _PERCENT_END


def _tokens(expression: str, pattern: re.Pattern[str] = _TOKEN) -> list[str]:
    text = plain(expression).replace("$", " ").rstrip()
    tokens: list[str] = []
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        if match is None:
            found = text[at:].strip()[:20]
            hint = "; write a decimal number with a point, as 0.125" if re.match(r",\d", found) else ""
            raise ToolError(f"expected numbers and + - * / ** ( ), found '{found}' in '{expression.strip()[:60]}'{hint}")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


class _Parser:
    """Precedence climbing (Pratt) over the tokens of one expression."""

    def __init__(self, tokens: list[str], expression: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._shown = expression.strip()[:60]

    def whole(self) -> Fraction:
        value = self._expression(0)
        if self._peek() is not None:
            raise ToolError(f"expected an operator before '{self._peek()}' in '{self._shown}'")
        return value

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> str | None:
        token = self._peek()
        self._at += 1
        return token

    def _expression(self, binding: int) -> Fraction:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ToolError(f"expected at most {MAX_DEPTH} nested parentheses or signs, found more")
        value = self._operand()
        while (operator := self._peek()) in _BINDING and _BINDING[operator] > binding:
            self._next()
            if operator in ("**", "^"):
                value = self._power(value, self._expression(_BINDING[operator] - 1))
            else:
                value = self._apply(operator, value, self._expression(_BINDING[operator]))
        self._depth -= 1
        return value

    def _operand(self) -> Fraction:
        token = self._next()
        if token in _FUNCTIONS and self._peek() == "(":
            return _FUNCTIONS[token](self._operand())
        if token == "(":
            value = self._expression(0)
            if self._next() != ")":
                raise ToolError(f"expected a closing parenthesis in '{self._shown}'")
            return value
        if token in ("-", "+"):
            value = self._expression(_UNARY_BINDING)
            return -value if token == "-" else value
        if token is None or token[0] not in _NUMBER_STARTS:
            found = "the end" if token is None else f"'{token}'"
            hint = "; write 20% as 20/100" if "%" in self._tokens else ""
            raise ToolError(f"expected a number, found {found} in '{self._shown}'{hint}")
        if len(token) > MAX_DIGITS:
            raise ToolError(f"expected numbers of at most {MAX_DIGITS} digits, found one of {len(token)}")
        return number(token) or Fraction(0)

    def _apply(self, operator: str | None, left: Fraction, right: Fraction) -> Fraction:
        if operator in ("/", "//", "%") and right == 0:
            raise ToolError(f"division by zero in '{self._shown}'")
        match operator:
            case "+":
                value = left + right
            case "-":
                value = left - right
            case "*" | "of":
                value = left * right
            case "/":
                value = left / right
            case "//":
                value = Fraction(left // right)
            case _:
                value = left % right
        return self._small(value)

    def _power(self, base: Fraction, exponent: Fraction) -> Fraction:
        if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
            raise ToolError(f"expected a whole exponent of at most {MAX_EXPONENT}, found {_shown_value(exponent)} in '{self._shown}'")
        if base == 0 and exponent < 0:
            raise ToolError(f"division by zero in '{self._shown}'")
        if _bits(base) * abs(exponent.numerator) > 2 * MAX_BITS:
            raise ToolError(f"the value of '{self._shown}' is too large: more than {MAX_BITS} bits")
        return self._small(base**exponent.numerator)

    def _small(self, value: Fraction) -> Fraction:
        if _bits(value) > MAX_BITS:
            raise ToolError(f"the value of '{self._shown}' is too large: more than {MAX_BITS} bits")
        return value


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _shown_value(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else repr(float(value))


BACKENDS = (built_in(calculator),)
