"""Which examples to take. Standard library only."""

from collections import Counter
from collections.abc import Sequence


def balanced(labels: Sequence[int], order: Sequence[int], count: int) -> list[int]:
    """Positions of `count` examples with classes as equal as can be, in ascending order.

    Args:
        labels: class of each example.
        order: permutation of the positions; earlier ones are preferred within a class.
        count: how many to take, at most all.
    """
    keyed = [(rank, place, order[place]) for place, rank in enumerate(_ranks(labels, order))]
    return sorted(position for _, _, position in sorted(keyed)[:count])


def at_most(labels: Sequence[int], order: Sequence[int], each: int) -> list[int]:
    """Positions of at most so many examples of each class, in ascending order.

    Args:
        labels: class of each example.
        order: permutation of the positions; earlier ones are preferred within a class.
        each: examples of a class; of a smaller class all are taken.
    """
    ranks = zip(order, _ranks(labels, order), strict=True)
    return sorted(position for position, rank in ranks if rank <= each)


def proportional(labels: Sequence[int], order: Sequence[int]) -> list[int]:
    """The same order, changed so that every beginning has the classes in their proportions.

    What estimates a mean or a distribution over all examples takes the first so many of it; where
    all classes are equally large it is `balanced` too.

    Args:
        labels: class of each example.
        order: permutation of the positions; earlier ones are preferred within a class.
    """
    size = Counter(labels)
    # An example in the middle of its share of the class: 1/2, 3/2, ... of the class's size.
    keyed = [
        ((2 * rank - 1) / (2 * size[labels[order[place]]]), place)
        for place, rank in enumerate(_ranks(labels, order))
    ]
    return [order[place] for _, place in sorted(keyed)]


def _ranks(labels: Sequence[int], order: Sequence[int]) -> list[int]:
    """Of each place in an order: how many of its class there are up to it."""
    rank: Counter[int] = Counter()
    found = []
    for position in order:
        rank[labels[position]] += 1
        found.append(rank[labels[position]])
    return found
