"""How often surface cues alone tell the right answer: in an honest set, hardly more than chance.

For each task: how often the right answer is the longer one, or has more marks, capitals or words of the question. A
rule may go either way, and a tie counts half. Also how well a logistic regression on a bag of words of the answer
does, for single answers and for pairs.

Knows nothing of how a set is built.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from themis.builder.quality.bag_of_words import scores
from themis.builder.quality.surface_cues import READINGS, RULES, signs
from themis.builder.tasks.registry import all_tasks
from themis.traces import Pair
from themis.traces.tara import read_tara

WORDS = "bag of words"
MOST_BY_RULE, MOST_BY_WORDS = 0.60, 0.65
"""No task of a built set may exceed these."""


@dataclass(frozen=True, slots=True)
class Share:
    """How often a rule is right."""

    rule: str
    right: float
    """Of `of`; a tie counts half."""
    of: int
    reading: str = ""
    """The variant of the rule, such as `longer, in words`."""

    @property
    def share(self) -> float:
        """0.5 if nothing was measured."""
        return self.right / self.of if self.of else 0.5

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval at 95 %."""
        return wilson(self.right, self.of)


@dataclass(frozen=True, slots=True)
class Audit:
    """The surface cues of one task."""

    task: str
    pairs: int
    rules: tuple[Share, ...]
    """The best variant of each rule, in the order of `RULES`."""
    words_single: Share
    words_pairs: Share

    @property
    def words(self) -> Share:
        """The larger of the two shares of the bag of words."""
        return max(self.words_single, self.words_pairs, key=lambda share: share.share)

    @property
    def exceeded(self) -> tuple[Share, ...]:
        """The rules that exceed their bound."""
        by_rule = tuple(share for share in self.rules if share.share > MOST_BY_RULE)
        return (*by_rule, *([self.words] if self.words.share > MOST_BY_WORDS else []))


def audit(task: str, pairs: Sequence[Pair]) -> Audit:
    """Measure the pairs of a task."""
    signed = [signs(pair.question, pair.chosen.answer, pair.rejected.answer) for pair in pairs]
    by_reading = [_by_rule(place, [signs_of[place] for signs_of in signed]) for place in range(len(READINGS))]
    rules = tuple(max((share for share in by_reading if share.rule == rule), key=lambda share: share.share) for rule in RULES)
    single, paired = _by_words(pairs)
    return Audit(task, len(pairs), rules, single, paired)


def audit_all(pairs: Mapping[str, Sequence[Pair]]) -> dict[str, Audit]:
    """Audits by task."""
    return {task: audit(task, some) for task, some in pairs.items() if some}


def audit_published(tara: Path, tasks: Sequence[str]) -> dict[str, Audit]:
    """Audits of TARA's published train and dev rows, for the tasks below `tara`; they are measured only."""
    found: dict[str, Sequence[Pair]] = {}
    for task in tasks:
        known = all_tasks().get(task)
        folder = tara / (known.published if known and known.published else task)
        files = [file for file in (folder / "train.jsonl", folder / "dev.jsonl") if file.is_file()]
        found[task] = [pair for file in files for pair in read_tara(file).pairs]
    return audit_all(found)


def wilson(right: float, of: int, deviations: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share; [0, 1] if nothing was measured."""
    if not of:
        return 0.0, 1.0
    share, square = right / of, deviations**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = deviations * math.sqrt(share * (1 - share) / of + square / (4 * of**2)) / (1 + square / of)
    return max(0.0, middle - half), min(1.0, middle + half)


_MORE = {
    "length": ("longer", "shorter"),
    "punctuation": ("more", "fewer"),
    "case": ("more", "fewer"),
    "overlap with the question": ("more", "fewer"),
}


def _by_rule(place: int, signs: Sequence[int]) -> Share:
    rule, reading = READINGS[place]
    more, fewer = signs.count(1), signs.count(-1)
    ties = len(signs) - more - fewer
    side = _MORE[rule][more < fewer]
    told = f"{side}, in {reading}" if rule == "length" else f"{side} {reading}"
    return Share(rule, max(more, fewer) + ties / 2, len(signs), told)


def _by_words(pairs: Sequence[Pair]) -> tuple[Share, Share]:
    number = len(pairs)
    # Rows that share a question are in one fold, so that no answer is known from another row.
    right, wrong = scores(
        [pair.chosen.answer for pair in pairs],
        [pair.rejected.answer for pair in pairs],
        [f"{pair.question}\n{pair.context or ''}" for pair in pairs],
    )
    single = (right > 0).sum() + (wrong < 0).sum() + ((right == 0).sum() + (wrong == 0).sum()) / 2
    paired = (right > wrong).sum() + (right == wrong).sum() / 2
    return Share(WORDS, float(single), 2 * number, "single answers"), Share(WORDS, float(paired), number, "pairs")
