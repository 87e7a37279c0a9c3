"""The sentences of questions that count from today, as templates. Data only; `rules` fills them."""

TODAY_QUESTIONS = (
    "What day of the week is it today?",
    "Which weekday is today?",
    "What day is it today?",
    "Tell me today's day of the week.",
    "Is today a Monday, a Tuesday, or another day of the week?",
    "Which day of the week are we on today?",
    "I lost track: what day of the week is today?",
    "Can you tell me which weekday it is today?",
)
TODAY_ANSWERS = (
    "Today is {value}.",
    "It is {value} today.",
    "{value}",
    "It is a {value}.",
    "Today is a {value}.",
    "The day of the week is {value}.",
)
DATE_QUESTIONS = (
    "What is today's date?",
    "What is the date today?",
    "Which date is it today?",
    "Tell me today's date.",
    "What date should I write on a letter today?",
    "Please give me the current date of today.",
    "Which date do we have today?",
    "Can you look up today's date for me?",
)
DATE_ANSWERS = (
    "Today is {value}.",
    "It is {value}.",
    "Today's date is {value}.",
    "{value}",
    "The date today is {value}.",
    "We have {value} today.",
)
FROM_TODAY_QUESTIONS = (
    "What date is {number} days from today?",
    "What is the date {number} days after today?",
    "Which date is it in {number} days, counted from today?",
    "If today is the first day of my trip, what date is {number} days from today?",
    "My visa ends {number} days from today. On what date is that?",
    "Tell me the date that is {number} days from today.",
    "Counting from today, which date comes {number} days later?",
    "The library wants its book back {number} days from today. What date is that?",
)
BEFORE_TODAY_QUESTIONS = (
    "What was the date {number} days before today?",
    "What date was it {number} days ago, counted from today?",
    "Which date lies {number} days before today?",
    "I arrived {number} days before today. What date was that?",
    "Tell me the date {number} days before today.",
    "Counting back from today, what date was {number} days ago?",
    "The order was placed {number} days before today. On which date?",
    "Find the date that is {number} days before today.",
)
FROM_TODAY_ANSWERS = (
    "It is {value}.",
    "{value}",
    "The date is {value}.",
    "That is {value}.",
    "{number} days from today is {value}.",
    "Counted from today, that is {value}.",
)
BEFORE_TODAY_ANSWERS = (
    "It was {value}.",
    "{value}",
    "The date was {value}.",
    "That was {value}.",
    "{number} days before today it was {value}.",
    "Counted back from today, that was {value}.",
)
WEEK_DAY_FROM_TODAY_QUESTIONS = (
    "What day of the week is it {number} days from today?",
    "Which weekday comes {number} days after today?",
    "On which day of the week does the date {number} days from today fall?",
    "My exam is {number} days from today. What day of the week is that?",
    "Counted from today, what weekday is it {number} days later?",
    "Tell me the day of the week {number} days from today.",
    "What weekday will we have {number} days from today?",
    "The shop opens {number} days after today. Which day of the week is it then?",
)
WEEK_DAY_FROM_TODAY_ANSWERS = (
    "It is a {value}.",
    "{value}",
    "That is a {value}.",
    "It falls on a {value}.",
    "{number} days from today is a {value}.",
    "The weekday is {value}.",
)
UNTIL_QUESTIONS = (
    "How many days is it from today until {other}?",
    "How many days lie between today and {other}?",
    "Counted from today, how many days are there until {other}?",
    "What is the number of days from today to {other}?",
    "My holiday starts on {other}. How many days is that from today?",
    "How many days are left between today and {other}?",
    "The contract ends on {other}. How many days from today is it?",
    "Tell me how many days separate today from {other}.",
)
UNTIL_ANSWERS = (
    "{value} days",
    "It is {value} days.",
    "There are {value} days between today and {other}.",
    "{value}",
    "{other} is {value} days from today.",
    "Between today and {other} lie {value} days.",
)
WEATHER_BEFORE_TODAY_QUESTIONS = (
    "What was the {attribute} in {city} {number} days before today?",
    "Tell me the {attribute} in {city} {number} days before today.",
    "{number} days before today, what was the {attribute} in {city}?",
    "I was in {city} {number} days before today. What was the {attribute} there?",
    "Which {attribute} did {city} have {number} days before today?",
    "Counting back from today, what was the {attribute} in {city} {number} days ago?",
    "Look up the {attribute} of {city} for the day {number} days before today.",
    "How was the {attribute} in {city} on the day {number} days before today?",
)
WEATHER_BEFORE_TODAY_ANSWERS = (
    "It was {value}.",
    "The {attribute} in {city} was {value}.",
    "{number} days before today, the {attribute} in {city} was {value}.",
    "{value}",
    "{city} had {value} for the {attribute} on that day.",
    "The {attribute} was {value} in {city} {number} days before today.",
)
