"""Reading prose by rule: sentences, content words, and how much of one text another holds.

Knows nothing of tasks.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from themis.phrases import phrases
from themis.tools.wiki.passages import STOP_WORDS as QUERY_STOP_WORDS

STOP_WORDS = QUERY_STOP_WORDS | frozenset(" ".join(phrases(__package__, "words.yaml")["stop_words"]).split())
_WORD = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")
_END = re.compile(r"""(?<=[.!?])["'”’)\]]*(?:\s+|(?=[A-Z][a-z]))(?=["'“‘(\[]*[A-Z0-9À-Ý])""")
_SHORT = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Jr|Sr|No|Nos|vs|c|ca|cf|e\.g|i\.e|etc|Gen|Col|Lt|Capt|Prof|Rev|Hon|Mt|Ft|Inc|Ltd|Co|U\.S|U\.K))\.$"
)
NUMBERS = (
    "zero one two three four five six seven eight nine ten "
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
).split()
NUMBER_WORDS = {word: str(number) for number, word in enumerate(NUMBERS)} | {"once": "1", "twice": "2", "thrice": "3"}
"""Small numbers in words, and their digits."""


@lru_cache(maxsize=256)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text in order, each unchanged."""
    found: list[str] = []
    for line in text.split("\n"):
        start = 0
        for end in _END.finditer(line):
            if not _SHORT.search(line[start : end.start()]):
                found.append(line[start : end.end()].strip())
                start = end.end()
        found.append(line[start:].strip())
    return tuple(sentence for sentence in found if sentence)


def words(text: str) -> list[str]:
    """The words and numbers of a text, in lower case."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


@lru_cache(maxsize=20_000)
def content(text: str) -> tuple[str, ...]:
    """The stems of the content words in order; numbers as digits without thousands separators."""
    return tuple(stem(word) for word in words(text) if word not in STOP_WORDS)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A word without its commonest English endings: rough, but the same for `release`, `released` and `releases`."""
    if word in NUMBER_WORDS:
        return NUMBER_WORDS[word]
    if word[0].isdigit():
        return re.sub(r"(?<=\d),(?=\d{3})", "", word)
    word = word.removesuffix("'s").removesuffix("'")
    for ending in ("ing", "ies", "ied", "es", "ed", "ly", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            root = word.removesuffix(ending)
            return root[:-1] if ending in ("ing", "ed") and len(root) > 3 and root[-1] == root[-2] and root[-1] not in "ls" else root
    return word


def spread(texts: Sequence[str]) -> dict[str, float]:
    """How much each stem tells when one of these texts is to be chosen: a stem of all texts tells little."""
    counts = Counter(found for text in texts for found in set(content(text)))
    return {found: math.log(1 + len(texts) / count) for found, count in counts.items()}


def shared(question: Iterable[str], text: Iterable[str], weights: dict[str, float]) -> float:
    """The weight of the common stems; the default weight is 1. Summed exactly, because the order of a set varies."""
    return math.fsum(weights.get(found, 1.0) for found in set(question) & set(text))


def same_words(one: str, other: str) -> bool:
    """Whether two answers have the same words: without case, punctuation and articles; numbers by value."""
    return bare(one) == bare(other)


def bare(text: str) -> list[str]:
    """The words of an answer without articles and endings."""
    return [stem(word) for word in words(text) if word not in ("a", "an", "the")]


def occurs(phrase: str, text: str) -> bool:
    """Whether a text contains a phrase as whole words, whatever the case."""
    return place(phrase, text) is not None


def place(phrase: str, text: str) -> tuple[int, int] | None:
    """The first place where a text contains a phrase as whole words, whatever the case."""
    found = re.search(rf"(?<!\w){re.escape(phrase.strip())}(?!\w)", text, re.IGNORECASE) if phrase.strip() else None
    return found.span() if found else None
