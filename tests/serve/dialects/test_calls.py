"""What all dialects share: true examples, refusals in the client's own form, the reward of the native call."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest

from tests.serve.dialects import clients
from tests.serve.dialects.clients import PATHS, PROMPT, QUESTION, Says, written
from tests.serve.serving import PATIENCE, HeldJudge, Served, served
from themis.inference import load_judge
from themis.model.named import NANO
from themis.serve.guard import Door
from themis.serve.serving import Options
from themis.traces import Case, Verdict
from themis.traces.one_text import TEMPLATES

CHATML = Options(marks=TEMPLATES["chatml"])
VLLM = ("/classify", "/pooling", "/score", "/v1/score", "/rerank", "/v1/rerank")
ANSWERS = ("A Tuesday.", "A Thursday.", "It is a Monday.")
needs_nano = pytest.mark.skipif(not NANO.is_dir(), reason="no nano model here: `themis train nano --out themis/model/nano`")


@pytest.fixture(scope="module")
def plain() -> Iterator[Served]:
    with served(Says()) as server:
        yield server


@pytest.fixture(scope="module")
def chatml() -> Iterator[Served]:
    with served(Says(), CHATML) as server:
        yield server


def said(reply: httpx2.Response, path: str) -> str:
    """The sentence of a refusal, in the form of the path's clients."""
    told = reply.json()
    if path in VLLM:
        assert set(told["error"]) == {"message", "type", "param", "code"}
        assert told["error"]["code"] == reply.status_code
        return str(told["error"]["message"])
    if path == "/rm":
        return str(told["error"]["message"])
    assert set(told) == {"detail"}
    return str(told["detail"])


def asks(path: str, *answers: str) -> dict[str, Any]:
    """A body with these answers to one question; `/rm` takes one."""
    texts = [written(answer) for answer in answers]
    outputs = [[{"type": "message", "content": [{"type": "output_text", "text": answer}]}] for answer in answers]
    history = [{"role": "user", "content": QUESTION}]
    bodies: dict[str, dict[str, Any]] = {
        "/get_reward": {"query": texts, "prompts": [PROMPT] * len(texts)},
        "/classify": {"input": texts},
        "/pooling": {"input": texts},
        "/score": {"queries": QUESTION, "documents": answers},
        "/rerank": {"query": QUESTION, "documents": answers},
        "/v1/score/evaluation": {"model": "m", "messages": texts},
        "/compare": {"conversation_history": history, "response_objs": [{"output": output} for output in outputs]},
        "/rm": {"prompt": PROMPT, "response": answers[0]},
    }
    return bodies[path if path in bodies else path.removeprefix("/v1")]


@pytest.mark.parametrize("path", PATHS)
def test_each_call_is_described_with_examples_that_are_true(path: str, plain: Served, chatml: Served) -> None:
    call = plain.get("/openapi.json").json()["paths"][path]["post"]
    request = call["requestBody"]["content"]["application/json"]
    reply = call["responses"]["200"]["content"]["application/json"]
    jsonschema.validate(reply["example"], reply["schema"])
    for example in request["examples"].values():
        jsonschema.validate(example["value"], request["schema"])
        server = chatml if "--template chatml" in example["summary"] else plain
        for query in ("", "?details=1"):
            answered = server.post(example["value"], path + query)
            assert answered.status_code == 200, answered.text
            jsonschema.validate(answered.json(), reply["schema"])


def test_the_examples_of_the_pages_are_answered_as_they_say(chatml: Served) -> None:
    pages = Path(__file__).parents[3] / "docs" / "serve"
    text = "".join((pages / f"{name}.md").read_text(encoding="utf-8") for name in ("dialects", "vllm"))
    blocks = re.findall(r"^```(sh|json)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    asked = set()
    for place, (_, script) in enumerate(blocks):
        for path, inline in re.findall(r"^curl '?localhost:8000([^ ']+)'? -d (?:'(.*)'|@\S+)$", script, re.MULTILINE):
            reply = chatml.post(json.loads(inline or blocks[place - 1][1]), path)
            assert reply.status_code == 200, reply.text
            assert shape_of(reply.json()) == shape_of(json.loads(blocks[place + 1][1])), path
            asked.add(path.partition("?")[0])
    assert asked == set(PATHS) - {"/v1/score", "/v1/rerank"}


def shape_of(value: Any) -> Any:
    """The names in it, without the numbers and texts."""
    if isinstance(value, dict):
        return {name: shape_of(member) for name, member in value.items()}
    return [shape_of(member) for member in value] if isinstance(value, list) else None


@pytest.mark.parametrize("path", PATHS)
def test_a_refusal_has_the_form_of_the_path_whoever_refuses(path: str) -> None:
    with served(HeldJudge(), Options(queue=8), Door("0.0.0.0", "s3cret", largest_body=1000)) as server:
        mine = {"Authorization": "Bearer s3cret"}
        for reply, status in (
            (server.post({}, path), 401),
            (server.post({}, path, headers=mine), 400 if path in VLLM else 422),
            (server.post([], path, headers=mine), 400 if path in VLLM else 422),
            (server.post({"": "a" * 2000}, path, headers=mine), 413),
            (server.get(path, headers=mine), 405),
        ):
            assert reply.status_code == status
            assert len(said(reply, path).splitlines()) == 1


def test_the_end_of_the_server_is_said_in_the_form_of_the_path() -> None:
    judge = HeldJudge()
    with served(judge) as server, httpx2.Client(timeout=PATIENCE) as client:
        held = {"question": "q", "answer": "hold"}
        with client.stream("POST", server.url + "/v1/judge?stream=1", json=held):
            server.server.lifecycle.draining = True
            for path in PATHS:
                reply = server.post(asks(path, "12"), path)
                assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
                assert said(reply, path).startswith("the server is about to end")
            judge.release()


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_without_a_reward_is_503_or_what_the_operator_chose(path: str, chatml: Served) -> None:
    reply = chatml.post(asks(path, ""), path)
    assert (reply.status_code, said(reply, path)) == (503, "case 0 has no reward, for the reason 'empty_answer'")
    with served(Says(), Options(marks=TEMPLATES["chatml"], missing=0.0)) as server:
        told = server.post(asks(path, ""), path).json()
        assert numbers_in(told, path) == pytest.approx([0.5 if path in VLLM else 3.0 if path == "/compare" else 0.0])
        assert server.metric("themis_missing_rewards_replaced_total") == 1


@pytest.mark.parametrize("path", ["/get_reward", "/classify", "/pooling", "/v1/score/evaluation", "/rm"])
def test_a_text_is_never_split_by_a_guess(path: str, plain: Served, chatml: Served) -> None:
    refused = plain.post(asks(path, "12"), path)
    assert refused.status_code == (400 if path in VLLM else 422)
    assert "template" in said(refused, path)
    assert said(refused, path).endswith("the server's option --template names one")
    unmarked = {"/get_reward": {"query": "What is 3 * 4? 12"}, "/rm": {"prompt": "What is 3 * 4?", "response": "12"}}
    texts = {"/v1/score/evaluation": {"messages": ["What is 3 * 4? 12"]}}
    body = {**unmarked, **texts}.get(path, {"input": "What is 3 * 4? 12"})
    refused = chatml.post(body, path)
    assert refused.status_code == (400 if path in VLLM else 422)
    assert "assistant" in said(refused, path)


@pytest.mark.parametrize("path", ["/get_reward", "/classify", "/pooling", "/v1/score/evaluation", "/rm"])
def test_a_template_gives_question_and_answer_without_its_marks(path: str) -> None:
    judge = Says()
    with served(judge, CHATML) as server:
        assert server.post(asks(path, "A Tuesday."), path).status_code == 200
    assert judge.cases == [Case(QUESTION, "A Tuesday.")]


def test_a_token_may_stand_in_the_address_as_clients_without_headers_need_it() -> None:
    with served(Says(), CHATML, Door("0.0.0.0", "s3cret")) as server:
        for user, status in (("any:s3cret@", 200), (":s3cret@", 200), ("any:wrong@", 401), ("s3cret:@", 401), ("", 401)):
            url = server.url.replace("//", f"//{user}") + "/classify"
            assert httpx2.post(url, json=asks("/classify", "A Tuesday.")).status_code == status
        for wrong in ("Basic ?", "Basic", "Basic czNjcmV0", "Digest s3cret"):
            assert server.post({}, "/classify", headers={"Authorization": wrong}).status_code == 401


def numbers_in(told: Any, path: str) -> list[float]:
    """The number of each case in an answer."""
    if path == "/rm":
        return [told]
    if "results" in told:
        return [result["relevance_score"] for result in sorted(told["results"], key=lambda result: result["index"])]
    if "data" in told:
        return [entry["score"] if "score" in entry else (entry.get("probs") or entry["data"])[0] for entry in told["data"]]
    numbers: list[float] = told["scores"] if path == "/v1/score/evaluation" else told["rewards"]
    return numbers


# --- nano --------------------------------------------------------------------------------------------


@needs_nano
def test_nano_gives_the_same_reward_by_every_dialect_natively_and_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    monkeypatch.chdir(tmp_path)
    with load_judge("nano", device="cpu") as judge:
        verdicts = dict(judge.judge_all([Case(QUESTION, answer) for answer in ANSWERS]))
        in_process = [verdicts[place] for place in range(len(ANSWERS))]
        with served(judge, CHATML) as server:
            found = all_at_once(rewards_by(server) | likelihoods_by(server))
    assert len({verdict.reward for verdict in in_process}) == len(ANSWERS)
    for name in rewards_by(server):
        assert found[name] == pytest.approx([verdict.reward for verdict in in_process], abs=1e-4), name
    for name in likelihoods_by(server):
        assert found[name] == pytest.approx([verdict.probability for verdict in in_process], abs=1e-4), name


Asking = dict[str, Callable[[], list[float]]]


def rewards_by(server: Served) -> Asking:
    """The ways to ask for the rewards of the three answers."""
    texts = [written(answer) for answer in ANSWERS]
    body = {"question": QUESTION, "answers": ANSWERS}
    return {
        "native": lambda: [verdict["reward"] for verdict in server.post(body).json()["verdicts"]],
        "OpenRLHF": lambda: [(clients.openrlhf(server, text, PROMPT)[0] or {})["reward"][0] for text in texts],
        "verl": lambda: [clients.verl(server, text)[0] for text in texts],
        "slime": lambda: [clients.slime(server, PROMPT, f"{answer}<|im_end|>")[0] for answer in ANSWERS],
        "LLaMA-Factory": lambda: clients.llama_factory(server, texts),
        **{f"{path}, plain": partial(vllm_numbers, server, path, use_activation=False) for path in VLLM},
    }


def likelihoods_by(server: Served) -> Asking:
    """The ways to ask for their probabilities."""
    return {
        "NeMo-Gym": lambda: [(score - 1) / 4 for score in clients.nemo_gym(server, QUESTION, list(ANSWERS))[0]],
        **{path: partial(vllm_numbers, server, path) for path in VLLM},
    }


def vllm_numbers(server: Served, path: str, **settings: Any) -> list[float]:
    return numbers_in(server.post({**asks(path, *ANSWERS), **settings}, path).json(), path)


def all_at_once(asking: Asking) -> dict[str, list[float]]:
    """What each way gives, asked in threads: the engine judges them in one batch."""
    with ThreadPoolExecutor(len(asking)) as threads:
        coming = {name: threads.submit(ask) for name, ask in asking.items()}
        return {name: future.result() for name, future in coming.items()}


@needs_nano
def test_a_case_that_is_too_long_is_503_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    monkeypatch.chdir(tmp_path)
    with load_judge("nano", device="cpu") as judge, served(judge, CHATML) as server:
        for path in PATHS:
            reply = server.post(asks(path, "on and on " * 20_000), path)
            assert (reply.status_code, said(reply, path)) == (503, "case 0 has no reward, for the reason 'too_long'")


def test_a_case_that_misses_its_deadline_is_503_with_the_reason() -> None:
    def late(case: Case) -> Verdict:
        return Verdict(case.id, None, "budget")

    with served(Says(late), CHATML) as server:
        for path in PATHS:
            assert said(server.post(asks(path, "12"), path), path) == "case 0 has no reward, for the reason 'budget'"
