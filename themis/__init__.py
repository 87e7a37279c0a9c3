"""Themis: a reward model that checks with tools before it judges.

    from themis import Case, load_judge

    with load_judge("nano") as judge:
        verdict = judge.judge(Case("What day of the week is 2015-03-24?", "A Tuesday."))
    print(verdict.reward, verdict.trace)

What is exported here is imported when it is first used, so `import themis` is quick and brings no torch.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from themis.inference.judgement import Budget
    from themis.inference.load import load_judge
    from themis.tools import Toolbox, default_toolbox
    from themis.traces import Case, Judge, Pair, Trace, Verdict

__version__ = "0.1.0"

__all__ = ["Budget", "Case", "Judge", "Pair", "Toolbox", "Trace", "Verdict", "__version__", "default_toolbox", "load_judge"]

_HOMES = {
    **dict.fromkeys(("Budget", "load_judge"), "themis.inference"),
    **dict.fromkeys(("Toolbox", "default_toolbox"), "themis.tools"),
    **dict.fromkeys(("Case", "Judge", "Pair", "Trace", "Verdict"), "themis.traces"),
}


def __getattr__(name: str) -> Any:
    """Source: PEP 562."""
    if name not in _HOMES:
        raise AttributeError(f"module 'themis' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
