"""A step is a function of the seed and its number, whoever asks for it."""

from dataclasses import fields
from random import Random

import pytest
import torch
from torch.utils.data import DataLoader

from tests.fakes import byte_tokenizer
from tests.pairs import by_rule
from themis.curriculum.registry import Curriculum
from themis.data.mixture import Mixture, without_observations
from themis.losses import TARGET_KINDS
from themis.traces.segments import SegmentWriter
from themis.traces.text import FAILURE
from themis.traces.token_row import NO_TARGET
from themis.training.batches.encode import PairEncoder
from themis.training.batches.layouts import RowLayout, SharedPrefix
from themis.training.batches.steps import DrillPlan, StepBatches
from themis.training.recipe import Run

TOKENIZER = byte_tokenizer()
WRITER = SegmentWriter(TOKENIZER)
BOTH = {"rules/calendar": 1.0, "rules/no_tool": 0.5}


def _mixture(**weights: float) -> Mixture:
    return Mixture(Curriculum().streams({}, {}), {f"rules/{name}": weight for name, weight in weights.items()} or BOTH)


def _run(steps: int, *lengths: int, workers: int = 1) -> Run:
    return Run(seed=3, steps=steps, tokens_per_step=2048, lengths=lengths, learning_rate=1e-3, workers=workers)


def _batches(steps: int = 12, drill_steps: int = 2, workers: int = 1) -> StepBatches:
    drills = DrillPlan(Curriculum().drills, range(256), drill_steps, 0.2)
    run = _run(steps, 256, 512, 1024, workers=workers)
    return StepBatches(PairEncoder(WRITER), _mixture(), run, pad_id=TOKENIZER.pad_token_id, drills=drills, pool_steps=4)


def _layout(batches: StepBatches, step: int) -> RowLayout:
    (batch,) = batches[step]
    layout: RowLayout = batch.layout
    return layout


def _equal(one: RowLayout, other: RowLayout) -> bool:
    return all(torch.equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))


def test_pairs_whose_row_is_longer_than_any_judgement_may_be_are_read_all_the_same() -> None:
    """In bytes a judgement of the calendar has some 450 tokens and a row of both some 700."""
    mixture = _mixture(calendar=1.0)
    pairs = [by_rule("calendar", seed) for seed in range(50)]
    longest = max(len(side.token_ids) for pair in pairs for side in PairEncoder(WRITER).encode(pair).rows)
    batches = StepBatches(PairEncoder(WRITER), mixture, _run(4, longest), pad_id=0, layout=SharedPrefix, pool_steps=4)
    for step in range(4):
        layout = _layout(batches, step)
        assert longest <= layout.token_ids_YX.shape[1] <= 2 * longest
        assert len(layout.reward_place_SK) == 2 * len(layout.token_ids_YX) > 0


def test_dropped_observations_become_the_failure_text_on_both_sides() -> None:
    pair = without_observations(by_rule("multi_tools", 0))
    for side in (pair.chosen, pair.rejected):
        assert side.trace is not None
        assert [step.observation for step in side.trace.steps] == [FAILURE, FAILURE]
        assert side.trace.rationale is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_of_dropped_observations_is_kept(share: float) -> None:
    mixture = Mixture(Curriculum().streams({}, {}), {"rules/calendar": 1.0}, forged_share=0.0, dropped_observations=share)
    rng = Random(0)
    drawn = [mixture.draw(rng)[1].chosen.trace for _ in range(20)]
    assert all(trace is not None and (trace.steps[0].observation == FAILURE) == bool(share) for trace in drawn)


def test_steps_of_calls_end_where_the_last_observation_would_begin_and_read_no_reward() -> None:
    mixture, run = _mixture(calendar=1.0, multi_tools=1.0, no_tool=1.0), _run(6, 256, 512, 1024)
    batches = StepBatches(PairEncoder(WRITER), mixture, run, pad_id=TOKENIZER.pad_token_id, layout=SharedPrefix, call_share=1.0)
    ends = set()
    for step in range(6):
        layout = _layout(batches, step)
        assert len(layout.reward_place_SK) == 0
        assert layout.token_ids_YX.numel() <= 2048
        for token_ids, kinds in zip(layout.token_ids_YX, layout.kinds_YX, strict=True):
            last = int(torch.nonzero(kinds != NO_TARGET).max())
            assert kinds[last] == TARGET_KINDS.index("action")
            assert last == len(token_ids) - 1 or set(token_ids[last + 1 :].tolist()) == {TOKENIZER.pad_token_id}
            ends.add(int(token_ids[last]))
    assert ends == {WRITER.observation_id, WRITER.rationale_id}


def test_a_share_of_calls_leaves_the_pairs_of_other_steps_as_they_were() -> None:
    mixture, run = _mixture(calendar=1.0), _run(12, 256, 512, 1024)
    without, among = (
        StepBatches(PairEncoder(WRITER), mixture, run, pad_id=0, layout=SharedPrefix, call_share=share, pool_steps=4)
        for share in (0.0, 0.5)
    )
    same = [_equal(_layout(without, step), _layout(among, step)) for step in range(12)]
    assert 2 <= sum(same) <= 10
    assert all(same[step] == (len(_layout(among, step).reward_place_SK) > 0) for step in range(12))


def test_a_steps_batch_is_the_same_whenever_it_is_asked_for() -> None:
    forwards, backwards = _batches(), _batches()
    there = [_layout(forwards, step) for step in range(12)]
    back = [_layout(backwards, step) for step in reversed(range(12))][::-1]
    assert all(map(_equal, there, back))


def test_two_steps_differ() -> None:
    batches = _batches()
    assert not torch.equal(_layout(batches, 0).token_ids_YX, _layout(batches, 1).token_ids_YX)


def test_drills_come_first() -> None:
    # Only a case has an answer whose own tokens are targets.
    answer = TARGET_KINDS.index("answer")
    tells_a_case = [bool((_layout(_batches(), step).kinds_YX == answer).any()) for step in range(12)]
    assert tells_a_case[:2] == [False, False]
    assert any(tells_a_case[2:])


def test_several_workers_make_the_batches_of_one_run_and_none_makes_anothers_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    whole = StepBatches._make_pool
    monkeypatch.setattr(StepBatches, "_make_pool", lambda self, number: made.append(number) or whole(self, number))  # type: ignore[func-returns-value]
    here = [_layout(_batches(24, workers=3), step) for step in range(24)]
    alone = _batches(24, workers=3)
    made.clear()
    for step in range(0, 24, 3):  # what the first of three is asked for
        assert _equal(_layout(alone, step), here[step])
    assert len(made) == len(set(made))
    assert {number % 3 for number in made} == {0}
    loaded = DataLoader(_batches(24, workers=3), batch_size=1, collate_fn=lambda items: items[0], num_workers=3)
    assert all(_equal(found.layout, layout) for (found,), layout in zip(loaded, here, strict=True))
    assert len({tuple(layout.token_ids_YX.flatten().tolist()) for layout in here}) == 24
