"""Warnings of meaning from the lineage of data. Pure: facts in, sentences out."""

from pipelines.facts import Facts, Look

_SHOWN = 4


def leaks(look: Look) -> list[tuple[str, str]]:
    """(port, sentence) for each input that was made from what is judged on beside it.

    That is test examples; or classes, where tasks are drawn from a test part alone: there the
    classes are to be new, so that even a training example of one is a leak.
    """
    judged = [
        (facts.task or "the data", _tests(facts), _by_classes(facts))
        for inputs in look.inputs.values()
        for facts in inputs
        if facts.task or facts.classes
    ]
    found: dict[tuple[str, str], None] = {}
    for port, inputs in look.inputs.items():
        for index, facts in enumerate(inputs):
            if facts.task or facts.classes:
                continue
            for task, tests, by_classes in judged:
                made = {origin for origin, _ in facts.sources} if by_classes else _tests(facts)
                shared = sorted(made & tests)
                if shared:
                    which = ", ".join(shared[:_SHOWN]) + (", …" if len(shared) > _SHOWN else "")
                    who = look.sources[port][index].stage
                    what = "classes" if by_classes else "examples"
                    sentence = f"`{who}` was made from test {what} of `{task}` ({which})"
                    found[port, sentence] = None
    return list(found)


def _by_classes(facts: Facts) -> bool:
    return facts.ways is not None and {part for _, part in facts.sources} == {"test"}


def _tests(facts: Facts) -> frozenset[str]:
    return frozenset(origin for origin, part in facts.sources if part == "test")
