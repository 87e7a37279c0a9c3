"""How fast the server is: more clients, beside a judge in process, beside another server, beside a slow tool.

The sides of each comparison are measured in turns on one machine, so that other work on it slows down both.
"""

import asyncio
import http.client
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from benchmarks.serving.client import HOST, Client, Pace
from benchmarks.serving.servers import PEER, SLOW, THEMIS, Server, server
from benchmarks.serving.texts import dated, query_of, read_text, samples
from themis import Case, load_judge

Found = dict[str, Any]
ROUNDS = 3
CLIENTS = 64
GROUP = 8
BATCH = ("--batch-size", str(CLIENTS))


def clients(folder: Path, seconds: float) -> Found:
    """Judgements a second, of one client and of 64: nano with its tools and its rationales."""
    with server(THEMIS, "--model", "nano", *BATCH) as ours:
        sides = {"64 clients": (ours, "/v1/judge", dated, CLIENTS), "one client": (ours, "/v1/judge", dated, 1)}
        return _compared(sides, seconds, _judged)


def overhead(folder: Path, seconds: float) -> Found:
    """What the server adds to a judgement in process, for one client: milliseconds of the vanilla model, in turns."""
    bodies = dated(1)
    inside, outside = [], []
    with server(THEMIS, "--model", str(folder / "vanilla")) as ours, load_judge(folder / "vanilla") as judge:
        connection = http.client.HTTPConnection(HOST, ours.port)
        computed, theirs = 0.0, ours.clocks()[1]
        ends = time.perf_counter() + 4 * seconds
        while time.perf_counter() < ends:
            body = next(bodies)
            started, computing = time.perf_counter(), time.process_time()
            judge.judge(Case(body["question"], body["answer"]))
            between = time.perf_counter()
            computed += time.process_time() - computing
            connection.request("POST", "/v1/judge", json.dumps(body))
            connection.getresponse().read()
            inside.append(1000 * (between - started))
            outside.append(1000 * (time.perf_counter() - between))
        theirs = ours.clocks()[1] - theirs
    first = min(5, len(inside) - 1)  # those of a process are slower
    inside, outside = inside[first:], outside[first:]
    return {
        "requests": len(outside),
        "in_process_ms": median(inside),
        "server_ms": median(outside),
        "overhead_ms": median(outside) - median(inside),
        "computing_ms": 1000 * (theirs - computed) / len(outside),
    }


def openrlhf(folder: Path, seconds: float) -> Found:
    """Samples a second at `/get_reward`, beside OpenRLHF's procedure: 64 clients, one or eight samples a request."""
    with (
        server(THEMIS, "--model", str(folder / "vanilla"), *BATCH) as ours,
        server(PEER, str(folder / "classifier")) as peer,
    ):
        found: Found = {"largest_difference": _same_rewards(ours, peer)}
        for each in (1, 8):
            queries = {"ours": partial(_our_queries, each=each), "OpenRLHF's": partial(_peer_queries, each=each)}
            sides = {name: (one, "/get_reward", queries[name], CLIENTS) for name, one in (("ours", ours), ("OpenRLHF's", peer))}
            found[f"{each} a request"] = _compared(sides, seconds, _rewarded)
    return found


def _compared(sides: Mapping[str, tuple[Server, str, Callable[[int], Iterator[Any]], int]], seconds: float, count: Any) -> Found:
    """The paces of two sides in turns, and how many times faster the first is than the second."""
    paces: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(ROUNDS):
        for name, (one, path, bodies, clients) in sides.items():
            pace = Pace(clients, seconds, count, one.clocks)
            paces[name].append(asyncio.run(pace.measure(one.port, path, bodies(100 * turn + clients))))
    first, second = paces.values()
    found: Found = {"rounds": paces}
    for place, clock in enumerate(("by the wall", "by computing")):
        medians = {name: median(each[place] for each in rounds) for name, rounds in paces.items()}
        times = median(high[place] / low[place] for high, low in zip(first, second, strict=True))
        found[clock] = {"times": times, **medians}
    return found


def slow_tool(folder: Path, seconds: float) -> Found:
    """Latencies of usual cases where one case in ten has a tool that takes two seconds, and where it does not.

    Cases come at random times, at half of what the server can do, whether or not earlier ones are judged.
    """
    found: dict[bool, list[float]] = {False: [], True: []}
    with server(SLOW) as ours:
        pace = Pace(CLIENTS, seconds, _judged, ours.clocks)
        most, _ = asyncio.run(pace.measure(ours.port, "/v1/judge", dated(0)))
        for turn in range(2 * ROUNDS):
            for slow in (False, True) if turn % 2 else (True, False):
                bodies = [next(cases) for cases in [dated(2 * turn + 1 + slow, slow)] for _ in range(round(most * seconds))]
                found[slow] += asyncio.run(_latencies(ours.port, bodies, most / 2, turn))
    without, with_slow = (_quantile(found[slow], 0.99) for slow in (False, True))
    return {
        "p99_without_ms": 1000 * without,
        "p99_with_ms": 1000 * with_slow,
        "times": with_slow / without,
        "p50_times": _quantile(found[True], 0.5) / _quantile(found[False], 0.5),
        "cases": len(found[True]),
        "per_second": most / 2,
    }


async def _latencies(port: int, bodies: Sequence[Any], per_second: float, seed: int) -> list[float]:
    """Seconds of each usual case, from the time at which it was to be sent."""
    rng, found = Random(seed), list[float]()
    start = time.perf_counter()

    async def one(body: Any, due: float) -> None:
        await asyncio.sleep(due - time.perf_counter())
        client = Client(port)
        _judged(await client.post("/v1/judge", body))
        if body["id"] == "usual":
            found.append(time.perf_counter() - due)
        await client.leave()

    dues = [start]
    for _ in bodies[1:]:
        dues.append(dues[-1] + rng.expovariate(per_second))
    await asyncio.gather(*(one(body, due) for body, due in zip(bodies, dues, strict=True)))
    return found


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def _judged(answer: Any) -> int:
    """How many verdicts; one without a reward is an error."""
    verdicts = answer["verdicts"]
    assert all(verdict["reward"] is not None for verdict in verdicts), verdicts
    return len(verdicts)


def _rewarded(answer: Any) -> int:
    rewards = answer["rewards"]
    assert all(map(math.isfinite, rewards))
    return len(rewards)


def _our_queries(seed: int, each: int) -> Iterator[Any]:
    for question, answers in _asked(seed, each):
        both = [query_of(question, answer) for answer in answers]
        yield {"query": [text["query"] for text in both], "prompts": [text["prompt"] for text in both]}


def _peer_queries(seed: int, each: int) -> Iterator[Any]:
    for question, answers in _asked(seed, each):
        yield {"query": [read_text(f"{question}\n", answer) for answer in answers]}


def _asked(seed: int, each: int) -> Iterator[tuple[str, list[str]]]:
    """Eight answers to each question, as trainers with groups sample them, in one request or in eight."""
    for question, answers in samples(seed, GROUP):
        for start in range(0, GROUP, each):
            yield question, answers[start : start + each]


def _same_rewards(ours: Server, peer: Server) -> float:
    """Both read the same tokens with the same weights. Returns the largest difference."""
    mine, its = (
        one.ask("/get_reward", next(bodies))["rewards"] for one, bodies in ((ours, _our_queries(0, 8)), (peer, _peer_queries(0, 8)))
    )
    return float(max(abs(first - second) for first, second in zip(mine, its, strict=True)))
