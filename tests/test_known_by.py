"""Hashes of content, and the name of what differs."""

from pathlib import Path

import pytest

from themis.errors import DataError
from themis.files import content_of, difference, digest


def test_a_file_is_known_by_its_bytes_and_a_folder_by_its_files_wherever_they_are(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "below").mkdir(parents=True)
        (tmp_path / folder / "below" / "a.txt").write_text("same")
    assert content_of(tmp_path / "one") == content_of(tmp_path / "two")
    assert content_of(tmp_path / "one" / "below" / "a.txt") == content_of(tmp_path / "two" / "below" / "a.txt")
    before = content_of(tmp_path / "two")
    (tmp_path / "two" / "below" / "a.txt").write_text("else")  # of the same size
    assert content_of(tmp_path / "two") != before
    (tmp_path / "two" / "below" / "a.txt").write_text("same")
    assert content_of(tmp_path / "two") == before
    (tmp_path / "two" / "below" / "a.txt").rename(tmp_path / "two" / "a.txt")
    assert content_of(tmp_path / "two") != before
    with pytest.raises(DataError, match="gone cannot be read: No such file"):
        content_of(tmp_path / "gone")


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, "a was 1, is now 2"),
        ({"a": 1}, {}, "a was 1, is now null"),
        ({}, {"a": "x"}, 'a was null, is now "x"'),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, "a: c was 2, is now 3"),
        ({"model": "m", "weights": "1"}, {"model": "n", "weights": "1"}, None),
        ({"model": "m", "weights": "1"}, {"model": "n", "weights": "2"}, 'model was "m", is now "n"'),
    ],
)
def test_the_first_difference_is_named(was: dict[str, object], now: dict[str, object], said: str | None) -> None:
    assert difference(was, now) == said


def test_the_order_of_keys_is_no_difference() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
