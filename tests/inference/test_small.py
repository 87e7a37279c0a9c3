"""The model `small`, on its real backbone, which is fetched for it. Without a network the tests are skipped."""

from collections.abc import Iterator

import pytest

from themis import Case, load_judge
from themis.errors import ModelError
from themis.model import known
from themis.model.named import resolve
from themis.traces.judge import Judge

BACKBONE = "smollm2-135m"


@pytest.fixture(scope="module")
def small() -> Iterator[Judge]:
    pytest.importorskip("peft")
    pytest.importorskip("gguf")
    if not resolve("small").is_dir():
        pytest.skip("no small model here: `themis train small --out themis/model/small`")
    if known.at_hand(BACKBONE) is None:
        try:
            known.directory_of(BACKBONE)
        except ModelError as error:
            pytest.skip(f"the backbone cannot be fetched here: {error}")
    with load_judge("small", rationale="skip") as judge:
        yield judge


@pytest.mark.parametrize(
    ("question", "right", "wrong", "tool"),
    [
        ("What day of the week was 2 June 1952?", "It was a Monday.", "It was a Friday.", "Calendar.week_day"),
        (
            "Tom buys 7 pens at 4 dollars each and a book for 9 dollars. What does he pay?",
            "7*4 = 28 dollars for the pens, so 28+9 = 37 dollars.",
            "7*4 = 28 dollars for the pens, so 28+9 = 39 dollars.",
            "calculator",
        ),
        ("How was the weather in Cairo on 4 May 2024?", "It was sunny.", "It rained heavily.", "history_weather"),
    ],
)
def test_small_calls_the_right_tool_and_prefers_the_right_answer(small: Judge, question: str, right: str, wrong: str, tool: str) -> None:
    better, worse = (small.judge(Case(question, answer)) for answer in (right, wrong))
    assert [step.action.tool for step in better.trace.steps if step.action] == [tool]
    assert better.reward is not None
    assert worse.reward is not None
    assert better.reward > worse.reward
