"""What `import themis` gives: everything a newcomer needs, at once, and without torch."""

import subprocess
import sys

import pytest

import themis
from themis.inference import load_judge
from themis.tools import Toolbox
from themis.traces import Case, Judge


def test_the_exports_are_what_they_are_at_home() -> None:
    assert (themis.Case, themis.Judge, themis.Toolbox, themis.load_judge) == (Case, Judge, Toolbox, load_judge)
    assert set(themis.__all__) <= set(dir(themis))
    assert all(hasattr(themis, name) for name in themis.__all__)
    with pytest.raises(AttributeError, match="module 'themis' has no attribute 'nothing'"):
        _ = themis.nothing


def test_importing_brings_nothing_that_is_slow() -> None:
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import themis\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names)))\n"
        "from themis import Budget, Case, Judge, Pair, Toolbox, Trace, Verdict, default_toolbox, load_judge\n"
        "print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['themis']", "[]"]
