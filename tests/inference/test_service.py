"""One judge for many callers: the same verdicts, in shared batches, even if calls are cancelled, closed or fail."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from typing import Any

import pytest
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from tests.fakes import EchoTools, FormChoice, HeldTools, ScriptedModel, tiny_model
from themis.errors import DataError, ModelError
from themis.inference import Budget, JudgingService
from themis.inference.causal import CausalJudge
from themis.inference.service import _Submitted
from themis.traces import Action, Case, Judge, Observation, Step, Verdict
from themis.traces.text import OBSERVATION, RATIONALE

CALL = f"Thought: ask\nAction: echo\nAction Input: age\n{OBSERVATION}"
CASES = [Case("How old?", f"{number} years.", id=str(number)) for number in range(16)]
PATIENCE = 60.0
"""Seconds after which a test that hangs fails."""


class CountedModel(ScriptedModel):
    """Counts its passes, and breaks on a case whose answer says so."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, lines: Sequence[str]) -> None:
        super().__init__(tokenizer, lines)
        self.passes = 0

    def hidden_states(self, token_ids_BT: Tensor, attention_mask: Tensor | None = None, **kwargs: Any) -> Tensor:
        self.passes += 1
        if any("break" in str(self._tokenizer.decode(tokens)) for tokens in token_ids_BT.tolist()):
            raise RuntimeError("out of memory")
        return super().hidden_states(token_ids_BT, attention_mask, **kwargs)


def scripted(tokenizer: PreTrainedTokenizerFast, toolbox: Any = None, **settings: Any) -> CausalJudge:
    """A judge that calls a tool once."""
    model = CountedModel(tokenizer, [CALL, RATIONALE])
    return CausalJudge(model, tokenizer, toolbox or EchoTools(), rationale="skip", use_cache=False, **settings)


def passes(judge: CausalJudge) -> int:
    assert isinstance(judge.model, CountedModel)
    return judge.model.passes


def submit_at_once(service: JudgingService, cases: Sequence[Case]) -> list[Future[Verdict]]:
    """Each case from a thread of its own, all at the same time."""
    barrier = threading.Barrier(len(cases))
    futures: dict[int, Future[Verdict]] = {}

    def submit(place: int) -> None:
        barrier.wait()
        futures[place] = service.submit(cases[place])

    threads = [threading.Thread(target=submit, args=(place,)) for place in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [futures[place] for place in range(len(cases))]


def test_many_threads_get_the_verdicts_that_one_caller_gets(phrase_tokenizer: PreTrainedTokenizerFast) -> None:
    judge = CausalJudge(tiny_model("llama", phrase_tokenizer), phrase_tokenizer, EchoTools(), batch_size=5, budget=Budget(new_tokens=60))
    judge.choose = FormChoice(phrase_tokenizer)
    expected = dict(judge.judge_all(CASES))
    with JudgingService(judge) as service:
        found = [future.result(PATIENCE) for future in submit_at_once(service, CASES)]
    assert len({verdict.trace for verdict in found}) > 5
    for place, verdict in enumerate(found):
        assert (verdict.id, verdict.trace, verdict.reason) == (expected[place].id, expected[place].trace, expected[place].reason)
        assert verdict.reward == pytest.approx(expected[place].reward, abs=1e-3)


def test_cases_that_come_together_share_their_batches(tokenizer: PreTrainedTokenizerFast) -> None:
    judge, all_there = scripted(tokenizer), threading.Event()
    judge.judge(CASES[0])
    alone = passes(judge)

    def load() -> Judge:
        assert all_there.wait(PATIENCE)
        return judge

    with JudgingService(load) as service:
        futures = submit_at_once(service, CASES)
        all_there.set()
        assert {future.result(PATIENCE).reward for future in futures} == {1.5}
    assert passes(judge) - alone <= 2 * alone, "sixteen cases take about as many passes as one"


def test_a_case_that_comes_later_joins_the_others_in_flight(tokenizer: PreTrainedTokenizerFast) -> None:
    toolbox = HeldTools({CASES[0].answer})
    with JudgingService(scripted(tokenizer, toolbox)) as service:
        first = service.submit(CASES[0])
        assert service.submit(CASES[1]).result(PATIENCE).reward == 1.5
        assert not first.done()
        assert service.submit(CASES[2]).result(PATIENCE).reward == 1.5, "while the first still waits for its tool"
        toolbox.release()
        assert first.result(PATIENCE).trace.steps[0].observation == Observation("you said age")


def test_a_cancelled_case_leaves_the_batch_and_its_tool_call_is_dropped(tokenizer: PreTrainedTokenizerFast) -> None:
    toolbox = HeldTools({CASES[0].answer})
    judge = scripted(tokenizer, toolbox, batch_size=1)
    with JudgingService(judge) as service:
        held = service.submit(CASES[0])
        assert service.submit(CASES[1]).result(PATIENCE).reward == 1.5
        assert held.cancel()
        assert wait([held], PATIENCE).done, "whoever waits for it is told"
        assert service.submit(CASES[2]).result(PATIENCE).reward == 1.5
    (call,) = toolbox.calls_held
    assert call.cancelled()


def test_a_case_that_is_cancelled_before_its_turn_is_never_judged(tokenizer: PreTrainedTokenizerFast) -> None:
    loaded, judge = threading.Event(), scripted(tokenizer)

    def load() -> Judge:
        assert loaded.wait(PATIENCE)
        return judge

    with JudgingService(load) as service:
        future = service.submit(CASES[0])
        assert future.cancel()
        loaded.set()
        with pytest.raises(CancelledError):
            future.result(PATIENCE)
    assert passes(judge) == 0


def test_closing_waits_for_what_was_submitted(tokenizer: PreTrainedTokenizerFast) -> None:
    service = JudgingService(scripted(tokenizer, batch_size=2))
    futures = [service.submit(case) for case in CASES]
    service.close()
    assert [future.result(0).reward for future in futures] == [1.5] * len(CASES)
    with pytest.raises(RuntimeError, match="is closed"):
        service.submit(CASES[0])
    service.close()


def test_closing_may_cancel_what_is_in_flight_instead(tokenizer: PreTrainedTokenizerFast) -> None:
    service = JudgingService(scripted(tokenizer, HeldTools({case.answer for case in CASES}), batch_size=2))
    futures = [service.submit(case) for case in CASES]
    service.close(cancel_futures=True)
    assert all(future.cancelled() for future in futures)


def test_an_error_in_the_block_cancels_instead_of_waiting(tokenizer: PreTrainedTokenizerFast) -> None:
    futures: list[Future[Verdict]] = []

    def interrupted() -> None:
        with JudgingService(scripted(tokenizer, HeldTools({CASES[0].answer}))) as service:
            futures.append(service.submit(CASES[0]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert futures[0].cancelled()


def test_a_service_counts_what_waits_and_tells_steps_as_they_come(tokenizer: PreTrainedTokenizerFast) -> None:
    toolbox = HeldTools({CASES[1].answer})
    told: list[Step] = []
    with JudgingService(scripted(tokenizer, toolbox, batch_size=1)) as service:
        verdict = service.submit(CASES[0], told.append).result(PATIENCE)
        assert tuple(told) == verdict.trace.steps
        assert told[0].observation == Observation("you said age")
        held = [service.submit(CASES[1], told.append) for _ in range(6)]
        deadline = time.monotonic() + PATIENCE
        while (service.in_flight, service.waiting) != (4, 2):
            assert time.monotonic() < deadline
        assert len(told) == 1, "a step is told with its observation"
        held[4].cancel()
        held[5].cancel()
        while (service.in_flight, service.waiting) != (4, 0):
            assert time.monotonic() < deadline
        toolbox.release()
        wait(held, PATIENCE)
        assert (service.in_flight, service.waiting, len(told)) == (0, 0, 5)


def test_cases_that_were_cancelled_are_let_go_of_before_the_judge_comes_to_them(tokenizer: PreTrainedTokenizerFast) -> None:
    loaded, judge = threading.Event(), scripted(tokenizer)

    def load() -> Judge:
        assert loaded.wait(PATIENCE)
        return judge

    with JudgingService(load) as service:
        last = service.submit(CASES[0])
        for _ in range(100):
            service.submit(CASES[1]).cancel()
        assert service.waiting == 1
        assert len(service._queue) < 30
        loaded.set()
        assert last.result(PATIENCE).reward == 1.5


def _until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_an_error_of_the_engine_reaches_the_case_that_causes_it_and_no_other(tokenizer: PreTrainedTokenizerFast) -> None:
    tools = HeldTools({CASES[0].answer})
    with JudgingService(scripted(tokenizer, tools)) as service:
        held = service.submit(CASES[0])
        _until(lambda: len(tools.calls_held) == 1)
        broken = service.submit(Case("How old?", "break"))
        _until(lambda: len(tools.calls_held) == 2)  # once more after the error
        tools.release()
        with pytest.raises(RuntimeError, match="out of memory"):
            broken.result(PATIENCE)
        assert held.result(PATIENCE).reward == 1.5, "it is judged again"
        assert service.submit(CASES[1]).result(PATIENCE).reward == 1.5


def test_a_case_that_is_judged_again_tells_no_step_twice() -> None:
    told: list[Step] = []
    submitted = _Submitted(CASES[0], Future(), told.append)
    for thoughts in (["one"], ["one", "two"], ["one", "two", "three"]):
        tell = submitted.new_steps()
        assert tell is not None
        for thought in thoughts:
            tell(Step(thought))
    assert [step.thought for step in told] == ["one", "two", "three"]


def test_one_case_of_many_breaks_the_engine_and_gets_the_error_alone(
    tokenizer: PreTrainedTokenizerFast, caplog: pytest.LogCaptureFixture
) -> None:
    cases = [Case("How old?", "break", id=case.id) if case.id in ("3", "11") else case for case in CASES]
    with JudgingService(scripted(tokenizer)) as service:
        for case, future in zip(cases, submit_at_once(service, cases), strict=True):
            if case.answer == "break":
                with pytest.raises(RuntimeError, match="out of memory"):
                    future.result(PATIENCE)
            else:
                assert future.result(PATIENCE).id == case.id
    said = [record.getMessage() for record in caplog.records]
    assert said
    assert all("cases, which are judged again in halves: RuntimeError at test_service.py, line" in line for line in said)


def test_an_error_of_a_tool_reaches_its_own_case_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    def lacking(action: Action, case: Case) -> Observation:
        if case == CASES[3]:
            raise DataError("the store holds no answer of echo(age)")
        return Observation("seven")

    with JudgingService(scripted(tokenizer, EchoTools(lacking))) as service:
        futures = submit_at_once(service, CASES[:6])
        with pytest.raises(DataError, match="holds no answer"):
            futures[3].result(PATIENCE)
        assert [future.result(PATIENCE).reward for place, future in enumerate(futures) if place != 3] == [1.5] * 5


def test_a_judge_that_cannot_be_loaded_is_tried_again_with_the_next_case(tokenizer: PreTrainedTokenizerFast) -> None:
    tries: list[Judge] = []

    def load() -> Judge:
        tries.append(scripted(tokenizer))
        if len(tries) == 1:
            raise ModelError("the model is cut off")
        return tries[-1]

    with JudgingService(load) as service:
        with pytest.raises(ModelError, match="cut off"):
            service.submit(CASES[0]).result(PATIENCE)
        assert service.submit(CASES[1]).result(PATIENCE).reward == 1.5
        assert service.submit(CASES[2]).result(PATIENCE).reward == 1.5
    assert len(tries) == 2


class LengthJudge(Judge):
    """A judge without an engine: the reward is the answer's length."""

    closed = False

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in reversed(list(enumerate(cases))):
            if not case.answer:
                raise DataError("nothing to measure")
            yield place, Verdict(case.id, float(len(case.answer)), None)

    def close(self) -> None:
        self.closed = True


def test_a_judge_without_an_engine_judges_all_that_wait() -> None:
    judge = LengthJudge()
    with JudgingService(judge) as service:
        found = [future.result(PATIENCE) for future in submit_at_once(service, CASES)]
        assert [verdict.reward for verdict in found] == [len(case.answer) for case in CASES]
        first, broken, last = submit_at_once(service, [CASES[0], Case("q", ""), CASES[1]])
        with pytest.raises(DataError, match="nothing to measure"):
            broken.result(PATIENCE)
        assert [first.result(PATIENCE).id, last.result(PATIENCE).id] == ["0", "1"]
        assert service.submit(CASES[0]).result(PATIENCE).id == "0"
    assert not judge.closed, "whoever made it closes it"


def test_a_judge_that_the_service_loaded_is_closed_with_it() -> None:
    judge = LengthJudge()
    with JudgingService(lambda: judge) as service:
        service.submit(CASES[0]).result(PATIENCE)
    assert judge.closed


def test_tasks_that_ask_at_the_same_time_share_their_batches(tokenizer: PreTrainedTokenizerFast) -> None:
    async def ask(judge: Judge) -> list[Verdict]:
        return list(await asyncio.gather(*(judge.ajudge(case) for case in CASES)))

    with scripted(tokenizer) as judge:
        expected = [verdict.trace for verdict in map(judge.judge, CASES)]
        alone = passes(judge)
        verdicts = asyncio.run(ask(judge))
        assert [verdict.id for verdict in verdicts] == [case.id for case in CASES]
        assert [verdict.trace for verdict in verdicts] == expected
        assert passes(judge) - alone < alone / 2


def test_a_cancelled_task_drops_its_case(tokenizer: PreTrainedTokenizerFast) -> None:
    toolbox = HeldTools({CASES[0].answer})

    async def ask(judge: Judge) -> float | None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(judge.ajudge(CASES[0]), 0.2)
        return (await judge.ajudge(CASES[1])).reward

    with scripted(tokenizer, toolbox) as judge:
        assert asyncio.run(ask(judge)) == 1.5


AT_EXIT = """
import time
from themis.inference import JudgingService
from themis.tools import Toolbox, tool
from themis.traces import Action, Case, Judge, Verdict

@tool(name="echo")
def echo(text: str) -> str:
    "Says it again."
    time.sleep(0.3)
    return text

toolbox = Toolbox([echo])

class Asking(Judge):
    def judge_all(self, cases):
        for place, case in enumerate(cases):
            for word in ("first", "second"):
                toolbox.submit(Action("echo", word + case.answer), case).result()
            yield place, Verdict(case.id, 1.0, None)

service = JudgingService(Asking())
for number in range(3):
    service.submit(Case("q", str(number))).add_done_callback(lambda future: print("done", flush=True))
"""
"""A program that ends without a word, while its cases are in flight and its tools run."""


def test_a_program_that_ends_with_cases_in_flight_ends() -> None:
    done = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True, timeout=5 * PATIENCE)
    assert (done.returncode, done.stdout) == (0, "done\n" * 3), done.stderr
