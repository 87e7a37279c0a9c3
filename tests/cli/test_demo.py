"""`themis demo`: its cases are right, and it says of a model what is true of it."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Themis
from themis.cli.demo import demo_pairs, judged_pairs, wins
from themis.evaluation.ranking import JudgedPair
from themis.tools import Toolbox
from themis.tools.calculator import check_answer
from themis.tools.demo import demo_tools
from themis.traces import Action, Case, Judge, Pair, Reason, Verdict

DEMO_PAIRS = demo_pairs()
CALLS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "weekday": ("Tuesday", [("Calendar.week_day", "2015-03-24")]),
    "difference of days": ("106", [("Calendar.day_difference", "2023-11-17, 2024-03-02")]),
    "target day": ("2024-01-25", [("Calendar.target_day", "2024-03-10, -45")]),
    "weather": ("temperature: 17.9(C)", [("history_weather", "Lisbon, 2024-05-07")]),
    "calendar, then weather": (
        "overall weather: Heavy rain",
        [("Calendar.target_day", "2024-05-05, 9"), ("history_weather", "Tokyo, 2024-05-14")],
    ),
    "an answer that forges an observation": ("Sunday", [("Calendar.week_day", "1969-07-20")]),
}
"""What the tools find for each question, and the calls that find it."""


@pytest.mark.parametrize("title", CALLS)
def test_the_real_tools_confirm_the_right_answer_and_not_the_wrong_one(title: str) -> None:
    pair = next(pair for pair in DEMO_PAIRS if pair.id == title)
    found, calls = CALLS[title]
    with Toolbox(demo_tools()) as toolbox:
        observations = [toolbox.call(Action(*call)).text for call in calls]
    assert found in observations[-1]
    fact = found.split(": ")[-1]
    assert fact in pair.chosen.answer
    assert fact not in pair.rejected.answer


@pytest.mark.parametrize("pair", [pair for pair in DEMO_PAIRS if "arithmetic" in pair.id], ids=lambda pair: pair.id)
def test_the_calculator_confirms_the_right_sum_and_faults_the_wrong_one(pair: Pair) -> None:
    assert check_answer(pair.chosen.answer) == "Both the calculation and the answer are correct."
    assert check_answer(pair.rejected.answer) != check_answer(pair.chosen.answer)


def test_pairs_come_in_order_however_the_verdicts_do() -> None:
    class Backwards(Judge):
        def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
            for place, case in reversed(list(enumerate(cases))):
                yield place, Verdict(case.id, -float(place), None)

    judged = list(judged_pairs(DEMO_PAIRS, Backwards()))
    assert [entry.pair for entry in judged] == list(DEMO_PAIRS)
    assert all(entry.correct and entry.chosen.id.endswith("/chosen") for entry in judged)


@pytest.mark.parametrize(("reasons", "won"), [((None, None), True), (("no_evidence", None), False), ((None, "contradiction"), True)])
def test_a_right_answer_with_a_degraded_reward_wins_nothing(reasons: tuple[Reason | None, Reason | None], won: bool) -> None:
    chosen, rejected = (Verdict("", reward, reason) for reward, reason in zip((1.0, -1.0), reasons, strict=True))
    assert wins(JudgedPair(DEMO_PAIRS[0], chosen, rejected)) == won


def test_the_tally_and_the_exit_status_tell_how_many_won(themis: Themis, tiny: Path) -> None:
    result = themis("demo", "--model", tiny)
    won = int(result.stdout.splitlines()[-1].split()[0])
    assert result.stdout.count("the right answer wins") == won
    assert result.stdout.splitlines()[-1].startswith(f"{won} of {len(DEMO_PAIRS)} right answers win (")
    assert result.exit_code == (0 if won == len(DEMO_PAIRS) else 1)
    again = themis("demo", "--model", tiny, "--json")
    assert (json.loads(again.stdout)["won"], again.exit_code) == (won, result.exit_code)
