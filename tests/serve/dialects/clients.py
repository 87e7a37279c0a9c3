"""The clients of the dialects, as their sources send requests and read answers. None of them installs here.

Waits between tries are left out, and counted. What a client of theirs raises or loses is said as it is there.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx2

from tests.serve.serving import PATIENCE, Served, verdict_of
from themis.traces import Case, Judge, Verdict

QUESTION = "What day of the week is 2015-03-24?"
PROMPT = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
PATHS = (
    "/get_reward",
    "/classify",
    "/pooling",
    "/score",
    "/v1/score",
    "/rerank",
    "/v1/rerank",
    "/v1/score/evaluation",
    "/compare",
    "/rm",
)


def written(answer: str) -> str:
    """Question and answer, as ChatML writes them."""
    return f"{PROMPT}{answer}<|im_end|>\n"


class Says(Judge):
    """Gives the verdicts that a function says, and keeps the cases."""

    def __init__(self, says: Callable[[Case], Verdict] = verdict_of) -> None:
        self.says, self.cases = says, list[Case]()

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in enumerate(cases):
            self.cases.append(case)
            yield place, self.says(case)


def says_at_the_third_time() -> Judge:
    """A judge that has no time for a case at first."""
    asked: dict[str, int] = {}

    def says(case: Case) -> Verdict:
        asked[case.answer] = asked.get(case.answer, 0) + 1
        return verdict_of(case) if asked[case.answer] > 2 else Verdict(case.id, None, "budget")

    return Says(says)


class Tries:
    """The statuses of a client's tries, and what it got at last."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def post(self, url: str, body: Any) -> httpx2.Response:
        reply = httpx2.post(url, json=body, timeout=PATIENCE)
        self.statuses.append(reply.status_code)
        return reply


def openrlhf(server: Served, query: str, prompt: str, label: str = "") -> tuple[dict[str, Any] | None, Tries]:
    """One sample a request, five tries on any failure; then the sample has no reward."""
    tries = Tries()
    for _ in range(5):
        reply = tries.post(f"{server.url}/get_reward", {"query": [query], "prompts": [prompt], "labels": [label]})
        if reply.is_success:
            info = reply.json()
            return {"reward": info["rewards"], "scores": info.get("scores") or info["rewards"], "extra_logs": info["extra_logs"]}, tries
    return None, tries


def verl(server: Served, text: str) -> tuple[float, Tries]:
    """Sixteen tries; an error below 500 is raised at once, as the last one is."""
    tries = Tries()
    for _ in range(16):
        reply = tries.post(f"{server.url}/classify", {"model": "/models/judge", "input": text, "use_activation": False})
        if reply.is_success:
            return reply.json()["data"][-1]["probs"][-1], tries
        if reply.status_code < 500:
            break
    raise RuntimeError(f"{tries.statuses}: {reply.text}")


def llama_factory(server: Served, texts: list[str]) -> list[float]:
    """A batch in one try, whose status is not read."""
    reply = httpx2.post(f"{server.url}/v1/score/evaluation", json={"model": "model", "messages": texts}, timeout=PATIENCE)
    scores: list[float] = reply.json()["scores"]
    return scores


def nemo_gym(server: Served, question: str, answers: list[str]) -> tuple[list[float], dict[str, float]]:
    """All answers to a question in one request; an error is raised."""
    said = [{"output": [{"type": "message", "content": [{"type": "output_text", "text": answer}]}]} for answer in answers]
    history = [{"role": "user", "content": question}]
    reply = httpx2.post(f"{server.url}/compare", json={"conversation_history": history, "response_objs": said}, timeout=PATIENCE)
    reply.raise_for_status()
    told = reply.json()
    return told["rewards"], told["metrics"]


def slime(server: Served, prompt: Any, response: str, query: str = "", reward_key: str = "") -> tuple[float, Tries]:
    """Ten tries on any failure; the last one is raised."""
    tries = Tries()
    for _ in range(10):
        reply = tries.post(f"{server.url}/rm{query}", {"prompt": prompt, "response": response, "label": "Tuesday"})
        if reply.is_success:
            reward = reply.json()
            return reward[reward_key] if reward_key else reward, tries
    raise RuntimeError(f"{tries.statuses}: {reply.text}")
