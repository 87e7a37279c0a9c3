"""What a cluster has room for, and what a judge in one of its processes is known by."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import ray
from ray.exceptions import RayError

from themis.errors import ConfigError, ThemisError
from themis.files import difference
from themis.traces import Judge


class JudgeSource(Protocol):
    """Gives any process of a cluster its judge."""

    def opened(self) -> AbstractContextManager[Judge]: ...

    def known_by(self) -> Mapping[str, Any]:
        """All that decides a verdict here, without loading the model."""
        ...


@dataclass(frozen=True)
class Workers:
    """The judges of a run, each in a process of its own: how many, and what each takes of its machine."""

    count: int
    cpus: int
    gpus: int
    batch_size: int


def workers_of(count: int | None, threads: int | None, device: str | None, batch_size: int) -> Workers:
    """As many as the cluster has room for, unless `count` says how many. Raises `ConfigError` for what it has not."""
    has: Mapping[str, float] = ray.cluster_resources()
    if device not in (None, "cpu", "cuda"):
        raise ConfigError(f"--device {device} with --ray: Ray says which device a judge gets; give cpu or cuda")
    if device == "cuda" and not has.get("GPU"):
        raise ConfigError("--device cuda with --ray: this cluster has no GPU that Ray knows of; give cpu")
    gpus = int(device != "cpu" and has.get("GPU", 0) >= 1)
    cpus = threads or 1
    room = int(has["GPU"]) if gpus else int(has.get("CPU", 0)) // cpus
    if (count or 1) > room:
        raise ConfigError(f"this cluster has room for {room} judges, with {cpus} CPUs and {gpus} GPUs each, and {count or 1} are wanted")
    return Workers(count or room, cpus, gpus, batch_size)


def known_by_workers(workers: Workers, source: JudgeSource) -> Mapping[str, Any]:
    """All that decides a verdict, as one process of the cluster says it. Raises what that raises there."""
    task: Callable[[], Mapping[str, Any]] = source.known_by
    remote: Any = ray.remote(num_cpus=workers.cpus, num_gpus=workers.gpus)(lambda: task())
    try:
        return dict(ray.get(remote.remote()))
    except RayError as error:
        raise told(error) from error


def check_alike(source: JudgeSource, known_by: Mapping[str, Any]) -> None:
    """Raises `ConfigError` where the judge of this process would give other verdicts."""
    if differs := difference(known_by, source.known_by()):
        raise ConfigError(f"the machines of this cluster do not judge alike ({differs}): give them the same Themis, model and tools")


def told(error: BaseException) -> BaseException:
    """What another process raised for the user to act on; or else Ray's own error."""
    found: BaseException | None = error
    while found is not None and (isinstance(found, RayError) or not isinstance(found, ThemisError)):  # Ray's own may be both
        found = getattr(found, "cause", None) or found.__cause__
    return found or error
