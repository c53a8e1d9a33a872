"""A small twin of Omniglot, drawn here: the same tree and file formats, few characters."""

import io
import random
import zipfile
from pathlib import Path

from PIL import Image, ImageDraw

TWIN = {
    "train": ["Greek/character01", "Greek/character02", "Angelic/character01", "Latin/character03"],
    "val": ["Hebrew/character01", "Hebrew/character02", "Hebrew/character03"],
    "test": ["Keble/character01", "Keble/character02", "Keble/character05"],
}
"""Characters of the parts of the twin's split."""
EVALUATED = ("Angelic", "Keble")


def drawing(name: str, drawer: int) -> bytes:
    """A PNG of a character's own strokes by a somewhat shaky hand; 1 bit, ink is 0."""
    strokes, hand = random.Random(name), random.Random(f"{name}/{drawer}")
    image = Image.new("1", (105, 105), 1)
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        ends = [(strokes.randint(10, 95), strokes.randint(10, 95)) for _ in range(3)]
        line = [(x + hand.randint(-4, 4), y + hand.randint(-4, 4)) for x, y in ends]
        draw.line(line, fill=0, width=3)
    packed = io.BytesIO()
    image.save(packed, "PNG")
    return packed.getvalue()


def draw(folder: Path) -> Path:
    """Write the twin's two archives and three lists."""
    (folder / "splits").mkdir(parents=True)
    opened = {
        name: zipfile.ZipFile(folder / f"images_{name}.zip", "w")
        for name in ("background", "evaluation")
    }
    for part, names in TWIN.items():
        turned = [f"{name}/rot{angle:03}" for name in names for angle in (0, 90, 180, 270)]
        (folder / "splits" / f"vinyals_{part}.txt").write_text("\n".join(turned) + "\n")
        for place, name in enumerate(names):
            kind = "evaluation" if name.startswith(EVALUATED) else "background"
            for drawer in range(1, 21):
                member = f"images_{kind}/{name}/{place:04}_{drawer:02}.png"
                opened[kind].writestr(member, drawing(name, drawer))
    for archive in opened.values():
        archive.writestr("__MACOSX/notes.txt", "left alone")
        archive.close()
    return folder
