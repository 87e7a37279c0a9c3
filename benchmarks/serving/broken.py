"""Requests, half of them broken, at a server: none is answered with 500, no row stays behind, memory stays level.

Bodies come from the server's own description, valid and not, by schemathesis. Others are cut, hold values of another
type, are too large or too deep, are written too slowly, or come from clients that leave.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

from benchmarks.serving.client import Client, head_of
from benchmarks.serving.servers import THEMIS, Server, server
from benchmarks.serving.texts import dated, samples

Way = Literal["valid", "schema", "cut", "types", "deep", "large", "unfinished", "leaves", "slow"]
WORKERS = 64
EXAMPLES = 12
"""Valid and invalid requests that are made of each call's description."""
LARGE = 10 * 2**20
RARE: tuple[tuple[Way, int], ...] = (("large", 40), ("deep", 40), ("slow", 40))
"""So many in 10,000 requests."""
SLOWEST = 40.0
"""Seconds after which a slow writer is to be dropped."""
MARKS = (0.2, 0.6, 1.0)
"""Shares of all requests after which memory is measured."""


@dataclass(frozen=True)
class Request:
    """What is sent, and how."""

    way: Way
    method: str
    path: str
    body: bytes
    kind: str = "application/json"
    length: int | None = None
    """That the head claims; None for the true one."""

    def head(self) -> bytes:
        return head_of(self.method, self.path, len(self.body) if self.length is None else self.length, self.kind)


def broken(folder: Path, requests: int) -> dict[str, Any]:
    """At a server of the vanilla model, and a twentieth as many at one of nano, with its tools."""
    with server(THEMIS, "--model", str(folder / "vanilla"), "--template", "chatml") as ours:
        found = thrown_at(ours, requests)
    with server(THEMIS, "--model", "nano", "--template", "chatml") as ours:
        found["nano"] = thrown_at(ours, requests // 20)
    return found


def thrown_at(ours: Server, requests: int) -> dict[str, Any]:
    """What came back, and how the server is after it."""
    probe = {"question": "What is 3 * 4?", "answer": "12"}
    before = ours.ask("/v1/judge", probe)["verdicts"][0]["reward"]
    chosen = mixed(described(ours.ask("/openapi.json")), requests)
    answers, megabytes = asyncio.run(throw(ours.port, chosen, ours.megabytes))
    stuck = _left(ours)
    after = ours.ask("/v1/judge", probe)["verdicts"][0]["reward"]
    by_way: dict[str, Counter[str]] = {}
    for (way, status), count in answers.items():
        by_way.setdefault(way, Counter())[status] = count
    return {
        "requests": requests,
        "broken": sum(request.way != "valid" for request in chosen),
        "answers": by_way,
        "answers_500": sum(count for (_, status), count in answers.items() if status == "500"),
        "stuck_rows": stuck,
        "megabytes": megabytes,
        "reward_moved": abs(after - before),
        "failed": ours.metric('themis_verdicts_total{reason="failed"'),
        "printed": Counter(ours.printed().splitlines()).most_common(20),
    }


def _left(ours: Server) -> float:
    """Rows and waiting cases that are still there when nobody asks any more."""
    ends = time.monotonic() + 30
    while True:
        left = ours.metric("themis_rows_in_flight") + ours.metric("themis_waiting_cases")
        if not left or time.monotonic() > ends:
            return left
        time.sleep(0.2)


# --- what is sent ------------------------------------------------------------------------------------


def described(description: dict[str, Any], examples: int = EXAMPLES) -> list[Request]:
    """Requests that the description allows (`valid`), and others that it does not (`schema`), of every call."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, Verbosity, given, settings
    from hypothesis.errors import Unsatisfiable
    from schemathesis import GenerationMode

    once: dict[str, Any] = {
        "verbosity": Verbosity.quiet,
        "phases": [Phase.generate],
        "suppress_health_check": list(HealthCheck),
        "deadline": None,
        "database": None,
    }
    modes: tuple[tuple[Any, Way], ...] = ((GenerationMode.POSITIVE, "valid"), (GenerationMode.NEGATIVE, "schema"))
    made: list[Request] = []
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        call: Any = found.ok()  # type: ignore[union-attr]
        for mode, way in modes:
            cases: list[Any] = []
            with suppress(Unsatisfiable):  # a call without parameters has no invalid request
                settings(max_examples=examples, **once)(given(case=call.as_strategy(generation_mode=mode))(_kept_in(cases)))()
            made += [_as_sent(way, case) for case in cases]
    return made


def _kept_in(cases: list[Any]) -> Callable[..., None]:
    def keep(case: Any) -> None:
        cases.append(case)

    return keep


def _as_sent(way: Way, case: Any) -> Request:
    from requests import Request as Described

    sent: Any = Described(**case.as_transport_kwargs(base_url="http://127.0.0.1")).prepare()
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
    return Request(way, sent.method, sent.path_url, body, sent.headers.get("Content-Type", "text/plain"))


def mixed(described: Sequence[Request], count: int, seed: int = 1) -> list[Request]:
    """So many requests in random order, half of them broken."""
    rng = Random(seed)
    own = [_post({**next(dated(place)), "id": place}) for place in range(50)]
    own += [_post({"question": question, "answers": answers}) for question, answers in (next(samples(place, 3)) for place in range(50))]
    valid = [request for request in described if request.way == "valid"] + own
    invalid = [request for request in described if request.way == "schema"]
    posts = [request for request in valid if request.body.startswith(b"{")]
    rare = [_damaged(way, rng.choice(posts), rng) for way, share in RARE for _ in range(max(1, share * count // 10_000))]
    ways: list[Way] = ["cut", "types", "unfinished", "leaves"]
    ways += ["schema"] if invalid else []
    often = [rng.choice(ways) for _ in range(count // 2 - len(rare))]
    damaged = [rng.choice(invalid) if way == "schema" else _damaged(way, rng.choice(posts), rng) for way in often]
    chosen = [rng.choice(valid) for _ in range(count - len(rare) - len(damaged))] + damaged + rare
    rng.shuffle(chosen)
    return chosen


def _post(body: Any) -> Request:
    return Request("valid", "POST", "/v1/judge", json.dumps(body).encode())


def _damaged(way: Way, request: Request, rng: Random) -> Request:
    body = request.body
    place = rng.randrange(1, len(body))
    length = len(body) if way in ("unfinished", "slow") else None
    if way in ("cut", "unfinished"):
        body = body[:place]
    elif way == "types":
        body = json.dumps(_retyped(json.loads(body), rng)).encode()
    elif way == "deep":
        body = rng.choice([b"[" * 200_000, b'{"cases":' * 50_000, b'{"question": "\xff"}', b'{"question": "\\ud800", "answer": "a"}'])
    elif way == "large":
        body = body[:-1] + b'"a"' * (LARGE // 3)
    return Request(way, request.method, request.path, body, length=length)


def _retyped(value: Any, rng: Random) -> Any:
    """The same JSON with one part of it of another type."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        return {**value, name: _retyped(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = rng.randrange(len(value))
        return [*value[:place], _retyped(value[place], rng), *value[place + 1 :]]
    others: list[Any] = [None, True, -1, 0, 10**400, 1e308, "", "text", "\x00\u202e", [], [[]], {}, {"a": None}]
    return rng.choice([other for other in others if type(other) is not type(value)])


# --- how it is sent ----------------------------------------------------------------------------------


async def throw(port: int, requests: Sequence[Request], megabytes_now: Callable[[], float]) -> tuple[Counter[tuple[Way, str]], list[float]]:
    """How many answers of each way had which status, and the megabytes at each mark."""
    answers: Counter[tuple[Way, str]] = Counter()
    megabytes: list[float] = []
    waiting = list(enumerate(requests))[::-1]
    marks = [round(share * len(requests)) for share in MARKS]
    slow: list[asyncio.Task[None]] = []

    async def one(request: Request, client: Client) -> None:
        answers[request.way, await sent(request, client)] += 1

    async def work() -> None:
        client = Client(port)
        while waiting:
            place, request = waiting.pop()
            if place in marks[:-1]:
                megabytes.append(megabytes_now())
            if request.way == "slow":
                slow.append(asyncio.create_task(one(request, Client(port))))
            else:
                await one(request, client)
        await client.leave()

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    await asyncio.gather(*slow)
    return answers, [*megabytes, megabytes_now()]


async def sent(request: Request, client: Client) -> str:
    """The status of the answer, `dropped`, or `left` where the client did not wait."""
    try:
        if request.way == "slow":
            return await asyncio.wait_for(_dribbled(request, client), SLOWEST)
        await client.send(request.head() + request.body)
        if request.way in ("leaves", "unfinished"):
            await asyncio.sleep(len(request.body) % 50 / 1000)
            await client.leave()
            return "left"
        return str((await client.answer())[0])
    except (OSError, asyncio.IncompleteReadError):
        await client.leave()
        return "dropped"
    except TimeoutError:
        await client.leave()
        return "not dropped"


async def _dribbled(request: Request, client: Client) -> str:
    """A byte a second."""
    whole = request.head() + request.body
    for place in range(len(whole)):
        await client.send(whole[place : place + 1])
        await asyncio.sleep(1)
    return str((await client.answer())[0])
