"""Recipes: read, overridden, and refused by name."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from themis.config import VARIANTS, WHOLE, data_root, read_recipe, recipe_names
from themis.errors import ConfigError
from themis.training.checks import check_recipe
from themis.training.recipe import TrainRecipe, stages_of


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    shares: dict[str, float] = field(default_factory=dict, metadata={WHOLE: True})


@dataclass(frozen=True)
class Other:
    size: int = 1
    rate: float = 0.2


@dataclass(frozen=True)
class Schema:
    kind: Literal["a", "b"]
    steps: int
    inner: Inner = field(default_factory=Inner)
    other: Other | None = None
    names: tuple[str, ...] = ()
    parts: tuple[dict[str, Any], ...] = field(default=(), metadata={VARIANTS: True})


def _write(folder: Path, text: str) -> str:
    file = folder / "run.yaml"
    file.write_text(text)
    return str(file)


def test_a_recipe_and_its_overrides_become_the_dataclass(tmp_path: Path) -> None:
    name = _write(tmp_path, "kind: a\nsteps: 3\nnames: [x, y]\n")
    assert read_recipe(name, Schema, ["inner.rate=1e-3", "steps=5"]) == Schema("a", 5, Inner(0.001), names=("x", "y"))


def test_an_override_may_leave_out_the_section_of_a_key_whose_name_is_found_once(tmp_path: Path) -> None:
    name = _write(tmp_path, "kind: a\nsteps: 3\n")
    read = read_recipe(name, Schema, ["size=4", "shares.x=0.5"])
    assert (read.other, read.inner.shares) == (Other(4), {"x": 0.5})
    with pytest.raises(ConfigError, match=r"there is more than one 'rate': inner\.rate, other\.rate; give one of them"):
        read_recipe(name, Schema, ["rate=1"])


def test_an_override_wins_over_the_variants_of_a_recipe(tmp_path: Path) -> None:
    name = _write(tmp_path, "kind: a\nsteps: 3\nparts: [{inner: {rate: 0.5, shares: {x: 1}}}, {steps: 4}]\n")
    assert read_recipe(name, Schema, ["inner.rate=1", "steps=5"]).parts == ({"inner": {"shares": {"x": 1}}}, {})


def test_a_recipe_on_top_of_another_replaces_a_mapping_that_is_one_whole_and_merges_its_sections(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text("kind: a\nsteps: 3\ninner: {rate: 0.5, shares: {x: 1, y: 2}}\n")
    read = read_recipe(_write(tmp_path, f"base: {tmp_path / 'below.yaml'}\ninner: {{shares: {{z: 3}}}}\n"), Schema)
    assert read.inner == Inner(0.5, {"z": 3.0})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: a\nstep: 3\n", "unknown key 'step', did you mean 'steps'"),
        ("kind: c\nsteps: 3\n", "key 'kind' must be 'a' or 'b', found 'c'"),
        ("kind: a\n", "key 'steps' is required"),
        ("kind: a\nsteps: three\n", "key 'steps' must be int, found 'three'"),
        ("kind: a\nsteps: 3\ninner: {rat: 1}\n", "unknown key 'inner.rat'"),
        ("kind: a\nsteps: 3\nsize: 4\n", "unknown key 'size': write other.size"),
        ("kind: a\nsteps: 3\ninner: {size: 4}\n", "unknown key 'inner.size': write other.size"),
        ("kind: a\nsteps: 3\nrate: 4\n", "unknown key 'rate': write inner.rate or other.rate"),
        ("kind: a\nsteps: 3\ninner: 4\n", "'inner' must be a section of keys (rate, shares), found 4"),
        ("kind: [a\n", "not valid YAML"),
        ("- a\n", "must be a YAML mapping"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match="recipe") as refusal:
        read_recipe(_write(tmp_path, text), Schema)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="nano"):
        read_recipe("nanoo", TrainRecipe)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_of_the_package_fits_its_schema(name: str) -> None:
    recipe = read_recipe(name, TrainRecipe)
    for one in [stage.recipe for stage in stages_of(recipe)] or [recipe]:
        check_recipe(one)


def test_the_data_folder_is_the_one_named_or_the_one_beside_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THEMIS_DATA", raising=False)
    here = tmp_path / "repository" / "deep"
    (here.parent / ".git").mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)
    assert data_root() is None
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert data_root() == tmp_path / "shared" / "data"
    monkeypatch.setenv("THEMIS_DATA", str(tmp_path))
    assert data_root() == tmp_path
    monkeypatch.setenv("THEMIS_DATA", str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="THEMIS_DATA"):
        data_root()


def test_a_base_that_leads_back_to_itself(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(f"base: {second}\n")
    second.write_text(f"base: {first}\n")
    for recipe in (first, second):
        with pytest.raises(ConfigError, match="its base leads back to it"):
            read_recipe(str(recipe), Schema)
