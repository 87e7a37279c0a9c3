"""The infinite streams of pairs by name, and the drills: what a training run is handed beside the rows of files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from themis.builder.pairs import generated_pair
from themis.builder.task import Task, Wordings
from themis.builder.tasks.registry import all_tasks
from themis.curriculum.drills import Drills
from themis.curriculum.resampled_negatives import fresh_sources
from themis.curriculum.templates import learnt_templates
from themis.data.mixture import PairSource
from themis.traces.pair import Pair


@dataclass(frozen=True, slots=True)
class Curriculum:
    """`streams` and `drills` of this package."""

    drills: Drills = field(default_factory=Drills)

    def streams(self, published: Mapping[str, Sequence[Pair]], built: Mapping[str, Sequence[Pair]]) -> dict[str, PairSource]:
        """`rules/TASK`, with templates learnt from published rows, and `built/TASK?negatives=fresh`."""
        templates = learnt_templates(published)
        rules: dict[str, PairSource] = {
            f"rules/{task.name}": partial(_by_rule, task, templates) for task in all_tasks().values() if task.generate
        }
        return rules | fresh_sources(built)


def _by_rule(task: Task, templates: Wordings, rng: Random) -> Pair:
    return generated_pair(task, rng, templates)
