"""The agents of the task webgpt: an answer in prose, judged by what a web search finds.

No search proves prose right or wrong word for word. So *settled* has a meaning of its own here, in hindsight and
blind:
- The content words of an answer are those that the question does not hold already.
- An answer is supported if the results hold most of its content words, and no single statement lacks them.
- An answer is not supported if no result holds several content words of one statement, or its name or number.
- Anything between is unsettled.
A pair is kept if its chosen answer is supported and its rejected one is not.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, and its released data.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Literal, TypeAlias

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.text.reading import content, sentences, shared, spread
from themis.phrases import phrases
from themis.traces import Action, Step

SUPPORTED = 0.5
"""The least share of an answer's content words that the results must hold to support it."""
MISSING = 0.5
"""The share of one statement's content words above which, if no result holds them, it is not supported."""
QUOTED = 14
"""Most words of a quotation."""
LONGEST_QUERY = 300
"""Characters."""

_WRITTEN = re.compile(r"[^\W_]+(?:[.,'’-][^\W_]+)*")
_DENIES = re.compile(r"n['’]t\b|\b(?:no|not|never|none|nothing|nobody|neither|nor)\b", re.IGNORECASE)
Stance: TypeAlias = Literal["agrees", "disagrees", "unsettled"]

_IS_SO = r"(?:that|this|it) is (?:not )?(?:true|correct|right|so)"
_VERDICT = re.compile(rf"^(?:(?:yes|no)(?:, {_IS_SO})?|{_IS_SO}|true|false)[.:,;]\s+", re.IGNORECASE)

_PHRASES = phrases(__package__)


def negatives(draft: Draft, rng: Random, observe: Observe) -> list[str]:
    """The source's wrong answers alone: people judged them worse, or know them to be false."""
    return rng.sample(draft.rejected, len(draft.rejected))


def query_of(question: str, answer: str, facts: Mapping[str, str]) -> str:
    """What to search for: the claim in question, what the answer says of the subject, or else the question itself."""
    if "claim" in facts:
        found = facts["claim"]
    elif "subject" in facts:
        found = statements(answer)[0] if statements(answer) else facts["subject"]
    else:
        found = next((one for one in reversed(sentences(question)) if one.endswith("?")), question)
    found = " ".join(found.split()).rstrip(".")
    return found if len(found) <= LONGEST_QUERY else found[:LONGEST_QUERY].rsplit(" ", 1)[0]


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """One search."""
    query = query_of(view.case.question_text, view.case.answer, view.facts)
    subject = view.facts.get("subject", "")
    thought = rng.choice([one for one in _PHRASES["thoughts"] if subject or "{subject}" not in one]).format(subject=subject, query=query)
    action = Action("google_serper", query)
    return (Step(thought, action, observe(action, view.case)),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """Whether the results support the answer.

    `claim` is the statement that decides, `found` the sentence nearest to it.
    """
    results, said = _results(steps), statements(view.case.answer)
    if not results or not said:
        return Evidence("unsettled", view.case.answer)
    asked = [view.case.question_text, view.facts.get("subject", "")]
    stance, claim = stance_of(said, results, asked)
    return Evidence(stance, claim, _nearest(claim, results, asked))


def stance_of(said: Sequence[str], results: str, asked: Sequence[str]) -> tuple[Stance, str]:
    """The stance of the results on statements, and the statement that decides: the weakest, or the best supported."""
    stems = frozenset(content(results))
    shares = {one: unsupported(one, stems, asked) for one in said}
    weakest = max((one for one in said if _weighs(missing(one, stems, asked), one)), key=lambda one: shares[one], default="")
    if weakest and shares[weakest] >= MISSING:
        return "disagrees", weakest
    best = max(said, key=lambda one: (1 - shares[one]) * min(6, 1 + len(telling(one, asked))))
    return ("agrees" if unsupported(" ".join(said), stems, asked) <= 1 - SUPPORTED else "unsettled"), best


def _weighs(lacking: Sequence[str], statement: str) -> bool:
    """Whether the missing words matter: two words, a name or a number. A single verb may be paraphrased."""
    written = [found for word in re.findall(r"(?<!^)\b[A-Z]\w+|\d[\d.,]*", statement) for found in content(word)]
    return len(lacking) > 1 or bool(set(lacking) & set(written))


def statements(answer: str) -> list[str]:
    """The sentences of an answer, without a verdict such as `Yes.` before them."""
    return [one for one in sentences(_VERDICT.sub("", answer.strip())) if content(one)]


def telling(statement: str, asked: Sequence[str]) -> list[str]:
    """The stems of a statement that the question does not hold, or all of them if it holds all."""
    given = {found for text in asked for found in content(text)}
    stems = list(dict.fromkeys(content(statement)))
    return [found for found in stems if found not in given] or stems


def missing(statement: str, results: Collection[str], asked: Sequence[str]) -> list[str]:
    """The telling stems of a statement that are not among the results' stems."""
    return [found for found in telling(statement, asked) if found not in results]


def unsupported(statement: str, results: Collection[str], asked: Sequence[str]) -> float:
    """The share of a statement's telling stems that the results do not hold."""
    stems = telling(statement, asked)
    return len(missing(statement, results, asked)) / len(stems) if stems else 1.0


def _nearest(statement: str, results: str, asked: Sequence[str]) -> str:
    """The sentence of the results that shares most with a statement. One with a denial counts half for one without."""
    found = sentences(results)
    weights, stems = spread(found), telling(statement, asked)

    def near(one: str) -> tuple[float, float]:
        turned = bool(_DENIES.search(one)) != bool(_DENIES.search(statement))
        return shared(stems, content(one), weights) * (0.5 if turned else 1.0), shared(content(statement), content(one), weights)

    return max(found, key=near)


def _results(steps: Sequence[Step]) -> str:
    said = [step.observation for step in steps if step.action and step.action.tool == "google_serper"]
    return " ".join(one.text for one in said if one and one.status == "ok")


def _cut(sentence: str, stems: Collection[str]) -> str:
    """A whole sentence, or the part of a long one that holds most of the stems."""
    tokens = sentence.split()
    if len(tokens) <= QUOTED:
        return " ".join(tokens).rstrip(" .,;")
    told = [bool(set(content(token)) & set(stems)) for token in tokens]
    start = max(range(len(tokens) - QUOTED + 1), key=lambda place: sum(told[place : place + QUOTED]))
    end = start + QUOTED
    return f"{'... ' if start else ''}{' '.join(tokens[start:end]).strip(' .,;')}{' ...' if end < len(tokens) else ''}"


def rationale(view: View, steps: Sequence[Step], seen: Evidence, rng: Random) -> str:
    """The verdict, the statement that decided it, and what the results say of it, quoted."""
    asked = [view.case.question_text, view.facts.get("subject", "")]
    whole = evidence(view, steps)  # `seen` may hold cut texts
    stems = frozenset(content(_results(steps)))
    lacking = missing(whole.claim, stems, asked)
    stands = seen.stance == "agrees"
    claim = _cut(whole.claim, telling(whole.claim, asked) if stands else lacking)
    parts = {"claim": claim, "found": _cut(whole.found, telling(whole.claim, asked)), "lacking": _as_written(whole.claim, lacking)}
    form = ("right", "confirmed") if stands else ("wrong", "unconfirmed")
    text = " ".join(rng.choice(_PHRASES[part]) for part in form)
    return (text if stands else text + rng.choice(_PHRASES["nearest"])).format(**parts)


def _as_written(statement: str, stems: Sequence[str]) -> str:
    """Up to three missing words as the statement writes them: names and numbers first, then the longest."""
    written = [word for word in _WRITTEN.findall(statement) if set(content(word)) & set(stems)]
    written.sort(key=lambda word: (word[0].islower(), -len(word)))
    quoted = [f'"{word}"' for word in dict.fromkeys(written)][:3]
    return " or ".join(", ".join(quoted).rsplit(", ", 1)) if quoted else "it"


RULE = ByRule(negatives=negatives, steps=steps, evidence=evidence)
