"""The gallery of a training: the end first, then what was made on the way, for a scrubber."""

from dataclasses import dataclass

from engine import learning
from engine.library.artifacts import Dataset, Gallery, Picture

_ROWS = ("image", "made")
_LETTERS = 6
"""Of a class over a column."""
_SIZE = (420.0, 180.0)
"""Of the plotted part of the chart, in points."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the captions tell.

    Attributes:
        who: the model, as `a VAE with z = 8`.
        data: what it was trained on.
        conditional: it was told the classes.
        kl: nats of each dimension, on the part that the images are of; () where there are none.
        diverged: nothing can be shown of the end.
    """

    who: str
    data: Dataset
    conditional: bool
    kl: tuple[float, ...]
    diverged: bool


def gallery(
    found: "learning.generative.training.snapshots.Snapshots", scene: Scene, step: int
) -> Gallery:
    """All pictures of a training that ended after a step."""
    pictures: list[Picture] = []
    if not scene.diverged:
        rows = learning.generative.training.snapshots.LAST_ROWS
        pictures += _pair(found, found.shot(step, rows), scene, "", "at the end")
    if scene.kl:
        pictures.append(_dimensions(scene, found.part))
    on_the_way = [
        _pair(found, shot, scene, f"step-{shot.step:06}-", _moment(shot.step))
        for shot in found.taken
    ]
    # All reconstructions, then all samples: one scrubber each.
    pictures += [shots[place] for place in (0, 1) for shots in on_the_way if place < len(shots)]
    return Gallery(tuple(pictures))


def _pair(
    found: "learning.generative.training.snapshots.Snapshots",
    shot: "learning.generative.training.snapshots.Shot",
    scene: Scene,
    beginning: str,
    moment: str,
) -> list[Picture]:
    """The pictures of a shot: reconstructions, and samples of a VAE."""
    both = shot.reconstructions.numpy()
    grid = learning.plotting.image_grid.Grid(
        both, columns=len(both) // 2, title=f"Reconstructions {moment}", row_labels=_ROWS
    )
    codes = "codes" if shot.samples is None else "mean codes"
    caption = (
        f"{scene.who}, {moment}: above {found.part} images of {scene.data.task}, below what it "
        f"makes of their {codes}."
    )
    pictures = [
        Picture(f"{beginning}reconstructions", caption, learning.plotting.image_grid.png(grid))
    ]
    if shot.samples is None:
        return pictures
    labels = _classes(scene.data)[: found.columns] if scene.conditional else ()
    grid = learning.plotting.image_grid.Grid(
        shot.samples.numpy(), columns=found.columns, title=f"Samples {moment}", column_labels=labels
    )
    caption = (
        f"{scene.who}, {moment}: what it makes of codes from the prior N(0, I), always the same"
    )
    caption += ", each column told its class." if labels else "."
    return [
        *pictures,
        Picture(f"{beginning}samples", caption, learning.plotting.image_grid.png(grid)),
    ]


def _dimensions(scene: Scene, part: str) -> Picture:
    """The KL of each dimension, the largest first."""
    found = sorted(scene.kl, reverse=True)
    active = learning.generative.training.validation.ACTIVE
    used = sum(nats > active for nats in found)
    count = f"{used} of {len(found)} above {active:g} nats"
    style = learning.plotting.line_charts.Style(
        learning.plotting.line_charts.BLUE, 1.5, marker="dot", radius=2.6
    )
    line = learning.plotting.line_charts.Style(
        learning.plotting.line_charts.VERMILION, 1.5, learning.plotting.line_charts.DASHES[1]
    )
    edge = learning.plotting.line_charts.Curve(
        [1, len(found)], [active, active], f"{active:g} nats", line
    )
    curve = learning.plotting.line_charts.Curve(
        list(range(1, len(found) + 1)), found, "mean KL", style
    )
    panel = learning.plotting.line_charts.Panel(
        (edge, curve), note=count, x_label="dimension, by its KL", y_label="nats",
        x_range=(0.5, len(found) + 0.5), y_range=(0.0, 1.05 * max(found[0], active)),
    )  # fmt: skip
    title = f"KL of each dimension, {scene.data.task}"
    chart = learning.plotting.line_charts.Chart(
        ((panel,),), title=title, subtitle=scene.who, size=_SIZE
    )
    caption = (
        f"{scene.who}: mean KL of the posterior and the prior in each dimension of the code, over "
        f"the {part} part of {scene.data.task}, the largest first: {count}."
    )
    return Picture("kl-by-dimension", caption, learning.plotting.line_charts.png(chart))


def _moment(step: int) -> str:
    if step == 0:
        return "before training"
    return f"after {step} step" + ("s" if step > 1 else "")


def _classes(data: Dataset) -> tuple[str, ...]:
    names = data.names or tuple(str(label) for label in data.classes)
    return tuple(name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name in names)
