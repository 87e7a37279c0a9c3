"""Cases that somebody else is asked, so many at once, and the answers as they come. Knows nothing of who is asked."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from typing import TypeVar

from themis.traces.case import Case

T = TypeVar("T")


def in_flight(cases: Iterable[Case], most: int, ask: Callable[[Case], Future[T]]) -> Iterator[tuple[int, Case, Future[T]]]:
    """Each case with its place and its future, once that is done. Cases are pulled when there is room.

    What is in flight is cancelled when the caller stops.
    """
    places = enumerate(cases)
    asked: dict[Future[T], tuple[int, Case]] = {}
    try:
        while True:
            for place, case in islice(places, most - len(asked)):
                asked[ask(case)] = place, case
            if not asked:
                return
            for future in wait(asked, return_when=FIRST_COMPLETED).done:
                yield *asked.pop(future), future
    finally:
        for future in asked:
            future.cancel()
