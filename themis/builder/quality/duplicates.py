"""Which questions are nearly one of the test: MinHash over runs of three words, and the facts once more by themselves.

Two questions made by rule from one template share most words, and differ in a date, a number or a name; so these count thrice
again beside the runs they stand in. Two such questions are near only where the facts are the same, too.
Knows nothing of where questions come from.
Source: Broder 1997, On the resemblance and containment of documents; datasketch's LSH.
"""

import re
from collections.abc import Sequence
from typing import Any

from themis.errors import ConfigError

NEAR = 0.7
"""Of all shingles of two questions, the share that both have."""
_RUN = 3
_FACTS_COUNT = 3
_PERMUTATIONS = 96
_LOOSER = 0.1
"""By how much less alike two signatures may be for the questions themselves to be compared."""
_CHUNK = 2_000

# Scripts without blanks count letter by letter; a date or a decimal number is one word.
_TOKEN = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|\d+(?:[-.,:/]\d+)*|[^\W\d\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff][\w'’]*|[^\W\s]"
)
_OPENS = re.compile(r"(?:^|[.!?:]\s+)\W*\w+")


def near_duplicates(questions: Sequence[str], tests: Sequence[str]) -> set[int]:
    """The places of those questions that are nearly one of the tests."""
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
            if mine and any(_alike(mine, tested[candidate]) >= NEAR for candidate in index.query(signature)):
                found.add(place)
    return found


def shingles(question: str) -> frozenset[bytes]:
    """Runs of three words without case, and each number and name by itself, thrice."""
    tokens = [token.casefold() for token in _TOKEN.findall(question)]
    runs = [" ".join(tokens[place : place + _RUN]) for place in range(max(1, len(tokens) - _RUN + 1))] if tokens else []
    facts = [f"{copy}:{fact}" for fact in _facts(question) for copy in range(_FACTS_COUNT)]
    return frozenset(piece.encode("utf-8", "replace") for piece in (*runs, *facts))


def _facts(question: str) -> set[str]:
    """Numbers and dates; names, as far as capitals tell them."""
    # Where all is written in capitals, they tell nothing.
    inner = _OPENS.sub(lambda opening: opening[0].lower(), question.lower() if question.isupper() else question)
    return {token.casefold() for token in _TOKEN.findall(inner) if token[0].isdigit() or token[0].isupper()}


def _alike(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    return len(one & other) / len(one | other)


def _signatures(pieces: Sequence[frozenset[bytes]]) -> list[Any]:
    from datasketch import MinHash

    # Sorted, so that no order of hashing in memory can be seen in what comes out.
    found: list[Any] = MinHash.bulk([sorted(some) for some in pieces], num_perm=_PERMUTATIONS, seed=1)
    return found
