"""Warnings that need the whole file: overlapping parts, unread stages, lists that make nets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.core.cells import Cell
from pipelines.core.lineage import Held, listed, parted
from pipelines.core.stage import Artifact, Stage
from pipelines.core.text import shown
from pipelines.expansion.references import Wanted
from pipelines.schema.schema import Block
from pipelines.yaml.problem_report import Report

Types = Mapping[str, Stage[..., Any]]


def review(
    blocks: Mapping[str, tuple[Block, Sequence[Wanted]]],
    outputs: Mapping[str, Mapping[str, type[Artifact]]],
    types: Types,
    cells: Sequence[Cell],
    report: Report,
) -> None:
    """Report what is hardly meant.

    Args:
        blocks: stages of the file, with what they refer to.
        outputs: stage -> its output ports.
        types: stage types by name.
        cells: of all stages.
        report: takes the warnings.
    """
    found = [
        *_overlaps(cells), *_unread(blocks, outputs, types), *_several(blocks, outputs, types),
    ]  # fmt: skip
    for code, stage, place, message, hint in found:
        if code not in blocks[stage][0].allow:
            path = ("stages", stage, *place)
            silence = f"{hint}; silence with `allow: [{code}]`"
            report.warn(path, message, silence, key=True, code=code)


Told = tuple[str, str, tuple[str, ...], str, str]
"""Code, stage, place in the stage, message, hint."""


def _overlaps(cells: Sequence[Cell]) -> Iterator[Told]:
    """Stages that give the same examples under different parts."""
    known: dict[str, set[Held]] = {}
    for cell in cells:
        if not cell.inputs:
            for facts in cell.facts.values():
                known.setdefault(cell.stage, set()).update(facts.sources)
    names = list(known)
    for place, later in enumerate(names):
        for earlier in names[:place]:
            pairs = list(parted(known[earlier], known[later]))
            for one, other in sorted({(a[1], b[1]) for a, b in pairs}):
                classes = sorted(b[0] for a, b in pairs if (a[1], b[1]) == (one, other))
                yield (
                    "overlapping-parts", later, ("with",),
                    f"{other} examples of `{later}` are {one} examples of `{earlier}` "
                    f"({listed(classes)})",
                    "divide one collection in one way only",
                )  # fmt: skip


def _unread(
    blocks: Mapping[str, tuple[Block, Sequence[Wanted]]],
    outputs: Mapping[str, Mapping[str, type[Artifact]]],
    types: Types,
) -> Iterator[Told]:
    """Stages that nobody reads and whose outputs nobody looks at."""
    read = {ref.stage for _, wanted in blocks.values() for w in wanted for ref in w.references}
    gathered = _gathered(blocks, types)
    for name, given in outputs.items():
        if name in read:
            continue
        seen = [output for output in given.values() if output.shown]
        if not seen:
            told = f"nobody reads `{name}`, and its output is nothing to look at"
            yield "unread-stage", name, (), told, "connect it, or leave it out"
        elif gathered and all(issubclass(output, gathered) for output in seen):
            told = f"nobody reads `{name}`, and its scores are in no table"
            yield "unread-stage", name, (), told, "add it to the table's `from`, or leave it out"


def _gathered(
    blocks: Mapping[str, tuple[Block, Sequence[Wanted]]], types: Types
) -> tuple[type[Artifact], ...]:
    """Artifacts that some stage of the file gathers in a table."""
    return tuple(
        kind
        for block, _ in blocks.values()
        if (of := types.get(block.uses)) is not None and of.mirrors is None
        for port in of.inputs.values()
        if port.many and len(of.inputs) == 1
        for kind in port.types
    )


def _several(
    blocks: Mapping[str, tuple[Block, Sequence[Wanted]]],
    outputs: Mapping[str, Mapping[str, type[Artifact]]],
    types: Types,
) -> Iterator[Told]:
    """Lists of data on a stage that learns from one."""
    for name, (block, wanted) in blocks.items():
        learned = [output for output in outputs.get(name, {}).values() if output.learned]
        for each in wanted:
            port = types[block.uses].inputs.get(each.port) if learned else None
            if port is None or port.many or each.labelled or len(each.references) == 1:
                continue
            if not any(kind.learned for kind in port.types):
                count, texts = len(each.references), ", ".join(r.text for r in each.references)
                yield (
                    "list-makes-nets", name, ("from", each.port),
                    f"`{name}` is learned {count} times, once from each of {shown(texts)}: "
                    "a list is an axis, not one net for all of them",
                    f"give labels if it is meant, `{each.port}: {{a: {texts.split(',')[0]}, ...}}`",
                )  # fmt: skip
