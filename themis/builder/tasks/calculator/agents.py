"""The agents of the task calculator: answers with an arithmetic fault, and one call that checks all marked steps.

A wrong answer keeps the lines and the words of the right one. In most, one step is miscalculated and every later step
is computed correctly from the wrong number, as when a person slips.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.tasks.calculator import marks as arithmetic
from themis.builder.text.claims import Claim, compared, is_free, label_of
from themis.errors import ToolError
from themis.tools.calculator import CORRECT, check_answer, evaluate, steps_argument
from themis.tools.numbers import GROUPED, number, plain
from themis.tools.sums_in_text import last_number, sums_in
from themis.traces import Action, Step

MOST = 8
"""Wrong answers for one question."""
_TRIES = 24
_MARK = re.compile(r"<<(?P<expression>[^<>=]*)=(?P<value>-?\d+(?:\.\d+)?)>>(?P<after>-?\d[\d,]*(?:\.\d+)?)?")
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w|[.,]\d)")
_RESULT = re.compile(rf"-?(?:{GROUPED}|\d+)(?:[./]\d+)?(?:e[-+]?\d+)?", re.ASCII)
_FINAL = re.compile(r"(?<=#### )-?[\d,]*\.?\d+\s*$")


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """Wrong answers of models, if the source has any, and broken right answers.

    The calculator rejects each of them.
    """
    del observe
    found = [wrong for wrong in draft.rejected if check_answer(wrong) != CORRECT]
    faults = (slip_carried_on, slip_carried_on, slip_carried_on, other_final)
    for _ in range(_TRIES):
        right = rng.choice((draft.chosen, *draft.references[:2])) if draft.rejected else draft.chosen
        wrong = rng.choice(faults)(rng, right)
        if _looks_alike(wrong, right) and check_answer(wrong) != CORRECT:
            found.append(wrong)
    right_answers = {draft.chosen, *draft.references}
    return tuple(answer for answer in dict.fromkeys(found) if answer not in right_answers)[:MOST]


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """One call over all marked steps. A plain sum is calculated; the tool calls an answer without marks wrong."""
    del rng
    expression = view.facts.get("sum", "")
    thought = f"I need to calculate {expression}." if expression else arithmetic.THOUGHT
    action = Action("calculator", expression or _in_prose(view) or steps_argument(view.case.answer))
    return (Step(thought, action, observe(action, view.case)),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """What the calculator said of the steps that lead to the answer's final number."""
    observation = steps[-1].observation if steps else None
    if observation is None or observation.status != "ok":
        return Evidence("unsettled")
    if expression := view.facts.get("sum"):
        said = plain(view.case.answer.replace(expression, ""))
        results = ((re.sub(r"[^\d./e+-]", "", match[0]), match) for match in _RESULT.finditer(said))
        claims = [Claim(value, value, *match.span()) for value, match in results]
        return compared(said, claims, observation.text, label_of(view))
    if _in_prose(view):
        return _of_prose(view.case.answer, observation.text)
    final = _FINAL.search(view.case.answer)
    claim = final[0].strip() if final else "no final number"
    return Evidence("agrees" if observation.text == CORRECT else "disagrees", claim, observation.text)


def _in_prose(view: View) -> str:
    """The sums of an answer in free words without marks; empty of all others, where TARA calls an answer wrong."""
    if not is_free(view) or "<<" in view.case.answer:
        return ""
    return ", ".join(f"{found.expression} = {found.claim}" for found in sums_in(view.case.answer))


def _of_prose(answer: str, observed: str) -> Evidence:
    """It is right if each sum is, and the last of them is the number that it ends with."""
    ends, said = last_number(answer) or "", observed.split(", ")
    sums = sums_in(answer)
    for found, piece in zip(sums, said, strict=False):
        if "is wrong" in piece:
            return Evidence("disagrees", found.shown, piece)
    reached = sums[-1].claim
    return Evidence("agrees" if number(ends) == number(reached) else "disagrees", ends, said[-1])


def _looks_alike(wrong: str, right: str) -> bool:
    return wrong.count("\n") == right.count("\n") and wrong.count("<<") == right.count("<<") and "#### " in wrong


def slip_carried_on(rng: Random, answer: str) -> str:
    """One step is miscalculated, and every later step that uses its value is computed from the wrong one."""
    marks = list(_MARK.finditer(answer))
    computed = [mark for mark in marks if re.search(r"\d\D*[-+*/]", mark["expression"])]  # <<50=50>> leaves nothing to miscalculate
    if not computed:
        return answer
    slip = rng.choice(computed)
    wrong = _near(rng, slip["value"])
    changed = {Fraction(slip["value"]): wrong}
    parts = [answer[: slip.start()], _mark(slip, slip["expression"], wrong)]
    at = slip.end()
    for mark in marks[marks.index(slip) + 1 :]:
        parts.append(_renumbered(answer[at : mark.start()], changed))
        expression = _renumbered(mark["expression"], changed)
        value = mark["value"] if expression == mark["expression"] else short_value(expression)
        if value is None or ("." in value and "." not in mark["value"]):
            return answer  # the wrong number leads to a division by zero, or to half a person
        if Fraction(value) != Fraction(mark["value"]):
            changed[Fraction(mark["value"])] = value
        parts.append(_mark(mark, expression, value))
        at = mark.end()
    return "".join(parts) + _renumbered(answer[at:], changed)


def other_final(rng: Random, answer: str) -> str:
    """The right steps with a wrong final number."""
    return _FINAL.sub(lambda final: _near(rng, final[0].replace(",", "")), answer)


def _mark(mark: re.Match[str], expression: str, value: str) -> str:
    if not mark["after"]:
        return f"<<{expression}={value}>>"
    after = f"{int(value):,}" if "," in mark["after"] and value.isdigit() else value
    return f"<<{expression}={value}>>{after}"


def _renumbered(text: str, changed: dict[Fraction, str]) -> str:
    def written(number: re.Match[str]) -> str:
        new = changed.get(Fraction(number[0].replace(",", "")))
        if new is None:
            return number[0]
        if "." not in number[0] and Fraction(new).denominator == 1:
            new = new.partition(".")[0]
        return f"{int(new):,}" if "," in number[0] and new.isdigit() else new

    return _NUMBER.sub(written, text)


def short_value(expression: str) -> str | None:
    """The value as answers write it, or None if it has no value, or no short one."""
    try:
        value = evaluate(expression)
    except ToolError:
        return None
    if value <= 0 or round(value, 2) != value:
        return None
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.2f}".rstrip("0")


def _near(rng: Random, number: str) -> str:
    """A number as a slip makes it: a digit off, two digits swapped, a carry forgotten.

    It keeps its length if it can.
    """
    whole, point, rest = number.partition(".")
    if not whole.isdigit() or int(whole) == 0:
        other = arithmetic.near(rng, number)
        return other if other != number else number + "1"
    value, size = int(whole), len(whole)
    near = [value + sign * step * 10**place for place in range(size) for step in (1, 2, 3, 5) for sign in (1, -1)]
    near += [int(whole[:at] + whole[at + 1] + whole[at] + whole[at + 2 :]) for at in range(size - 1)]
    fitting = [each for each in near if each != value and len(str(each)) == size and each > 0]
    wrong = rng.choice(fitting) if rng.random() < 0.95 else value * 10
    return f"{wrong}{point}{rest}"


RULE = ByRule(negatives, steps, evidence)
