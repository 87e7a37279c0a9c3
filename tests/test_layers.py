"""The floor plan: imports only go down and never in a ring, tasks do not know each other, no room is too large."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import themis

ROOT = Path(themis.__file__).parent
LAYERS = (
    ("__main__",),
    ("cli",),
    ("cluster",),
    ("serve", "integrations"),
    ("evaluation", "rlhf"),
    ("curriculum", "training"),
    ("builder", "inference"),
    ("data",),
    ("tools", "model", "losses", "chat"),
    ("http", "traces"),
    ("files", "config", "hyperparameters", "background", "phrases", "plugins"),
    ("closing", "errors"),
)
"""A module imports its own package or a lower row: never sideways, never up."""
ROW = {name: row for row, names in enumerate(reversed(LAYERS)) for name in names}
WITHOUT_TORCH = ("errors", "config", "background", "traces", "tools", "chat", "data", "builder", "cli")

MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def dotted(path: Path) -> str:
    """`themis.traces.case` for its file, `themis.traces` for the package's."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package(module: str) -> str:
    """The layer a module belongs to: `traces` for `themis.traces.case`."""
    return module.split(".")[1]


def imported_names(source: str, module: str, is_package: bool) -> set[str]:
    """What a module imports, in full (`themis.traces.case.Case`), also inside functions, by name and relatively."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def imported(source: str, module: str, is_package: bool) -> set[str]:
    """The packages of ours that a module imports."""
    names = imported_names(source, module, is_package)
    return {package(name) for name in names if name.startswith("themis.") and package(name) != "__version__"}


def forbidden(source: str, module: str, is_package: bool = False) -> set[str]:
    """The packages that a module imports although they stand beside it or above it, or in no row."""
    own = package(module)
    return {name for name in imported(source, module, is_package) if name != own and ROW.get(name, len(ROW)) >= ROW[own]}


def test_every_package_has_its_row() -> None:
    assert {package(dotted(path)) for path in MODULES} <= set(ROW)


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_only_go_down(path: Path) -> None:
    assert not forbidden(path.read_text(encoding="utf-8"), dotted(path), path.name == "__init__.py")


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("themis.training.run", "from themis.evaluation import ranking", {"evaluation"}),
        ("themis.training.run", "def late():\n    import themis.evaluation.ranking", {"evaluation"}),
        ("themis.training.run", "from themis import evaluation", {"evaluation"}),
        ("themis.training.run", "from ..evaluation.ranking import evaluate_tara", {"evaluation"}),
        ("themis.training.run", "from .. import evaluation", {"evaluation"}),
        (
            "themis.training.run",
            "from . import trainer\nfrom themis.training.trainer import Trainer\nfrom themis.data import stream",
            set(),
        ),
        ("themis.builder.steps", "import themis.inference.engine, themis.tools.base, json", {"inference"}),
        ("themis.traces.case", "from themis.nowhere import anything", {"nowhere"}),
        ("themis.errors", "from themis.config import data_root", {"config"}),
        ("themis.cli", "import themis\nfrom themis import __version__", set()),
    ],
)
def test_an_import_beside_or_above_is_found_however_it_is_written(module: str, source: str, expected: set[str]) -> None:
    assert forbidden(source, module) == expected


def test_what_the_command_line_needs_first_imports_without_torch() -> None:
    modules = [dotted(path) for path in MODULES if package(dotted(path)) in WITHOUT_TORCH]
    program = (
        "import importlib, sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"
        f"for module in {modules!r}:\n"
        "    importlib.import_module(module)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT.parent)
    assert done.returncode == 0, done.stderr


# --- modules: rings and tasks ----------------------------------------------------------------------


def graph() -> dict[str, set[str]]:
    """Every module with those of ours that it imports, also late and for types alone."""
    known = {dotted(path) for path in MODULES}

    def module_of(name: str) -> str:
        while name and name not in known:
            name = name.rpartition(".")[0]
        return name

    found = {}
    for path in MODULES:
        module = dotted(path)
        names = imported_names(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
        found[module] = {module_of(name) for name in names} - {"", module}
    return found


def ring(edges: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring, if there are any."""
    state: dict[str, int] = {}  # 1: on the way, 2: done
    way: list[str] = []

    def visit(module: str) -> list[str]:
        state[module] = 1
        way.append(module)
        for below in sorted(edges[module]):
            if state.get(below) == 1:
                return way[way.index(below) :]
            if below not in state and (found := visit(below)):
                return found
        way.pop()
        state[module] = 2
        return []

    return next((found for module in sorted(edges) if module not in state and (found := visit(module))), [])


def task_of(module: str) -> str:
    """The folder of a task that a module lies in: `dates` for `themis.builder.tasks.dates.rules`."""
    parts = module.split(".")
    return parts[3] if parts[:3] == ["themis", "builder", "tasks"] and len(parts) > 4 else ""


def test_a_ring_is_found_and_a_diamond_is_none() -> None:
    assert ring({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    assert ring({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


def test_no_modules_import_each_other_in_a_ring() -> None:
    assert ring(graph()) == []


def test_a_task_never_imports_another_task() -> None:
    pairs = [(module, below) for module, names in graph().items() for below in names if task_of(module) and task_of(below)]
    assert pairs
    assert [(module, below) for module, below in pairs if task_of(module) != task_of(below)] == []


def test_neither_of_curriculum_and_training_imports_the_other_and_the_builder_imports_neither() -> None:
    barred = {"curriculum": {"training"}, "training": {"curriculum"}, "builder": {"curriculum", "training"}}
    assert [
        (module, below) for module, names in graph().items() for below in names if package(below) in barred.get(package(module), ())
    ] == []


# --- sizes -----------------------------------------------------------------------------------------

MOST_FILES_OF_A_FOLDER = 20
LARGEST_SHARE = 1 / 3
"""Of all lines, those of the largest package."""
MOST_LINES = 43_300
"""Of Python, in the whole package. Tables belong in data files."""


def test_no_folder_holds_too_many_files() -> None:
    files = Counter(path.parent.relative_to(ROOT) for path in ROOT.rglob("*.py"))
    assert {str(folder): count for folder, count in files.items() if count > MOST_FILES_OF_A_FOLDER} == {}


def lines_by_package() -> Counter[str]:
    lines: Counter[str] = Counter()
    for path in ROOT.rglob("*.py"):
        lines[path.relative_to(ROOT).parts[0]] += len(path.read_text(encoding="utf-8").splitlines())
    return lines


def test_no_package_is_most_of_the_code() -> None:
    lines = lines_by_package()
    assert max(lines.values()) <= LARGEST_SHARE * lines.total(), lines.most_common(1)


def test_the_package_is_not_too_long() -> None:
    assert lines_by_package().total() <= MOST_LINES
