"""Contrasts as text: each pair of rows once, below it the difference of every metric."""

from collections.abc import Sequence

from engine.library.artifacts import Contrast, Interval
from engine.library.artifacts.table import AGAINST_ONE, ONE_EACH
from meta_tui.model.table_notes import kinded
from meta_tui.render.text.numbers import ABSENT, chance, signed, spread
from meta_tui.render.text.spans import Line, Span, Style, fit, line, right, wrap
from pipelines.core.text import numbered, safe_text, width

_HOLM = " (Holm)"
"""The end of a verdict that the head tells already."""
_BY_TASK = "by task (one learner each)"
_PAIRED = {"seeds": "by seed", "tasks": _BY_TASK, "classes": _BY_TASK, "draws": _BY_TASK}


def contrasts(pairs: Sequence[Contrast], columns: int) -> list[Line]:
    """Lines for all contrasts: `metric  +0.100 ± 0.021  p=0.003  verdict`.

    What holds for all is told once, in the head: by what they are paired, n, and that p is
    corrected.
    """
    groups: dict[tuple[str, str], list[Contrast]] = {}
    for pair in pairs:
        groups.setdefault((pair.left, pair.right), []).append(pair)
    names = max(width(safe_text(pair.metric)) for pair in pairs)
    sizes = max(width(difference(pair)) for pair in pairs)
    lines: list[Line] = [line(Span(part, "strong")) for part in wrap(_head(pairs), columns)]
    for (left, other), group in groups.items():
        title = f"{safe_text(left)} - {safe_text(other)}"
        lines += [line(part) for part in wrap(title, columns)]
        for pair in group:
            known = f"  {fit(safe_text(pair.metric), names)}  {right(difference(pair), sizes)}"
            known += f"{_count(pair, pairs)}  {fit(_p(pair), 7)}"
            lines += _verdict(known, pair, columns)
    return lines


def _kinds(pairs: Sequence[Contrast]) -> set[str]:
    return {pair.difference.over for pair in pairs}


def _head(pairs: Sequence[Contrast]) -> str:
    kinds = _kinds(pairs)
    ways = list(dict.fromkeys(way for kind, way in _PAIRED.items() if kind in kinds))
    if ways == [_BY_TASK]:
        ways = ["by task, one learner each"]
    how = [f"paired {', or '.join(ways)}"] if ways else []
    if "pairs" in kinds and not kinds & {"tasks", "classes", "draws"}:
        how.append(f"{'or ' if how else ''}{ONE_EACH}")
    if "learners" in kinds:
        how.append(f"{'or ' if how else ''}{AGAINST_ONE}")
    told = ["differences", *how]
    if not _count(pairs[0], pairs):
        told.append(f"n={_size(pairs[0].difference)}")
    if any(pair.p is not None for pair in pairs):
        told.append("p by Holm's correction")
    return ", ".join(told)


def _count(pair: Contrast, pairs: Sequence[Contrast]) -> str:
    """How many pairs a difference is of, where that is not the same of all."""
    if len(_kinds(pairs)) > 1:
        size = max(width(kinded(other.difference)) for other in pairs)
        return f"  {fit(kinded(pair.difference), size)}"
    several = len({other.difference.n for other in pairs}) > 1
    return f"  n={_size(pair.difference)}" if several else ""


def _size(found: Interval) -> str:
    """`600`, or `28 classes`, which are not what the pairs are of."""
    return numbered(found.n, found.over) if found.over == "classes" else str(found.n)


def short(pair: Contrast) -> str:
    """The verdict without what a head tells: `distinguishable at 5 %`."""
    return safe_text(pair.verdict).removesuffix(_HOLM)


def real(pair: Contrast) -> bool:
    """Whether the verdict is that there is a difference."""
    return pair.verdict.startswith("distinguishable")


def difference(pair: Contrast) -> str:
    """`+0.100 ± 0.020`, or of a range `+0.100 (0.080 to 0.120)`."""
    found = pair.difference
    if found.mean is None:
        return ABSENT
    return signed(found.mean) + spread(found)


def _verdict(known: str, pair: Contrast, columns: int) -> list[Line]:
    style: Style = "accent" if real(pair) else "dim"
    verdict = short(pair)
    if pair.difference.dropped:
        what = "learners" if pair.difference.over == "learners" else "pairs"
        verdict += f" ({numbered(pair.difference.dropped, what)} dropped)"
    if width(known) + 2 + width(verdict) <= columns:
        return [line(Span(known), Span(f"  {verdict}", style))]
    rest = wrap(verdict, max(10, columns - 6), indent="")
    return [line(known), *(line(Span(f"      {part}", style)) for part in rest)]


def _p(pair: Contrast) -> str:
    shown = chance(pair.p)
    return f"p{'' if shown.startswith('<') else '='}{shown}" if shown else ""
