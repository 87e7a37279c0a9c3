"""Counterfactual pairs from what was read: other tests, another name in a passage, the translation of another question."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from themis.builder.counterfactual.rows import Counterfactual, World, calendar_rows, kept, multi_tools_rows, weather_rows
from themis.builder.draft import Draft, View
from themis.builder.tasks.code import mbpp
from themis.builder.tasks.code.agents import ALL_PASSED
from themis.builder.tasks.code.mutants import mutants
from themis.builder.tasks.translator import xquad
from themis.builder.tasks.wikisearch import agents as wikisearch
from themis.builder.tasks.wikisearch import questions
from themis.builder.tasks.wikisearch.kinds import shape_of
from themis.builder.tasks.wikisearch.matching import find, find_any
from themis.builder.tasks.wikisearch.negatives import wrong_answers
from themis.builder.text.reading import occurs, same_words
from themis.errors import ToolError, ToolUnavailable
from themis.tools.code.sandbox import Sandbox
from themis.tools.code.tool import SAME, code_tool
from themis.tools.wiki.passages import Passage, written_passages
from themis.traces import Action, Case, Observation, Step

ALL = 10**9
"""Drafts: as many as a source has."""
_MOST_MUTANTS = 12
_ANSWERS = 2
"""Wrong ones of one program or passage."""
_PRINTED = "The code ran to its end. It printed:\n"
Maker = Callable[[Path, int, frozenset[str]], Iterator[Counterfactual]]
Run = Callable[[str, Case], str]
"""The code tool: its argument and a case, to its observation."""


def code_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """A program with its tests, and with those that one of its mutants passes; and the mutant with both."""
    with _code_run() as run:
        for source in mbpp.SOURCES:
            for draft in kept(source.read(root, seed, ALL), measured):
                yield from _of_program(draft, Random(f"{seed}/counterfactual/{draft.id}"), run)


def wikisearch_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """A passage as it is, and with another answer of the same kind in place of the right one."""
    later: list[Counterfactual] = []
    for source in questions.SOURCES:
        for draft in kept(source.read(root, seed, ALL), measured):
            first, *others = [*_of_passage(draft, Random(f"{seed}/counterfactual/{draft.id}"))] or [()]
            yield from first
            later += [row for rows in others for row in rows]
    yield from later


def translator_rows(root: Path, seed: int, measured: frozenset[str]) -> Iterator[Counterfactual]:
    """A question in another language, translated as it is, and as another question on the same text."""
    drafts = [draft for source in xquad.SOURCES for draft in kept(source.read(root, seed, ALL), measured)]
    by_group: dict[str, dict[str, Draft]] = {}
    for draft in drafts:
        by_group.setdefault(draft.group, {})[translation_of(draft)] = draft
    for draft in drafts:
        if draft.facts.get("language") != "English":
            yield from _of_translation(draft, by_group[draft.group], Random(f"{seed}/counterfactual/{draft.id}"))


def _of_program(draft: Draft, rng: Random, run: Run) -> Iterator[Counterfactual]:
    calls = [_call(test) for test in draft.tests]
    if not all(calls) or not _passes(run, draft, draft.chosen, draft.tests):
        return
    found = 0
    for number, mutant in zip(range(_MOST_MUTANTS), mutants(draft.chosen, rng), strict=False):
        tests = _tests_of(run, draft, mutant, calls)
        differing = sum(one != other for one, other in zip(tests, _tests_of(run, draft, draft.chosen, calls), strict=False))
        if not tests or 2 * differing < len(calls) or _passes(run, draft, mutant, draft.tests):
            continue
        answer, right, wrong = (mutant, tests, draft.tests) if found % 2 else (draft.chosen, draft.tests, tests)
        if _passes(run, draft, answer, right) and not _passes(run, draft, answer, wrong):
            case = Case(draft.question, answer, id=f"counterfactual/{draft.id}/{number}")
            yield Counterfactual("code", case, World(tests=tuple(right)), World(tests=tuple(wrong)))
            found += 1
        if found == _ANSWERS + 1:
            return


@contextmanager
def _code_run() -> Iterator[Run]:
    """The code tool in a sandbox that ends with it."""
    with Sandbox() as sandbox:
        tool = code_tool(sandbox)

        def run(argument: str, case: Case) -> str:
            try:
                return str(tool(argument, case))
            except ToolError as error:
                if isinstance(error, ToolUnavailable):
                    raise
                return ""

        yield run


def _passes(run: Run, draft: Draft, program: str, tests: Sequence[str]) -> bool:
    return run(SAME, Case(draft.question, program, tests=tuple(tests))).startswith(ALL_PASSED)


def _call(test: str) -> str:
    """`f(1, 2)` of `assert f(1, 2) == 3`; empty where a test is not of that form."""
    try:
        body = ast.parse(test.strip()).body
    except (SyntaxError, ValueError):
        return ""
    match body:
        case [ast.Assert(test=ast.Compare(left=ast.Call() as call, ops=[ast.Eq()], comparators=[_]))]:
            return ast.unparse(call)
    return ""


def _tests_of(run: Run, draft: Draft, program: str, calls: Sequence[str]) -> list[str]:
    """The tests that a program passes, from what it gives back; none where it ends in an error, or gives what cannot be written down."""
    told = run("\n".join(f"print(repr({call}))" for call in calls), Case(draft.question, program))
    lines = told.removeprefix(_PRINTED).split("\n") if told.startswith(_PRINTED) else []
    if len(lines) != len(calls):
        return []
    try:
        values = [ast.literal_eval(line) for line in lines]
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []
    return [f"assert {call} == {value!r}" for call, value in zip(calls, values, strict=True)]


def _of_passage(draft: Draft, rng: Random) -> Iterator[tuple[Counterfactual, ...]]:
    """Two rows for each wrong answer: the right one is right in the passage as it is, the wrong one in the edited one."""
    rights = (draft.chosen, *draft.references)
    for title, text in draft.passages:
        passage = written_passages([Passage(title, text)])
        if not _says(passage, draft, draft.chosen, rights) or draft.chosen not in passage:
            continue
        edited_passages = edits(draft, rights, passage, rng)
        for number, (wrong, edited) in enumerate(edited_passages, 1):
            worlds = [World((("wiki_search", each),)) for each in (passage, edited)]
            name = f"counterfactual/{draft.id}/{number}"
            yield (
                Counterfactual("wikisearch", Case(draft.question, draft.chosen, id=f"{name}/as_it_is"), *worlds),
                Counterfactual("wikisearch", Case(draft.question, wrong, id=f"{name}/edited"), *reversed(worlds)),
            )
        if edited_passages:
            return


def edits(draft: Draft, rights: tuple[str, ...], passage: str, rng: Random) -> list[tuple[str, str]]:
    """Wrong answers, and the passage with each in place of the right one; only where it then says that, and the right one nowhere."""
    found = []
    if re.search(rf"(?<!\. )\b[A-Z][\w.'-]*\s+{re.escape(draft.chosen)}(?!\w)", passage.partition(" | ")[2]) and draft.chosen[0].isupper():
        return []  # a part of a longer name, such as a family name
    for wrong in wrong_answers(draft, rng, passage):
        if shape_of(wrong) != shape_of(draft.chosen):
            continue
        edited = re.sub(rf"(?<!\w){re.escape(draft.chosen)}(?!\w)", lambda _, wrong=wrong: wrong, passage)  # type: ignore[misc]
        if (
            _says(edited, draft, wrong, (wrong,))
            and not find(wrong, passage)
            and not find_any(rights, edited)
            and not _pieces_left(draft, edited, wrong)
        ):
            found.append((wrong, edited))
    return found[:_ANSWERS]


def _says(passage: str, draft: Draft, answer: str, rights: tuple[str, ...]) -> bool:
    """Would the agent of the task call an answer confirmed by a passage?"""
    view = View(Case(draft.question, answer), draft.task, draft.facts, True, rights)
    return wikisearch.RULE.evidence(view, (Step("", Action("wiki_search", draft.question), Observation(passage)),)).stance == "agrees"


def _pieces_left(draft: Draft, edited: str, wrong: str) -> bool:
    """Does the edited passage still say a part of the right answer, such as a family name, or who lives there?"""
    pieces = [word[:5] for word in re.findall(r"\w{4,}", draft.chosen)]
    return any(piece not in wrong and piece not in draft.question and re.search(rf"\b{re.escape(piece)}", edited, re.I) for piece in pieces)


def _of_translation(draft: Draft, others: Mapping[str, Draft], rng: Random) -> Iterator[Counterfactual]:
    found = fitting(draft, others)
    if not found:
        return
    told, answer = rng.choice(found)
    worlds = [World((("translate", each),)) for each in (translation_of(draft), told)]
    context = draft.context or ""
    if rng.random() < 0.5:
        yield Counterfactual("translator", Case(draft.question, draft.chosen, context, id=f"counterfactual/{draft.id}/as_it_is"), *worlds)
    else:
        yield Counterfactual("translator", Case(draft.question, answer, context, id=f"counterfactual/{draft.id}/other"), *reversed(worlds))


def fitting(draft: Draft, others: Mapping[str, Draft]) -> list[tuple[str, str]]:
    """Other questions that the context of a draft answers, and their answers; `others` are the drafts of its article by translation."""
    context, translation = draft.context or "", translation_of(draft)
    return [
        (told, other.chosen)
        for told, other in sorted(others.items())
        if told != translation and occurs(other.chosen, context) and not _alike(other.chosen, (draft.chosen, *draft.references))
    ]


def translation_of(draft: Draft) -> str:
    """What `translate` says of its question."""
    return next(text for tool, _, text in draft.recorded if tool == "translate")


def _alike(answer: str, others: Sequence[str]) -> bool:
    return any(same_words(answer, other) or occurs(answer, other) or occurs(other, answer) for other in others)


MAKERS: Mapping[str, Maker] = {
    "calendar": calendar_rows,
    "weather": weather_rows,
    "multi_tools": multi_tools_rows,
    "code": code_rows,
    "wikisearch": wikisearch_rows,
    "translator": translator_rows,
}
