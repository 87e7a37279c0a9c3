"""A whole build whose agents are a model behind an endpoint that errs, refuses, breaks off and limits its rate."""

import json
import os
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.chat.endpoint import Endpoint, Says, failing, saying
from themis.traces import Pair
from themis.traces.tara import read_tara

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ROWS = 40


def is_stubborn(question: str) -> bool:
    """Of one question in five, the model says what is not so, however often it is asked."""
    return zlib.crc32(question.encode()) % 5 == 0


class Model:
    """Knows the days of the week, lies at times, and has a server that fails at times.

    What it says depends on the prompt alone.
    """

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, body: dict[str, Any]) -> Says:
        self.requests += 1
        if self.requests % 11 == 3:
            failures = failing(500, "it broke"), failing(429, "slow down", Retry_After="0"), Says("cut", drop="in the middle")
            return failures[self.requests % 3]
        luck = zlib.crc32(json.dumps(body["messages"]).encode()) % 20
        if luck < 2:
            return Says("no { JSON") if luck else Says(None, refusal="I would rather not.")
        told = [json.loads(turn["content"]) for turn in body["messages"][1:] if turn["role"] == "user"]
        return saying(self.says(body["response_format"]["json_schema"]["name"], [data for data in told if "problem" not in data][-1]))

    def says(self, asked_for: str, data: dict[str, Any]) -> dict[str, Any]:
        if asked_for == "wrong_answers":
            right = next(day for day in DAYS if day in data["right_answer"])
            return {"wrong_answers": [data["right_answer"].replace(right, day) for day in DAYS[:4]]}
        if asked_for == "call":
            if "observation" in data:
                return {"thought": "That settles it.", "tool": "finish", "input": ""}
            day = re.findall(r"\d{4}-\d\d-\d\d", data["question"])[0]
            return {"thought": f"I need the weekday of {day}.", "tool": "Calendar.week_day", "input": day}
        seen = data["calls"][-1]["observation"]
        agrees = (seen in data["answer"]) != is_stubborn(data["question"])
        words = "the same" if agrees else "another day"
        return {"verdict": "agrees" if agrees else "disagrees", "found": seen, "rationale": f"The calendar says {seen}, which is {words}."}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(Model()) as endpoint:
        yield endpoint


def recipe_of(endpoint: Endpoint, folder: Path, **more: Any) -> Path:
    first = date(2003, 1, 1)
    days = [first + timedelta(days=37 * number) for number in range(ROWS)]
    rows = [{"question": f"Which weekday is {day}?", "answer": f"It is a {day:%A}."} for day in days]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = {
        "name": "mine",
        "seed": 4,
        "agents": "language_model",
        "tasks": {"calendar": {"sources": {"mine.jsonl": 1}}},
        "language_model": {"endpoint": {"base_url": endpoint.url, "model": "tiny", "backoff": 0.01, "concurrency": 4}},
        **more,
    }
    (folder / "mine.yaml").write_text(json.dumps(recipe))  # JSON is YAML
    return folder / "mine.yaml"


def start(folder: Path, out: str, *overrides: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "themis", "build", "mine.yaml", "--out", out, *overrides]
    environment = {**os.environ, "THEMIS_DATA": "", "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(folder: Path, out: str, *overrides: str) -> tuple[int, str]:
    done = start(folder, out, *overrides)
    said = "".join(done.communicate(timeout=120))
    return done.returncode, " ".join(said.split())


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def pairs(out: Path) -> list[Pair]:
    return [pair for file in sorted((out / "tara" / "calendar").glob("*.jsonl")) for pair in read_tara(file).pairs]


def test_stopped_by_its_budget_and_killed_with_9_a_build_ends_with_the_same_bytes_and_pays_nothing_twice(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    recipe_of(endpoint, tmp_path)
    budget = "language_model.endpoint.budget.requests"
    code, said = run(tmp_path, "out", f"{budget}=40")
    assert code == 2
    assert "the budget of the endpoint (40 requests) does not allow another request, after 40 requests" in said
    assert "run the same command again to resume" in said
    assert "about 280 requests to tiny" in said  # the estimate came first
    assert len(endpoint.asked) == 40

    killed = start(tmp_path, "out", f"{budget}=4000")
    while len(endpoint.asked) < 120:
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.02)
    killed.kill()
    killed.wait()

    code, said = run(tmp_path, "out", f"{budget}=4000")
    assert code == 0, said
    answered = [json.dumps(body) for body in endpoint.asked]
    asked_again = len(answered) - len(set(answered))
    failed = (endpoint.answers[0].requests - 3) // 11 + 1  # type: ignore[union-attr]
    assert asked_again <= failed + 4 + 4  # those that failed, and those in flight at the budget's end and at the kill

    other = endpoint.answers[0] = Model()
    code, said = run(tmp_path, "straight", f"{budget}=4000")
    assert code == 0, said
    assert other.requests > 200
    assert content(tmp_path / "out") == content(tmp_path / "straight")


@pytest.mark.parametrize("setting", ["hindsight", "blind"])
def test_no_row_claims_what_its_observation_denies_however_often_the_model_does(endpoint: Endpoint, tmp_path: Path, setting: str) -> None:
    recipe_of(endpoint, tmp_path, setting=setting)
    code, said = run(tmp_path, "out")
    assert code == 0, said
    assert re.search(r"label contradicted by the observation \d", said)
    built = pairs(tmp_path / "out")
    assert len(built) > ROWS / 3
    assert any(
        is_stubborn(given["question"]) for body in endpoint.asked if "question" in (given := json.loads(body["messages"][-1]["content"]))
    )
    for pair in built:
        assert not is_stubborn(pair.question)
        for side, right in ((pair.chosen, True), (pair.rejected, False)):
            assert side.trace is not None
            assert side.trace.steps[0].observation is not None
            assert (side.trace.steps[0].observation.text in side.answer) is right
            assert ("which is the same" in (side.trace.rationale or "")) is right
    for body in endpoint.asked:
        hindsight_seen = any("right_answers" in turn["content"] for turn in body["messages"])
        assert not (hindsight_seen and setting == "blind")


def test_where_only_the_rationale_is_the_model_s_nothing_else_is_asked_for(endpoint: Endpoint, tmp_path: Path) -> None:
    raw = json.loads(recipe_of(endpoint, tmp_path).read_text())
    raw["language_model"]["agents"] = ["rationale"]
    (tmp_path / "mine.yaml").write_text(json.dumps(raw))
    code, said = run(tmp_path, "out")
    assert code == 0, said
    assert {body["response_format"]["json_schema"]["name"] for body in endpoint.asked} == {"rationale"}
    assert all("the calendar says" in (pair.chosen.trace.rationale or "").lower() for pair in pairs(tmp_path / "out") if pair.chosen.trace)


def test_an_endpoint_that_is_down_is_one_sentence_and_nothing_is_lost(tmp_path: Path) -> None:
    with Endpoint(Model()) as endpoint:
        recipe_of(endpoint, tmp_path)
    code, said = run(tmp_path, "out", "language_model.endpoint.attempts=2")
    assert code == 2
    assert "cannot be reached" in said
    assert "run the same command again when it is up" in said
    assert "Traceback" not in said
