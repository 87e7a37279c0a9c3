"""The sentences of the pairs made by rule, as templates, and how one is filled in."""

from collections.abc import Mapping


def filled(template: str, facts: Mapping[str, str]) -> str:
    """The template with what it names: `{day}`, `{city}` and so on."""
    for name, text in facts.items():
        template = template.replace("{" + name + "}", text)
    return template


WEEK_DAY_QUESTIONS = (
    "What day of the week is {day}?",
    "Which day of the week was {day}?",
    "On which weekday does {day} fall?",
    "Tell me the weekday of {day}.",
    "{day}: which day of the week is that?",
    "Could you say what day of the week {day} is?",
    "I was born on {day}. What weekday was it?",
    "Our meeting is on {day}. Which day of the week is it?",
    "Do you know the day of the week for {day}?",
    "Please name the weekday of {day}.",
    "If today is {day}, what day of the week is it?",
    "Is {day} a Monday, a Tuesday, or another day of the week?",
    "Can you work out which weekday {day} is?",
    "Give me the day of the week that belongs to {day}.",
    "What weekday should I write in my diary for {day}?",
    "Look up the day of the week of {day} for me.",
    "I need to know the weekday of {day}.",
    "Find the day of the week for the date {day}.",
    "The letter is dated {day}. Which day of the week was that?",
    "What is the name of the day on {day}?",
)
WEEK_DAY_ANSWERS = (
    "{day} is {value}",
    "{day} is a {value}.",
    "It is a {value}.",
    "{day} falls on a {value}.",
    "The day of the week is {value}.",
    "That would be a {value}: {day} falls on it.",
    "{value}",
    "The weekday of {day} is {value}.",
)
DAY_DIFFERENCE_QUESTIONS = (
    "How many days are there between {day} and {other}?",
    "What is the difference in days between {day} and {other}?",
    "How many days lie from {day} to {other}?",
    "Count the days between {day} and {other}.",
    "Tell me how many days separate {day} and {other}.",
    "How far apart are {day} and {other}, in days?",
    "Give the number of days from {day} until {other}.",
    "I started on {day} and ended on {other}. How many days is that?",
    "How long is it between {day} and {other} in days?",
    "Please compute the day difference between {day} and {other}.",
    "What number of days passed between {day} and {other}?",
    "Between {day} and {other}, how many days go by?",
    "Work out the days between the dates {day} and {other}.",
    "The first letter is of {day}, the second of {other}. How many days lie between them?",
    "By how many days do {day} and {other} differ?",
    "Could you tell me the gap between {day} and {other} in days?",
    "I would like to know the number of days separating {day} from {other}.",
    "How many days does it take to get from {day} to {other}?",
    "Find the total of days between {day} and {other}.",
    "What is the span in days of {day} to {other}?",
)
DAY_DIFFERENCE_ANSWERS = (
    "The difference between {day} and {other} is {value}",
    "The difference between {day} and {other} is {value} days.",
    "There are {value} days between {day} and {other}.",
    "{value} days",
    "It is {value} days.",
    "{day} and {other} are {value} days apart.",
    "Between them lie {value} days.",
    "{value} days separate the two dates.",
)
TARGET_DAY_QUESTIONS = (
    "What date is {number} days {side} {day}?",
    "Which day comes {number} days {side} {day}?",
    "Tell me the date {number} days {side} {day}.",
    "What is the day that is {number} days {side} {day}?",
    "Please find the date that lies {number} days {side} {day}.",
    "{number} days {side} {day}: what date is that?",
    "Give me the date {number} days {side} {day}.",
    "Work out which date is {number} days {side} {day}.",
    "The deadline is {number} days {side} {day}. On which date is it?",
    "I need the date exactly {number} days {side} {day}.",
    "Could you compute the day {number} days {side} {day}?",
    "If something happens {number} days {side} {day}, what is its date?",
    "On what date do we arrive {number} days {side} {day}?",
    "Find the day which is {number} days {side} {day}.",
    "Let me know what day it is {number} days {side} {day}.",
    "Which calendar date do you get {number} days {side} {day}?",
    "The parcel comes {number} days {side} {day}. When is that?",
    "Can you name the date {number} days {side} {day}?",
    "Say which date falls {number} days {side} {day}.",
    "What would be the date {number} days {side} {day}?",
)
TARGET_DAY_ANSWERS = (
    "The day {side} {day} {number} days is {value}",
    "{number} days {side} {day} is {value}.",
    "It is {value}.",
    "The date is {value}.",
    "{value}",
    "That is {value}, {number} days {side} {day}.",
    "{value} is {number} days {side} {day}.",
    "You get {value}.",
)
WEATHER_QUESTIONS = (
    "What is the {attribute} in {city} on {day}?",
    "What was the {attribute} in {city} on {day}?",
    "Tell me the {attribute} in {city} on {day}.",
    "How was the {attribute} in {city} on {day}?",
    "I travel to {city} on {day}. What is the {attribute} there?",
    "Please give the {attribute} for {city} on {day}.",
    "Which {attribute} did {city} have on {day}?",
    "On {day}, what was the {attribute} in {city}?",
    "Look up the {attribute} of {city} for {day}.",
    "Can you find the {attribute} in {city} for the date {day}?",
    "{city}, {day}: what is the {attribute}?",
    "I would like to know the {attribute} in {city} on {day}.",
    "Do you know the {attribute} that {city} saw on {day}?",
    "What did the station in {city} report as {attribute} on {day}?",
    "For {day}, say what the {attribute} in {city} was.",
    "Could you check the {attribute} in {city} on {day}?",
    "My flight lands in {city} on {day}. What {attribute} should I expect?",
    "Name the {attribute} for the city of {city} on {day}.",
    "How about the {attribute} in {city} on {day}?",
    "Report the {attribute} of {day} in {city}.",
)
WEATHER_ANSWERS = (
    "The {attribute} in {city} on {day} is {value}.",
    "The {attribute} in {city} on {day} was {value}.",
    "On {day}, the {attribute} in {city} is {value}.",
    "{city} has {value} for the {attribute} on {day}.",
    "{value} is the {attribute} in {city} on {day}.",
    "It is {value}.",
    "{city} will see {value} of {attribute} on {day}.",
    "Expect {value} in {city} on {day} for the {attribute}.",
    "On {day} {city} reports a {attribute} of {value}.",
    "The {attribute} is {value} in {city}.",
    "{city}'s {attribute} on {day} is {value}.",
    "{value} is what you can expect for the {attribute} in {city} on {day}.",
)
CHAIN_QUESTIONS = (
    "What is the {attribute} like in {city} on the {number} days after {day}?",
    "What is the {attribute} in {city} {number} days after {day}?",
    "Tell me the {attribute} in {city} {number} days after {day}.",
    "How is the {attribute} in {city} on the day {number} days after {day}?",
    "I arrive in {city} {number} days after {day}. What is the {attribute}?",
    "{number} days after {day}, what was the {attribute} in {city}?",
    "Please look up the {attribute} of {city} for the day {number} days after {day}.",
    "Which {attribute} did {city} have {number} days after {day}?",
    "Find the {attribute} in {city} on the date {number} days after {day}.",
    "In {city}, what was the {attribute} {number} days after {day}?",
    "Give the {attribute} for {city}, {number} days after {day}.",
    "What {attribute} was measured in {city} exactly {number} days after {day}?",
    "Could you tell me what the {attribute} was in {city} {number} days after {day}?",
    "The tour reaches {city} {number} days after {day}. What {attribute} awaits us?",
    "I want to know the {attribute} in {city} on the {number} days after {day}.",
    "How was the {attribute} in {city}, counted {number} days after {day}?",
    "Say what {attribute} {city} had {number} days after {day}.",
    "On the day that is {number} days after {day}, what is the {attribute} in {city}?",
    "Check the {attribute} in {city} {number} days after {day}.",
    "Do you know the {attribute} in {city} {number} days after {day}?",
)
CHAIN_ANSWERS = (
    "The {attribute} in {city} on the {number} days after {day} is {value}.",
    "The {attribute} in {city} {number} days after {day} is {value}.",
    "It is {value}.",
    "{number} days after {day}, the {attribute} in {city} is {value}.",
    "{city} has {value} for the {attribute} on that day.",
    "{value} is the {attribute} in {city} {number} days after {day}.",
)
SUM_QUESTIONS = (
    "What is {sum}?",
    "Calculate {sum}.",
    "How much is {sum}?",
    "What does {sum} make?",
    "Please work out {sum}.",
    "Compute {sum}.",
    "{sum} = ?",
    "What do you get for {sum}?",
    "Tell me the value of {sum}.",
    "Can you add this up for me: {sum}?",
)
SUM_ANSWERS = (
    "{sum} = {value}",
    "{sum} is {value}.",
    "It is {value}.",
    "{value}",
    "The result is {value}.",
    "That makes {value}.",
    "The answer is {value}",
)
AGREES = (
    "The answer is right: it says {claim}, and the tool says {found}. They agree.",
    "The answer is correct. It states {claim}; according to {tool} it is {found}, which is the same.",
    "Accurate: the answer gives {claim} and the observation gives {found}. Both match.",
    "The claim holds: the answer says {claim}, the {tool} tool found {found}, and these are equal.",
    "It is consistent with the tool: {claim} is what the answer says, and {tool} returned {found}.",
    "Confirmed. The answer's {claim} is what the tool observed: {found}.",
    "So it is: the answer says {claim}, exactly as {tool} observed: {found}.",
    "The two agree. Claimed: {claim}. Observed: {found}.",
    "It matches and can be trusted: the answer says {claim}, and the {tool} tool reports {found}.",
    "The answer is true. It states {claim}, and checking with {tool} gives {found}.",
)
DISAGREES = (
    "The answer is wrong: it says {claim}, but the tool says {found}. They differ.",
    "The answer is incorrect. It states {claim}; according to {tool} it is {found}, which is not the same.",
    "Inaccurate: the answer gives {claim} and the observation gives {found}. They do not match.",
    "The claim fails: the answer says {claim}, the {tool} tool found {found}, and these are not equal.",
    "It contradicts the tool: {claim} is what the answer says, but {tool} returned {found}.",
    "Refuted. The answer's {claim} is not what the tool observed: {found}.",
    "It is not so: the answer says {claim}, unlike what {tool} observed: {found}.",
    "The two disagree. Claimed: {claim}. Observed: {found}.",
    "It does not match and cannot be trusted: the answer says {claim}, and the {tool} tool reports {found}.",
    "The answer is false. It states {claim}, and checking with {tool} gives {found}.",
)
"""The verdict first: a small model knows it when the observation is read, and what it then copies cannot change it."""
SOUND_ARITHMETIC = (
    "The calculator finds each step right and the final number follows from them. The answer is correct.",
    "Each step of the answer was recomputed and holds, and the last one gives the final number. The answer is right.",
    "The tool confirms both the calculation and the answer, so the answer is correct.",
    "No step is miscalculated and the result is the stated one: the answer is accurate.",
)
FAULTY_ARITHMETIC = (
    "The calculator finds a fault: {found} The answer is wrong.",
    "The tool does not confirm the answer. {found} So it is incorrect.",
    "Recomputing the steps shows a fault. {found} The answer cannot be trusted.",
    "The check fails: {found} The answer is inaccurate.",
)
NO_TOOL_RATIONALE = "There are no tools involved. I need to evaluate and score the answer based solely on its content."

CONDITIONS = (
    (
        "Sunny",
        "Clear",
        "Partly cloudy",
        "Cloudy",
        "Overcast",
        "Mist",
        "Fog",
        "Haze",
        "Freezing fog",
        "Patchy rain possible",
        "Patchy snow possible",
    )
    + (
        "Patchy sleet possible",
        "Patchy freezing drizzle possible",
        "Thundery outbreaks possible",
        "Blowing snow",
        "Blizzard",
        "Light drizzle",
    )
    + (
        "Patchy light drizzle",
        "Freezing drizzle",
        "Heavy freezing drizzle",
        "Patchy light rain",
        "Light rain",
        "Moderate rain at times",
        "Moderate rain",
    )
    + (
        "Heavy rain at times",
        "Heavy rain",
        "Light freezing rain",
        "Moderate or heavy freezing rain",
        "Light sleet",
        "Moderate or heavy sleet",
    )
    + (
        "Patchy light snow",
        "Light snow",
        "Patchy moderate snow",
        "Moderate snow",
        "Patchy heavy snow",
        "Heavy snow",
        "Ice pellets",
        "Light rain shower",
    )
    + (
        "Moderate or heavy rain shower",
        "Torrential rain shower",
        "Light sleet showers",
        "Moderate or heavy sleet showers",
        "Light snow showers",
    )
    + (
        "Moderate or heavy snow showers",
        "Light showers of ice pellets",
        "Moderate or heavy showers of ice pellets",
        "Patchy light rain with thunder",
    )
    + (
        "Moderate or heavy rain with thunder",
        "Patchy light snow with thunder",
        "Moderate or heavy snow with thunder",
        "Drizzle",
        "Snow grains",
        "Squalls",
    )
    + (
        "Strong wind",
        "Dust storm",
        "Sandstorm",
        "Hail",
        "Dry and clear",
        "Hot and humid",
        "Cold and windy",
        "Mostly sunny",
        "Scattered clouds",
    )
)
