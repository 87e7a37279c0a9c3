"""Files of verdicts that were interrupted, and files that are something else."""

import json
import os
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from themis.cli.verdict_file import Summary, score_elsewhere, score_file
from themis.data.cases import CaseFile, files_of, read_cases
from themis.errors import ConfigError, DataError
from themis.traces import Case, Judge, Verdict, case_key

BY = {"model": "m", "weights": "1f", "rationale": "write"}


class LengthJudge(Judge):
    """The reward is the answer's length."""

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        for place, case in enumerate(cases):
            yield place, Verdict(case.id, float(len(case.answer)), None)


class Nobody(Judge):
    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        raise AssertionError("nothing should be judged")


def write_cases(path: Path, *answers: str) -> Path:
    path.write_text("".join(json.dumps({"question": "q", "answer": answer}) + "\n" for answer in answers))
    return path


def rows(path: Path) -> dict[str, float]:
    return {row["id"]: row["reward"] for row in map(json.loads, path.read_text().splitlines())}


def test_a_row_is_written_for_each_case_with_the_keys_that_were_promised(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    score_file(write_cases(tmp_path / "in.jsonl", "a", "bb"), out, LengthJudge(), BY)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    sure = ["probability", "unfamiliar", "least_likely"]
    assert [list(line) for line in lines] == [["id", "reward", "status", "reason", *sure, "trace", "usage", "key", "judge"]] * 2
    assert [(line["key"], line["judge"]) for line in lines] == [(case_key(Case("q", answer)), BY) for answer in ("a", "bb")]
    assert rows(out) == {"1": 1.0, "2": 2.0}


def test_ids_are_the_cases_own_or_else_their_line_numbers(tmp_path: Path) -> None:
    data = tmp_path / "in.jsonl"
    asked = '"question": "q", "answer": "a"}'
    data.write_text(f'{{"id": "x", {asked}\n\n{{{asked}\n{{"id": null, {asked}\n{{"id": 7, {asked}')
    assert [case.id for case in read_cases(files_of(data))] == ["x", "3", "4", "7"]


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", "a", "bb", "ccc"), tmp_path / "out.jsonl"

    class Stopped(LengthJudge):
        def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
            yield next(super().judge_all(cases))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(data, out, Stopped(), BY)
    assert rows(out) == {"1": 1.0}
    assert score_file(data, out, LengthJudge(), BY).judged == 2
    assert rows(out) == {"1": 1.0, "2": 2.0, "3": 3.0}
    assert score_file(data, out, LengthJudge(), BY) == Summary(cases=3, already_there=3)


@pytest.mark.parametrize("kept", range(1, 90, 8))
def test_a_row_cut_by_a_kill_is_mended_wherever_it_was_cut(tmp_path: Path, kept: int) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", "a", "bb"), tmp_path / "out.jsonl"
    score_file(data, out, LengthJudge(), BY)
    whole = out.read_bytes()
    first = whole.index(b"\n") + 1
    out.write_bytes(whole[: first + kept])
    assert score_file(data, out, LengthJudge(), BY).judged == 1
    assert out.read_bytes() == whole


@pytest.mark.parametrize("ids", [('"x"', '"x"'), ('"2"', "null"), ("7", '"7"')])
def test_two_cases_with_one_id_are_named_as_nothing_would_tell_their_verdicts_apart(tmp_path: Path, ids: tuple[str, str]) -> None:
    data = tmp_path / "in.jsonl"
    data.write_text("".join(f'{{"id": {id}, "question": "q", "answer": "a"}}\n' for id in ids))
    with pytest.raises(DataError, match=r"in\.jsonl, line 2: field 'id' is the same as in .*line 1; each row needs an id of its own"):
        score_file(data, tmp_path / "out.jsonl", Nobody(), BY)


def test_both_answers_of_a_pair_are_cases(tmp_path: Path) -> None:
    data = tmp_path / "in.jsonl"
    rows = [{"prompt": "q", "chosen": "a", "rejected": "bb"}, {"id": "x", "prompt": "q", "chosen": ["a"], "rejected": ["b", "c"]}]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [case.id for case in read_cases(files_of(data))] == ["1/chosen", "1/rejected", "x/chosen", "x/rejected/0", "x/rejected/1"]


@pytest.mark.parametrize("foreign", ["my diary", "my diary\n", '{"id": 3}\n', "[]\n", '{"id": "x", "question": "q"}\n', "\x00\x00"])
def test_a_file_that_holds_something_else_is_left_as_it_is(tmp_path: Path, foreign: str) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text(foreign)
    with pytest.raises(DataError, match=r"out\.jsonl, line 1: not a verdict"):
        score_file(write_cases(tmp_path / "in.jsonl", "a"), out, Nobody(), BY)
    assert out.read_text() == foreign


def test_the_file_of_cases_is_never_written_to(tmp_path: Path) -> None:
    data = write_cases(tmp_path / "in.jsonl", "a")
    before = data.read_bytes()
    with pytest.raises(DataError, match="is the file of cases itself"):
        score_file(data, data, Nobody(), BY)
    assert data.read_bytes() == before


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    out = tmp_path / "no" / "folder" / "out.jsonl"
    score_file(write_cases(tmp_path / "in.jsonl", "a"), out, LengthJudge(), BY)
    assert rows(out) == {"1": 1.0}


# --- what a row is known by ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("then", "now", "kept", "judged"),
    [
        # By line number, the first row would have become the new case's.
        (("Tuesday", "Thu"), ("Mo", "Tuesday", "Thu"), 2, {"1": 2.0, "2": 7.0, "3": 3.0}),
        (("a", "bb", "ccc"), ("ccc", "a", "bb"), 3, {"1": 3.0, "2": 1.0, "3": 2.0}),
        (("a", "a"), ("a", "bb", "a"), 2, {"1": 1.0, "2": 2.0, "3": 1.0}),
        (("a",), ("a", "a"), 1, {"1": 1.0, "2": 1.0}),
    ],
)
def test_a_row_without_an_id_is_known_by_its_content(
    tmp_path: Path, then: tuple[str, ...], now: tuple[str, ...], kept: int, judged: dict[str, float]
) -> None:
    out = tmp_path / "out.jsonl"
    score_file(write_cases(tmp_path / "in.jsonl", *then), out, LengthJudge(), BY)
    summary = score_file(write_cases(tmp_path / "in.jsonl", *now), out, LengthJudge(), BY)
    assert (summary.already_there, summary.judged) == (kept, len(now) - kept)
    assert rows(out) == judged
    assert len(out.read_text().splitlines()) == len(now)


def test_in_a_pipe_too(tmp_path: Path) -> None:
    pipe, out = tmp_path / "pipe", tmp_path / "out.jsonl"
    os.mkfifo(pipe)
    score_file(write_cases(tmp_path / "in.jsonl", "Tuesday", "Thu"), out, LengthJudge(), BY)
    lines = write_cases(tmp_path / "in.jsonl", "Mo", "Tuesday", "Thu").read_text()
    threading.Thread(target=lambda: pipe.write_text(lines)).start()
    assert score_file(pipe, out, LengthJudge(), BY).already_there == 2
    assert rows(out) == {"1": 2.0, "2": 7.0, "3": 3.0}


@pytest.mark.parametrize("changed", [{"answer": "bb"}, {"question": "r"}, {"context": "c"}, {"tests": ["assert 1"]}])
def test_a_row_whose_case_has_changed_is_never_kept(tmp_path: Path, changed: dict[str, object]) -> None:
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    case = {"id": "x", "question": "q", "answer": "a"}
    data.write_text(json.dumps(case) + "\n")
    score_file(data, out, LengthJudge(), BY)
    before = out.read_bytes()
    data.write_text(json.dumps(case | changed) + "\n")
    with pytest.raises(DataError, match="the verdict 'x' is of another question or answer than the case has now"):
        score_file(data, out, Nobody(), BY)
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("by", "difference"),
    [
        ({"weights": "2e"}, 'weights was "1f", is now "2e"'),
        ({"rationale": "skip"}, 'rationale was "write", is now "skip"'),
        ({"model": "other", "weights": "2e"}, 'model was "m", is now "other"'),
        ({"budget": {"tool_calls": 1}}, 'budget was null, is now {"tool_calls": 1}'),
    ],
)
def test_rows_of_another_judge_are_refused_by_what_differs(tmp_path: Path, by: dict[str, object], difference: str) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", "a"), tmp_path / "out.jsonl"
    score_file(data, out, LengthJudge(), BY)
    before = out.read_bytes()
    with pytest.raises(DataError) as refused:
        score_file(data, out, Nobody(), BY | by)
    assert difference in str(refused.value)
    assert out.read_bytes() == before


def test_the_same_weights_by_another_name_are_the_same_judge(tmp_path: Path) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", "a"), tmp_path / "out.jsonl"
    score_file(data, out, LengthJudge(), BY)
    assert score_file(data, out, LengthJudge(), BY | {"model": "./m"}).already_there == 1


def test_rows_that_do_not_say_who_judged_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text(json.dumps(Verdict("1", 1.0, None).to_json()) + "\n")
    with pytest.raises(DataError, match="line 1: the verdict does not say who judged what"):
        score_file(write_cases(tmp_path / "in.jsonl", "a"), out, Nobody(), BY)


def test_two_runs_never_write_one_file(tmp_path: Path) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", "a"), tmp_path / "out.jsonl"

    class Twice(LengthJudge):
        def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
            with pytest.raises(ConfigError, match=r"another run is at work in .*out\.jsonl"):
                score_file(data, out, Nobody(), BY)
            yield from super().judge_all(cases)

    score_file(data, out, Twice(), BY)
    assert rows(out) == {"1": 1.0}


def test_a_run_that_wrote_nothing_leaves_no_file(tmp_path: Path) -> None:
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text("{}\n")
    with pytest.raises(DataError, match="field 'answer' "):
        score_file(data, out, Nobody(), BY)
    assert not out.exists()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"3", "expected a JSON object, found a number"),
        (b'{"question": "q"}', "field 'answer' .or 'chosen'. is missing; expected .* found 'question'"),
        (b'{"question": "q", "answer": null}', "field 'answer' .or 'chosen'. is missing"),
        (b'{"question": "q", "answer": 4}', "field 'answer' must be text or a list of messages, found a number"),
        (b'{"question": "", "answer": "a"}', "field 'question' .or 'prompt'. is missing or empty"),
        (b'{"question": "q", "answer": "\\ud800"}', "field 'answer' holds half a character"),
        (b'{"question": "q", "answer": "\xff"}', "byte 30 is not UTF-8"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_judged_and_no_row_is_lost(tmp_path: Path, line: bytes, problem: str) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", "a"), tmp_path / "out.jsonl"
    score_file(data, out, LengthJudge(), BY)
    before = out.read_bytes()
    data.write_bytes(data.read_bytes() + write_cases(tmp_path / "more.jsonl", "bb").read_bytes() + line + b"\n")
    with pytest.raises(DataError, match=r"in\.jsonl, line 3: " + problem):
        score_file(data, out, Nobody(), BY)
    assert out.read_bytes() == before


def test_a_pipe_is_judged_as_it_comes(tmp_path: Path) -> None:
    pipe, out = tmp_path / "pipe", tmp_path / "out.jsonl"
    os.mkfifo(pipe)
    lines = write_cases(tmp_path / "in.jsonl", "a", "bb").read_text()
    threading.Thread(target=lambda: pipe.write_text(lines + "broken\n")).start()
    with pytest.raises(DataError, match="pipe, line 3: not valid JSON"):
        score_file(pipe, out, LengthJudge(), BY)
    assert rows(out) == {"1": 1.0, "2": 2.0}


def test_cases_are_read_only_as_they_are_needed(tmp_path: Path) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", *"abcdef"), tmp_path / "out.jsonl"
    pulled: list[int] = []

    class Watching(LengthJudge):
        def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
            for place, verdict in super().judge_all(cases):
                pulled.append(place)
                assert len(rows(out)) == place
                yield place, verdict

    score_file(data, out, Watching(), BY)
    assert pulled == [0, 1, 2, 3, 4, 5]


# --- many files, and judging elsewhere --------------------------------------------------------------


def test_a_pattern_is_all_its_files_with_ids_that_name_them_and_without_the_file_of_verdicts(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write_cases(tmp_path / "b.jsonl", "a", "bb")
    (tmp_path / "deep" / "a.csv").write_text("question,answer\nq,ccc\n")
    pattern, out = tmp_path / "**" / "*.*", tmp_path / "out.jsonl"
    for there in (0, 3):
        summary = score_file(pattern, out, LengthJudge(), BY)
        assert (summary.cases, summary.already_there) == (3, there)
    assert rows(out) == {"b.jsonl:1": 1.0, "b.jsonl:2": 2.0, "deep/a.csv:2": 3.0}


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    assert [case.id for case in read_cases(files_of(write_cases(tmp_path / "a[1].jsonl", "a")))] == ["1"]


@pytest.mark.parametrize(
    ("names", "pattern", "problem"),
    [
        ([], "*.jsonl", r"no file matches '.*\*\.jsonl'"),
        ([], ".", r"is a folder: name its files by a pattern, such as '.*/\*\.jsonl'"),
        (["a.jsonl", "b.txt"], "*.*", r"b\.txt, line 1: field 'answer' .or 'chosen'. is missing; expected .* found 'foo'"),
    ],
)
def test_no_file_and_files_of_other_columns_are_one_sentence(tmp_path: Path, names: list[str], pattern: str, problem: str) -> None:
    for name in names:
        write_cases(tmp_path / name, "a")
    if "b.txt" in names:
        (tmp_path / "b.txt").write_text('{"foo": 1}\n')
    with pytest.raises(DataError, match=problem):
        score_file(tmp_path / pattern, tmp_path / "out" / "out.jsonl", Nobody(), BY)


def judged_twice(files: Sequence[CaseFile], due: Collection[str]) -> Iterator[tuple[str, Verdict]]:
    """As where a worker dies after it has judged: all comes twice, with another reward, and what nobody asked for."""
    for reward in (1.0, 2.0):
        for case in read_cases(files):
            yield case_key(case), Verdict(case.id, reward, None)


def test_of_verdicts_that_come_twice_the_first_counts_and_only_what_is_due(tmp_path: Path) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", "a", "bb", "ccc"), tmp_path / "out.jsonl"
    score_file(data, out, LengthJudge(), BY, limit=1)
    assert score_elsewhere(data, out, judged_twice, BY, limit=2) == Summary(2, 1, 1, Counter(scored=1), Counter())
    assert score_elsewhere(data, out, judged_twice, BY).judged == 1
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["1", "2", "3"]
    assert rows(out) == {"1": 1.0, "2": 1.0, "3": 1.0}


def test_a_case_that_got_no_verdict_or_that_of_another_text_is_named(tmp_path: Path) -> None:
    data, out = write_cases(tmp_path / "in.jsonl", "a", "bb"), tmp_path / "out.jsonl"

    def judged_wrongly(files: Sequence[CaseFile], due: Collection[str]) -> Iterator[tuple[str, Verdict]]:
        for key, verdict in judged_twice(files, due):
            yield (key if verdict.id == "1" else "of another text"), verdict

    with pytest.raises(DataError, match=r"in\.jsonl: 1 cases got no verdict, such as '2': their file has changed meanwhile"):
        score_elsewhere(data, out, judged_wrongly, BY)
    assert rows(out) == {"1": 1.0}
