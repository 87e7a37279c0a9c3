"""Hundreds of broken requests: none is answered with 500, no row stays behind, the next case is judged as before."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from transformers import PreTrainedTokenizerFast

from benchmarks.serving.broken import described, mixed, throw
from tests.fakes import PHRASES, EchoTools, FormChoice, byte_tokenizer, tiny_model
from tests.serve.serving import Served, served, until
from themis.inference.causal import CausalJudge
from themis.serve import connections
from themis.serve.guard import Door
from themis.serve.serving import Options

REQUESTS = 400
PROBE = {"question": "How old?", "answer": "seven"}


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A real engine over an untrained model; slow clients are dropped soon."""
    tokenizer: PreTrainedTokenizerFast = byte_tokenizer(PHRASES)
    judge = CausalJudge(tiny_model("qwen3", tokenizer, context_length=512), tokenizer, EchoTools())
    judge.choose = FormChoice(tokenizer)
    patience = connections.Connection.seconds
    connections.Connection.seconds = 1.0
    with served(judge, Options(queue=512), Door(slowest_body=1.0)) as started:
        yield started
    connections.Connection.seconds = patience


def test_no_request_of_any_form_is_answered_with_500_or_leaves_a_row(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    requests = mixed(described(server.get("/openapi.json").json(), examples=3), REQUESTS)
    assert sum(request.way != "valid" for request in requests) == REQUESTS / 2
    before = server.post(PROBE).json()["verdicts"][0]
    answers, _ = asyncio.run(throw(int(server.url.rpartition(":")[2]), requests, lambda: 0.0))
    of_way = {way: Counter({status: count for (each, status), count in answers.items() if each == way}) for way, _ in answers}
    assert answers.total() == REQUESTS
    assert not [status for _, status in answers if status.startswith("50") and status != "503"]
    assert set(of_way["slow"]) <= {"408", "dropped"}
    assert set(of_way["large"]) <= {"413", "dropped"}
    assert set(of_way["cut"]) <= {"422", "400"}
    assert of_way["valid"]["200"] > 0.2 * of_way["valid"].total()
    until(lambda: server.metric("themis_rows_in_flight") == server.metric("themis_waiting_cases") == 0)
    until(lambda: server.server.lifecycle.requests == 0)
    after = server.post(PROBE).json()["verdicts"][0]
    assert after["reward"] == pytest.approx(before["reward"], abs=1e-4)
    assert after["trace"] == before["trace"]
    assert not any(record.exc_info for record in caplog.records), "no traceback"
