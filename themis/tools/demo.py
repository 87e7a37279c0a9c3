"""Tools that need no network and no sandbox, for demos, checks and tests: calendar, calculator, recorded weather."""

from pathlib import Path

from themis.tools.base import AnyTool
from themis.tools.calculator import calculator
from themis.tools.calendar import business_days, day_difference, target_day, today_tool, week_day
from themis.tools.weather.tool import records_tool


def demo_tools(tara: Path | None = None) -> list[AnyTool]:
    """Independent of settings and plug-ins. The weather is made up, or TARA's if `tara` is given."""
    return [week_day, day_difference, target_day, business_days, today_tool(), calculator, records_tool(tara)]
