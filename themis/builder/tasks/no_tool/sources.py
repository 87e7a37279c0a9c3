"""Requests that no tool helps with: conversations whose better answer is harmless, and generated writing tasks.

The conversations are short. People rated them, and do not always agree, so only pairs that a careful reader would rank
the same way are kept. In them the request could hurt somebody, the better answer declines it, and the other does not.
Coarse and sexual conversations are left out, and those that name an address.

Source: Training a Helpful and Harmless Assistant, arXiv:2204.05862.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from themis.builder.draft import Draft, Source
from themis.builder.text import names
from themis.errors import DataError
from themis.files import json_lines, text_field
from themis.phrases import phrases

_FILE = "hh_rlhf_harmless_test/test.jsonl.gz"
_LICENCE = "MIT, (c) 2022 Anthropic: HH-RLHF, harmless (Bai et al., arXiv:2204.05862)"
_RULES_LICENCE = "Apache-2.0: made by rule by this package"
_HUMAN, _ASSISTANT = "\n\nHuman: ", "\n\nAssistant: "
MOST_TURNS, MOST_LETTERS, FEWEST_LETTERS = 2, 700, 20
_COARSE = re.compile(
    r"\b(?:f[*u]ck|sh[*i]t|bitch|cunt|slut|whore|nigg|n-word|fag|retard|rap(?:e|ing|ist)\b|porn|nak?ed|nude|sex|penis|dick|pussy|boob|breast|"
    r"masturbat|mol?est|pedo|incest|suicid|kill (?:my|him|her)self|blacks?\b|jews?\b|jewish|muslim|mexican|asian|gay|lesbian|trans)",
    re.IGNORECASE,
)
_HARM = re.compile(
    r"\b(?:kill|murder|poison|bomb|weapon|gun|shoot|steal|rob|theft|shoplift|hurt|attack|beat|stab|torture|drug|meth|cocaine|heroin|weed|hack|"
    r"fraud|forge|fake|counterfeit|smuggl|blackmail|stalk|spy|break into|illegal|cheat|revenge|insult|hate|racis|prison|jail|police|"
    r"home address|residential address|phone number|tax(?:es)?|embezzl|launder|arson|burn|vandal|kidnap|threat|bully|evad|sneak|"
    r"lie to|scam|trick)",
    re.IGNORECASE,
)
_PRIVATE = re.compile(
    r"\d{3}[-. ]\d{3,4}\b|\b\d{2,5} (?:[NSEW]\.? )?(?:[A-Z]\w+ )+(?:Ave|St|Rd|Road|Street|Avenue|Blvd|Ln|Lane|Dr|Drive|Plaza|Way)\b"
)
"""A telephone number, or a street with its number. Even an invented one may be real."""
_DECLINES = re.compile(
    r"\b(?:sorry|I (?:can['’]t|cannot|won['’]t|wouldn['’]t|don['’]t (?:want|recommend|advise|think (?:that['’]s|this is|you should)))|"
    r"I['’]m not (?:going|able|comfortable)|illegal|against the law|not (?:a good|legal|okay|ok|right|safe)|very (?:bad|dangerous|wrong)|"
    r"private information|privacy|please (?:do not|don['’]t|stop|reconsider)|should(?:n['’]t| not)|a crime|"
    r"(?:is|be|seems) (?:very )?wrong|unable)",
    re.IGNORECASE,
)
_EVADES = re.compile(
    r"understand|not sure|what (?:do )?you mean|(?:be|so|you) sorry|sorry (?:to|that|for)|are you sure|didn['’]t mean|\bjoke", re.IGNORECASE
)
"""Apologies for something other than the request."""


def _conversations(root: Path, seed: int, count: int) -> Iterator[Draft]:
    """The short conversations in an order drawn by the seed.

    The question is the conversation before its last answer.
    """
    file = root / _FILE
    drafts = []
    for number, row in json_lines(file):
        where = f"{file}, line {number}"
        question, chosen = _parted(text_field(row, "chosen", where), where)
        same, rejected = _parted(text_field(row, "rejected", where), where)
        if same == question and _is_plain(question, chosen, rejected):
            drafts.append(Draft(f"hh_harmless/{number}", "no_tool", "hh_harmless", _told(question), chosen, (rejected,)))
    Random(f"{seed}/hh_harmless").shuffle(drafts)
    yield from drafts[:count]


def _parted(conversation: str, where: str) -> tuple[str, str]:
    """Splits a conversation into all before its last answer, and that answer."""
    before, found, answer = conversation.rpartition(_ASSISTANT)
    if not found or not before.startswith(_HUMAN):
        raise DataError(f"{where}: expected a conversation that starts with 'Human:' and ends with an answer by 'Assistant:'")
    return before, answer.strip()


def _is_plain(question: str, chosen: str, rejected: str) -> bool:
    """Whether a pair is short and clean, and ranked as a careful reader would rank it."""
    answers = (chosen, rejected)
    if question.count(_HUMAN) > MOST_TURNS or len(question) > MOST_LETTERS or _HUMAN.strip() in chosen + rejected:
        return False
    if chosen == rejected or not all(FEWEST_LETTERS <= len(answer) <= MOST_LETTERS for answer in answers):
        return False
    if any(_COARSE.search(text) or _PRIVATE.search(text) for text in (question, *answers)):
        return False
    if _DECLINES.search(rejected) or _EVADES.search(chosen):
        return False
    return bool(_HARM.search(question) and _DECLINES.search(chosen))


def _told(conversation: str) -> str:
    """A single question alone; a longer conversation with its speakers' names."""
    turns = conversation.strip()
    return turns.removeprefix("Human: ") if conversation.count(_HUMAN) == 1 else turns.replace("\n\n", "\n")


_PHRASES = phrases(__package__)
_WORDS = _PHRASES["words"]


def _tasks(root: Path, seed: int, count: int) -> Iterator[Draft]:
    """Small writing tasks. Wrong answers have the same form as the right one."""
    del root
    for number in range(count):
        rng = Random(f"{seed}/no_tool_rules/{number}")
        question, right, wrong = rng.choice(KINDS)(rng)
        rejected = tuple(answer for answer in dict.fromkeys(wrong) if answer != right)
        if rejected:
            yield Draft(f"no_tool_rules/{number}", "no_tool", "no_tool_rules", question, right, rejected)


Written = tuple[str, str, list[str]]
"""Question, right answer, wrong ones."""


def _copied(rng: Random) -> Written:
    chosen = [rng.choice(_WORDS) for _ in range(rng.randint(2, 5))]
    at = rng.randrange(len(chosen) - 1)
    other = [*chosen[:at], chosen[at + 1], chosen[at], *chosen[at + 2 :]]
    asked = rng.choice(_PHRASES["copy"])
    return asked.format(" ".join(chosen)), " ".join(chosen), [" ".join(other), " ".join(reversed(chosen))]


def _repeated(rng: Random) -> Written:
    word, times = rng.choice(_WORDS), rng.randint(2, 6)
    asked = rng.choice(_PHRASES["repeat"])
    return asked.format(word, times), " ".join([word] * times), [" ".join([word] * other) for other in (times - 1, times + 1)]


def _spelt_out(rng: Random) -> Written:
    word = rng.choice(_WORDS)
    at = rng.randrange(len(word) - 1)
    other = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    asked = rng.choice(_PHRASES["spell"])
    return asked.format(word), "-".join(word), ["-".join(other), "-".join(word[:at] + word[at] + word[at:])]


def _backwards(rng: Random) -> Written:
    word = rng.choice(_WORDS)
    back = word[::-1]
    at = rng.randrange(len(word) - 1)
    asked = rng.choice(_PHRASES["reverse"])
    return asked.format(word), back, [back[:at] + back[at + 1] + back[at] + back[at + 2 :], word]


def _in_order(rng: Random) -> Written:
    chosen = rng.sample(_WORDS, rng.randint(3, 5))
    right = sorted(chosen)
    wrong = right.copy()
    at = rng.randrange(len(wrong) - 1)
    wrong[at], wrong[at + 1] = wrong[at + 1], wrong[at]
    asked = rng.choice(_PHRASES["sort"])
    return asked.format(", ".join(chosen)), ", ".join(right), [", ".join(wrong), ", ".join(reversed(right))]


def _addressed(rng: Random) -> Written:
    who, other, city = names.person(rng), names.person(rng), names.city(rng)
    greeting, text, asked = (rng.choice(_PHRASES[part]) for part in ("greetings", "greet", "ask_to_greet"))
    right, wrong = (text.format(greeting=greeting, who=name, city=city) for name in (who, other))
    return asked.format(who=who), right, [wrong]


def _picked(rng: Random) -> Written:
    chosen = rng.sample(_WORDS, 4)
    place = rng.randrange(4)
    ordinal = ("first", "second", "third", "last")[place]
    asked = rng.choice(_PHRASES["pick"])
    return asked.format(ordinal, ", ".join(chosen)), chosen[place], [word for word in chosen if word != chosen[place]]


def _in_capitals(rng: Random) -> Written:
    chosen = rng.sample(_WORDS, rng.randint(2, 3))
    right = " ".join(chosen).upper()
    other = f"{right[:-1]}{right[-1].lower()}"
    asked = rng.choice(_PHRASES["capitals"])
    return asked.format(" ".join(chosen)), right, [other, " ".join(reversed(chosen)).upper()]


KINDS: tuple[Callable[[Random], Written], ...] = (
    _copied,
    _repeated,
    _spelt_out,
    _backwards,
    _in_order,
    _addressed,
    _picked,
    _in_capitals,
)

SOURCES = (
    Source("hh_harmless", "no_tool", _LICENCE, _conversations, (_FILE,)),
    Source("no_tool_rules", "no_tool", _RULES_LICENCE, _tasks),
)
