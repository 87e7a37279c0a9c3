"""Answers whose sums are marked `<<expression=value>>`: generated stories, and faults that arithmetic can find.

A fault is a miscalculated step, a final number that the steps do not reach, or missing steps. The calculator does not
find every such fault, so whoever makes a pair runs it first.

Source of the marks: GSM8K, arXiv:2110.14168.
"""

import re
from random import Random

from themis.builder.text import names
from themis.phrases import filled, phrases

THOUGHT = "I need to invoke the calculator tool to verify the correctness of the calculation process and the final answer."

_MARK = re.compile(r"<<(?P<expression>[^<>=]*)=(?P<value>[^<>]*)>>(?P<after>-?[\d,.]*\d)?")
_FINAL = re.compile(r"(####\s*)(\S+)\s*$")


def broken(rng: Random, answer: str) -> str:
    """The answer with one fault, of one of the kinds in the module's docstring."""
    fault = rng.choice(
        (_miscalculated, _miscalculated, _other_final, _other_final, _steps_left_out, _steps_left_out, _marks_lost, _other_operand)
    )
    return fault(rng, answer)


def _miscalculated(rng: Random, answer: str) -> str:
    marks = list(_MARK.finditer(answer))
    if not marks:
        return answer
    mark = rng.choice(marks)
    value = near(rng, mark["value"])
    new = f"<<{mark['expression']}={value}>>" + (value if mark["after"] else "")
    answer = answer[: mark.start()] + new + answer[mark.end() :]
    if mark is marks[-1] and rng.random() < 0.7:
        return _FINAL.sub(lambda final: final[1] + value, answer)
    return answer


def _other_operand(rng: Random, answer: str) -> str:
    """Changes one number of an expression and leaves its value."""
    marks = [mark for mark in _MARK.finditer(answer) if re.search(r"\d", mark["expression"])]
    if not marks:
        return answer
    mark = rng.choice(marks)
    number = rng.choice(list(re.finditer(r"\d+", mark["expression"])))
    at = mark.start("expression")
    return answer[: at + number.start()] + str(int(number[0]) + rng.randint(1, 9)) + answer[at + number.end() :]


def _other_final(rng: Random, answer: str) -> str:
    return _FINAL.sub(lambda final: final[1] + near(rng, final[2]), answer)


def _steps_left_out(rng: Random, answer: str) -> str:
    *lines, final = answer.split("\n")
    return "\n".join([*lines[: rng.randint(0, max(0, len(lines) - 1))], final])


def _marks_lost(rng: Random, answer: str) -> str:
    """Removes the marks, as in answers of models that never learnt them, and sometimes the final number too."""
    bare = re.sub(r"<<[^<>]*>>", "", answer)
    return _FINAL.sub(lambda final: final[1], bare) if rng.random() < 0.3 else bare


def near(rng: Random, number: str) -> str:
    """A number of the same form: one digit changed, something added, or ten times as large."""
    plain = number.replace(",", "").replace("$", "").rstrip(".%")
    if not re.fullmatch(r"-?\d+(\.\d+)?", plain):
        return str(rng.randint(1, 500))
    if "." in plain:
        return f"{float(plain) + rng.choice((-0.5, 0.5, 1.0, 2.0, 10.0)):.2f}".rstrip("0").rstrip(".")
    value = int(plain)
    return str(
        rng.choice(
            (value + rng.randint(1, 9), abs(value - rng.randint(1, 9)) + (1 if value < 10 else 0), value * 10, value + 10, value * 2 + 1)
        )
    )


_THINGS = phrases(__package__)["things"]
_CHANGES: tuple[tuple[str, str, str], ...] = (
    ("+", "Then {who} gets {n} more {things}.", "{who} now has {t} + {n} = {mark} {things}."),
    ("+", "{who} buys another {n} {things}.", "With the new ones that makes {t}+{n} = {mark} {things}."),
    ("+", "A friend gives {who} {n} {things}.", "After the gift there are {t} + {n} = {mark}."),
    ("-", "{who} loses {n} of them.", "There are {t}-{n} = {mark} {things} left."),
    ("-", "{who} sells {n} {things}.", "After the sale {who} has {t} - {n} = {mark} {things}."),
    ("-", "{n} {things} are given away.", "So {t} - {n} = {mark} remain."),
    ("*", "{who} does the same on {n} days.", "Over {n} days that is {t}*{n} = {mark} {things}."),
    ("*", "Each of them costs ${n}.", "The cost is {t} * ${n} = ${mark}."),
    ("*", "There are {n} such heaps.", "In all heaps together: {t} x {n} = {mark} {things}."),
    ("/", "They are shared by {n} people.", "Each gets {t}/{n} = {mark} {things}."),
    ("/", "{who} puts them into {n} equal rows.", "In a row there are {t} / {n} = {mark}."),
)


def story(rng: Random) -> tuple[str, str]:
    """A question that changes a number of things one to seven times, and its right answer with every sum marked."""
    who, things = names.person(rng), rng.choice(_THINGS)
    total = float(rng.randint(2, rng.choice((30, 100, 1000))))
    question, lines = [f"{who} has {_without_zeros(total)} {things}."], []
    for _ in range(rng.randint(1, 7)):
        operator, told, shown = rng.choice(_CHANGES)
        number = _operand(rng, operator, total)
        result = {"+": total + number, "-": total - number, "*": total * number, "/": total / number}[operator]
        if abs(result) > 1e6 or round(result, 2) != result:
            continue
        mark = f"<<{_without_zeros(total)}{operator}{_without_zeros(number)}={_without_zeros(result)}>>{_without_zeros(result)}"
        facts = {"who": who, "things": things, "n": _without_zeros(number), "t": _without_zeros(total), "mark": mark}
        question.append(filled(told, facts))
        lines.append(filled(shown, facts))
        total = result
    question.append(
        rng.choice((f"How many {things} are there in the end?", "What is the number in the end?", f"How many {things} is that?"))
    )
    return " ".join(question), "\n".join([*lines, f"#### {_without_zeros(total)}"])


def _operand(rng: Random, operator: str, total: float) -> float:
    if operator == "-":
        return float(rng.randint(1, max(1, int(total) - 1)))
    if operator == "+":
        return rng.choice((float(rng.randint(1, 99)), float(rng.randint(1, 999)), rng.randint(1, 99) / 2))
    divisors = [n for n in range(2, 13) if operator == "*" or (total * 4) % n == 0]
    return float(rng.choice(divisors or [2]))


def _without_zeros(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:.2f}".rstrip("0")
