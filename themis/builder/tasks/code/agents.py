"""The agents of the task code: programs that fail, one run of the tests, and the share of tests that passed."""

from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.tasks.code.mutants import mutants
from themis.tools.code.tool import SAME
from themis.traces import Action, Case, Observation, Step

THOUGHT = "I need to invoke the code interpreter tool to execute the code and verify the correctness of the answer."
ALL_PASSED = "The pass rate is 1.0."
ENOUGH = 4
"""Wrong programs to offer for one question."""
_TRIES = 8
"""Most programs to run per question. A run takes a few milliseconds a test."""
_RATE = "The pass rate is "
_RUN = Action("code_run", SAME)


def negatives(draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
    """Models' programs and mutants that fail a test. Empty if the right program fails one, too."""
    if not draft.tests or not _passes(_observed(draft, draft.chosen, observe)):
        return ()
    found: list[str] = []
    for program in _first(chain(draft.rejected, mutants(draft.chosen, rng)), _TRIES):
        observation = _observed(draft, program, observe)
        # A program that hangs is left out: it costs seconds, and its fault is obvious.
        if _fails(observation) and "timed out" not in observation.text and program not in found:
            found.append(program)
        if len(found) == ENOUGH:
            break
    return tuple(found)


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """Runs the answer with the tests of the case, if it has any."""
    del rng
    return (Step(THOUGHT, _RUN, observe(_RUN, view.case)),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """The result of the tests. A run without tests settles nothing."""
    del view
    observation = steps[-1].observation if steps else None
    if observation is None or not observation.text.startswith(_RATE):
        return Evidence("unsettled")
    return Evidence("agrees" if _passes(observation) else "disagrees", "a program that does what is asked", observation.text)


def _observed(draft: Draft, program: str, observe: Observe) -> Observation:
    return observe(_RUN, Case(draft.question, program, draft.context, draft.tests))


def _passes(observation: Observation) -> bool:
    return observation.status == "ok" and observation.text.startswith(ALL_PASSED)


def _fails(observation: Observation) -> bool:
    return observation.status == "ok" and observation.text.startswith(_RATE) and not _passes(observation)


def _first(programs: Iterator[str], most: int) -> Iterator[str]:
    for _, program in zip(range(most), programs, strict=False):
        yield program


RULE = ByRule(negatives, steps, evidence)
