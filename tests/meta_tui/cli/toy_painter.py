"""Stage types that make pictures, for tests of `meta show`."""

import io
from dataclasses import dataclass

from PIL import Image

from engine.library.artifacts import Gallery, Picture, Scores
from engine.stage_api.run import Run
from pipelines.core.stage import Params, stage


class Paint(Params):
    shade: int = 0
    """Of red."""


@dataclass(frozen=True, slots=True)
class Painted:
    gallery: Gallery
    scores: Scores


@stage
def paint(run: Run, params: Paint) -> Painted:
    """Make pictures of one colour."""
    pictures = [
        Picture(f"p{n}", f"a \x1b[31mred\x1b[0m square, number {n}", square(params.shade + n))
        for n in range(6)
    ]
    return Painted(Gallery(tuple(pictures)), Scores({"paint/wet": 0.5}))


def square(red: int) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (64, 48), (red, 0, 0)).save(packed, "PNG")
    return packed.getvalue()


class Rest(Params):
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Rested:
    scores: Scores


@stage
def rest(run: Run, params: Rest) -> Rested:
    """Make no picture."""
    return Rested(Scores({"rest/long": 1.0}))
