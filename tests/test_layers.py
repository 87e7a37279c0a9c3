"""Imports only go down the layers of the design, and what must be quick to import brings no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import themis

ROOT = Path(themis.__file__).parent
LAYERS = (
    ("__main__",),
    ("cli",),
    ("serve", "integrations"),
    ("evaluation", "rlhf"),
    ("curriculum", "training"),
    ("builder", "inference"),
    ("data",),
    ("tools", "model", "losses", "chat"),
    ("http", "traces"),
    ("files", "config", "background"),
    ("errors",),
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


def imported(source: str, module: str, is_package: bool) -> set[str]:
    """The packages of ours that a module imports, also inside functions, by name and relatively."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
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
