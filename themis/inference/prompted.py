"""A chat model as a judge, as it comes: it is told in words how to judge, calls our tools, and says how sure it is.

Any endpoint that speaks OpenAI's chat completions will do, and nothing is trained. Each turn is a JSON object of a
schema, since not every server knows calls of tools. The texts of a case are sent as data. They may still talk a model
round: what keeps an answer from writing the trace of a trained judge does not exist here.
"""

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from themis.chat import BudgetSpent, Chat, ChatError, ChatSettings, NoAnswer, Prompt, fenced, tokens_of, without_marks
from themis.errors import ConfigError, ServerError
from themis.files import digest
from themis.inference.in_flight import in_flight
from themis.inference.judgement import Budget, DescribedTools, Judgement, Part, Rules, Scale
from themis.model.named import PROMPTED
from themis.phrases import document, filled
from themis.traces.case import Case, Message, check_case
from themis.traces.judge import Judge
from themis.traces.trace import Action, Observation, Reason, Step, Verdict

OPENAI = "https://api.openai.com/v1"
FINISH = "finish"
"""What the model names as its tool when it needs no further call."""
CONTEXT = 100_000
"""Tokens. What is too long for the model, its server says."""
SUREST = 0.99
"""Its words measure nothing, so that no reward is larger than that of this probability."""
_ENDS: dict[str, Reason] = {"cut_off": "budget", "rejected": "failed"}
"""Why there is no reward, by why there is no answer; `malformed` for all others."""


def settings_of(model: str) -> ChatSettings:
    """The endpoint of `openai:MODEL`, as OpenAI's SDK finds it: by OPENAI_BASE_URL and OPENAI_API_KEY.

    Raises `ConfigError` where the model has no name, or the address is wrong.
    """
    name, address = model.removeprefix(PROMPTED), (os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/")
    if not name:
        raise ConfigError(f"{PROMPTED}MODEL: name the model as its server does, such as {PROMPTED}qwen3-8b")
    key = "OPENAI_API_KEY" if address == OPENAI or os.environ.get("OPENAI_API_KEY") else None
    settings = ChatSettings(address, name, key, temperature=0.0)
    # Their newer models refuse both.
    return replace(settings, temperature=None, max_tokens_name="max_completion_tokens") if address == OPENAI else settings


def known_by_endpoint(model: str) -> dict[str, str]:
    """What decides its verdicts beside budget and tools, as JSON: who answers, and what it is told."""
    settings = settings_of(model)
    return {"weights": f"{settings.model} at {settings.base_url}", "prompts": digest(document(__package__, "prompted.yaml"))}


class PromptedJudge(Judge):
    """Asks a chat model. A reward is the log-odds of the probability that it states, at most 4.6 either way.

    Raises `ServerError` where the endpoint stays away, and `BudgetSpent` where its budget is used up.
    """

    def __init__(
        self,
        settings: ChatSettings,
        toolbox: DescribedTools,
        *,
        budget: Budget = Budget(),  # noqa: B008 - it is frozen
        rationale: Literal["write", "skip"] = "write",
        strict: bool = False,
        at_once: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`at_once` is the number of cases in flight."""
        self.settings, self._toolbox, self._clock = settings, toolbox, clock
        self.opened = ExitStack()
        """What is closed with this judge: the toolbox, where it was opened for this judge alone."""
        self.rules = Rules(
            writer=_JsonSteps(), budget=budget, write_rationale=rationale == "write", vanilla=False, strict=strict, scale=Scale()
        )
        self._chat = Chat(replace(settings, max_tokens=budget.new_tokens, concurrency=at_once))
        self._told = _told(toolbox, rationale == "write")
        self._seed: str | None = None
        self._at_once = at_once
        self._starting = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def scale(self) -> Scale:
        """How its rewards are read."""
        return Scale()

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        """Verdicts as they come. Cases are pulled when there is room."""
        for place, _, future in in_flight(cases, self._at_once, self._submit):
            yield place, future.result()

    def sampled(self, temperature: float, seed: str) -> "PromptedJudge":
        """A judge whose model draws its tokens. Whether equal seeds give equal traces is up to its server."""
        rationale: Literal["write", "skip"] = "write" if self.rules.write_rationale else "skip"
        settings = replace(self.settings, temperature=temperature)
        sampled = PromptedJudge(
            settings, self._toolbox, budget=self.rules.budget, rationale=rationale, strict=self.rules.strict, at_once=self._at_once
        )
        sampled._seed = seed
        return sampled

    def close(self) -> None:
        """Closes the connections, and what was opened for this judge."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._chat.close()
        self.opened.close()

    def _submit(self, case: Case) -> Future[Verdict]:
        check_case(case)
        with self._starting:
            self._threads = self._threads or ThreadPoolExecutor(self._at_once, "prompted-judge")
        return self._threads.submit(self._judged, case)

    def _judged(self, case: Case) -> Verdict:
        """One judgement, turn by turn."""
        asked = _Asked(case, self.rules, self._clock(), messages=list(self._told))
        asked.begin()
        while asked.state != "done":
            if self._clock() > asked.deadline:
                asked.end("budget")
            elif asked.state == "waiting":
                self._call(asked)
            elif asked.state == "choice":
                asked.act()
            elif asked.state == "action":
                self._write_step(asked)
            else:
                self._conclude(asked)
        return asked.verdict(self._clock())

    def _call(self, asked: "_Asked") -> None:
        """Wait for the tool, as long as the judgement may."""
        coming = self._toolbox.submit(asked.call, asked.case)
        try:
            asked.observe(coming.result(max(0.0, asked.deadline - self._clock())))
        except TimeoutError:
            coming.cancel()
            asked.end("budget")

    def _write_step(self, asked: "_Asked") -> None:
        value = self._answer(asked, _step_schema(self._toolbox.names), "step")
        if value is not None:
            asked.text = json.dumps(value)
            asked.close_step()

    def _conclude(self, asked: "_Asked") -> None:
        asked.give({"request": "Conclude."})
        value = self._answer(asked, _conclusion_schema(asked.state == "rationale"), "conclusion")
        if value is None:
            return
        if asked.state == "rationale":
            asked.text = _in_a_line(value["rationale"])
            asked.close_rationale()
        asked.score(reward_of(value["percent"]))

    def _answer(self, asked: "_Asked", schema: dict[str, Any], name: str) -> dict[str, Any] | None:
        """The JSON of the model's turn; None where it has none, which ends the judgement."""
        asked.tell()
        seed = None if self._seed is None else int(digest([self._seed, asked.case.question_text, asked.case.answer])[:7], 16)
        try:
            reply = self._chat.ask(Prompt(tuple(asked.messages), schema, name, seed))
        except BudgetSpent:
            raise
        except ChatError as error:
            raise ServerError(str(error)) from error
        if isinstance(reply, NoAnswer):
            asked.end(_ENDS.get(reply.why, "malformed"))
            return None
        asked.new_tokens += tokens_of(reply.text)
        asked.messages.append(Message(role="assistant", content=fenced(reply.value)))
        value: dict[str, Any] = reply.value
        return value


def reward_of(percent: float) -> float:
    """The log-odds of a probability in percent, that of `SUREST` at most."""
    probability = min(SUREST, max(1 - SUREST, percent / 100))
    return math.log(probability / (1 - probability))


class _JsonSteps:
    """The form in which the model writes a step."""

    def parse_step(self, text: str) -> Step:
        """The text fits the schema: `Chat` has seen to that."""
        value = json.loads(text)
        return Step(_in_a_line(value["thought"]), None if value["tool"] == FINISH else Action(value["tool"], value["input"]))

    def rest_of_step(self, text: str) -> None:
        """JSON that is broken is asked for again, and never led on."""


def _in_a_line(text: str) -> str:
    """As a trace has it."""
    return " ".join(text.split())


@dataclass(eq=False, slots=True)
class _Asked(Judgement):
    """A judgement as the messages to a chat model. Its tokens are estimates."""

    messages: list[Message] = field(default_factory=list)
    """Rules and examples come before the case."""
    text: str = ""
    read: int = 0
    unsaid: dict[str, Any] = field(default_factory=dict)
    """What the next message to the model holds. The chat templates of many models want turns in alternation."""

    @property
    def room(self) -> int:
        return CONTEXT - self.read - self.new_tokens

    @property
    def read_tokens(self) -> int:
        return self.read

    def read_case(self) -> bool:
        case = self.case
        data: dict[str, Any] = {"question": case.question_text, "answer": case.answer}
        data |= {"context": case.context} if case.context else {}
        data |= {"tests": list(case.tests)} if case.tests else {}
        self.give(data)
        return self.room > 0

    def read_observation(self, observation: Observation) -> Observation | None:
        self.give({"observation": observation.text, "status": observation.status})
        return observation if self.room > 0 else None

    def open(self, part: Part) -> None:
        self.text = ""

    def written(self) -> str:
        return self.text

    def append(self, text: str) -> None:
        self.text += text

    def give(self, data: dict[str, Any]) -> None:
        """Say this with the next message."""
        self.read += tokens_of(json.dumps(data, ensure_ascii=False))
        self.unsaid |= data

    def tell(self) -> None:
        """Send what is unsaid."""
        left = self.rules.budget.tool_calls - self.tool_calls
        self.messages.append(Message(role="user", content=fenced({**self.unsaid, "calls_left": left})))
        self.unsaid = {}


def _told(toolbox: DescribedTools, with_rationale: bool) -> list[Message]:
    """Rules, tools and examples, which are the same for every case."""
    texts = document(__package__, "prompted.yaml")
    listed = without_marks("\n".join(json.dumps(schema["function"], ensure_ascii=False) for schema in toolbox.schemas()))
    rules = [filled(texts["rules"], {"finish": FINISH}), *([texts["rationale"]] if with_rationale else []), "The tools:", listed]
    said = [
        {name: value for name, value in turn.items() if with_rationale or name != "rationale"}
        for example in texts["examples"]
        for turn in example
    ]
    turns = [Message(role=("user", "assistant")[at % 2], content=fenced(turn)) for at, turn in enumerate(said)]
    return [Message(role="system", content="\n".join(rules)), *turns]


def _step_schema(tools: Iterable[str]) -> dict[str, Any]:
    return _object(
        thought={"type": "string", "maxLength": 1_500},
        tool={"type": "string", "enum": [*tools, FINISH]},
        input={"type": "string", "maxLength": 20_000},
    )


def _conclusion_schema(with_rationale: bool) -> dict[str, Any]:
    rationale = {"rationale": {"type": "string", "minLength": 1, "maxLength": 1_500}} if with_rationale else {}
    return _object(**rationale, percent={"type": "number"})


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
