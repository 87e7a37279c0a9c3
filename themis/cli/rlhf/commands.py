"""`themis rlhf`: a policy's supervised start, PPO against a judge, perplexity, and who wins."""

import json
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from themis.cli.output import check_folder, check_output
from themis.cli.progress import progress_bar
from themis.cli.rlhf.shared import (
    Steps,
    answers_by,
    as_line,
    check_judge,
    computing,
    directory_of,
    held,
    opened_judge,
    policy_of,
    say,
    say_end,
    settings_of,
    speaks,
    tools,
    write_rows,
)
from themis.files import locked, new_directory, write_whole

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
    settings = settings_of(recipe, overrides, limit)
    directory = directory_of(out, recipe, "sft", settings)
    place = computing(threads, device)
    from themis.rlhf.sft import train_sft

    with locked(directory) if speaks() else nullcontext(), progress_bar(transient=False) as bar:
        steps = Steps(bar, ("loss",))
        train_sft(settings, directory, notice=steps.say, on_step=steps.done, device=place, overwrite=overwrite)
    say_end(directory, f"trained; the next step is `themis rlhf ppo {recipe} policy.name={directory} --out runs/ppo`")


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
    settings = settings_of(recipe, overrides, limit)
    directory = directory_of(out, recipe, "ppo", settings)
    check_judge(settings.reward)
    place = computing(threads, device)
    if dry_run:
        from themis.rlhf.cost import lines

        for name, text in lines(settings):
            typer.echo(f"{name:12} {text}")
        return
    from themis.rlhf.ppo.run import Services, train_ppo
    from themis.rlhf.truth import Truth

    with ExitStack() as opened:
        opened.enter_context(locked(directory) if speaks() else nullcontext())
        toolbox = opened.enter_context(tools())
        judge = opened.enter_context(opened_judge(settings.reward, toolbox, place))
        steps = Steps(opened.enter_context(progress_bar(transient=False)), ("reward", "kl", "true"))
        services = Services(judge, Truth(toolbox.call).check, steps.say, steps.done)
        train_ppo(settings, directory, services, device=place, overwrite=overwrite)
    say_end(directory, f"trained; look at {directory / 'log.png'}")


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
    settings = settings_of(recipe, overrides)
    check_output(out, settings.data.held_files, ["policies"])
    place = computing(threads, device)
    from themis.rlhf.perplexity import perplexity_of

    prompts = held(settings)
    found: dict[str, Any] = {}
    asked: list[str | None] = [*policies] if policies else [None]
    for name in asked:
        measured = perplexity_of(policy_of(settings, name, place), prompts, settings.ppo.answers_at_once)
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
    settings = settings_of(recipe, overrides)
    check_folder(out, [a, b, *(votes or [])])
    check_judge(settings.reward)
    place = computing(threads, device)
    from themis.evaluation.statistics import wilson_interval
    from themis.rlhf.compare import paired, read_votes, tally, votes_of_judge, votes_of_tools
    from themis.rlhf.rewards import Rewarder
    from themis.rlhf.truth import Truth

    of_people = [row for file in votes or [] for row in read_votes(file)]
    with new_directory(out), ExitStack() as opened:
        prompts = held(settings)
        said = {side: answers_by(settings, name, prompts, place) for side, name in (("a", a), ("b", b))}
        for side, answers in said.items():
            write_rows(out / f"answers-{side}.jsonl", [{"id": id, "answer": answer} for id, answer in answers.items()])
        pairs = paired(prompts, said["a"], said["b"])
        toolbox = opened.enter_context(tools())
        judge = opened.enter_context(opened_judge(settings.reward, toolbox, place))
        rewarder = opened.enter_context(Rewarder(judge, settings.reward.wait_seconds, say))
        rows = [*votes_of_tools(pairs, Truth(toolbox.call).check), *votes_of_judge(pairs, rewarder, settings.reward.judge, margin)]
        write_rows(out / "votes.jsonl", rows)
        counted = tally([*rows, *of_people], wilson_interval)
        write_whole(out / "counts.json", json.dumps({"a": a, "b": b, "voters": counted}, indent=2) + "\n")
    for voter, shares in counted.items():
        typer.echo(as_line(voter, shares))
