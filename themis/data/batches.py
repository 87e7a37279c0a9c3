"""Pairs to tensors: what the trainer is given at each step.

A step's batch is a function of the seed and the step alone, so a run that was killed goes on with
the same batches. Sequences are padded on the right to one of a few lengths, which keeps compiled
kernels few and needs no attention mask: causal attention never looks at what comes after.
"""

# Shapes:  S = sequences (the chosen answers first, then the rejected ones)   T = tokens, padded
#          K = 2 reward indices: the early one, at `<|rationale|>`, and the final one, at `<|reward|>`

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

import torch
from torch import Tensor
from torch.utils.data import Dataset

from themis.data import arithmetic, names
from themis.data.stream import STREAM, Wordings, forged
from themis.losses import TARGET_KINDS
from themis.traces import Case, Observation, Trace
from themis.traces.pair import Pair
from themis.traces.segments import Segment, SegmentWriter, loss_kinds, token_ids

NO_TARGET = -1
FAILURE = Observation("the tool did not answer", "unavailable")
"""What stands in place of an observation where training drops it."""

PairSource = Callable[[Random], Pair | None]
Batch = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Numbered:
    """One judgement as numbers: its tokens, the kind of loss of each, and where its rewards are read."""

    token_ids: list[int]
    kinds: list[int]
    early_index: int
    reward_index: int


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns pairs into sequences for one kind of model."""

    writer: SegmentWriter
    vanilla: bool = False
    """A vanilla reward model reads its reward right after the case."""

    def pair(self, pair: Pair) -> tuple[Numbered, Numbered]:
        """The chosen and the rejected judgement; only the chosen answer's own tokens are targets."""
        chosen = self._sequence(pair.chosen_case, pair.chosen.trace, chosen=True)
        return chosen, self._sequence(pair.rejected_case, pair.rejected.trace, chosen=False)

    def _sequence(self, case: Case, trace: Trace | None, chosen: bool) -> Numbered:
        writer = self.writer
        if self.vanilla or trace is None:
            segments = [*writer.prompt(case), writer.reward()]
            early = len(token_ids(segments)) - 1
        else:
            segments = writer.judgement(case, trace)
            early = sum(len(segment.token_ids) for segment in segments[:-2])
        return _numbers(segments, early, chosen)


def _numbers(segments: list[Segment], early: int, chosen: bool) -> Numbered:
    ids = token_ids(segments)
    kinds = [
        TARGET_KINDS.index(kind) if kind in TARGET_KINDS and (chosen or kind != "answer") else NO_TARGET for kind in loss_kinds(segments)
    ]
    return Numbered(ids, kinds, early, len(ids) - 1)


def collate(sequences: Sequence[Numbered], length: int, pad_id: int, pairs: bool = True) -> Batch:
    """Tensors of sequences padded on the right to `length`; without `pairs` no reward is read."""
    width = range(len(sequences))
    ids_ST = torch.full((len(sequences), length), pad_id, dtype=torch.long)
    kinds_ST = torch.full((len(sequences), length), NO_TARGET, dtype=torch.long)
    for row, sequence in zip(width, sequences, strict=True):
        ids_ST[row, : len(sequence.token_ids)] = torch.tensor(sequence.token_ids)
        kinds_ST[row, : len(sequence.kinds)] = torch.tensor(sequence.kinds)
    index_SK = torch.tensor([[sequence.early_index, sequence.reward_index] for sequence in sequences] if pairs else [], dtype=torch.long)
    return {"token_ids": ids_ST, "kinds": kinds_ST, "reward_index": index_SK.view(-1, 2)}


@dataclass(frozen=True)
class Mixture:
    """Where pairs come from, and how often from each: the published rows, and the streams without end."""

    sources: Mapping[str, PairSource]
    weights: Mapping[str, float]
    forged_share: float = 0.04
    dropped_observations: float = 0.01

    def draw(self, rng: Random) -> tuple[str, Pair]:
        """One pair, with the name of its source."""
        sources = sorted(self.weights)
        while True:
            name = rng.choices(sources, [self.weights[name] for name in sources])[0]
            pair = self.sources[name](rng)
            if pair is None:
                continue
            if pair.rejected.trace is not None and rng.random() < self.forged_share:
                pair = forged(rng, pair)
            if rng.random() < self.dropped_observations:
                pair = without_observations(pair)
            return name, pair


def without_observations(pair: Pair) -> Pair:
    """The pair as it would be judged on a day when no tool answers."""

    def blind(trace: Trace | None) -> Trace | None:
        if trace is None:
            return None
        return replace(
            trace,
            steps=tuple(step if step.observation is None else replace(step, observation=FAILURE) for step in trace.steps),
            rationale=None,
        )

    return replace(
        pair, chosen=replace(pair.chosen, trace=blind(pair.chosen.trace)), rejected=replace(pair.rejected, trace=blind(pair.rejected.trace))
    )


def mixture_sources(published: Mapping[str, Sequence[Pair]], gsm8k: Sequence[tuple[str, str]], wordings: Wordings) -> dict[str, PairSource]:
    """Every source by name: `tara/TASK` the rows as published, `gsm8k` with faults made by rule, and the streams."""
    sources: dict[str, PairSource] = {name: _stream(name, wordings) for name in STREAM}
    for task, pairs in published.items():
        if task == "calculator":
            # The published wrong answers' observations knew the reference answer, which no judge does;
            # so only the right answers are taken, each beside a fault that arithmetic can find.
            rights = [(pair.question, pair.chosen.answer) for pair in pairs]
            sources["tara/calculator"] = _faulted(rights)
        elif pairs:
            sources[f"tara/{task}"] = _one_of(pairs)
    if gsm8k:
        sources["gsm8k"] = _faulted(gsm8k)
    return sources


def _stream(name: str, wordings: Wordings) -> PairSource:
    make = STREAM[name]
    return lambda rng: make(rng, wordings)


def _one_of(pairs: Sequence[Pair]) -> PairSource:
    return lambda rng: rng.choice(pairs)


def _faulted(rights: Sequence[tuple[str, str]]) -> PairSource:
    return lambda rng: arithmetic.faulted_pair(rng, *rng.choice(rights))


class StepBatches(Dataset[Batch]):
    """Item `step` is the batch of that step: copy drills first, then pairs, and among them drills of copying and matching."""

    def __init__(
        self,
        encoder: Encoder,
        mixture: Mixture,
        *,
        seed: int,
        steps: int,
        drill_steps: int,
        drill_share: float,
        tokens: int,
        lengths: Sequence[int],
        pad_id: int,
        vocabulary: Sequence[int],
        pool_steps: int = 32,
    ) -> None:
        self._encoder, self._mixture, self._seed = encoder, mixture, seed
        self._steps, self._drill_steps, self._drill_share = steps, drill_steps, drill_share
        self._tokens, self._lengths, self._pad_id, self._pool_steps = tokens, tuple(lengths), pad_id, pool_steps
        self._vocabulary = vocabulary
        self._pool = lru_cache(maxsize=2)(self._make_pool)

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        rng = Random(f"{self._seed}/step/{step}")
        if step < self._drill_steps:
            return self._copy_drills(rng)
        if rng.random() < self._drill_share:
            return rng.choice((self._copy_drills, self._copy_drills, self._copy_drills, self._match_drills))(rng)
        pool, place = divmod(step - self._drill_steps, self._pool_steps)
        return self._pool(pool)[place]

    def _make_pool(self, number: int) -> list[Batch]:
        """Batches of pairs of like length, in random order: what does not fill a batch is left out."""
        rng = Random(f"{self._seed}/pool/{number}")
        waiting: dict[int, list[tuple[Numbered, Numbered]]] = {length: [] for length in self._lengths}
        batches: list[Batch] = []
        while len(batches) < self._pool_steps:
            _, pair = self._mixture.draw(rng)
            both = self._encoder.pair(pair)
            longest = max(len(side.token_ids) for side in both)
            length = next((length for length in self._lengths if length >= longest), None)
            if length is None:
                continue
            waiting[length].append(both)
            if len(waiting[length]) == max(1, self._tokens // (2 * length)):
                sides = waiting.pop(length)
                waiting[length] = []
                batches.append(collate([side[0] for side in sides] + [side[1] for side in sides], length, self._pad_id))
        rng.shuffle(batches)
        return batches

    def _copy_drills(self, rng: Random) -> Batch:
        length = self._lengths[min(2, len(self._lengths) - 1)]
        drills: list[Numbered] = []
        while len(drills) < max(1, self._tokens // length):
            drill = copy_drill(rng, self._encoder.writer, self._vocabulary)
            if len(drill.token_ids) <= length:
                drills.append(drill)
        return collate(drills, length, self._pad_id, pairs=False)

    def _match_drills(self, rng: Random) -> Batch:
        length = self._lengths[0]
        drills: list[tuple[Numbered, Numbered]] = []
        while len(drills) < max(1, self._tokens // (2 * length)):
            drill = match_drill(rng, self._encoder.writer, self._vocabulary)
            if max(len(side.token_ids) for side in drill) <= length:
                drills.append(drill)
        return collate([drill[0] for drill in drills] + [drill[1] for drill in drills], length, self._pad_id)


def copy_drill(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> Numbered:
    """A line of random items, then the same again as an action's argument; only the second is a target.

    Copying is what a small model trained from scratch lacks most, and what it learns within minutes when
    nothing else is asked; but it copies only tokens that drills have shown, so most items are drawn from
    the whole vocabulary.
    """
    items, wanted = rng.choice((_random_tokens, _places, _dates, _dates, _marks, _marks, _marks))(rng, writer, vocabulary)
    opening = writer.encode_untrusted("### USER:\nQuestion:")
    middle = writer.encode_untrusted("\nAnswer: Copied.\n### ASSISTANT:\n")
    call = [writer.tool_id, *writer.encode_untrusted("Thought: I need to copy this.\nAction: copy\nAction Input:")]
    end = writer.encode_untrusted("\n")
    ids = [*opening, *items, *middle, *call, *wanted, *end]
    untouched = len(ids) - len(wanted) - len(end)
    kinds = [NO_TARGET] * untouched + [TARGET_KINDS.index("action")] * (len(ids) - untouched)
    return Numbered(ids, kinds, 0, 0)


def match_drill(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[Numbered, Numbered]:
    """A pair of answers, one of which repeats what the observation says under the name that was asked for.

    What copying is to the language-model head, this is to the scalar head: the reward of an answer lies in its agreement
    with one value among several. Nothing is a language-model target; only the early reward's place is there to be read.
    """
    labels = [_few_tokens(rng, vocabulary, 2) for _ in range(rng.randint(1, 4))]
    values = [_value_tokens(rng, writer, vocabulary) for _ in labels]
    asked = rng.randrange(len(labels))
    right = values[asked]
    others = [value for value in values if value != right]
    wrong = rng.choice(others) if others and rng.random() < 0.3 else _altered(rng, right, vocabulary)
    colon, semicolon, end = (writer.encode_untrusted(text) for text in (":", ";", "\n"))
    listed = [token for name, value in zip(labels, values, strict=True) for token in (*name, *colon, *value, *semicolon)]
    opening = [*writer.encode_untrusted("### USER:\nQuestion:"), *labels[asked], *writer.encode_untrusted("\nAnswer:")]
    observed = [writer.observation_id, *writer.encode_untrusted("Observation:"), *listed, *end, writer.rationale_id]
    call = [*writer.encode_untrusted("\n### ASSISTANT:\n"), writer.tool_id]

    def judged(value: list[int]) -> Numbered:
        ids = [*opening, *value, *call, *observed]
        return Numbered(ids, [NO_TARGET] * len(ids), len(ids) - 1, len(ids) - 1)

    return judged(right), judged(wrong)


def _few_tokens(rng: Random, vocabulary: Sequence[int], most: int) -> list[int]:
    return [rng.choice(vocabulary) for _ in range(rng.randint(1, most))]


def _value_tokens(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> list[int]:
    """A few tokens of the whole vocabulary, a number with its unit, or a date."""
    kind = rng.random()
    if kind < 0.4:
        return _few_tokens(rng, vocabulary, 4)
    if kind < 0.8:
        number = rng.choice((f"{rng.uniform(0, 60):.1f}", str(rng.randint(0, 9999))))
        return writer.encode_untrusted(f" {number}{rng.choice(('(C)', '(mm)', '(kph)', '(km)', '', ''))}")
    return writer.encode_untrusted(f" {rng.randint(1900, 2099)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}")


def _altered(rng: Random, value: list[int], vocabulary: Sequence[int]) -> list[int]:
    """The value with one to three of its tokens replaced by others of its own kind, where it has them."""
    altered = list(value)
    for place in rng.sample(range(len(value)), min(len(value), rng.randint(1, 3))):
        altered[place] = rng.choice(vocabulary)
    return altered if altered != value else [rng.choice([token for token in vocabulary if token != value[0]]), *value[1:]]


def _random_tokens(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    del writer
    items = [rng.choice(vocabulary) for _ in range(rng.randint(3, 24))]
    return items, items


def _places(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    """A place is asked for among other words, as in a question about the weather."""
    name = writer.encode_untrusted(" " + names.city(rng)) if rng.random() < 0.5 else _few_tokens(rng, vocabulary, 9)
    day = writer.encode_untrusted(f" {rng.randint(1900, 2099)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}")
    noise = [rng.choice(vocabulary) for _ in range(rng.randint(0, 8))]
    return [*noise, *writer.encode_untrusted(" in"), *name, *writer.encode_untrusted(" on"), *day], [
        *name,
        *writer.encode_untrusted(","),
        *day,
    ]


def _dates(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    """Two dates, or a date and a number, among other words; the argument has both."""
    wanted = [f" {rng.randint(1900, 2099)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}" for _ in range(2)]
    if rng.random() < 0.4:
        wanted[1] = f" {rng.randint(1, 10 ** rng.randint(1, 4))}"
    encoded = [writer.encode_untrusted(part) for part in wanted]
    noise = [_few_tokens(rng, vocabulary, 8) for _ in range(3)]
    first, second = rng.sample(encoded, 2) if len(wanted[1]) < 8 else encoded
    return [*noise[0], *first, *noise[1], *second, *noise[2]], [*encoded[0], *writer.encode_untrusted(","), *encoded[1]]


def _marks(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    """Marked steps strewn over other words; the argument lists them, as the calculator's does."""
    items: list[int] = []
    marks: list[str] = []
    most = rng.choice((1, 3, 6, 12))
    for _ in range(rng.randint(1, 6)):
        mark = arithmetic.random_mark(rng)
        items += _few_tokens(rng, vocabulary, most) + writer.encode_untrusted(rng.choice((" ", "$")) + mark)
        marks.append(mark)
    items += _few_tokens(rng, vocabulary, 5)
    return items, writer.encode_untrusted(" " + ", ".join(marks))


def fixed_batches(encoder: Encoder, pairs: Sequence[Pair], length: int, pad_id: int, size: int = 16) -> Iterator[tuple[list[int], Batch]]:
    """Batches over given pairs, for measuring: the places of the pairs, shortest first, and their tensors."""
    encoded = [(place, *encoder.pair(pair)) for place, pair in enumerate(pairs)]
    fitting = [row for row in encoded if max(len(row[1].token_ids), len(row[2].token_ids)) <= length]
    fitting.sort(key=lambda row: max(len(row[1].token_ids), len(row[2].token_ids)))
    for start in range(0, len(fitting), size):
        rows = fitting[start : start + size]
        longest = max(max(len(row[1].token_ids), len(row[2].token_ids)) for row in rows)
        yield [row[0] for row in rows], collate([row[1] for row in rows] + [row[2] for row in rows], longest, pad_id)
