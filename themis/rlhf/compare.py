"""Two policies on the same questions: who wins, by the tools and by a judge.

Every comparison is a vote, one row of JSON. A voter sees a pair in both orders. Where its two votes differ, the pair
is a tie; where it cannot say, the pair is left out and counted. People's votes in the same form join the count.
Source: win : tie : lose as in arXiv:2310.01045; both orders: arXiv:2306.05685, section 3.4.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from themis.errors import DataError
from themis.files import checked_text, json_lines
from themis.rlhf.policy import Policy, uniform_numbers, write_answers
from themis.rlhf.prompts import Prompt
from themis.rlhf.questions import questions_that_fit
from themis.rlhf.recipe import Ppo
from themis.rlhf.rewards import Rewarder

Vote = Literal["a", "b", "tie"]
VOTES: tuple[Vote, ...] = ("a", "b", "tie")
ORDERS = ("ab", "ba")
Interval = Callable[[float, int], tuple[float, float]]
"""The interval of a share: how many, and of how many."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with the answers of both policies."""

    prompt: Prompt
    a: str
    b: str

    def row(self, voter: str, order: str, vote: Vote | None, reason: str = "") -> dict[str, Any]:
        """A vote as it is written. Without a vote there is a reason."""
        case = self.prompt.case
        told = {"id": case.id, "question": case.question_text, "a": self.a, "b": self.b}
        return {**told, "voter": voter, "order": order, "vote": vote, **({"reason": reason} if reason else {})}


def answers_of(
    policy: Policy, prompts: Sequence[Prompt], settings: Ppo, seed: int, notice: Callable[[str], None] = print
) -> dict[str, str]:
    """The answers of a policy by the id of the question. Two policies draw from the same numbers."""
    asked = questions_that_fit(policy, prompts, settings.new_tokens, notice)
    said: dict[str, str] = {}
    for start in range(0, len(asked), settings.answers_at_once):
        part = asked[start : start + settings.answers_at_once]
        numbers = uniform_numbers(seed, 0, range(start, start + len(part)), settings.new_tokens)
        answers = write_answers(policy, [each.token_ids for each in part], numbers, settings.temperature)
        said |= {each.prompt.case.id: policy.text_of(answer) for each, answer in zip(part, answers, strict=True)}
    return said


def paired(prompts: Iterable[Prompt], first: Mapping[str, str], second: Mapping[str, str]) -> list[Pair]:
    """The questions that both answered. Raises `DataError` where there are none."""
    both = first.keys() & second.keys()
    pairs = [Pair(prompt, first[prompt.case.id], second[prompt.case.id]) for prompt in prompts if prompt.case.id in both]
    if not pairs:
        raise DataError("the two policies answered no common question: compare answers to the same questions")
    return pairs


def votes_of_tools(pairs: Sequence[Pair], check: Callable[[Prompt, str], bool | None]) -> list[dict[str, Any]]:
    """A true answer wins against one that is not. The order means nothing to a tool, so it votes once for both."""
    rows = []
    for pair in pairs:
        a, b = check(pair.prompt, pair.a), check(pair.prompt, pair.b)
        known = a is not None and b is not None
        vote: Vote | None = ("tie" if a == b else "a" if a else "b") if known else None
        reason = "" if known else "the tools do not settle it"
        rows += [{**pair.row("tools", order, vote, reason), "true": {"a": a, "b": b}} for order in ORDERS]
    return rows


def votes_of_judge(pairs: Sequence[Pair], rewarder: Rewarder, name: str, margin: float = 0.0) -> list[dict[str, Any]]:
    """The larger reward wins, if it is larger by more than `margin`; the judge is asked again for each order."""
    rows = []
    for order in ORDERS:
        rewarder.put_back({})
        cases = [pair.prompt.answered(getattr(pair, side)) for pair in pairs for side in order]
        rewards = rewarder.judge(cases)
        for place, pair in enumerate(pairs):
            of = dict(zip(order, rewards[2 * place : 2 * place + 2], strict=True))
            a, b = of["a"], of["b"]
            vote: Vote | None = None
            if a is not None and b is not None:
                vote = "tie" if abs(a - b) <= margin else "a" if a > b else "b"
            rows.append({**pair.row(name, order, vote, "" if vote else "an answer has no reward"), "reward": of})
    return rows


# --- counting --------------------------------------------------------------------------------------


def read_votes(file: Path) -> list[dict[str, Any]]:
    """The votes of a file, also of people: `id`, `voter`, `order` (`ab` or `ba`) and `vote` (`a`, `b`, `tie` or null).

    Raises `DataError` that names file, line and field.
    """
    rows = []
    for number, row in json_lines(file):
        where = f"{file}, line {number}"
        for name in ("id", "voter"):
            checked_text(row.get(name), name, where)
        if row.get("order", "ab") not in ORDERS:
            raise DataError(f"{where}: field 'order' must be one of {', '.join(ORDERS)}, found {row['order']!r}")
        if row.get("vote") not in (*VOTES, None):
            raise DataError(f"{where}: field 'vote' must be one of {', '.join(VOTES)} or null, found {row['vote']!r}")
        rows.append(row)
    return rows


def tally(rows: Iterable[Mapping[str, Any]], interval: Interval) -> dict[str, dict[str, Any]]:
    """By voter: win, tie and lose of the first policy as shares with intervals, of pairs that were decided.

    All votes of a voter on a pair count as one: the vote they share, or a tie.
    """
    cast: dict[str, dict[str, list[Vote | None]]] = {}
    for row in rows:
        cast.setdefault(row["voter"], {}).setdefault(row["id"], []).append(row.get("vote"))
    return {voter: _shares([_agreed(votes) for votes in of_pair.values()], interval) for voter, of_pair in cast.items()}


def _agreed(votes: Sequence[Vote | None]) -> Vote | None:
    if None in votes:
        return None
    return votes[0] if len(set(votes)) == 1 else "tie"


def _shares(votes: Sequence[Vote | None], interval: Interval) -> dict[str, Any]:
    counts = Counter(votes)
    decided = len(votes) - counts[None]
    told: dict[str, Any] = {"pairs": decided, "left_out": counts[None]}
    for name, vote in (("win", "a"), ("tie", "tie"), ("lose", "b")):
        count = counts[vote]  # type: ignore[index]
        low, high = interval(count, decided)
        told[name] = {"share": count / decided if decided else None, "low": low, "high": high}
    return told
