"""The scores of one cell as lines: numbers, what they span, choices and notes."""

from engine.library.artifacts import Scores
from engine.library.comparison.intervals import judged
from meta_tui.render.text.numbers import metric, spread
from pipelines.core.text import safe_text


def numbers(scores: Scores) -> list[str]:
    """A line for each metric, then whether the cell diverged, what was chosen, and its notes."""
    names = {name: safe_text(name) for name in scores.metrics}
    size = max(map(len, names.values()), default=0)
    told = [
        f"  {names[name]:<{size}}  {metric(value)}{_spans(scores, name)}"
        for name, value in scores.metrics.items()
    ]
    if scores.status != "ok":
        told.append(f"  {scores.status}: no statistic uses these numbers")
    chosen = (f"{axis}={label}" for axis, label in scores.chosen.items())
    told += [f"  chosen {safe_text(choice)}" for choice in chosen]
    return [*told, *(f"  {safe_text(note)}" for note in scores.notes)]


def _spans(scores: Scores, name: str) -> str:
    """` ± 0.004 tasks (n=600, one learner)` where the value on each task was kept."""
    by_task = judged(scores, name) if scores.status == "ok" else None
    if by_task is None:
        return ""
    found = by_task.interval()
    if found.half is not None:
        return f" ± {metric(found.half)}{found.spans.removeprefix('±')}"
    return f"{spread(found)}, {found.spans}"
