"""What is known of one stage or cell, in a few lines over its curves."""

from meta_tui.model.run_reducer import CellView, RunView, State
from meta_tui.model.stage_summary import StageView, counts_line
from meta_tui.render.runs.plain_log import scores_text
from meta_tui.render.runs.progress import bar
from meta_tui.render.text.numbers import duration, number, seconds_short
from meta_tui.render.text.spans import Line, Span, line, wrap
from meta_tui.render.text.symbols import UNICODE, Signs, state_span

_ROOM_FOR_HINT = 60


def stage_details(
    stage: StageView, columns: int, signs: Signs = UNICODE, shown: int = 0
) -> list[Line]:
    """Name, type and counts of a stage, how many of its curves are shown; its first failure."""
    head = line(Span(stage.name, "strong"), f"  {stage.type}  ", state_span(stage.state, signs))
    told = counts_line(stage.counts)
    lost = sum(cell.diverged for cell in stage.cells)
    told += f", of these {lost} diverged" if lost else ""
    if 0 < shown < len(stage.cells) and columns >= _ROOM_FOR_HINT:
        told += f"; curves of {shown}, enter lists all"
    lines = [head, *(line(Span(part, "dim")) for part in wrap(told, columns))]
    failed = next((cell for cell in stage.cells if cell.state is State.FAILED), None)
    if failed is not None:
        lines += [
            line(Span(part, "bad")) for part in wrap(f"{failed.name}: {failed.error}", columns)
        ]
    return lines


def cell_details(
    view: RunView, cell: CellView, now: float, columns: int, signs: Signs = UNICODE
) -> list[Line]:
    """Name, state, progress, why it runs or failed, and its final scores."""
    lines: list[Line] = [line(Span(part, "strong")) for part in wrap(cell.name, columns)]
    head, room = state_span(cell.state, signs), columns - len(cell.type) - 14
    first, *rest = _progress(cell, now, signs, room) or [""]
    lines.append(line(head, f"  {cell.type}  {first}"))
    lines += [line(f"  {part}") for part in rest]
    if cell.why:
        lines += [line(Span(part, "dim")) for part in wrap(f"why: {cell.why}", columns)]
    if cell.error:
        lines += [line(Span(part, "bad")) for part in wrap(cell.error, columns)]
    if cell.scores:
        lines += [line(part) for part in wrap(scores_text(cell.scores).strip(), columns)]
    notes = [note.text for note in view.notes if note.cell == cell.ordinal][-2:]
    for note in notes:
        lines += [line(Span(part, "warn")) for part in wrap(f"note: {note}", columns)]
    return lines


def _progress(cell: CellView, now: float, signs: Signs, columns: int) -> list[str]:
    """How far it is, in one line, or where there is no room for it in two."""
    if cell.state is not State.RUNNING:
        return [seconds_short(cell.seconds)] if cell.seconds else []
    spent = cell.spent(now)
    if cell.fraction is None:
        return [duration(spent)]
    made = cell.step - cell.resumed
    loop = f" {cell.loop}" if cell.loop else ""
    parts = [f"step {cell.step}/{cell.total}{loop}"]
    parts += [f"{number(made / spent, 3)} steps/s"] if made > 0 and spent > 0 else []
    parts += [f"ETA {duration((cell.total - cell.step) * spent / made)}"] if made > 0 else []
    drawn = f"{bar(cell.fraction, 10, signs)} {cell.fraction:.0%}"
    whole = "  ".join([drawn, *parts])
    return [whole] if len(whole) <= columns else [drawn, "  ".join(parts)]
