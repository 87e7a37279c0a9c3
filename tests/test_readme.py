"""What README and docs say is true: commands parse, links lead somewhere, examples run, pages keep their form."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from typer.main import get_command

from themis.builder.steps.recipe import read_build_recipe
from themis.cli import app
from themis.config import read_recipe, recipe_names
from themis.model.named import NANO
from themis.training.recipe import TrainRecipe

ROOT = Path(__file__).parent.parent
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")), *sorted((ROOT / "docs").rglob("*.md"))]
HISTORY = {ROOT / "docs" / "log.md", ROOT / "CHANGELOG.md"}
"""These speak of commands and files as they were."""
CURRENT = [page for page in PAGES if page not in HISTORY]
JOBS = [page for page in CURRENT if page.parent != ROOT]
needs_nano = pytest.mark.skipif(not NANO.is_dir(), reason="no nano model here: `themis train nano --out themis/model/nano`")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """Without the code blocks."""
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)


# --- commands ----------------------------------------------------------------------------------------


def shell_commands(script: str) -> Iterator[list[str]]:
    """The words behind each `themis` of a script."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        command: list[str] | None = None
        for word in [*lexer, ";"]:
            if re.fullmatch(r"[;&|]+", word):
                if command is not None:
                    yield command
                command = None
            elif command is not None:
                command.append(word)
            elif word == "themis":
                command = []


def parsed(words: list[str]) -> tuple[str, Any, dict[str, Any]]:
    """The command's path, the command, and its parameters; an assertion says what is wrong."""
    command: Any = get_command(app)
    path = "themis"
    words = list(words)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name = words.pop(0)
        if path == "themis build" and name not in command.commands:
            words, name = ["--recipe", name, *words], "tara"
        assert name in command.commands, f"{path} has no command '{name}'"
        path, command = f"{path} {name}", command.commands[name]
        if hasattr(command, "entry"):
            command = command.entry.command(name)
    context = command.context_class(command, info_name=path)
    values, left, _ = command.make_parser(context).parse_args(words)
    assert not left, f"{path} takes no further {left}"
    for parameter in command.params:
        value, choices = values.get(parameter.name), choices_of(parameter)
        assert value is None or not choices or value in choices, f"{path}: {value!r} is not one of {choices}"
    return path, command, values


def choices_of(parameter: Any) -> tuple[Any, ...]:
    """The values of a `Literal`, in this typer and in older ones."""
    annotation = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    return get_args(annotation) if get_origin(annotation) is Literal else tuple(getattr(getattr(parameter, "type", None), "choices", ()))


def check_recipe(path: str, values: dict[str, Any]) -> None:
    """A recipe of the package has the keys that the command sets."""
    overrides = [words for words in values.get("overrides") or () if "=" in words]
    if path == "themis train" and values["recipe"] in recipe_names():
        read_recipe(values["recipe"], TrainRecipe, overrides)
    if path == "themis build tara" and (recipe := values.get("recipe") or "tara") in recipe_names("build"):
        read_build_recipe(recipe, overrides)


@pytest.mark.parametrize("page", CURRENT, ids=named)
def test_every_command_of_a_page_parses(page: Path) -> None:
    for script in blocks(page, "sh"):
        for words in shell_commands(script):
            path, command, values = parsed(words)
            missing = [parameter.name for parameter in command.params if parameter.required and values.get(parameter.name) in (None, ())]
            assert not missing, f"themis {shlex.join(words)}: {missing} missing"
            check_recipe(path, values)


@pytest.mark.parametrize("page", CURRENT, ids=named)
def test_every_command_that_is_mentioned_exists(page: Path) -> None:
    for mentioned in re.findall(r"`themis ([^`]+)`", prose(page)):
        words = [word for word in shlex.split(mentioned) if word != "..."]
        path, _, values = parsed(words)
        if not re.search(r"\b[A-Z]{3,}\b", mentioned):  # placeholders
            check_recipe(path, {"recipe": None, **values})


def test_a_command_that_is_not_there_is_found() -> None:
    assert list(shell_commands("for f in *; do themis a \\\n  b; done && X=1 themis c | cat # themis d")) == [["a", "b"], ["c"]]
    with pytest.raises(AssertionError, match="no command 'rank'"):
        parsed(["rank"])
    with pytest.raises(AssertionError, match="not one of"):
        parsed(["score", "--rationale", "some"])
    with pytest.raises(Exception, match="--fast"):
        parsed(["score", "--fast"])


# --- links and form ----------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub writes them into addresses."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", CURRENT, ids=named)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    of_ours = re.findall(r"`((?:themis|tests|docs|scripts|examples|benchmarks)/[\w/.-]+)`", prose(page))
    assert [name for name in of_ours if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", JOBS, ids=named)
def test_a_page_starts_with_a_command_and_is_short(page: Path) -> None:
    lines = [line for line in text_of(page).splitlines() if line.strip()]
    assert lines[0].startswith("# ")
    assert lines[1] == "```sh", "a page starts with a command that runs"
    assert len(text_of(page).splitlines()) < 200


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_lines_are_wrapped(page: Path) -> None:
    assert [line for line in text_of(page).splitlines() if len(line) > 119 and not line.startswith("|")] == []


def test_the_readme_has_what_a_newcomer_needs() -> None:
    readme = text_of(ROOT / "README.md")
    for needed in ("make demo", "make test", "pip install -e .", "THEMIS_DATA", "docs/install.md", "2310.01045", "@software"):
        assert needed in readme


# --- examples ----------------------------------------------------------------------------------------


@needs_nano
def test_the_python_example_gives_a_reward(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks(ROOT / "README.md", "python")
    exec(compile(example, "README.md", "exec"), {})
    assert re.match(r"-?\d+\.\d+ None Trace\(steps=\(Step\(", capsys.readouterr().out)


@needs_nano
@pytest.mark.parametrize("name", ["judge.md", "extend.md"])
def test_the_python_examples_of_a_page_run(name: str) -> None:
    for example in blocks(ROOT / "docs" / name, "python"):
        exec(compile(example, name, "exec"), {"__name__": "docs"})


@pytest.mark.parametrize("page", CURRENT, ids=named)
def test_examples_are_well_formed(page: Path) -> None:
    for example in blocks(page, "python"):
        compile(example, named(page), "exec")
    for example in blocks(page, "json"):
        json.loads(example)
    for example in blocks(page, "yaml"):
        yaml.safe_load(example)


@pytest.mark.parametrize("name", ["train.md", "extend.md"])
def test_a_training_recipe_of_a_page_is_read(name: str, tmp_path: Path) -> None:
    for example in blocks(ROOT / "docs" / name, "yaml"):
        file = tmp_path / "example.yaml"
        file.write_text(example)
        assert read_recipe(str(file), TrainRecipe).kind


@pytest.mark.parametrize("name", ["build-data.md", "build-data/language-model.md"])
def test_a_build_recipe_of_a_page_is_read(name: str, tmp_path: Path) -> None:
    for example in blocks(ROOT / "docs" / name, "yaml"):
        file = tmp_path / "example.yaml"
        file.write_text(example)
        assert read_build_recipe(str(file)).tasks


def test_the_cases_of_the_examples_are_read() -> None:
    rows = [json.loads(line) for line in (ROOT / "examples" / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == len(rows)
