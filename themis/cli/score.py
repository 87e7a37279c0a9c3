"""`themis score`: one case from the command line, or a file of cases."""

import json
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from themis.cli.judging import JsonFlag, JudgeOptions, Ray, extra, import_libraries, placed_judge, with_options
from themis.cli.output import check_output
from themis.cli.progress import progress_bar
from themis.errors import ConfigError
from themis.files import STREAM

if TYPE_CHECKING:
    from themis.cli.verdict_file import Summary
    from themis.traces import Case, Verdict

EXAMPLE = 'Example: themis score --question "What day of the week is 2015-03-24?" --answer "A Tuesday."'

_CASES_HELP = "A file of cases instead, or a pattern of files: JSON lines, a JSON list, CSV or Parquet, with question and answer, or pairs."
_WORKERS_HELP = "With --ray: how many judges, each in a process of its own."
_LIMIT_HELP = "With --cases: judge only the first cases of the file. Without it, the same command judges the others."
_OUT_HELP = "With --cases: the file of the verdicts, or - for standard output. Cases that have one there are left out."


@with_options
def score(
    question: Annotated[str | None, typer.Option("--question", "-q", help="What was asked.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", "-a", help="The answer to judge.")] = None,
    context: Annotated[str | None, typer.Option(help="A text that question and answer are about.")] = None,
    cases: Annotated[Path | None, typer.Option("--cases", "--data", help=_CASES_HELP)] = None,
    out: Annotated[Path | None, typer.Option(help=_OUT_HELP)] = None,
    limit: Annotated[int | None, typer.Option(min=1, help=_LIMIT_HELP, show_default="all")] = None,
    json_output: JsonFlag = False,
    ray: Ray = None,
    workers: Annotated[int | None, typer.Option(min=1, help=_WORKERS_HELP, show_default="as many as there is room for")] = None,
    *,
    judging: JudgeOptions,
) -> None:
    """Judge an answer, or a file of answers: the tools called, what they said, the reward."""
    if cases is None:
        case: Case | None = _case(question, answer, context, out, limit)
    else:
        case = None
        _check_no_case(question, answer, context, out)
    check_output(out, [cases])
    judging.check()
    if cases is not None and out is not None:
        _check_cases(cases, out, limit)
    if ray is not None:
        _score_by_ray(ray, workers, cases, limit, out, judging, json_output)
        return
    if workers is not None:
        raise ConfigError("--workers counts the judges of --ray: leave it out, or give --ray")
    with judging.toolbox() as toolbox:
        import_libraries()
        judge = judging.judge(toolbox)
        if case is not None:
            _print_verdict(case, judge.judge(case), json_output)
        elif cases is not None and out is not None:
            from themis.cli.verdict_file import score_file

            known_by = judging.known_by(toolbox)
            _show_scoring(lambda advance: score_file(cases, out, judge, known_by, advance, limit), limit, out, json_output)


def _case(question: str | None, answer: str | None, context: str | None, out: Path | None, limit: int | None) -> "Case":
    from themis.traces import case_from_json

    if question is None or answer is None:
        raise ConfigError("give --question and --answer, or a file of cases with --cases and --out")
    if limit is not None:
        raise ConfigError("--limit counts the cases of --cases: leave it out, or give --cases and --out")
    if out is not None:
        raise ConfigError("--out is the file of verdicts of --cases: leave it out, or give --cases")
    return case_from_json({"question": question, "answer": answer, "context": context}, "the command line")


def _check_no_case(question: str | None, answer: str | None, context: str | None, out: Path | None) -> None:
    if not (question is answer is context is None):
        raise ConfigError("--cases names a file of cases: leave out --question, --answer and --context")
    if out is None:
        raise ConfigError("--cases needs --out, the file that the verdicts are written to")


def _check_cases(cases: Path, out: Path, limit: int | None) -> None:
    """Raises `DataError` for a wrong line before torch is imported. What comes once is checked as it is judged."""
    from themis.data.cases import comes_once, files_of, read_cases

    for _ in () if comes_once(cases) else read_cases(files_of(cases, out), limit):
        pass


def _score_by_ray(
    address: str, count: int | None, cases: Path | None, limit: int | None, out: Path | None, judging: JudgeOptions, json_output: bool
) -> None:
    from themis.cli.verdict_file import score_elsewhere
    from themis.cluster.connection import AFAR, connected
    from themis.data.cases import comes_once

    if cases is None or out is None:
        raise ConfigError("--ray judges files of cases: give --cases and --out")
    if comes_once(cases):
        raise ConfigError(f"--ray cannot judge {cases}, which only this process can read: give a file")
    cases = cases.absolute()  # the workers may be in another folder
    with connected(address):
        with extra("ray", of="score --ray"):
            from themis.cluster.scoring import judged_afar, judged_by
            from themis.cluster.workers import known_by_workers, workers_of

        workers = workers_of(count, judging.threads, judging.device, judging.batch_size)
        source = placed_judge(judging)
        known_by = known_by_workers(workers, source)
        by_ray = partial(judged_afar if address.startswith(AFAR) else judged_by, workers, source, known_by)
        _show_scoring(lambda advance: score_elsewhere(cases, out, by_ray, known_by, advance, limit), limit, out, json_output)


def _print_verdict(case: "Case", verdict: "Verdict", json_output: bool) -> None:
    if json_output:
        typer.echo(json.dumps(verdict.to_json()))
        return
    from rich.console import Console

    from themis.cli.show import case_table, verdict_table

    console = Console(highlight=False)
    console.print(case_table(case))
    console.print(verdict_table(verdict))


def _show_scoring(scoring: "Callable[[Callable[[Summary], None]], Summary]", limit: int | None, out: Path, json_output: bool) -> None:
    with progress_bar() as bar:
        task = bar.add_task("judged", total=None)
        summary = scoring(lambda now: bar.update(task, completed=now.already_there + now.judged, total=now.cases))
    if json_output:
        typer.echo(json.dumps({field.name: getattr(summary, field.name) for field in fields(summary)}), err=out == STREAM)
    else:
        typer.echo(_sentence(summary, out) + (f"; --limit {limit}: later cases are not judged" if limit else ""), err=True)


def _sentence(summary: "Summary", out: Path) -> str:
    there = f", {summary.already_there} were there already" if summary.already_there else ""
    counts = [f"{count} {status}" for status, count in sorted(summary.statuses.items())]
    counts += [f"{reason} {count}" for reason, count in sorted(summary.reasons.items())]
    return f"{summary.judged} judged{there}: {out}" + (f" ({', '.join(counts)})" if counts else "")
