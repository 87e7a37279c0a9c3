"""How a case and its verdict look on a terminal: stage by stage, in colour.

All of it is untrusted text. It is never read as markup, and its control characters are spelled out. It has a column of
its own, so that an answer with a line `Observation: ...` looks like an answer.
"""

import unicodedata

from rich.table import Table
from rich.text import Text

from themis.traces import Case, Reason, Step, Verdict

_SHOWN = frozenset("\n\u200c\u200d")
"""Joiners belong to many scripts and change no other text."""
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_LABEL_WIDTH = 12

WHY_NONE: dict[Reason, str] = {
    "empty_answer": "there is no answer to judge",
    "too_long": "the case does not fit in the model's context",
    "malformed": "the model gave NaN or infinity",
    "budget": "the budget of tokens, calls or seconds ran out",
    "tool_unavailable": "a tool did not answer",
    "no_evidence": "no call found anything about the case",
    "contradiction": "the rationale contradicts what was found",
    "failed": "the judge failed, which its server reports",
}


def plain(text: str) -> str:
    """The text; characters that move the cursor, turn the writing direction or are invisible are spelled out."""
    return "".join(letter if letter in _SHOWN or unicodedata.category(letter) not in _INVISIBLE else _spelled(letter) for letter in text)


def one_line(text: str) -> str:
    """The text on one line."""
    return plain(" ".join(text.split()))


def case_table(case: Case) -> Table:
    """What is judged."""
    table = question_table(case)
    _add(table, "Answer", case.answer, "bold")
    return table


def question_table(case: Case) -> Table:
    """What was asked, and about which text."""
    table = _stages()
    if case.context:
        _add(table, "Context", case.context, "dim")
    _add(table, "Question", case.question_text, "bold")
    return table


def answer_table(label: str, answer: str) -> Table:
    """One of several answers."""
    table = _stages()
    _add(table, label, answer, "bold")
    return table


def verdict_table(verdict: Verdict) -> Table:
    """How it was judged."""
    table = _stages()
    for step in verdict.trace.steps:
        _add_step(table, step)
    if verdict.trace.rationale is not None:
        _add(table, "Rationale", verdict.trace.rationale, "magenta")
    _add(table, "Reward", reward_text(verdict), "bold green" if (verdict.reward or 0) > 0 else "bold red")
    if verdict.unfamiliar:
        _add(table, "Unfamiliar", "the case is far from what this judge was trained on: trust it less", "yellow")
    return table


def reward_text(verdict: Verdict) -> str:
    """The reward, or why it is missing."""
    why = f"{verdict.reason}: {WHY_NONE[verdict.reason]}" if verdict.reason else ""
    if verdict.reward is None:
        return f"none ({why})"
    return f"{verdict.reward:+.3f}" + (f" (degraded, {why})" if why else "")


def _stages() -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=_LABEL_WIDTH, justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _add(table: Table, label: str, text: str, style: str) -> None:
    table.add_row(Text(label, style), Text(plain(text.rstrip()), style))


def _add_step(table: Table, step: Step) -> None:
    _add(table, "Thought", step.thought, "cyan")
    if step.action is not None:
        _add(table, "Action", f"{step.action.tool}({step.action.argument})", "yellow")
    if step.observation is not None:
        failed = step.observation.status != "ok"
        mark = "".join(f"[{word}] " for word in (step.observation.status if failed else "", step.observation.origin) if word)
        _add(table, "Observation", mark + step.observation.text, "red" if failed else "green")


def _spelled(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
