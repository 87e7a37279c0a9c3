"""The sentences of pairs made by rule (`phrases.yaml`), and how a template is filled in."""

from collections.abc import Mapping

from themis.builder.text.phrases import phrases

_PHRASES = phrases(__package__)


def filled(template: str, facts: Mapping[str, str]) -> str:
    """The template with what it names: `{day}`, `{city}` and so on."""
    for name, text in facts.items():
        template = template.replace("{" + name + "}", text)
    return template


WEEK_DAY_QUESTIONS = _PHRASES["week_day_questions"]
WEEK_DAY_ANSWERS = _PHRASES["week_day_answers"]
DAY_DIFFERENCE_QUESTIONS = _PHRASES["day_difference_questions"]
DAY_DIFFERENCE_ANSWERS = _PHRASES["day_difference_answers"]
TARGET_DAY_QUESTIONS = _PHRASES["target_day_questions"]
TARGET_DAY_ANSWERS = _PHRASES["target_day_answers"]
WEATHER_QUESTIONS = _PHRASES["weather_questions"]
WEATHER_ANSWERS = _PHRASES["weather_answers"]
CHAIN_QUESTIONS = _PHRASES["chain_questions"]
CHAIN_ANSWERS = _PHRASES["chain_answers"]
SUM_QUESTIONS = _PHRASES["sum_questions"]
SUM_ANSWERS = _PHRASES["sum_answers"]
AGREES = _PHRASES["agrees"]
DISAGREES = _PHRASES["disagrees"]
"""The verdict first: a small model knows it when the observation is read, and what it then copies cannot change it."""
NO_TOOL_RATIONALE = "There are no tools involved. I need to evaluate and score the answer based solely on its content."
CONDITIONS = _PHRASES["conditions"]
