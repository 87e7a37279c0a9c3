"""Which pairs are read together: bins for packed batches, like lengths for padded ones. Knows numbers alone."""

from collections.abc import Sequence

PADDING = 0.1
"""The share of the tokens of a padded batch that may be padding."""


def bins(costs: Sequence[int], most: int, multiple: int = 1) -> list[list[int]]:
    """Places of the costs in as few bins of about `most` as possible, evenly filled, a multiple of `multiple`."""
    count = -(-sum(costs) // most)
    count = max(1, -(-count // multiple)) * multiple
    filled: list[tuple[int, list[int]]] = [(0, []) for _ in range(count)]
    for place in sorted(range(len(costs)), key=lambda place: -costs[place]):
        lightest = min(range(count), key=lambda number: filled[number][0])
        total, members = filled[lightest]
        filled[lightest] = total + costs[place], [*members, place]
    return [sorted(members) for _, members in filled]


def like_lengths(lengths: Sequence[int], most: int, multiple: int = 1) -> list[list[int]]:
    """Places of pairs in batches of at most `most` tokens, each padded to its longest pair, with little padding.

    The number of batches is a multiple of `multiple`; if there are few pairs, some batches are empty.
    """
    batches: list[list[int]] = []
    padding = 0
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        longest = lengths[batches[-1][0]] if batches else 0
        padding += 2 * (longest - lengths[place])
        if batches and padding <= PADDING * most and 2 * longest * (len(batches[-1]) + 1) <= most:
            batches[-1].append(place)
        else:
            batches.append([place])
            padding = 0
    while len(batches) % multiple:
        fullest = max(batches, key=len)
        batches.append([fullest.pop() for _ in range(len(fullest) // 2)])
    return [sorted(members) for members in batches]
