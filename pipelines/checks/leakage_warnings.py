"""Warnings of meaning from the lineage of data. Pure: facts in, sentences out."""

from collections.abc import Iterator

from pipelines.core.facts import Advice, Facts, Look
from pipelines.core.lineage import ANOTHER_STREAM, generated, listed, shared, tests

VALIDATION = "validate"
"""Port of what choices go by."""


def leaks(look: Look) -> list[tuple[str, str]]:
    """(port, sentence) for each input that was made from what is judged on beside it.

    That is test examples; or classes, where tasks are drawn from a test part alone: there the
    classes are to be new, so that even a training example of one is a leak.
    """
    found: dict[tuple[str, str], None] = {}
    data = list(_judged(look))
    for port, who, facts in _made(look) if data else ():
        for judged in data:
            by_classes = tests_alone(judged)
            names = shared(facts.sources, tests(judged.sources), by_classes=by_classes)
            if names:
                what = "classes" if by_classes else "examples"
                task = judged.task or "the data"
                sentence = f"`{who}` was made from test {what} of `{task}` ({listed(names)})"
                found[port, sentence] = None
    return list(found)


def choices(look: Look) -> Iterator[Advice]:
    """Advice where something was chosen or stopped by what it is judged on."""
    data = list(_judged(look, besides=VALIDATION))
    for port, who, facts in _made(look) if data else ():
        for judged in data if facts.chosen else ():
            names = shared(facts.chosen, judged.sources, by_classes=judged.ways is not None)
            if names:
                yield Advice(
                    "chosen-on-the-exam",
                    f"from.{port}",
                    f"`{who}` was chosen or stopped by {_units(judged)} of `{judged.task}`, and is "
                    f"judged on them ({listed(names)})",
                    ANOTHER_STREAM if generated(judged.sources) else "choose by a part of its own",
                )


def _units(facts: Facts) -> str:
    """What data consists of: of tasks that is what they are drawn from."""
    if facts.ways is None:
        return "examples"
    return "classes" if facts.ways[1] else "tasks"


def tests_alone(facts: Facts) -> bool:
    """Whether these are tasks of a test part alone, whose classes are to be new."""
    return facts.ways is not None and {held[1] for held in facts.sources} == {"test"}


def _made(look: Look) -> Iterator[tuple[str, str, Facts]]:
    """Port, stage and facts of each input that is no data."""
    for port, inputs in look.inputs.items():
        for index, facts in enumerate(inputs):
            if not (facts.task or facts.classes) and (facts.sources or facts.chosen):
                yield port, look.sources[port][index].stage, facts


def _judged(look: Look, besides: str = "") -> Iterator[Facts]:
    """Facts of each input that is data, but of one port."""
    for port, inputs in look.inputs.items():
        if port == besides:
            continue
        yield from (facts for facts in inputs if facts.task or facts.classes)
