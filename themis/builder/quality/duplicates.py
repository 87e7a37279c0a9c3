"""Near-duplicates of test questions: MinHash over runs of three words, plus the facts.

Two generated questions from one template share most words, and differ in a date, a number or a name. So each fact
counts three times more, besides the runs that contain it. Two such questions are near only if the facts agree too.

Knows nothing of where questions come from.

Source: Broder 1997, On the resemblance and containment of documents; datasketch's LSH.
"""

import re
from collections.abc import Sequence
from typing import Any

from themis.errors import ConfigError

NEAR = 0.7
"""The share of common shingles of two questions."""
_RUN = 3
_FACTS_COUNT = 3
_PERMUTATIONS = 96
_LOOSER = 0.1
"""How much less alike two signatures may be before the questions themselves are compared."""
_CHUNK = 2_000

# Scripts without blanks count letter by letter; a date or a decimal number is one word.
_TOKEN = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|\d+(?:[-.,:/]\d+)*|[^\W\d\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff][\w'’]*|[^\W\s]"
)
_OPENS = re.compile(r"(?:^|[.!?:]\s+)\W*\w+")


def near_duplicates(questions: Sequence[str], tests: Sequence[str]) -> set[int]:
    """The indexes of the questions that are nearly a test question."""
    try:
        from datasketch import MinHashLSH
    except ImportError as error:
        raise ConfigError("datasketch is missing: pip install 'themis-rm[build]'") from error
    tested = [shingles(test) for test in dict.fromkeys(tests)]
    tested = [pieces for pieces in tested if pieces]
    if not tested:
        return set()
    index = MinHashLSH(threshold=NEAR - _LOOSER, num_perm=_PERMUTATIONS)
    for place, signature in enumerate(_signatures(tested)):
        index.insert(place, signature)
    found: set[int] = set()
    for start in range(0, len(questions), _CHUNK):
        pieces = [shingles(question) for question in questions[start : start + _CHUNK]]
        for place, signature in enumerate(_signatures(pieces), start):
            mine = pieces[place - start]
            found_near = (tested[candidate] for candidate in index.query(signature))
            if mine and any(len(mine & other) / len(mine | other) >= NEAR for other in found_near):
                found.add(place)
    return found


def shingles(question: str) -> frozenset[bytes]:
    """Runs of three words in lower case, and each number and name by itself, three times."""
    tokens = [token.casefold() for token in _TOKEN.findall(question)]
    runs = [" ".join(tokens[place : place + _RUN]) for place in range(max(1, len(tokens) - _RUN + 1))] if tokens else []
    facts = [f"{copy}:{fact}" for fact in _facts(question) for copy in range(_FACTS_COUNT)]
    return frozenset(piece.encode("utf-8", "replace") for piece in (*runs, *facts))


def _facts(question: str) -> set[str]:
    """Numbers, dates, and names as far as capitals show them."""
    # In a question written all in capitals they show nothing.
    inner = _OPENS.sub(lambda opening: opening[0].lower(), question.lower() if question.isupper() else question)
    return {token.casefold() for token in _TOKEN.findall(inner) if token[0].isdigit() or token[0].isupper()}


def _signatures(pieces: Sequence[frozenset[bytes]]) -> list[Any]:
    from datasketch import MinHash

    # Sorted: the order of hashing must not change the result.
    found: list[Any] = MinHash.bulk([sorted(some) for some in pieces], num_perm=_PERMUTATIONS, seed=1)
    return found
