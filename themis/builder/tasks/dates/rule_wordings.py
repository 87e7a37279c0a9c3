"""The sentences of questions that count from today (`phrases.yaml`). `rules` fills them."""

from themis.builder.text.phrases import phrases

_PHRASES = phrases(__package__)
TODAY_QUESTIONS = _PHRASES["today_questions"]
TODAY_ANSWERS = _PHRASES["today_answers"]
DATE_QUESTIONS = _PHRASES["date_questions"]
DATE_ANSWERS = _PHRASES["date_answers"]
FROM_TODAY_QUESTIONS = _PHRASES["from_today_questions"]
BEFORE_TODAY_QUESTIONS = _PHRASES["before_today_questions"]
FROM_TODAY_ANSWERS = _PHRASES["from_today_answers"]
BEFORE_TODAY_ANSWERS = _PHRASES["before_today_answers"]
WEEK_DAY_FROM_TODAY_QUESTIONS = _PHRASES["week_day_from_today_questions"]
WEEK_DAY_FROM_TODAY_ANSWERS = _PHRASES["week_day_from_today_answers"]
UNTIL_QUESTIONS = _PHRASES["until_questions"]
UNTIL_ANSWERS = _PHRASES["until_answers"]
WEATHER_BEFORE_TODAY_QUESTIONS = _PHRASES["weather_before_today_questions"]
WEATHER_BEFORE_TODAY_ANSWERS = _PHRASES["weather_before_today_answers"]
