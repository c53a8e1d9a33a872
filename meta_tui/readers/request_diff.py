"""What two runs were asked for, and in what they differ. Every string is safe to show."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from engine.planning.run_request import Request
from pipelines.core.errors import PipelineError
from pipelines.core.text import listed, safe_text, shown
from pipelines.yaml import source

_LONGEST = 60
_PARSED = 64
"""Files whose data are kept: most runs of a file have the same text."""


def differences(before: tuple[Request, str], after: tuple[Request, str]) -> tuple[str, ...]:
    """What the later of two runs was asked otherwise: options, then parts of the file.

    Each is a request, and the text of the pipeline that it froze.
    """
    old, new = before[0], after[0]
    return (
        *_overrides(_set(old.overrides), _set(new.overrides)),
        *_changed("seed", old.seed, new.seed),
        *_changed("seeds", old.seeds, new.seeds),
        *_listed("until", old.targets, new.targets),
        *_listed("from", old.since, new.since),
        *_listed("only", old.only, new.only),
        *_listed("force", old.force, new.force),
        *_changed("cache", old.cache or None, new.cache or None),
        *_edited(before[1], after[1]),
    )


def _set(overrides: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (each.partition("=") for each in overrides)}


def _overrides(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        yield from _changed(name, old.get(name), new.get(name))


def _changed(name: str, old: object, new: object) -> Iterator[str]:
    """`lr 0.1 → 0.2`; where one of them was not given: `lr 0.2`, `no lr`."""
    if old == new:
        return
    told = safe_text(name, limit=_LONGEST)
    if new is None:
        yield f"no {told}"
    elif old is None:
        yield f"{told} {shown(new)}"
    else:
        yield f"{told} {shown(old)} → {shown(new)}"


def _listed(name: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    if old != new:
        told = safe_text(" ".join(new), limit=_LONGEST)
        yield f"{name} {told}" if new else f"no {name}"


def _edited(old: str, new: str) -> Iterator[str]:
    """The stages and other parts of the file that say something else now."""
    if old == new:
        return
    before, after = _parts(old), _parts(new)
    if before is None or after is None:
        yield "file edited"
        return
    both = dict.fromkeys((*before, *after))
    for word, names in (
        ("edited", [n for n in both if n in before and n in after and before[n] != after[n]]),
        ("new", [name for name in both if name not in before]),
        ("without", [name for name in both if name not in after]),
    ):
        if names:
            yield f"{word} {listed(names).replace('`', '')}"


@lru_cache(maxsize=_PARSED)
def _parts(text: str) -> Mapping[str, Any] | None:
    """Stages by name, and the other parts of a file; None where it cannot be read."""
    try:
        data = source.parse(text, "").data
    except PipelineError:
        return None
    if not isinstance(data, dict):
        return None
    stages = data.get("stages")
    header = {str(name): part for name, part in data.items() if name != "stages"}
    return {**header, **(stages if isinstance(stages, dict) else {})}
