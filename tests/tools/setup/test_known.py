"""What the answers of tools are known by."""

from pathlib import Path
from typing import Any

import pytest

from themis.tools import Toolbox, tool
from themis.tools.recordings.store import Call, ObservationStore
from themis.tools.setup.known import known_settings
from themis.tools.setup.settings import McpServer, Settings, ToolSetting
from themis.tools.wiki.index import build_index, content_of_index
from themis.traces import Observation

SERVER: dict[str, Any] = {"command": ("serve",), "env": {"ZONE": "UTC", "API_KEY": "s3cret"}}


def of(**tools: tuple[str, dict[str, Any]]) -> dict[str, str]:
    return known_settings(Settings({name: ToolSetting(*setting) for name, setting in tools.items()}))


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")


@pytest.mark.parametrize(
    ("one", "two", "is_same"),
    [
        (("apertium", {}), ("apertium", {}), True),
        (("apertium", {"deadline": 1}), ("apertium", {"deadline": 2}), False),
        (("apertium", {}), ("libretranslate", {"url": "http://a"}), False),
        (("libretranslate", {"url": "http://a"}), ("libretranslate", {"url": "http://b"}), False),
        (("deepl", {"key": "one"}), ("deepl", {"key": "two"}), True),
    ],
)
def test_a_tool_is_known_by_its_backend_and_options_but_for_secrets(
    one: tuple[str, dict[str, Any]], two: tuple[str, dict[str, Any]], is_same: bool
) -> None:
    assert (of(translate=one) == of(translate=two)) is is_same
    assert "one" not in of(translate=one)["translate"]


def test_data_count_by_what_is_in_them_wherever_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("a.jsonl", "wet"), ("b.jsonl", "wet"), ("c.jsonl", "dry")):
        (tmp_path / name).write_text(text)
    a, b, c = (of(history_weather=("records", {"path": str(tmp_path / name)})) for name in ("a.jsonl", "b.jsonl", "c.jsonl"))
    assert a == b != c
    without = of()
    (tmp_path / "data" / "tara" / "recordings").mkdir(parents=True)
    (tmp_path / "data" / "tara" / "recordings" / "weather_history.json").write_text("{}")
    monkeypatch.setenv("THEMIS_DATA", str(tmp_path / "data"))
    assert of() != without, "the recordings of THEMIS_DATA answer, too"
    assert of() == of(history_weather=("records", {"tara": str(tmp_path / "data" / "tara")}))


def test_an_index_is_known_by_its_passages(tmp_path: Path) -> None:
    known = []
    for number, text in enumerate(("Oslo is in Norway.", "Oslo is in Norway.", "Oslo is in Sweden.")):
        file = tmp_path / f"{number}.jsonl"
        file.write_text(f'{{"title": "Oslo", "text": "{text}"}}')
        build_index([file], tmp_path / str(number), engine="sqlite")
        known.append(of(wiki_search=("index", {"path": str(tmp_path / str(number))})))
    assert known[0] == known[1] != known[2]
    assert content_of_index(tmp_path) is None


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ({}, True),
        ({"command": ("serve", "--more")}, False),
        ({"env": {"ZONE": "CET", "API_KEY": "s3cret"}}, False),
        ({"env": {"ZONE": "UTC", "API_KEY": "another"}}, True),
    ],
)
def test_a_server_is_known_by_all_but_its_secrets(changed: dict[str, Any], is_same: bool) -> None:
    one, two = (known_settings(Settings(servers={"s": McpServer(**(SERVER | each))})) for each in ({}, changed))
    assert (one == two) is is_same
    assert one["s."].startswith("MCP ")


@tool("echo")
def echo(text: str) -> str:
    """Says it again."""
    return text


@tool("echo")
def other_echo(text: str) -> str:
    """Says it once more."""
    return text


def test_a_toolbox_is_known_by_its_tools_and_by_what_answers(tmp_path: Path) -> None:
    with ObservationStore(tmp_path / "a.db") as a, ObservationStore(tmp_path / "b.db") as b:
        boxes = [
            Toolbox([echo]),
            Toolbox([other_echo]),
            Toolbox([echo], without=["echo"]),
            Toolbox([echo], "auto", a),
            Toolbox([echo], "auto", b),
            Toolbox([echo], "record", a),
            Toolbox([echo], "auto", a, fuzzy_replay=True),
            Toolbox([echo], settings=Settings({"translate": ToolSetting("apertium")})),
            Toolbox([echo], "replay", a),
        ]
        known = [str(box.known_by()) for box in boxes]
        assert len(set(known)) == len(known)
        assert str(Toolbox([echo], "replay", b).known_by()) == known[-1], "a replay is known by what is recorded"
        a.put(Call("echo", "{}"), Observation("x"))
        assert str(boxes[-1].known_by()) != known[-1]
        for box in boxes:
            box.close()
