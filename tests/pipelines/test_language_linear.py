"""A stage that reads many cells costs as many looks at them, not their square."""

from collections.abc import Iterator

from pipelines.checks.leakage_warnings import choices, leaks
from pipelines.core.facts import Facts, Look, Source


class Counted(tuple):
    """Facts of the inputs of a port, which count how often all are gone through."""

    looks = 0

    def __iter__(self) -> Iterator[Facts]:
        Counted.looks += 1
        return super().__iter__()


def test_the_inputs_of_a_port_are_gone_through_a_few_times_however_many_there_are() -> None:
    scores = Facts(sources=frozenset({("digits/1", "train")}), metrics={"a/accuracy": ()})
    for count in (10, 1000):
        Counted.looks = 0
        sources = {"scores": (Source("tuned", {}),) * count}
        look = Look(None, {"scores": Counted([scores] * count)}, sources)
        assert not [*leaks(look), *choices(look)]
        assert Counted.looks <= 8
