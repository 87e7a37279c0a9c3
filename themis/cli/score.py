"""`themis score`: one case from the command line, or a file of cases."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from themis.cli.judging import JsonFlag, JudgeOptions, import_libraries, with_options
from themis.cli.output import check_output
from themis.cli.progress import progress_bar
from themis.errors import ConfigError
from themis.files import STREAM

if TYPE_CHECKING:
    from themis.cli.verdict_file import Summary
    from themis.traces import Case, Judge, Verdict

EXAMPLE = 'Example: themis score --question "What day of the week is 2015-03-24?" --answer "A Tuesday."'

_CASES_HELP = "A file of cases instead: JSON lines, a JSON list, CSV or Parquet, with question and answer, messages, or pairs."
_LIMIT_HELP = "With --cases: judge only the first cases of the file. Without it, the same command judges the others."
_OUT_HELP = "With --cases: the file of the verdicts, or - for standard output. Cases that have one there are left out."


@with_options
def score(
    question: Annotated[str | None, typer.Option("--question", "-q", help="What was asked.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", "-a", help="The answer to judge.")] = None,
    context: Annotated[str | None, typer.Option(help="A text that question and answer are about.")] = None,
    cases: Annotated[Path | None, typer.Option(help=_CASES_HELP)] = None,
    out: Annotated[Path | None, typer.Option(help=_OUT_HELP)] = None,
    limit: Annotated[int | None, typer.Option(min=1, help=_LIMIT_HELP, show_default="all")] = None,
    json_output: JsonFlag = False,
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
    if cases is not None:
        _check_cases(cases, limit)
    with judging.toolbox() as toolbox:
        import_libraries()
        judge = judging.judge(toolbox)
        if case is not None:
            _print_verdict(case, judge.judge(case), json_output)
        elif cases is not None and out is not None:
            _score_file(cases, limit, out, judge, judging.known_by(toolbox), json_output)


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


def _check_cases(cases: Path, limit: int | None) -> None:
    """Raises `DataError` for a wrong line before torch is imported. What comes once is checked as it is judged."""
    from themis.cli.verdict_file import comes_once, read_cases

    for _ in () if comes_once(cases) else read_cases(cases, limit):
        pass


def _print_verdict(case: "Case", verdict: "Verdict", json_output: bool) -> None:
    if json_output:
        typer.echo(json.dumps(verdict.to_json()))
        return
    from rich.console import Console

    from themis.cli.show import case_table, verdict_table

    console = Console(highlight=False)
    console.print(case_table(case))
    console.print(verdict_table(verdict))


def _score_file(cases: Path, limit: int | None, out: Path, judge: "Judge", known_by: Mapping[str, Any], json_output: bool) -> None:
    from themis.cli.verdict_file import score_file

    with progress_bar() as bar:
        task = bar.add_task("judged", total=None)
        advance = lambda now: bar.update(task, completed=now.already_there + now.judged, total=now.cases)  # noqa: E731
        summary = score_file(cases, out, judge, known_by, advance, limit)
    if json_output:
        typer.echo(json.dumps({field.name: getattr(summary, field.name) for field in fields(summary)}), err=out == STREAM)
    else:
        typer.echo(_sentence(summary, out) + (f"; --limit {limit}: later cases are not judged" if limit else ""), err=True)


def _sentence(summary: "Summary", out: Path) -> str:
    there = f", {summary.already_there} were there already" if summary.already_there else ""
    counts = [f"{count} {status}" for status, count in sorted(summary.statuses.items())]
    counts += [f"{reason} {count}" for reason, count in sorted(summary.reasons.items())]
    return f"{summary.judged} judged{there}: {out}" + (f" ({', '.join(counts)})" if counts else "")
