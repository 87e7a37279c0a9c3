"""The tools that need no network and no sandbox: calendar, calculator and recorded weather; for demos, checks and tests."""

from pathlib import Path

from themis.tools.base import AnyTool
from themis.tools.calculator import calculator
from themis.tools.calendar import business_days, day_difference, target_day, today_tool, week_day
from themis.tools.weather.tool import records_tool


def demo_tools(tara: Path | None = None) -> list[AnyTool]:
    """The same everywhere, whatever settings and plug-ins there are; the weather is made up, or that of TARA's folder."""
    return [week_day, day_difference, target_day, business_days, today_tool(), calculator, records_tool(tara)]
