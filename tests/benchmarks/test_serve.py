"""The benchmark of the server compares the same: equal tokens on both sides, equal cases but for the slow tool."""

import json
from collections import Counter
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from benchmarks.serving.broken import _damaged, _post, _retyped, mixed
from benchmarks.serving.servers import PEER, server, vanilla
from benchmarks.serving.speed import _our_queries, _peer_queries
from benchmarks.serving.texts import QUICK_DAY, SLOW_DAY, dated, query_of, read_text, samples
from themis import Case, load_judge


def test_one_case_in_ten_is_on_the_slow_day_and_the_others_are_the_same() -> None:
    slow, quick = (list(islice(dated(3, slow=is_slow), 50)) for is_slow in (True, False))
    days = [date.fromisoformat(case["question"].split()[-1].rstrip("?")).day for case in slow]
    assert [day == SLOW_DAY for day in days] == [place % 10 == 0 for place in range(50)]
    assert QUICK_DAY not in days
    assert [case for case in slow if case["id"] == "usual"] == [case for case in quick if case["id"] == "usual"]


def test_both_sides_get_the_same_samples_in_one_request_or_in_eight() -> None:
    whole = list(islice(_our_queries(1, 8), 2))
    single = list(islice(_our_queries(1, 1), 16))
    assert [query for body in whole for query in body["query"]] == [query for body in single for query in body["query"]]
    question, answers = next(samples(1, 8))
    assert whole[0]["query"][3] == query_of(question, answers[3])["query"]
    assert next(_peer_queries(1, 8))["query"][3] == read_text(f"{question}\n", answers[3])


def test_the_peer_gives_the_rewards_of_our_vanilla_model(tmp_path: Path) -> None:
    folder = vanilla(tmp_path)
    cases = [Case(f"{question}\n", answer) for question, answers in islice(samples(2, 3), 2) for answer in answers]
    with load_judge(folder, device="cpu") as judge:
        expected = [verdict.reward for _, verdict in sorted(judge.judge_all(cases), key=lambda told: told[0])]
    with server(PEER, str(tmp_path / "classifier")) as peer:
        found = peer.ask("/get_reward", {"query": [read_text(str(case.question), case.answer) for case in cases]})["rewards"]
    assert found == pytest.approx(expected, abs=1e-4)


def test_half_of_the_requests_are_broken_each_in_its_way() -> None:
    rng = Random(0)
    body = {"question": "How old?", "answers": ["a", "b"], "tests": []}
    assert sum(_retyped(body, rng) != body for _ in range(200)) == 200
    cut = [_damaged("cut", _post(body), rng).body for _ in range(50)]
    for text in cut:
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
    assert len(_damaged("large", _post(body), rng).body) > 8 * 2**20
    ways = Counter(request.way for request in mixed([], 1000))
    assert ways["valid"] == 500
    assert set(ways) == {"valid", "cut", "types", "unfinished", "leaves", "deep", "large", "slow"}
