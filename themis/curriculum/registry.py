"""The infinite streams of pairs by name, and the drills: what a training run is handed beside the rows that it reads itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from themis.curriculum.drills import Drills
from themis.curriculum.resampled_negatives import fresh_sources
from themis.curriculum.rules import STREAM
from themis.curriculum.templates import learnt_wordings
from themis.data.mixture import PairSource
from themis.traces.pair import Pair


@dataclass(frozen=True, slots=True)
class Curriculum:
    """`streams` and `drills` of this package."""

    drills: Drills = field(default_factory=Drills)

    def streams(self, published: Mapping[str, Sequence[Pair]], built: Mapping[str, Sequence[Pair]]) -> dict[str, PairSource]:
        """`rules/TASK`, with templates learnt from published rows, and `built/TASK?negatives=fresh`."""
        templates = learnt_wordings(published)
        rules: dict[str, PairSource] = {
            f"rules/{'calculator' if name == 'arithmetic' else name}": partial(make, wordings=templates) for name, make in STREAM.items()
        }
        return rules | fresh_sources(built)
