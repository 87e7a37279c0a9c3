"""Progress on stderr, where that is a terminal; rich is imported when a bar is made."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from themis.builder.steps.pipeline import Advance


def progress_bar(*, transient: bool = True, rate: bool = False) -> "Progress":
    """A bar with counts and times, perhaps with a rate; a `transient` one disappears when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.1f}/s")

    console = Console(stderr=True, highlight=False)
    label = TextColumn("{task.description}", markup=False)
    rates = [Rate()] if rate else []
    columns = (label, BarColumn(), MofNCompleteColumn(), *rates, TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=transient, disable=not console.is_terminal)


def lines_by_task(bar: "Progress") -> Callable[[str, int, int], None]:
    """A line of the bar for each task: its name, how many are done, and of how many."""
    lines: dict[str, TaskID] = {}

    def progress(task: str, done: int, total: int) -> None:
        if task not in lines:
            lines[task] = bar.add_task(task)
        bar.update(lines[task], completed=done, total=total)

    return progress


class BuildProgress:
    """A line of the bar for each step of a build."""

    def __init__(self, bar: "Progress") -> None:
        self._bar = bar
        self._noted: Any = None

    def step(self, name: str, total: int) -> "Advance":
        line = self._bar.add_task(name, total=total)
        return lambda count: self._bar.advance(line, count)

    def say(self, text: str) -> None:
        from themis.cli.show import plain

        self._bar.console.print(plain(text), markup=False)

    def note(self, text: str) -> None:
        if self._noted is None:
            self._noted = self._bar.add_task(text, total=None)
        self._bar.update(self._noted, description=text)
