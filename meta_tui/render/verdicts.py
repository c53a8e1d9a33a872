"""Contrasts as text: each pair of rows once, below it the difference of every metric."""

from collections.abc import Sequence

from engine.artifacts import Contrast
from meta_tui.render.numbers import ABSENT, metric, signed
from meta_tui.render.spans import Line, Span, Style, fit, line, right, wrap
from pipelines.text import safe_text, width

_TOLD = " (Holm)"
"""End of a verdict that the head tells already."""


def contrasts(pairs: Sequence[Contrast], columns: int) -> list[Line]:
    """Lines for all contrasts: `metric  +0.100 ± 0.021  p=0.003  verdict`.

    What holds for all is told once, in the head: n, and that p is corrected.
    """
    groups: dict[tuple[str, str], list[Contrast]] = {}
    for pair in pairs:
        groups.setdefault((pair.left, pair.right), []).append(pair)
    names = max(width(safe_text(pair.metric)) for pair in pairs)
    sizes = max(width(_difference(pair)) for pair in pairs)
    common = {pair.difference.n for pair in pairs}
    told = [f"n={common.pop()}" if len(common) == 1 else ""]
    told += ["p by Holm's correction" if any(pair.p is not None for pair in pairs) else ""]
    head = ", ".join(["differences, paired by seed", *filter(None, told)])
    lines: list[Line] = [line(Span(head, "strong"))]
    for (left, other), group in groups.items():
        title = f"{safe_text(left)} - {safe_text(other)}"
        lines += [line(part) for part in wrap(title, columns)]
        for pair in group:
            known = f"  {fit(safe_text(pair.metric), names)}  {right(_difference(pair), sizes)}"
            known += f"  n={pair.difference.n}" if not told[0] else ""
            known += f"  {fit(_p(pair), 7)}"
            lines += _verdict(known, pair, columns)
    return lines


def _verdict(known: str, pair: Contrast, columns: int) -> list[Line]:
    style: Style = "accent" if pair.verdict.startswith("distinguishable") else "dim"
    verdict = safe_text(pair.verdict).removesuffix(_TOLD)
    if pair.difference.dropped:
        verdict += f" ({pair.difference.dropped} pairs dropped)"
    if width(known) + 2 + width(verdict) <= columns:
        return [line(Span(known), Span(f"  {verdict}", style))]
    rest = wrap(verdict, max(10, columns - 6), indent="")
    return [line(known), *(line(Span(f"      {part}", style)) for part in rest)]


def _difference(pair: Contrast) -> str:
    found = pair.difference
    if found.mean is None:
        return ABSENT
    if found.low is None or found.high is None:
        return signed(found.mean)
    return f"{signed(found.mean)} ± {metric((found.high - found.low) / 2)}"


def _p(pair: Contrast) -> str:
    if pair.p is None:
        return ""
    return "p<0.001" if pair.p < 0.001 else f"p={pair.p:.3f}"  # noqa: PLR2004
