"""The three agents as a language model behind an OpenAI-compatible endpoint.

Nothing that the model says is trusted. The real tools run its calls. Its wrong answers are checked against what the
tools say. Its rationale is checked against the evidence, which a program reads from the observations. If the model
does not answer, or contradicts the observations, the row is given up (`GivenUp`) with the reason.

In `hindsight` the views have labels, which the model sees; in `blind` they have none. The negative agent always sees
the right answer, because its answer must be wrong.

Knows nothing of the rest of the recipe or of the order of the steps.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Literal

from themis.builder.agents import prompts
from themis.builder.agents.programs import agents_by_rule
from themis.builder.agents.rationales import checked
from themis.builder.draft import Agents, ByRule, Draft, Evidence, Observe, View, view_of
from themis.builder.tasks.registry import task_named
from themis.chat import Chat, ChatSettings, Estimate, NoAnswer, fenced
from themis.traces import Action, Case, Message, Observation, Step

Agent = Literal["negatives", "steps", "rationale"]
AGENTS: tuple[Agent, ...] = ("negatives", "steps", "rationale")
MOST_CALLS = 3
CONTRADICTED = "label contradicted by the observation"
"""The name of the filter for the same fault."""

_SPECIAL = re.compile(r"<[|｜][^<>|｜\n]{1,60}[|｜]>")
_TOLD = re.compile(r"\b(?:answer|claim)\b[^.?!]{0,40}\b(?:is|was) (?:not )?(?:wrong|incorrect|false|right|correct|true)\b", re.IGNORECASE)
_ASKED = re.compile(r"\b(?:if|whether|see|check|verify|determine)\b", re.IGNORECASE)
_PRAISE = re.compile(
    r"\b(?<!not )(?:agrees? with|match(?:es)?|confirms?|supports?|bears? out) the (?:given |provided )?answer\b"
    r"|\bthe answer is (?:therefore |thus |indeed |also )?(?:right|correct|accurate|true|confirmed|supported)\b",
    re.IGNORECASE,
)
_BLAME = re.compile(
    r"\bcontradicts? the (?:given |provided )?answer\b"
    r"|\bthe answer is (?:therefore |thus |indeed |also )?(?:wrong|incorrect|inaccurate|false|not right|not correct)\b",
    re.IGNORECASE,
)
_LIKELY = {"negatives": 250, "steps": 60, "rationale": 90}
"""Tokens of a reply, for the estimate."""
_OBSERVATION = Observation("x" * 500)
"""An observation of typical length, for the estimate."""


class GivenUp(Exception):
    """The model gave no usable reply. The message is the reason for the card; the row is dropped, and the build
    continues.
    """


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """The key `language_model` of a recipe."""

    endpoint: ChatSettings
    agents: tuple[Agent, ...] = AGENTS
    """The agents that use the model; the others stay programs."""


def agents_by_model(task: str, recipe: ModelRecipe, chat: Chat, tools: Sequence[Mapping[str, Any]]) -> Agents:
    """The agents of a task; those that the recipe names use the model. `tools` are the toolbox's schemas."""
    found = task_named(task)
    model, rule = LanguageModel(chat, found.agents, described(tools)), agents_by_rule(found)
    return Agents(
        model.negatives if "negatives" in recipe.agents else rule.negatives,
        model.steps if "steps" in recipe.agents else rule.steps,
        rule.evidence,
        model.rationale if "rationale" in recipe.agents else rule.rationale,
    )


def described(tools: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The toolbox's schemas, one line each: description and inputs."""
    found: dict[str, str] = {}
    for entry in tools:
        function = entry["function"]
        names = ", ".join(function["parameters"].get("properties", {})) or "none"
        found[function["name"]] = f"{' '.join(function['description'].split())} (input: {names})"
    return found


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """The agents of one task as a language model; safe for many threads."""

    chat: Chat
    rule: ByRule
    """The programs of the same task, which check the model."""
    tools: Mapping[str, str]
    """Descriptions by name."""

    def negatives(self, draft: Draft, rng: Random, observe: Observe) -> Sequence[str]:
        """Wrong answers, without those that the tools confirm; empty if the model gave none."""
        prompt = prompts.negative_prompt(draft, rng.getrandbits(31))
        reply = self.chat.ask(prompt, lambda value: _misfit_negatives(value, draft))
        if isinstance(reply, NoAnswer):
            return ()
        wrong = _wrong(reply.value["wrong_answers"], draft)
        return [answer for answer in wrong if not self._is_right(answer, draft, observe)]

    def steps(self, view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
        """Thoughts and calls; each call is run before the next is asked for."""
        prompt = prompts.tool_prompt(view, self.tools, rng.getrandbits(31))
        taken: list[Step] = []
        while len(taken) < MOST_CALLS:
            reply = self.chat.ask(prompt, partial(_misfit_call, view, tuple(taken)))
            if isinstance(reply, NoAnswer):
                if taken:
                    break  # the calls so far are kept
                raise GivenUp(f"the tool agent gave no call ({reply.why})")
            thought, tool, argument = (" ".join(reply.value["thought"].split()), reply.value["tool"], reply.value["input"].strip())
            if tool == prompts.FINISH:
                return tuple(taken) or (Step(thought),)
            action = Action(tool, argument)
            observation = observe(action, view.case)
            taken.append(Step(thought, action, observation))
            said = Message(role="assistant", content=fenced(reply.value))
            prompt = prompt.then(said, prompts.observation_message(observation, MOST_CALLS - len(taken)))
        return tuple(taken)

    def rationale(self, view: View, steps: Sequence[Step], evidence: Evidence, rng: Random) -> str:
        """The rationale, consistent with the evidence; raises `GivenUp` if the model contradicts it after a repair."""
        seen = checked(evidence, steps, view.case.context)
        allowed = _allowed(seen, view)
        if not allowed:
            raise GivenUp(CONTRADICTED)  # the label contradicts the evidence, so no rationale could be true: none is paid for
        prompt = prompts.rationale_prompt(view, steps, rng.getrandbits(31))
        reply = self.chat.ask(prompt, partial(_misfit_rationale, steps, seen, allowed), repairs=1)
        if isinstance(reply, NoAnswer):
            raise GivenUp(CONTRADICTED if reply.why == "unfit" else f"the rationale agent gave no rationale ({reply.why})")
        return " ".join(reply.value["rationale"].split())

    def _is_right(self, answer: str, draft: Draft, observe: Observe) -> bool:
        """Whether the tools, called by the task's programs, confirm a wrong answer."""
        view = view_of(draft, answer, False)
        steps = self.rule.steps(view, Random(draft.id), observe)
        return checked(self.rule.evidence(view, steps), steps, draft.context).stance == "agrees"


def estimated(
    recipe: ModelRecipe, chat: Chat, tools: Sequence[Mapping[str, Any]], drafts: Iterable[Draft], blind: bool = False
) -> Estimate:
    """The expected cost for drafts with an empty cache: one call an answer, without repairs."""
    known = described(tools)
    total = Estimate()
    for draft in drafts:
        case = Case(draft.question, draft.chosen, draft.context, draft.tests)
        view = View(case, draft.task) if blind else View(case, draft.task, draft.facts, True, (draft.chosen, *draft.references))
        step = Step("x" * 80, Action("wiki_search", "x" * 40), _OBSERVATION)
        if "negatives" in recipe.agents:
            total += chat.estimate([prompts.negative_prompt(draft, 0)], _LIKELY["negatives"])
        if "steps" in recipe.agents:
            first = prompts.tool_prompt(view, known, 0)
            said = Message(role="assistant", content=step.thought)
            second = first.then(said, prompts.observation_message(_OBSERVATION, 2))
            total += chat.estimate([first, second], _LIKELY["steps"]).times(2)
        if "rationale" in recipe.agents:
            total += chat.estimate([prompts.rationale_prompt(view, [step], 0)], _LIKELY["rationale"]).times(2)
    return total


def _misfit_negatives(value: Any, draft: Draft) -> str:
    if any(_SPECIAL.search(answer) for answer in value["wrong_answers"]):
        return "an answer holds a mark of the form <|...|>, which no answer may hold"
    return "" if _wrong(value["wrong_answers"], draft) else "all of these are the right answer; write answers that are wrong"


def _wrong(answers: Sequence[str], draft: Draft) -> list[str]:
    """Distinct answers that are not the right one."""
    right = {_plain(answer) for answer in (draft.chosen, *draft.references)}
    found: dict[str, str] = {}
    for answer in answers:
        plain = _plain(answer)
        if plain and plain not in right:
            found.setdefault(plain, answer.strip("\n") if task_named(draft.task).programs else answer.strip())
    return list(found.values())[: 3 * prompts.MOST_CANDIDATES]


def _misfit_call(view: View, taken: Sequence[Step], value: Any) -> str:
    """Why a call may not be run, or its thought may not be in a trace; empty if all is well."""
    thought, tool, argument = value["thought"], value["tool"], value["input"].strip()
    if not thought.strip():
        return "field 'thought' is empty"
    if _SPECIAL.search(thought) or _SPECIAL.search(argument):
        return "a mark of the form <|...|> may stand neither in the thought nor in the input"
    if _tells(thought):
        return "the thought says whether the answer is right, which is for the judge to find out"
    if tool == prompts.FINISH:
        return ""
    if not argument:
        return f"field 'input' is empty, and {tool} needs one"
    if any(step.action == Action(tool, argument) for step in taken):
        return f"this call was made already; make another one, or choose '{prompts.FINISH}'"
    if leak := _leak(f"{thought}\n{argument}", view, taken):
        return f"'{leak}' stands neither in the question, nor in the answer, nor in what the tools said: it may not be named"
    return ""


def _tells(thought: str) -> bool:
    return any(_TOLD.search(sentence) and not _ASKED.search(sentence) for sentence in re.split(r"(?<=[.?!])\s", thought))


def _leak(text: str, view: View, taken: Sequence[Step]) -> str:
    """A right answer, or a name or number of it, that the text mentions and the view does not show."""
    seen = [view.case.question_text, view.case.answer, view.case.context or "", *view.case.tests]
    seen += [step.observation.text for step in taken if step.observation is not None]
    known, said = _plain("\n".join(seen)), _plain(text)
    for reference in view.references:
        for part in (reference, *_names(reference)):
            plain = _plain(part)
            if len(plain) > 2 and plain not in known and re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", said):
                return part[:80]
    return ""


def _names(reference: str) -> list[str]:
    """The names and numbers of an answer; the capital of a sentence's first word does not count."""
    words = reference.split()
    if len(words) > 40:
        return []
    parts = [word.strip(".,;:!?()[]'\"") for word in (words[1:] if len(words) > 3 else words)]
    return [part for part in parts if part[:1].isupper() or any(letter.isdigit() for letter in part)]


def _allowed(seen: Evidence, view: View) -> frozenset[str]:
    """The verdicts that the evidence allows; empty if the label contradicts the evidence."""
    by_label = {True: "agrees", False: "disagrees"}.get(view.label) if view.label is not None else None
    if seen.stance == "unsettled":
        return frozenset({"unsettled"} | ({by_label} if by_label else set()))
    return frozenset() if by_label and by_label != seen.stance else frozenset({seen.stance})


def _misfit_rationale(steps: Sequence[Step], seen: Evidence, allowed: frozenset[str], value: Any) -> str:
    """Why a rationale is not true or not well formed; empty if all is well."""
    verdict, text = value["verdict"], value["rationale"]
    if verdict not in allowed:
        return prompts.contradiction(verdict, seen)
    if _SPECIAL.search(text):
        return "a mark of the form <|...|> may not stand in the rationale"
    if verdict != "agrees" and _PRAISE.search(text):
        return f"the rationale claims that the tools bear out the answer, and the verdict is '{verdict}'"
    if verdict != "disagrees" and _BLAME.search(text):
        return f"the rationale claims that the tools refute the answer, and the verdict is '{verdict}'"
    observed = _plain("\n".join(step.observation.text for step in steps if step.observation is not None))
    if _plain(value["found"]) not in observed:
        return "field 'found' must be quoted letter for letter from what the tools said, or be empty"
    return ""


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
