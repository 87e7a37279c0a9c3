"""The forms that people give a short answer, and answers that are absurd whatever was asked.

Knows nothing of right and wrong: the form of an answer must not tell.
"""

import re
from collections.abc import Sequence
from random import Random

FORMS = ("bare", "sentence", "dressed", "row")
SHARES = (0.6, 0.15, 0.1, 0.15)
MOST_IN_A_ROW = 4
LONGEST_IN_A_ROW = 5
"""Words of an answer that is still a name."""

_HELPS = frozenset("is was are were do does did has have had can could will would shall should may might am be been".split())
_ASKS_FOR_A_SUBJECT = re.compile(
    r"^(?:who|what|which (?:one|country|city|state|team|company)) (?P<verb>[\w']+) (?P<rest>.+)$", re.IGNORECASE
)
_WHAT_IS = re.compile(r"^(?:who|what|which) (?P<verb>is|was|are|were) (?P<rest>.+)$", re.IGNORECASE)
_BORN_IN = re.compile(r"^in what (?P<what>\w+) (?P<verb>is|was) (?P<name>.+) born$", re.IGNORECASE)
_ABOUT = (
    'The answer to "{question}" is {answer}.',
    "{question}? {answer}.",
    '{answer}, if you ask "{question}".',
    "{question}? It is {answer}.",
)
_DRESSES = ("{answer}.", "{answer}.", "It is {answer}.", "It was {answer}.", "I think it is {answer}.", "That is {answer}.", "{answer}!")

_THINGS = (
    "a wet sponge|my neighbour's goldfish|seventeen umbrellas|the smell of old socks|a sleepy hamster|purple|a spoonful of gravel|"
    "the letter Q|half a sandwich|a rubber duck|nobody's bicycle|a broken toaster|the moon, on Tuesdays|three blind snails|cold porridge|"
    "an invisible giraffe|a bag of fog|the sound of one shoe|my left elbow|a lamp post in love|a cupboard full of bees|no, thank you|"
    "a very small volcano|yesterday's weather|a knitted submarine|square water|the number banana|a polite crocodile|a piano made of butter|"
    "some kind of cheese|a singing potato|the back of a spoon|a ladder without steps|an angry cushion|minus eleven o'clock|a paper anvil|"
    "a snowman in July|the wrong trousers|a teapot on stilts|a jar of silence|eleven left gloves|a whale in a bathtub|boiled string|"
    "a postman from Mars|the underside of a cloud|a chocolate kettle|a nervous cactus|a hole in a bucket|the colour of thunder|"
    "a unicorn's tax return|a pound of feathers in jam|a dancing stapler|two and a half ghosts|an edible calendar|a cardigan for worms|"
    "a shy trombone|the fourth side of a triangle|a bucket of steam|a marble pancake|a carpet that sneezes|a haunted turnip|"
    "an upside-down lake|a velvet doorknob"
).split("|")
_ABSURD = ("{thing}", "{thing}", "{thing}", "{thing} and {other}", "{thing} with {other}", "probably {thing}", "{thing}, of course")


def in_a_form(question: str, answer: str, names: Sequence[str], rng: Random) -> str:
    """An answer in one of the forms; `names` are further ones for the same thing."""
    form = rng.choices(FORMS, SHARES)[0]
    if form == "sentence":
        return in_a_sentence(question, answer, rng)
    if form == "dressed":
        return dressed(answer, rng)
    return in_a_row(answer, names, rng) if form == "row" and len(answer.split()) <= LONGEST_IN_A_ROW else answer


def in_a_sentence(question: str, answer: str, rng: Random) -> str:
    """A sentence with the question's words; in a few of many forms, which say nothing of what is asked, with the question as it is."""
    asked = " ".join(question.split()).rstrip(" ?.")
    if rng.random() < 0.7:
        if found := _BORN_IN.match(asked):
            return f"{found['name']} {found['verb']} born in {answer}."
        if found := _WHAT_IS.match(asked):
            return f"{_opened(found['rest'])} {found['verb']} {answer}."
        found = _ASKS_FOR_A_SUBJECT.match(asked)
        if found and found["verb"].lower() not in _HELPS and found["verb"].lower().endswith(("s", "ed", "ang", "ote", "ade", "on", "ook")):
            return f"{_opened(answer)} {found['verb']} {found['rest']}."
    return rng.choice(_ABOUT).format(question=asked, answer=answer)


def dressed(answer: str, rng: Random) -> str:
    """With a full stop, a few words before it, an article, or in another case."""
    if rng.random() < 0.6:
        return rng.choice(_DRESSES).format(answer=answer)
    article = f"the {answer}" if not answer[:1].isdigit() and not re.match(r"(?:the|an?) ", answer, re.IGNORECASE) else f"{answer}."
    return rng.choice((answer.lower(), answer.upper(), _opened(answer), article))


def in_a_row(answer: str, names: Sequence[str], rng: Random) -> str:
    """Several names with commas, as data sets list them; where there are no others, parts of the answer and other cases."""
    others = list(dict.fromkeys(name for name in (names or _ways(answer)) if name != answer))
    kept = [answer, *rng.sample(others, min(len(others), rng.randint(1, MOST_IN_A_ROW - 1)))]
    return ", ".join(rng.sample(kept, len(kept)))


def _ways(answer: str) -> list[str]:
    """Without its article or first word, without its last one, in small and in capital letters, with `the` or `in`."""
    words = answer.split()
    ways = [answer.lower(), answer.upper(), f"in {answer}" if answer[:1].isdigit() else f"the {answer}"]
    if len(words) > 1:
        ways = [" ".join(words[1:]), " ".join(words[:-1]), answer.lower()]
    return [way for way in ways if way != answer]


def absurd(rng: Random) -> str:
    """Something that answers no question."""
    thing, other = rng.sample(_THINGS, 2)
    return rng.choice(_ABSURD).format(thing=thing, other=other)


def _opened(text: str) -> str:
    return text[:1].upper() + text[1:]
