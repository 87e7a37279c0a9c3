"""The tasks calendar, weather and multi_tools."""

from themis.builder.task import Task
from themis.builder.tasks.dates import calendar, chains, counterfactual, free, generated, prose, rules, weather

TASKS = (
    Task(
        "calendar",
        calendar.RULE,
        (rules.CALENDAR,),
        relevant_tools=frozenset({"Calendar."}),
        counterfactual=counterfactual.calendar_rows,
        generate=generated.calendar,
        free=free.calendar,
        prose=prose.calendar,
        valued=free.calendar_question,
    ),
    Task(
        "weather",
        weather.RULE,
        (rules.WEATHER,),
        relevant_tools=frozenset({"history_weather"}),
        counterfactual=counterfactual.weather_rows,
        generate=generated.weather,
        free=free.weather,
        prose=prose.weather,
    ),
    Task(
        "multi_tools",
        chains.RULE,
        (rules.MULTI_TOOLS,),
        calls=2,
        counterfactual=counterfactual.multi_tools_rows,
        generate=generated.multi_tools,
        free=free.multi_tools,
        prose=prose.multi_tools,
    ),
)
