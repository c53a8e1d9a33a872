"""Warnings of meaning from the lineage of data. Pure: facts in, sentences out."""

from pipelines.stage import Facts, Look

_SHOWN = 4


def leaks(look: Look) -> list[tuple[str, str]]:
    """(port, sentence) for each input that was made from test examples judged on beside it."""
    judged = [
        (facts.task or "the data", _tests(facts))
        for inputs in look.inputs.values()
        for facts in inputs
        if facts.task or facts.classes
    ]
    found: dict[tuple[str, str], None] = {}
    for port, inputs in look.inputs.items():
        for index, facts in enumerate(inputs):
            if facts.task or facts.classes:
                continue
            for task, tests in judged:
                shared = sorted(_tests(facts) & tests)
                if shared:
                    which = ", ".join(shared[:_SHOWN]) + (", …" if len(shared) > _SHOWN else "")
                    who = look.sources[port][index].stage
                    sentence = f"`{who}` was made from test examples of `{task}` ({which})"
                    found[port, sentence] = None
    return list(found)


def _tests(facts: Facts) -> frozenset[str]:
    return frozenset(origin for origin, part in facts.sources if part == "test")
