"""`themis train`, `themis average` and `themis export`."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import typer

from themis.cli.judging import ModelOption, import_libraries
from themis.cli.output import check_folder
from themis.cli.progress import BuildProgress, progress_bar
from themis.errors import ConfigError
from themis.files import locked

if TYPE_CHECKING:
    from rich.progress import Progress
    from transformers import TrainerCallback

    from themis.traces import Pair

DType = Literal["float32", "bfloat16", "float16"]

TRAIN_EXAMPLE = "Example: themis train nano steps=2000 seed=7 --out runs/mine"
AVERAGE_EXAMPLE = "Example: themis average runs/nano/stages/all runs/nano/stages/last --out runs/mean"
EXPORT_EXAMPLE = "Example: themis export --model nano --out exported --dtype float32"

_LIMIT_HELP = "Train on the first rows of each file and task alone; short for data.limit=N."
_DEVICE_HELP = "Where to train: cpu, cuda, or cuda:N."
_VALUE_HEAD_HELP = "Write a causal language model with value_head.safetensors instead, as LLaMA-Factory reads it."
_OVERRIDES_HELP = "Settings in place of the recipe's, e.g. loss.beta=0."


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe of the package such as nano, or the path of a YAML file.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help=_OVERRIDES_HELP)] = None,
    out: Annotated[Path | None, typer.Option(help="Where checkpoints and model go.", show_default="runs/RECIPE", file_okay=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Delete what an earlier run left in --out, and start over.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the memory and time that the run would need on one H100, and stop.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help=_LIMIT_HELP, show_default="all")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the CPU that compute.", show_default="PyTorch's number")] = None,
    device: Annotated[str | None, typer.Option(help=_DEVICE_HELP, show_default="cuda if there is one, else cpu")] = None,
) -> None:
    """Train a reward model by a recipe. An interrupted run resumes from its last checkpoint."""
    from themis.cli.show import plain
    from themis.config import data_root, read_recipe
    from themis.training.checks import check_run
    from themis.training.recipe import TrainRecipe

    settings = read_recipe(recipe, TrainRecipe, [*(overrides or []), *([f"data.limit={limit}"] if limit else [])])
    check_run(settings, dry=dry_run)
    directory = out or Path("runs") / Path(recipe).stem
    check_folder(directory, [settings.model.name, *settings.data.files])
    compute_with(threads, device)
    if dry_run:
        from themis.training.cost import estimate, lines

        for name, text in lines(settings, estimate(settings)):
            typer.echo(f"{name:12} {text}")
        return
    from themis.curriculum.registry import Curriculum
    from themis.training.run import train as run

    speaks = int(os.environ.get("RANK", 0)) == 0  # one process for all
    with locked(directory) if speaks else nullcontext(), progress_bar(transient=False) as bar, TrainingProgress(bar, speaks) as shown:
        model = run(
            settings,
            directory,
            overwrite=overwrite,
            curriculum=Curriculum(),
            build=build,
            dev_pairs=dev_pairs(data_root()),
            live=valid_calls,
            callbacks=[shown.callback()] if speaks else [],
            doing=shown.doing,
            notice=lambda text: bar.console.print(plain(text), markup=False),
        )
    if speaks:
        typer.echo(f"{model}: trained; try it with `themis demo --model {model}`")


def compute_with(threads: int | None, device: str | None) -> None:
    """Import torch, and let this process see that device alone: a run takes what it sees."""
    from themis.inference.load import check_device, device_of

    check_device(device)
    kind, _, place = (device or "").partition(":")
    if kind not in ("", "cpu", "cuda"):
        raise ConfigError(f"--device: a run trains on cpu, cuda or cuda:N, found '{device}'")
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if kind == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif place:
        os.environ["CUDA_VISIBLE_DEVICES"] = seen[int(place)] if int(place) < len(seen) and seen != [""] else place
    import_libraries()
    device_of(kind or None)
    if threads:
        import torch

        torch.set_num_threads(threads)


def build(recipe: str, out: Path) -> None:
    """Make the data set of a build recipe in a folder, or what is missing of it."""
    from themis.builder.steps.pipeline import build as make
    from themis.builder.steps.recipe import read_build_recipe
    from themis.builder.tasks.registry import all_sources
    from themis.config import data_root

    with progress_bar(transient=False, rate=True) as bar:
        command = f"themis build {recipe} --out DIR"
        make(read_build_recipe(recipe), out, all_sources(), data_root(), command=command, progress=BuildProgress(bar))


def export(
    out: Annotated[Path, typer.Option(help="The directory to write.", file_okay=False)],
    model: ModelOption = "nano",
    dtype: Annotated[DType | None, typer.Option(help="Number type of the weights.", show_default="float32; if merged, as stored")] = None,
    merged: Annotated[bool, typer.Option("--merged", help="Write the model as it is, LoRA's adapters merged into its weights.")] = False,
    value_head: Annotated[bool, typer.Option("--value-head", help=_VALUE_HEAD_HELP)] = False,
) -> None:
    """Write a model as an AutoModelForSequenceClassification that gives the same reward for the same text."""
    if merged and value_head:
        raise ConfigError("--merged and --value-head write two kinds of model: give one of them")
    import_libraries()
    import torch

    from themis.model.export import export_classifier, export_merged, export_value_head

    check_folder(out)
    types = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    write = export_merged if merged else export_value_head if value_head else export_classifier
    with locked(out):
        typer.echo(f"{write(model, out, types[dtype] if dtype else None)}: written")


def average(
    models: Annotated[list[str], typer.Argument(help="Directories of models of one shape: a run, and runs that were initialised from it.")],
    out: Annotated[Path, typer.Option(help="The directory to write.", file_okay=False)],
) -> None:
    """Write the mean of several models' weights."""
    import_libraries()
    from themis.model.average import average as mean

    check_folder(out)
    with locked(out):
        typer.echo(f"{mean(models, out)}: written, the mean of {', '.join(models)}")


def dev_pairs(root: Path | None) -> "dict[str, tuple[Pair, ...]]":
    """The dev pairs of the tasks with an infinite stream, if TARA has a dev file; empty without the data."""
    from themis.builder.tasks.registry import all_tasks
    from themis.traces.tara import read_tara

    streams = [task.name for task in all_tasks().values() if task.generate]
    paths = {task: root / "tara" / task / "dev.jsonl" for task in streams} if root else {}
    return {task: read_tara(path).pairs for task, path in paths.items() if path.is_file()}


def valid_calls(model: Any, tokenizer: Any, meta: Any, pairs: "Sequence[Pair]") -> dict[str, float]:
    """The share of live calls that were valid, and of pairs whose better answer won."""
    from themis.cli.judging import open_toolbox
    from themis.inference import Budget
    from themis.inference.causal import CausalJudge

    cases = [case for pair in pairs for case in (pair.chosen_case, pair.rejected_case)]
    with open_toolbox() as toolbox:
        judge = CausalJudge(model, tokenizer, toolbox, meta=meta, budget=Budget(new_tokens=256, seconds=60.0), rationale="skip")
        verdicts = dict(judge.judge_all(cases))
    seen = [step.observation for verdict in verdicts.values() for step in verdict.trace.steps if step.observation]
    rewards = [verdicts[place].reward for place in range(len(cases))]
    # Only a refusal is the call's fault, not `unavailable`.
    valid = sum(not observation.is_refusal for observation in seen)
    won = sum(a is not None and b is not None and a > b for a, b in zip(rewards[::2], rewards[1::2], strict=True))
    return {"valid_calls": valid / max(1, len(seen)), "accuracy": won / max(1, len(pairs))}


class ProgressLines:
    """What a run says of itself in one line: the step, the losses, tokens a second, what it does or the time left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.doing = "reading the data"
        self.losses: Mapping[str, float] = {}
        self.begin(0, 0, 0)

    def begin(self, step: int, steps: int, tokens: int) -> None:
        """A stage begins or resumes at a step."""
        self._first, self._step, self._steps = step, step, steps
        self._first_tokens = self._tokens = tokens
        self._begun, self.losses = self._clock(), {}

    def step(self, step: int, tokens: int) -> None:
        """A step is done, and so many tokens in all."""
        self._step, self._tokens = step, tokens

    def line(self) -> str:
        """How far it is now."""
        if not self._steps:
            return self.doing
        parts = [f"step {self._step:,} of {self._steps:,}"]
        parts += [f"{name} {value:.3f}" for name, value in self.losses.items()]
        seconds, done = self._clock() - self._begun, self._step - self._first
        if seconds and done:
            parts.append(f"{(self._tokens - self._first_tokens) / seconds:,.0f} tokens/s")
        if self.doing:
            parts.append(self.doing)
        elif done:
            minutes = seconds / done * (self._steps - self._step) / 60
            parts.append(f"{minutes // 60:.0f} h {minutes % 60:02.0f} min left")
        return ", ".join(parts)


class TrainingProgress:
    """A bar for the steps with the loss beside it, and measurements above it; without a terminal, a line a minute."""

    def __init__(self, bar: "Progress", speaks: bool = True, every: float = 60.0) -> None:
        self._bar, self._every = bar, every
        self._row = bar.add_task("reading the data", total=None)
        self._lines, self._ended = ProgressLines(), threading.Event()
        self._writes = speaks and not bar.console.is_terminal
        self._thread = threading.Thread(target=self._write_lines, daemon=True)

    def __enter__(self) -> Self:
        if self._writes:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()

    def doing(self, text: str) -> None:
        """Say at once what the run does beside its steps; an empty text ends it."""
        self._lines.doing = text
        self._bar.update(self._row, description=text or self._loss())
        if text and self._writes:
            self._bar.console.print(self._lines.line(), markup=False)

    def _write_lines(self) -> None:
        while not self._ended.wait(self._every):
            self._bar.console.print(self._lines.line(), markup=False)

    def _loss(self) -> str:
        return f"loss {self._lines.losses['loss']:.3f}" if self._lines.losses else "training"

    def callback(self) -> "TrainerCallback":
        """What the Trainer tells of its steps."""
        from transformers import TrainerCallback

        from themis.training.curves import LOSSES

        bar, row, lines, loss = self._bar, self._row, self._lines, self._loss

        class Shown(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                lines.begin(state.global_step, state.max_steps, state.num_input_tokens_seen)
                lines.doing = ""
                bar.update(row, total=state.max_steps, completed=state.global_step, description=loss())

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                lines.step(state.global_step, state.num_input_tokens_seen)
                bar.update(row, completed=state.global_step)

            def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                if "loss" in kwargs["logs"]:
                    lines.losses = {name: float(kwargs["logs"][name]) for name in ("loss", *LOSSES) if name in kwargs["logs"]}
                    bar.update(row, description=loss())

            def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                bar.console.print(measured(state.global_step, kwargs["metrics"]), markup=False)

        return Shown()


def measured(step: int, metrics: dict[str, float]) -> str:
    """One line of a measurement: `step 500: held 97.5 %, held early 96.0 %, held calls 88.0 %, ...`."""
    shown = {name: share for name, share in metrics.items() if name.endswith(("accuracy", "calls"))}
    shares = {name.removeprefix("eval_").removesuffix("accuracy"): share for name, share in shown.items()}
    return f"step {step}: " + ", ".join(f"{name.replace('_', ' ').strip()} {100 * share:.1f} %" for name, share in shares.items())
