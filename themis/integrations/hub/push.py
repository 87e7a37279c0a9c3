"""A model pushed to the Hugging Face Hub, with a card of its own figures.

The files of a model are pushed by their names, in one commit. What a training run leaves beside them stays here, such
as its log. A folder that holds anything else is refused: it may be data.
"""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from themis.errors import ConfigError
from themis.integrations.hub.card import CARD, model_card
from themis.integrations.hub.pull import MODEL_FILES, told
from themis.model.named import base_of, is_adapter, resolve

LEFT = (
    *("run.json", "log.json", "log.png", "trainer_state.json", "training_args.bin"),
    *("checkpoints", "tokenizer", "tensorboard", "stages", "built"),
)
"""What a run writes beside its model."""


@dataclass(frozen=True, slots=True)
class Push:
    """What would be pushed, and where to."""

    repo: str
    files: tuple[Path, ...]
    left: tuple[str, ...]
    """The names of what stays here."""
    card: str

    def lines(self) -> list[str]:
        """For a reader."""
        pushed = [f"{file.name}  {file.stat().st_size:,} bytes" for file in self.files]
        return [f"to {self.repo}:", *pushed, CARD, *([f"not pushed: {', '.join(self.left)}"] if self.left else []), "", self.card]


def prepare_push(model: str | Path, repo: str, license: str = "", results: Sequence[Path] = ()) -> Push:
    """Check all that can be checked without the Hub. Raises `ConfigError`, `ModelError` or `DataError`."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ConfigError(
            f"'{repo[:100]}' can be no repository of the Hub: give OWNER/NAME, of letters, digits, '-', '_' and '.'"
        ) from error
    if repo.count("/") != 1:
        raise ConfigError(f"'{repo}' names no owner: give OWNER/NAME")
    directory = resolve(model)
    card = model_card(directory, repo, license, results)
    _check_base(directory)
    entries = sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))
    files = tuple(entry for entry in entries if _is_pushed(entry.name) and entry.is_file())
    left = tuple(entry.name for entry in entries if entry.name in (*LEFT, CARD))
    for entry in entries:
        if entry not in files and entry.name not in left:
            raise ConfigError(f"{directory} holds {entry.name}, which does not belong to a model and may be data: move it away, then push")
        if entry in files and not entry.resolve().is_relative_to(directory.resolve()):
            raise ConfigError(f"{entry} is a link that leads out of {directory}: put the file itself there")
    return Push(repo, files, left, card)


def push_to_hub(
    model: str | Path, repo: str, *, license: str = "", results: Sequence[Path] = (), private: bool = False, token: str | None = None
) -> str:
    """Push a model, make the repository if needed, and return its address. The token is by default the one logged in.

    `results` are files of `themis eval --out` of these very weights. Raises `ConfigError` and `ServerError`.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    push = prepare_push(model, repo, license, results)
    if not (token := token or get_token()):
        raise ConfigError("pushing needs a token of the Hub that may write: set HF_TOKEN, or log in with `hf auth login`")
    api = HfApi(token=token, library_name="themis-rm")
    operations = [CommitOperationAdd(file.name, str(file)) for file in push.files]
    operations.append(CommitOperationAdd(CARD, push.card.encode()))
    with told(f"the Hub did not take {repo}", token):
        api.create_repo(repo, private=private or None, exist_ok=True)
        api.create_commit(repo, operations, commit_message="A reward model of Themis, with its card")
    return f"{api.endpoint}/{repo}"


def _is_pushed(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in MODEL_FILES)


def _check_base(directory: Path) -> None:
    """Raises `ConfigError` for adapters on a model that nobody else has."""
    if is_adapter(directory) and (Path(base_of(directory)).is_absolute() or Path(base_of(directory)).exists()):
        raise ConfigError(
            f"the adapters in {directory} need {base_of(directory)}, which others do not have: push `themis export --merged` of them"
        )
