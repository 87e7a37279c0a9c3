"""`themis rlhf`: a policy's supervised start, PPO against a judge, perplexity, and who wins."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from themis.cli.judging import open_toolbox
from themis.cli.output import check_folder, check_output
from themis.cli.progress import progress_bar
from themis.cli.train import compute_with
from themis.files import locked, new_directory, write_whole

if TYPE_CHECKING:
    from rich.progress import Progress

    from themis.rlhf.policy import Policy
    from themis.rlhf.prompts import Prompt
    from themis.rlhf.recipe import Reward, RlhfRecipe
    from themis.tools import Toolbox
    from themis.traces import Judge

app = typer.Typer(help="Train a policy against a judge by PPO, and measure whether it got better.", no_args_is_help=True)

_RECIPE_HELP = "A recipe of the package such as nano, or the path of a YAML file."
_OVERRIDES_HELP = "Settings in place of the recipe's, e.g. ppo.kl=0.1."
_POLICY_HELP = "A policy to measure, by its directory; may be given again."
_SIDE_HELP = "Directory of a policy, or JSON lines with `id` and `answer`."
_VOTES_HELP = "Votes of people, in the form of votes.jsonl, which are counted too; may be given again."

RecipeName = Annotated[str, typer.Argument(help=_RECIPE_HELP)]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help=_OVERRIDES_HELP)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Delete what an earlier run left in --out, and start over.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first rows of each file and task.", show_default="all")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of the CPU that compute.", show_default="PyTorch's number")]
Device = Annotated[str | None, typer.Option(help="Where to compute: cpu, cuda, or cuda:N.", show_default="cuda if there is one, else cpu")]
RunFolder = Annotated[
    Path | None, typer.Option(help="Where checkpoint, log and policy go.", file_okay=False, show_default="runs/RECIPE-COMMAND")
]


@app.command(epilog="Example: themis rlhf sft nano --out runs/sft")
def sft(
    recipe: RecipeName,
    overrides: Overrides = None,
    out: RunFolder = None,
    overwrite: Overwrite = False,
    limit: Limit = None,
    threads: Threads = None,
    device: Device = None,
) -> None:
    """Teach a policy to write the reference answers: the supervised start. An interrupted run resumes."""
    settings = _settings(recipe, overrides, limit)
    directory = _directory(out, recipe, "sft", settings)
    place = _computing(threads, device)
    from themis.rlhf.sft import train_sft

    with locked(directory) if _speaks() else nullcontext(), progress_bar(transient=False) as bar:
        steps = Steps(bar, ("loss",))
        train_sft(settings, directory, notice=steps.say, on_step=steps.done, device=place, overwrite=overwrite)
    _ended(directory, f"trained; go on with `themis rlhf ppo {recipe} policy.name={directory} --out runs/ppo`")


@app.command(epilog="Example: themis rlhf ppo nano policy.name=runs/sft --out runs/ppo")
def ppo(
    recipe: RecipeName,
    overrides: Overrides = None,
    out: RunFolder = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the memory that the run would need on one H100, and stop.")] = False,
    limit: Limit = None,
    threads: Threads = None,
    device: Device = None,
) -> None:
    """Train a policy by PPO against the judge of the recipe. An interrupted run resumes from its checkpoint."""
    settings = _settings(recipe, overrides, limit)
    directory = _directory(out, recipe, "ppo", settings)
    _check_judge(settings.reward)
    place = _computing(threads, device)
    if dry_run:
        from themis.rlhf.cost import lines

        for name, text in lines(settings):
            typer.echo(f"{name:12} {text}")
        return
    from themis.rlhf.ppo import Services, train_ppo
    from themis.rlhf.truth import Truth

    with ExitStack() as opened:
        opened.enter_context(locked(directory) if _speaks() else nullcontext())
        toolbox = opened.enter_context(_tools())
        judge = opened.enter_context(_judge(settings.reward, toolbox, place))
        steps = Steps(opened.enter_context(progress_bar(transient=False)), ("reward", "kl", "true"))
        services = Services(judge, Truth(toolbox.call).check, steps.say, steps.done)
        train_ppo(settings, directory, services, device=place, overwrite=overwrite)
    _ended(directory, f"trained; look at {directory / 'log.png'}")


@app.command(epilog="Example: themis rlhf perplexity nano --policy runs/sft --policy runs/ppo")
def perplexity(
    recipe: RecipeName,
    overrides: Overrides = None,
    policies: Annotated[list[str] | None, typer.Option("--policy", help=_POLICY_HELP, show_default="that of the recipe")] = None,
    out: Annotated[Path | None, typer.Option(help="A JSON file to write.", dir_okay=False)] = None,
    threads: Threads = None,
    device: Device = None,
) -> None:
    """Measure how likely policies find the held-out reference answers."""
    settings = _settings(recipe, overrides)
    check_output(out, settings.data.held_files, ["policies"])
    place = _computing(threads, device)
    from themis.rlhf.perplexity import perplexity_of

    prompts = _held(settings)
    found: dict[str, Any] = {}
    for name in policies or [None]:
        measured = perplexity_of(_policy(settings, name, place), prompts, settings.ppo.answers_at_once)
        found[name or settings.policy.name or recipe] = measured.to_json()
        typer.echo(
            f"{name or settings.policy.name or recipe}: perplexity {measured.perplexity:.2f} ({measured.low:.2f} to {measured.high:.2f}), "
            f"{measured.bits_per_byte:.3f} bits a byte, {measured.answers} answers, {measured.tokens:,} tokens"
            + (f"; {measured.left_out} are longer than the context" if measured.left_out else "")
        )
    if out:
        write_whole(out, json.dumps({"policies": found}, indent=2) + "\n")


@app.command(epilog="Example: themis rlhf compare nano runs/ppo runs/sft --out compared")
def compare(
    recipe: RecipeName,
    a: Annotated[str, typer.Argument(help=_SIDE_HELP)],
    b: Annotated[str, typer.Argument(help=_SIDE_HELP)],
    out: Annotated[Path, typer.Option(help="The directory to write answers, votes and counts to.", file_okay=False)],
    overrides: Overrides = None,
    votes: Annotated[list[Path] | None, typer.Option(help=_VOTES_HELP, dir_okay=False, show_default=False)] = None,
    margin: Annotated[float, typer.Option(min=0, help="The judge's rewards must differ by more than this, else it is a tie.")] = 0.0,
    threads: Threads = None,
    device: Device = None,
) -> None:
    """Say which of two policies wins on held-out questions: by the tools, and by the judge in both orders."""
    settings = _settings(recipe, overrides)
    check_folder(out, [a, b, *(votes or [])])
    _check_judge(settings.reward)
    place = _computing(threads, device)
    from themis.evaluation.statistics import wilson_interval
    from themis.rlhf.compare import paired, read_votes, tally, votes_of_judge, votes_of_tools
    from themis.rlhf.rewards import Rewarder
    from themis.rlhf.truth import Truth

    of_people = [row for file in votes or [] for row in read_votes(file)]
    with new_directory(out), ExitStack() as opened:
        prompts = _held(settings)
        said = {side: _answers(settings, name, prompts, place) for side, name in (("a", a), ("b", b))}
        for side, answers in said.items():
            _write_rows(out / f"answers-{side}.jsonl", [{"id": id, "answer": answer} for id, answer in answers.items()])
        pairs = paired(prompts, said["a"], said["b"])
        toolbox = opened.enter_context(_tools())
        judge = opened.enter_context(_judge(settings.reward, toolbox, place))
        rewarder = opened.enter_context(Rewarder(judge, settings.reward.wait_seconds, _say))
        rows = [*votes_of_tools(pairs, Truth(toolbox.call).check), *votes_of_judge(pairs, rewarder, settings.reward.judge, margin)]
        _write_rows(out / "votes.jsonl", rows)
        counted = tally([*rows, *of_people], wilson_interval)
        write_whole(out / "counts.json", json.dumps({"a": a, "b": b, "voters": counted}, indent=2) + "\n")
    for voter, shares in counted.items():
        typer.echo(_as_line(voter, shares))


# --- what the commands share -----------------------------------------------------------------------


class Steps:
    """A bar for the steps with some numbers beside it; without a terminal, a line a minute."""

    def __init__(self, bar: "Progress", names: tuple[str, ...], every: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._bar, self._names, self._every, self._clock = bar, names, every, clock
        self._row, self._told = bar.add_task("begins", total=None), clock()

    def say(self, text: str) -> None:
        """A line above the bar."""
        from themis.cli.show import plain

        self._bar.console.print(plain(text), markup=False)

    def done(self, step: int, steps: int, row: Mapping[str, Any]) -> None:
        """A step is done."""
        text = ", ".join(f"{name} {row[name]:.3f}" for name in self._names if row.get(name) is not None)
        self._bar.update(self._row, total=steps, completed=step, description=text)
        if not self._bar.console.is_terminal and (step == steps or self._clock() - self._told > self._every):
            self._told = self._clock()
            self.say(f"step {step:,} of {steps:,}, {text}")


def _settings(recipe: str, overrides: list[str] | None, limit: int | None = None) -> "RlhfRecipe":
    from themis.config import read_recipe
    from themis.rlhf.recipe import RlhfRecipe, check_recipe

    given = [*(overrides or []), *([f"data.limit={limit}"] if limit else [])]
    settings = read_recipe(recipe, RlhfRecipe, given, kind="rlhf")
    check_recipe(settings)
    return settings


def _directory(out: Path | None, recipe: str, command: str, settings: "RlhfRecipe") -> Path:
    directory = out or Path("runs") / f"{Path(recipe).stem}-{command}"
    check_folder(directory, [settings.policy.name, *settings.data.files])
    return directory


def _check_judge(reward: "Reward") -> None:
    """Raises an error for a mistyped judge before torch is imported."""
    from themis.model.named import check_name

    if not _is_server(reward.judge) and ":" not in reward.judge:
        check_name(reward.judge)


def _is_server(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _computing(threads: int | None, device: str | None) -> str:
    compute_with(threads, device)
    from themis.inference.load import device_of

    return device_of(device.partition(":")[0] if device else None)


def _speaks() -> bool:
    """One process for all."""
    import os

    return int(os.environ.get("RANK", 0)) == 0


def _ended(directory: Path, text: str) -> None:
    if _speaks():
        typer.echo(f"{directory}: {text}")


def _say(text: str) -> None:
    from themis.cli.show import plain

    typer.echo(plain(text), err=True)


def _tools() -> Any:
    from themis.config import data_root

    root = data_root()
    return open_toolbox(tara=root / "tara" if root and (root / "tara").is_dir() else None)


@contextmanager
def _judge(reward: "Reward", toolbox: "Toolbox", device: str) -> "Iterator[Judge]":
    """The judge of a recipe: a function, a server, or a model in this process."""
    from themis.inference import load_judge
    from themis.integrations import judge_of
    from themis.rlhf.rewards import FunctionJudge, function_named

    function = None if _is_server(reward.judge) else function_named(reward.judge)
    if function:
        yield FunctionJudge(function)
    elif _is_server(reward.judge):
        with judge_of(reward.judge) as judge:
            yield judge
    else:
        with load_judge(reward.judge, toolbox=toolbox, rationale=reward.rationale, device=device) as judge:
            yield judge


def _held(settings: "RlhfRecipe") -> "list[Prompt]":
    from themis.config import data_root
    from themis.rlhf.prompts import read_held

    return read_held(settings.data, data_root(), settings.logging.measured_answers)


def _policy(settings: "RlhfRecipe", name: str | None, device: str) -> "Policy":
    """The policy of a directory, or that of the recipe."""
    from dataclasses import replace

    from themis.rlhf.policy import load_policy

    policy = load_policy(replace(settings.policy, name=name, lora=None) if name else settings.policy)
    policy.lm.to(device)
    return policy


def _answers(settings: "RlhfRecipe", name: str, prompts: "list[Prompt]", device: str) -> dict[str, str]:
    """Those of a file, or those that a policy writes now."""
    from themis.files import checked_text, json_lines
    from themis.rlhf.compare import answers_of

    if Path(name).is_file():
        rows = [(row, f"{name}, line {number}") for number, row in json_lines(Path(name))]
        return {checked_text(row.get("id"), "id", where): checked_text(row.get("answer"), "answer", where) for row, where in rows}
    return answers_of(_policy(settings, name, device), prompts, settings.ppo, settings.seed, _say)


def _write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    write_whole(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _as_line(voter: str, shares: Mapping[str, Any]) -> str:
    """`tools: win 0.32 (0.25 to 0.40) : tie ... : lose ..., of 64 pairs; 3 left out`."""
    if not shares["pairs"]:
        return f"{voter}: decides none of {shares['left_out']} pairs"
    parts = [
        f"{name} {shares[name]['share']:.2f} ({shares[name]['low']:.2f} to {shares[name]['high']:.2f})" for name in ("win", "tie", "lose")
    ]
    left = f"; {shares['left_out']} left out" if shares["left_out"] else ""
    return f"{voter}: {' : '.join(parts)}, of {shares['pairs']} pairs{left}"
