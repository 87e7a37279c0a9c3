"""The tasks calendar, weather and multi_tools."""

from themis.builder.task import Task
from themis.builder.tasks.dates import calendar, chains, generated, rules, weather

TASKS = (
    Task("calendar", calendar.RULE, (rules.CALENDAR,), frozenset({"Calendar."}), generate=generated.calendar),
    Task("weather", weather.RULE, (rules.WEATHER,), frozenset({"history_weather"}), generate=generated.weather),
    Task("multi_tools", chains.RULE, (rules.MULTI_TOOLS,), calls=2, generate=generated.multi_tools),
)
