import sys
from pathlib import Path

import pytest
import yaml

import themis
from themis.errors import DataError
from themis.phrases import phrases


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package for files of phrases."""
    folder = tmp_path / "package_of_phrases"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, folder.name, raising=False)
    phrases.cache_clear()
    return folder


def test_the_lists_of_a_file_come_in_the_order_in_which_they_are_written(package: Path) -> None:
    (package / "phrases.yaml").write_text('two:\n  - "{b}: b"\n  - a "{a}"\none: [c]\n', encoding="utf-8")
    assert list(phrases(package.name).items()) == [("two", ("{b}: b", 'a "{a}"')), ("one", ("c",))]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a", "expected names with lists of texts, found list"),
        ("no: [a]", "'False' must be a text with a list of texts"),
        ("word: [yes]", "'word' must be a text with a list of texts"),
        ("word: {a}: b", "cannot be read: "),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_it(package: Path, content: str, message: str) -> None:
    (package / "phrases.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=f"^package_of_phrases/phrases.yaml.*{message}") as caught:
        phrases(package.name)
    assert "\n" not in str(caught.value)


def test_no_file_of_phrases_has_a_list_twice() -> None:
    """YAML would take the last one, in silence."""
    for file in Path(themis.__path__[0]).rglob("*.yaml"):
        root = yaml.compose(file.read_text(encoding="utf-8"))
        assert isinstance(root, yaml.MappingNode)
        names = [key.value for key, _ in root.value]
        assert len(set(names)) == len(names), file
