"""The pictures of a cell: what they are, where they lie, how they look; and copies of them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from meta_tui.cli.output import colours, columns, lines_of_screen, say, say_lines, signs, terminal
from meta_tui.model.run_reducer import CellView
from meta_tui.readers.results import Shown
from meta_tui.render.images import image_view
from meta_tui.render.text.spans import plain, wrap
from meta_tui.terminal import say_rows
from pipelines.core.errors import EnvironmentFault
from pipelines.core.text import safe_text

DRAWN = 4
"""Pictures that are drawn; more would scroll away."""
_WIDEST, _HIGHEST = 160, 60
_AROUND = 6
"""Lines of a screen that are left for what stands around a picture."""
_UNUSUAL = re.compile(r"[^A-Za-z0-9@=._+-]")


def say_pictures(shown: Sequence[Shown], *, drawn: bool) -> None:
    """Tell of each picture, and draw the first ones where a terminal can show them."""
    if shown:
        say(f"  {len(shown)} picture{'s' * (len(shown) > 1)}; `--save FOLDER` copies as .png")
    for place, picture in enumerate(shown):
        across, down = picture.size
        say(f"  {picture.file}  {across}x{down}")
        say_lines(f"    {line}" for line in wrap(picture.caption, columns() - 4, ""))
        say(f"    {safe_text(str(picture.path))}")
        if drawn and place < DRAWN and terminal():
            _draw(picture)


def _draw(picture: Shown) -> None:
    """Write a picture, as large as the screen allows."""
    size = min(columns(), _WIDEST), min(max(8, lines_of_screen() - _AROUND), _HIGHEST)
    depth = colours()
    try:
        if depth and signs().braille:
            say_rows(image_view.halves(picture.png, *size).rows, depth)
        else:
            say(plain(image_view.dots(picture.png, *size, braille=signs().braille).rows))
    except ValueError as error:
        say(f"    not drawn: {safe_text(str(error))}")


def described(shown: Iterable[Shown]) -> list[dict[str, Any]]:
    """The pictures as JSON values."""
    return [
        {"file": item.file, "caption": item.caption, "size": item.size, "path": str(item.path)}
        for item in shown
    ]


def save(cell: CellView, shown: Iterable[Shown], folder: Path) -> Iterator[Path]:
    """Copy pictures into a folder, which is made where it is missing; yields where each lies.

    Raises:
        EnvironmentFault: the folder cannot be written.
    """
    try:
        for picture in shown:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{_UNUSUAL.sub('_', cell.name)}-{picture.file}"
            path.write_bytes(picture.png)
            yield path
    except OSError as error:
        told = f"cannot write {folder}: {error.strerror or error}; give another folder"
        raise EnvironmentFault(told) from error
