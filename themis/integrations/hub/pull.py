"""A model of the Hub as a judge; which files are a model's, and what the Hub says where it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from themis.errors import ConfigError, ServerError
from themis.http.client import masked
from themis.inference.load import load_judge
from themis.model.named import ADAPTERS_FILE, META_FILE
from themis.traces.judge import Judge

MODEL_FILES = (
    *("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", META_FILE, ADAPTERS_FILE),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"),
    *("vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
)
"""Patterns of their names."""


def from_pretrained(repo: str, *, revision: str | None = None, token: str | None = None, **settings: Any) -> Judge:
    """The judge of a model on the Hub; `settings` are those of `load_judge`. Fetches the files of a model alone."""
    from huggingface_hub import snapshot_download

    with told(f"the Hub did not give {repo}", token or ""):
        directory = snapshot_download(repo, revision=revision, token=token, allow_patterns=list(MODEL_FILES))
    return load_judge(directory, **settings)


@contextmanager
def told(what: str, token: str) -> Iterator[None]:
    """Errors of the Hub in one sentence that holds no token."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except HfHubHTTPError as error:
        said = " ".join((error.server_message or "").split())[:200]
        sentence = masked(f"{what}: HTTP {error.response.status_code}{f', {said}' if said else ''}", [token] if token else [])
        raise (ServerError if error.response.status_code >= 500 else ConfigError)(sentence) from error
    except (httpx2.TransportError, LocalEntryNotFoundError, OSError) as error:
        raise ServerError(f"{what}: it cannot be reached ({type(error).__name__})") from error
