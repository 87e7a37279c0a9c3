"""OpenRLHF's reward function, called as its own client calls it: from a file, from threads, one sample each.

OpenRLHF does not install here; its request sequence is replayed as `openrlhf/utils/agent.py` has it.
"""

import asyncio
import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.integrations.conftest import ANSWERS, QUESTION, JudgeServer, needs_nano
from themis.errors import ConfigError, DataError, NoRewardError
from themis.integrations import openrlhf
from themis.traces import Judge

PROMPT = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
QUERIES = [f"{PROMPT}{answer}<|im_end|>" for answer in ANSWERS]
FUNCTION = openrlhf.reward_func


def from_its_file() -> Callable[..., dict[str, Any]]:
    """The file is loaded under another name, and is in no package."""
    spec = importlib.util.spec_from_file_location("reward_func", inspect.getfile(openrlhf))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded: Callable[..., dict[str, Any]] = module.reward_func
    return loaded


def asked_by_openrlhf(function: Callable[..., dict[str, Any]], queries: list[str], prompts: list[str]) -> list[dict[str, Any] | None]:
    """One sample a call, in a thread; an error is no reward."""

    async def sample(query: str, prompt: str) -> dict[str, Any] | None:
        try:
            info = await asyncio.to_thread(function, [query], [prompt], ["Tuesday"])
        except Exception:
            return None
        numbers = {name: value.flatten()[0].item() for name, value in info["extra_logs"].items()}
        scores = info.get("scores") or info.get("rewards")
        return {"reward": torch.tensor([info["rewards"]]).item(), "score": torch.tensor([scores]).item(), **numbers}

    async def run() -> list[dict[str, Any] | None]:
        return await asyncio.gather(*map(sample, queries, prompts))

    return asyncio.run(run())


@pytest.fixture
def served(server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> JudgeServer:
    monkeypatch.setenv("THEMIS_MODEL", server.url)
    monkeypatch.setenv("THEMIS_TEMPLATE", "chatml")
    return server


def test_a_batch_gets_tensors_and_logs_that_are_numbers(served: JudgeServer) -> None:
    told = FUNCTION(QUERIES, [PROMPT] * 4, [""] * 4, anything="else")
    assert told["rewards"].tolist() == [2.0, -1.0, 2.0, -1.0]
    assert told["scores"].tolist() == [0.75] * 4
    logs = {name: values.tolist() for name, values in told["extra_logs"].items()}
    assert logs == {
        "themis_scored": [1, 0, 1, 1],
        "themis_degraded": [0, 1, 0, 0],
        "themis_unscored": [0, 0, 0, 0],
        "themis_calls": [1, 1, 1, 1],
        "themis_valid_calls": [1, 1, 1, 1],
    }
    assert {request["cases"][0]["question"] for request in served.requests} == {QUESTION}
    assert sorted(request["cases"][0]["answer"] for request in served.requests) == sorted(ANSWERS)


def test_a_missing_reward_is_none_for_its_sample_alone(served: JudgeServer) -> None:
    samples = asked_by_openrlhf(from_its_file(), [*QUERIES, f"{PROMPT}<|im_end|>"], [PROMPT] * 5)
    assert [sample and sample["reward"] for sample in samples] == [2.0, -1.0, 2.0, -1.0, None]
    with pytest.raises(NoRewardError, match=r"no reward \(empty_answer\); set THEMIS_MISSING"):
        FUNCTION([PROMPT], [PROMPT], [""])


def test_a_missing_reward_is_the_number_that_the_user_chose(served: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_MISSING", "-7.5")
    told = FUNCTION([QUERIES[0], PROMPT], [PROMPT] * 2, ["", ""])
    assert told["rewards"].tolist() == [2.0, -7.5]
    assert told["extra_logs"]["themis_unscored"].tolist() == [0, 1]
    for wrong in ("nan", "inf", "none"):
        monkeypatch.setenv("THEMIS_MISSING", wrong)
        with pytest.raises(ConfigError, match=f"must be a finite number, found '{wrong}'"):
            FUNCTION(QUERIES, [PROMPT] * 4, [""] * 4)


def test_a_query_is_never_split_by_a_guess(served: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="query 0: the prompt does not end with the opened turn"):
        FUNCTION([QUESTION + ANSWERS[0]], [QUESTION], [""])
    monkeypatch.delenv("THEMIS_TEMPLATE")
    with pytest.raises(DataError, match=r"query 0: the prompt holds <\|im_start\|>, a mark of a chat template"):
        FUNCTION(QUERIES, [PROMPT] * 4, [""] * 4)
    with pytest.raises(DataError, match="query 0: the text came without a prompt"):
        FUNCTION(QUERIES)
    assert served.requests == []


def test_a_plain_prompt_needs_no_template(served: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THEMIS_TEMPLATE")
    assert FUNCTION([f"{QUESTION} {ANSWERS[0]}</s>"], [f"{QUESTION} "], [""])["rewards"].tolist() == [2.0]
    assert served.requests[0]["cases"] == [{"question": f"{QUESTION} ", "answer": ANSWERS[0]}]


@needs_nano
def test_nano_gives_to_openrlhf_what_it_gives_in_process(nano: Judge, wanted: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_TEMPLATE", "chatml")
    assert FUNCTION(QUERIES, [PROMPT] * 4, [""] * 4)["rewards"].tolist() == pytest.approx(wanted, abs=1e-4)
    samples = asked_by_openrlhf(from_its_file(), QUERIES, [PROMPT] * 4)
    assert [sample and sample["reward"] for sample in samples] == pytest.approx(wanted, abs=1e-4)
