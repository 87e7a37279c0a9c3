"""`themis tools` with settings: what is switched on, what is missing, files of calls, recordings and indexes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Themis, sentence
from tests.tools.mcp.test_client import STRANGER
from themis.tools import ObservationStore
from themis.tools.recordings.store import Call
from themis.traces import Case, Observation, case_key


@pytest.fixture(autouse=True)
def _in_a_fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THEMIS_DATA", raising=False)


def findings(themis: Themis, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    rows = json.loads(themis("tools", "doctor", "--json", *words).stdout)
    return {(row["tool"], row["backend"]): row for row in rows}


def test_a_tool_that_is_not_switched_on_says_how_to_do_so(themis: Themis) -> None:
    said = sentence(themis("tools", "call", "wiki_search", "Canberra"))
    assert "wiki_search is not switched on: set tools.wiki_search.backend in themis.toml (index, zim, mediawiki, recordings)" in said
    assert "`themis tools doctor`" in said
    row = json.loads(themis("tools", "call", "translate", "x", "--json").stdout)
    assert row["status"] == "unavailable"
    listed = [row["name"] for row in json.loads(themis("tools", "list", "--json").stdout)]
    assert not {"translate", "google_serper", "wiki_search"} & set(listed)


def test_an_index_is_made_and_answers_by_file_by_flag_and_by_environment(
    themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    articles = [
        {"title": "Canberra", "text": "Canberra is the capital city of Australia."},
        {"title": "Quito", "text": "Quito is the capital of Ecuador."},
    ]
    Path("articles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in articles), encoding="utf-8")
    made = themis("tools", "index", "articles.jsonl", "--out", "wiki").stdout
    assert "2 passages in wiki" in made
    setting = made[made.index("[tools.") :]
    Path("themis.toml").write_text(setting, encoding="utf-8")
    said = "Canberra | Canberra is the capital city of Australia."
    assert themis("tools", "call", "wiki_search", "capital of Australia").stdout.strip() == said
    assert findings(themis)["wiki_search", "index"]["chosen"]
    Path("themis.toml").unlink()
    flags = ("--tool", "wiki_search.backend=index", "--tool", "wiki_search.path=wiki")
    assert themis("tools", "call", "wiki_search", "capital of Australia", *flags).stdout.strip() == said
    assert "wiki_search" in themis("tools", "list", *flags).stdout
    monkeypatch.setenv("THEMIS_TOOLS__WIKI_SEARCH__BACKEND", "index")
    monkeypatch.setenv("THEMIS_TOOLS__WIKI_SEARCH__PATH", str(tmp_path / "wiki"))
    assert themis("tools", "call", "wiki_search", "capital of Australia").stdout.strip() == said
    assert json.loads(themis("tools", "index", "articles.jsonl", "--out", "other", "--json").stdout) == {"passages": 2, "out": "other"}
    assert sentence(themis("tools", "index", "no.jsonl", "--out", "x")) == "no.jsonl does not exist"


def test_weather_is_imported_and_answers(themis: Themis) -> None:
    Path("weather.csv").write_text("city,date,temperature_c,wind_kph,precipitation_mm,humidity\nLima,2024-05-03,19.5,10,0,80\n")
    made = themis("tools", "import-weather", "weather.csv", "--out", "weather.db").stdout
    assert "1 records in weather.db" in made
    Path("themis.toml").write_text(made[made.index("[tools.") :], encoding="utf-8")
    assert "temperature: 19.5(C)" in themis("tools", "call", "history_weather", "Lima, 2024-05-03").stdout


def test_what_somebody_set_up_and_does_not_work_stops_the_command(themis: Themis) -> None:
    said = sentence(themis("tools", "call", "calculator", "1+1", "--tool", "google_serper.backend=searxng"))
    assert said.startswith("--tool: tools.google_serper.backend is 'searxng', which does not work here: no address")
    assert "did you mean 'searxng'?" in sentence(themis("tools", "list", "--tool", "google_serper.backend=serxng"))
    Path("elsewhere.toml").write_text('[tools.google_serper]\nbackend = "serper"\nkey_env = "NO_SUCH_KEY"\n', encoding="utf-8")
    said = sentence(themis("tools", "list", "--settings", "elsewhere.toml"))
    assert "the environment variable NO_SUCH_KEY is not set" in said
    assert findings(themis, "--settings", "elsewhere.toml")["google_serper", "serper"]["missing"] == (
        "the environment variable NO_SUCH_KEY is not set"
    )


def test_score_takes_settings_too(themis: Themis, tiny: Path) -> None:
    words = ("score", "--model", tiny, "-q", "2+2?", "-a", "4", "--tool", "wiki_search.backend=nowhere")
    assert "not a backend of wiki_search" in sentence(themis(*words))
    Path("themis.toml").write_text("[tools.code_run]\nbackend = 'off'\n", encoding="utf-8")
    assert "switched off" in sentence(themis("tools", "call", "code_run", "1"))


def test_the_doctor_names_what_is_missing_and_probes_what_is_there(themis: Themis) -> None:
    found = findings(themis)
    assert found["calculator", "built in"]["works"]
    assert found["history_weather", "records"] | {"chosen": True, "works": True} == found["history_weather", "records"]
    assert "SERPER_API_KEY" in found["google_serper", "serper"]["missing"]
    assert not found["google_serper", "serper"]["chosen"]
    assert found["Calendar.week_day", "built in"]["said"] is None
    code = found["code_run", "sandbox"]
    assert not code["works"] or "the tier '" in code["summary"]
    probed = findings(themis, "--probe")
    assert probed["Calendar.week_day", "built in"]["said"] == "Tuesday"
    assert probed["calculator", "built in"]["said"] == "82"
    assert probed["history_weather", "records"]["said"].startswith("The weather for Lisbon on 2024-05-07 is:")
    table = themis("tools", "doctor").stdout
    assert "SERPER_API_KEY" in table
    assert "no themis.toml here" in table
    broken = themis("tools", "doctor", "--tool", "translate.backend=libretranslate")
    assert broken.exit_code == 1, "something that is switched on does not work"
    secret = themis("tools", "doctor", "--probe", "--json", "--tool", "google_serper.backend=off", "--tool", "google_serper.key=s3cret")
    assert "s3cret" not in secret.output


def test_the_doctor_and_the_list_know_mcp_servers(themis: Themis) -> None:
    command = json.dumps([sys.executable, "-S", "-E", str(STRANGER)])
    Path("themis.toml").write_text(f'[mcp.servers.odd]\ncommand = {command}\n[mcp.servers.gone]\ncommand = ["no-such"]\n')
    found = findings(themis, "--probe")
    assert "echo" in found["odd.*", "MCP server"]["said"]
    assert found["gone.*", "MCP server"]["missing"] == "there is no program 'no-such' here"
    Path("themis.toml").write_text(f"[mcp.servers.odd]\ncommand = {command}\n")
    assert themis("tools", "call", "odd.echo", "hello").stdout.strip() == "hello"


def test_calls_of_a_file_are_recorded_and_replayed(themis: Themis) -> None:
    case = Case("2+2?", "2+2=<<2+2=4>>4\n#### 4")
    step = {"thought": "", "action": {"tool": "calculator", "argument": ""}}
    verdict = {"id": "1", "key": case_key(case), "reward": 1.0, "trace": {"steps": [step]}}
    rows = [{"tool": "Calendar.week_day", "argument": "2015-03-24"}, {"tool": "calculator", "argument": "2+2"}, verdict]
    Path("calls.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = json.loads(themis("tools", "record", "calls.jsonl", "--store", "seen.db", "--json").stdout)
    assert done == {"calls": 3, "ok": 1, "left out": 2}, "the calculator looks at the case, and there is none"
    Path("cases.jsonl").write_text(json.dumps({"id": "7", "question": case.question, "answer": case.answer}) + "\n")
    done = json.loads(themis("tools", "record", "calls.jsonl", "--cases", "cases.jsonl", "--store", "seen.db", "--json").stdout)
    assert done == {"calls": 3, "ok": 2, "left out": 1}
    assert "2 ok" in themis("tools", "record", "calls.jsonl", "--cases", "cases.jsonl", "--store", "seen.db").stdout
    replayed = themis("tools", "call", "Calendar.week_day", "2015-03-24", "--store", "seen.db", "--tools-mode", "replay")
    assert replayed.stdout.strip() == "Tuesday"
    missing = themis("tools", "call", "Calendar.week_day", "2015-03-25", "--store", "seen.db", "--tools-mode", "replay")
    assert "no recording of Calendar.week_day" in sentence(missing)


def test_a_call_that_the_world_fails_is_counted_and_the_status_is_1(themis: Themis) -> None:
    Path("calls.jsonl").write_text('{"tool": "wiki_search", "argument": "Canberra"}\n')
    result = themis("tools", "record", "calls.jsonl", "--store", "seen.db")
    assert (result.exit_code, result.stdout.strip()) == (1, "1 calls: 1 unavailable")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "calls.jsonl, line 1"),
        ("[]", "calls.jsonl, line 1: expected a JSON object, found a list"),
        ('{"id": "1"}', "calls.jsonl, line 1: neither a call (with 'tool' and 'argument') nor a verdict"),
        ('{"tool": 3}', "calls.jsonl, line 1: field 'tool' must be text, found a number"),
    ],
)
def test_a_line_that_is_no_call_is_named(themis: Themis, line: str, said: str) -> None:
    Path("calls.jsonl").write_text(line + "\n", encoding="utf-8")
    assert said in sentence(themis("tools", "record", "calls.jsonl", "--store", "seen.db"))


def test_recordings_are_exported_sorted_and_imported(themis: Themis) -> None:
    with ObservationStore("seen.db") as store:
        store.put(Call("wiki_search", '{"query": "b"}'), Observation("B"))
        store.put(Call("wiki_search", '{"query": "a"}'), Observation("A"))
    assert themis("tools", "export-recordings", "seen.db", "--out", "seen.jsonl").stdout == "2 observations in seen.jsonl\n"
    assert [json.loads(line)["text"] for line in Path("seen.jsonl").read_text().splitlines()] == ["A", "B"]
    assert json.loads(themis("tools", "import-recordings", "seen.jsonl", "--store", "new.db", "--json").stdout)["observations"] == 2
    # The tool is not switched on; its recordings answer all the same.
    assert themis("tools", "call", "wiki_search", "a", "--store", "new.db").stdout.strip() == "A"
    unknown = sentence(themis("tools", "call", "wiki_search", "c", "--store", "new.db"))
    assert unknown.startswith("this call is not recorded, and wiki_search is not switched on")
    assert "no recording" in sentence(themis("tools", "call", "wiki_search", "c", "--store", "new.db", "--tools-mode", "replay"))
    assert "not switched on" in sentence(themis("tools", "call", "translate", "c", "--store", "new.db", "--tools-mode", "replay"))
    assert sentence(themis("tools", "export-recordings", "no.db", "--out", "x")) == "no.db does not exist"
    assert "is a file that this command reads" in sentence(themis("tools", "export-recordings", "seen.db", "--out", "seen.db"))


@pytest.mark.parametrize(
    "command", ["list", "call", "doctor", "index", "import-weather", "record", "export-recordings", "import-recordings", "replay-tara"]
)
def test_each_help_has_an_example(themis: Themis, command: str) -> None:
    assert f"Example: themis tools {command}" in " ".join(themis("tools", command, "--help").stdout.split())


def test_code_runs_bare_by_the_command_line_alone_and_says_so(themis: Themis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = themis("tools", "call", "code_run", "print(f(2))", "--answer", "def f(x): return x * x", "--unsafe").stdout
    assert "4" in bare
    assert bare.strip().endswith("(Run without a sandbox.)")
    (tmp_path / "themis.toml").write_text("[tools.code_run]\nunsafe = true\n")
    said = sentence(themis("tools", "call", "code_run", "print(1)"))
    assert "'tools.code_run.unsafe' is taken from the command line alone: --unsafe" in said
    assert str(tmp_path) in said
    (tmp_path / "themis.toml").write_text("[tools.code_run]\nunsafe = false\n")
    monkeypatch.setenv("THEMIS_TOOLS__CODE_RUN__UNSAFE", "true")
    assert "THEMIS_TOOLS__CODE_RUN__UNSAFE: 'tools.code_run.unsafe'" in sentence(themis("tools", "call", "code_run", "print(1)"))
