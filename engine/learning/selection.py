"""Which examples to take. Standard library only."""

from collections.abc import Sequence


def balanced(labels: Sequence[int], order: Sequence[int], count: int) -> list[int]:
    """Positions of `count` examples with classes as equal as can be, in ascending order.

    Args:
        labels: class of each example.
        order: permutation of the positions; earlier ones are preferred within a class.
        count: how many to take, at most all.
    """
    rank: dict[int, int] = {}
    keyed = []
    for place, position in enumerate(order):
        label = labels[position]
        rank[label] = rank.get(label, 0) + 1
        keyed.append((rank[label], place, position))
    return sorted(position for _, _, position in sorted(keyed)[:count])
