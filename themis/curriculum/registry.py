"""The infinite streams of pairs by name, and the drills: what a training run is handed beside the rows of files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from themis.builder.pairs import generated_pair
from themis.builder.task import Generate, Task, Wordings
from themis.builder.tasks.registry import all_tasks
from themis.curriculum.drills import Drills
from themis.curriculum.free_rows import free_rows
from themis.curriculum.resampled_negatives import fresh_sources
from themis.curriculum.templates import learnt_templates
from themis.data.mixture import PairSource
from themis.traces.pair import Pair


@dataclass(frozen=True, slots=True)
class Curriculum:
    """`streams` and `drills` of this package."""

    drills: Drills = field(default_factory=Drills)

    def streams(self, published: Mapping[str, Sequence[Pair]], built: Mapping[str, Sequence[Pair]]) -> dict[str, PairSource]:
        """`rules/TASK`, `free/TASK`, `prose/TASK`, with templates learnt from published rows; fresh `built/TASK`."""
        templates = learnt_templates(published)
        streams: dict[str, PairSource] = {}
        for task in all_tasks().values():
            for name, generate in (("rules", task.generate), ("free", task.free), ("prose", task.prose)):
                if generate is not None:
                    streams[f"{name}/{task.name}"] = partial(_generated, task, generate, templates)
        return streams | fresh_sources(built) | free_rows(built)


def _generated(task: Task, generate: Generate, templates: Wordings, rng: Random) -> Pair:
    return generated_pair(task, rng, templates, generate)
