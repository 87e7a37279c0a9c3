"""The same cases through every dialect, every adapter and in process: how far their rewards are apart."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.serving.servers import THEMIS, Server, server
from benchmarks.serving.texts import dated
from themis import Case, Judge, load_judge
from themis.integrations import JudgeClient, openrlhf, trl, verl

COUNT = 6
ENDS, USER, ASSISTANT = "<|im_end|>\n", "<|im_start|>user\n", "<|im_start|>assistant\n"
Cases = Sequence[Case]
Way = Callable[[Server, Cases], list[float]]


def rewards(folder: Path, seconds: float) -> dict[str, Any]:
    """The largest difference from the judge in process, of each way."""
    sums = [("What is 17 * 23?", "17 * 23 = 391."), ("What is 144 / 12?", "It is 13.")]
    cases = [Case(body["question"], body["answer"]) for body in islice(dated(5), COUNT)] + [Case(*each) for each in sums]
    with load_judge("nano") as judge, server(THEMIS, "--model", "nano", "--template", "chatml") as ours, _named(ours):
        verdicts = [judge.judge(case) for case in cases]
        numbers = [_number(verdict.reward) for verdict in verdicts]
        sure = [_number(verdict.probability) for verdict in verdicts]
        ways = {name: _largest(way(ours, cases), numbers) for name, way in {**_dialects(), **_adapters(judge)}.items()}
        ways |= {name: _largest(way(ours, cases), sure) for name, way in _probabilities().items()}
    return {"cases": len(cases), "ways": ways, "largest": max(ways.values())}


def _dialects() -> dict[str, Way]:
    """The calls that give rewards."""

    def each(path: str, body_of: Callable[[Case], Any], reward_of: Callable[[Any], Any]) -> Way:
        return lambda ours, cases: [float(reward_of(ours.ask(path, body_of(case)))) for case in cases]

    plain = {"model": "nano", "use_activation": False}
    return {
        "/v1/judge": lambda ours, cases: _verdicts(ours, "/v1/judge", cases),
        "/v1/judge?stream=1": each("/v1/judge?stream=1", lambda case: _row(case), _streamed),
        "/get_reward": lambda ours, cases: ours.ask("/get_reward", _queries(cases))["rewards"],
        "/classify": each("/classify", lambda case: {**plain, "input": _text(case)}, lambda said: said["data"][-1]["probs"][-1]),
        "/classify, messages": each(
            "/classify", lambda case: {**plain, "messages": _turns(case)}, lambda said: said["data"][0]["probs"][0]
        ),
        "/pooling": each("/pooling", lambda case: {**plain, "input": _text(case)}, lambda said: said["data"][0]["data"][0]),
        "/score": each(
            "/score", lambda case: {**plain, "queries": case.question, "documents": case.answer}, lambda said: said["data"][0]["score"]
        ),
        "/rerank": each(
            "/rerank",
            lambda case: {**plain, "query": case.question, "documents": [case.answer]},
            lambda said: said["results"][0]["relevance_score"],
        ),
        "/v1/score/evaluation": lambda ours, cases: ours.ask(
            "/v1/score/evaluation", {"model": "nano", "messages": list(map(_text, cases))}
        )["scores"],
        "/rm": each("/rm", lambda case: {"prompt": _turns(case)[:1], "response": case.answer, "label": None}, lambda said: said),
    }


def _probabilities() -> dict[str, Way]:
    """The calls that give probabilities."""

    def compared(ours: Server, cases: Cases) -> list[float]:
        said = [
            ours.ask(
                "/compare",
                {
                    "conversation_history": [{"role": "user", "content": case.question}],
                    "response_objs": [{"output": [{"type": "message", "content": [{"type": "output_text", "text": case.answer}]}]}],
                },
            )
            for case in cases
        ]
        return [(answer["rewards"][0] - 1) / 4 for answer in said]

    def activated(ours: Server, cases: Cases) -> list[float]:
        return [ours.ask("/classify", {"model": "nano", "input": _text(case)})["data"][0]["probs"][0] for case in cases]

    def systemone(ours: Server, cases: Cases) -> list[float]:
        asked = [{"state": case.question, "questions": {"right": {"type": "noul", "instructions": case.answer}}} for case in cases]
        return [ours.ask("/v1/systemone", {"model": "nano", **body})["answers"]["right"]["noul"] for body in asked]

    def decisions(ours: Server, cases: Cases) -> list[float]:
        asked = [{"input": case.question, "questions": [{"type": "predicate", "instructions": case.answer}]} for case in cases]
        return [ours.ask("/v1/decisions", {"model": "nano", **body})["answers"][0]["probability"] for body in asked]

    return {"/compare": compared, "/classify, activated": activated, "/v1/systemone": systemone, "/v1/decisions": decisions}


def _adapters(judge: Judge) -> dict[str, Way]:
    """Those of trainers, to the server and in process, and the client."""

    def client(ours: Server, cases: Cases) -> list[float]:
        with JudgeClient(_url(ours)) as judge:
            return [_number(verdict.reward) for _, verdict in sorted(judge.judge_all(cases), key=lambda told: told[0])]

    def of_trl(asked: Judge | None, asynchronous: bool) -> Way:
        def way(ours: Server, cases: Cases) -> list[float]:
            function = trl.reward_function(asked or _url(ours), asynchronous=asynchronous)
            said = function([case.question for case in cases], [case.answer for case in cases])
            found: list[float] = asyncio.run(said) if asynchronous else said
            return found

        return way

    def of_openrlhf(ours: Server, cases: Cases) -> list[float]:
        body = _queries(cases)
        found: list[float] = openrlhf.reward_func(body["query"], body["prompts"])["rewards"].tolist()
        return found

    def of_verl(asked: Judge | None) -> Way:
        def way(ours: Server, cases: Cases) -> list[float]:
            async def all_of() -> list[dict[str, Any]]:
                model = asked or _url(ours)
                told = [
                    verl.compute_score("data", case.answer, None, {"question": case.question}, model=model, missing=-99) for case in cases
                ]
                return list(await asyncio.gather(*told))

            return [row["score"] for row in asyncio.run(all_of())]

        return way

    return {
        "JudgeClient": client,
        "TRL, server": of_trl(None, False),
        "TRL, server, async": of_trl(None, True),
        "TRL, in process": of_trl(judge, False),
        "OpenRLHF's function": of_openrlhf,
        "verl, server": of_verl(None),
        "verl, in process": of_verl(judge),
    }


@contextmanager
def _named(ours: Server) -> Iterator[None]:
    """OpenRLHF's function reads where the judge is from the environment."""
    before = {name: os.environ.get(name) for name in ("THEMIS_MODEL", "THEMIS_TEMPLATE")}
    os.environ |= {"THEMIS_MODEL": _url(ours), "THEMIS_TEMPLATE": "chatml"}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ |= {} if value is None else {name: value}


def _largest(found: Sequence[float], expected: Sequence[float]) -> float:
    return max(abs(first - second) for first, second in zip(found, expected, strict=True))


def _number(value: float | None) -> float:
    assert value is not None
    return value


def _url(ours: Server) -> str:
    return f"http://127.0.0.1:{ours.port}"


def _row(case: Case) -> dict[str, Any]:
    return {"question": case.question, "answer": case.answer}


def _verdicts(ours: Server, path: str, cases: Cases) -> list[float]:
    return [verdict["reward"] for verdict in ours.ask(path, {"cases": list(map(_row, cases))})["verdicts"]]


def _streamed(said: str) -> Any:
    import json

    events = [block.partition("\ndata: ") for block in said.split("\n\n")]
    return next(json.loads(data)["verdict"]["reward"] for name, _, data in events if name == "event: verdict")


def _turns(case: Case) -> list[dict[str, Any]]:
    return [{"role": "user", "content": case.question}, {"role": "assistant", "content": case.answer}]


def _prompt(case: Case) -> str:
    return f"{USER}{case.question}{ENDS}{ASSISTANT}"


def _text(case: Case) -> str:
    return f"{_prompt(case)}{case.answer}{ENDS}"


def _queries(cases: Cases) -> dict[str, Any]:
    return {"query": list(map(_text, cases)), "prompts": list(map(_prompt, cases)), "labels": [None] * len(cases)}
