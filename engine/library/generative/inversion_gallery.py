"""Pictures of a classifier run backwards: where images end, and the way there."""

from collections.abc import Sequence

from engine import learning
from engine.library.artifacts import Picture

_ROWS, _COLUMNS = 20, 10
"""Classes, and images of each, that a picture shows at most."""


def ends(
    ascent: "learning.generative.sampling.activation_maximization.Ascent", titles: Sequence[str]
) -> Picture:
    """A row for each class of what the climb ended at.

    Args:
        ascent: at its end; its images ask for one class after the other, and then for the first
            again.
        titles: of the classes.
    """
    pixels, (step, mean) = ascent.seen[-1], ascent.curve[-1]
    columns = min(_COLUMNS, len(pixels) // len(titles))
    rows = titles[:_ROWS]
    shown = [row + column * len(titles) for row in range(len(rows)) for column in range(columns)]
    sure = [float(ascent.sure[row :: len(titles)].mean()) for row in range(len(rows))]
    grid = learning.plotting.image_grid.Grid(
        pixels[shown].numpy(),
        columns=columns,
        title=f"A classifier run backwards, {_said(mean)} sure",
        row_labels=[f"{title}: {_said(one)}" for title, one in zip(rows, sure, strict=True)],
    )
    caption = (
        f"What {step} steps of gradient ascent on the pixels make of {_classes(len(titles))}: "
        f"beside each, the mean probability that the attacked classifier gives to it (all: "
        f"{_said(mean)})."
        " That it is sure of an image says nothing of what the image shows."
    )
    return Picture("backwards", caption, learning.plotting.image_grid.png(grid))


def ways(
    ascent: "learning.generative.sampling.activation_maximization.Ascent", titles: Sequence[str]
) -> Picture:
    """A row for each class: one image on its way, from left to right.

    Args:
        ascent: see `ends`.
        titles: of the classes.
    """
    rows = titles[:_ROWS]
    steps = [step for step, _ in ascent.curve]
    grid = learning.plotting.image_grid.Grid(
        ascent.film(range(len(rows))).numpy(),
        columns=len(steps),
        title="The way up",
        row_labels=list(rows),
        column_labels=[str(step) for step in steps],
    )
    told = ", ".join(f"{_said(mean)} at step {step}" for step, mean in ascent.curve)
    caption = (
        f"One image of each class after {', '.join(map(str, steps))} steps of gradient ascent. "
        f"Mean probability that the attacked classifier gives to the asked class: {told}."
    )
    return Picture("ascent", caption, learning.plotting.image_grid.png(grid))


def _classes(count: int) -> str:
    return "one class" if count == 1 else f"{count} classes"


def _said(probability: float) -> str:
    return f"{probability:.2f}"
