"""Pairs to token rows: the tokens of both judgements, which of them are targets, and where rewards are read.

Knows nothing of tensors (`layouts`) or of batches (`steps`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from themis.losses import TARGET_KINDS
from themis.traces import Case, Trace
from themis.traces.pair import Pair
from themis.traces.segments import Segment, SegmentWriter, loss_kinds, token_ids
from themis.traces.token_row import NO_TARGET, TokenPair, TokenRow


@dataclass(frozen=True, slots=True)
class PairEncoder:
    """Turns pairs into token rows for one kind of causal model."""

    writer: SegmentWriter
    vanilla: bool = False
    """A vanilla reward model reads its reward right after the case."""

    def encode(self, pair: Pair, swapped: bool = False, margin: float = 0.0) -> TokenPair:
        """Both judgements; of the answers, only the tokens of the chosen one are targets.

        With `swapped` each judgement gets the other's rationale, which is then no target. So the final reward learns
        to weigh what a rationale says against what was observed, and one slip in a rationale does not decide.
        """
        traces = pair.chosen.trace, pair.rejected.trace
        if swapped and traces[0] is not None and traces[1] is not None:
            traces = replace(traces[0], rationale=traces[1].rationale), replace(traces[1], rationale=traces[0].rationale)
        rows = self._row(pair.chosen_case, traces[0], chosen=True), self._row(pair.rejected_case, traces[1], chosen=False)
        chosen, rejected = map(_without_rationale_targets, rows) if swapped else rows
        return TokenPair(chosen, rejected, margin)

    def calls(self, pair: Pair, chosen: bool) -> TokenRow | None:
        """One judgement up to its last call, whose end is the last target; no reward is read. None without a trace."""
        case, trace = (pair.chosen_case, pair.chosen.trace) if chosen else (pair.rejected_case, pair.rejected.trace)
        if trace is None:
            return None
        segments = self.writer.judgement(case, trace)[:-1]
        end = max((place for place, segment in enumerate(segments) if segment.kind == "observation"), default=len(segments) - 1)
        # What opens the observation, or the rationale where nothing is called, is the judge's decision to stop.
        segments = [*segments[:end], replace(segments[end], token_ids=segments[end].token_ids[:1])]
        ids = token_ids(segments)
        return TokenRow(ids, _target_kinds(segments, chosen=False), len(ids) - 1, len(ids) - 1)

    def _row(self, case: Case, trace: Trace | None, chosen: bool) -> TokenRow:
        writer = self.writer
        if self.vanilla or trace is None:
            segments = [*writer.prompt(case), writer.reward()]
            early = len(token_ids(segments)) - 1
        else:
            segments = writer.judgement(case, trace)
            early = sum(len(segment.token_ids) for segment in segments[:-2])
        ids = token_ids(segments)
        return TokenRow(ids, _target_kinds(segments, chosen), early, len(ids) - 1)


def _target_kinds(segments: Sequence[Segment], chosen: bool) -> list[int]:
    return [
        TARGET_KINDS.index(kind) if kind in TARGET_KINDS and (chosen or kind != "answer") else NO_TARGET for kind in loss_kinds(segments)
    ]


def _without_rationale_targets(row: TokenRow) -> TokenRow:
    before = row.early_index + 1
    return replace(row, kinds=[*row.kinds[:before], *[NO_TARGET] * (len(row) - before)])
