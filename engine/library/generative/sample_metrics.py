"""All that a judge says of samples, beside what it says of real images at the same n."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import learning
from engine.library.artifacts import Dataset, Judge, Samples
from engine.library.methods.heads import sized
from pipelines.core.errors import StageError

if TYPE_CHECKING:
    from torch import Tensor

ALWAYS = (
    "distance", "distance_second", "floor", "precision", "recall", "coverage", "accepted",
    "validity", "grey", "grey_real", "components", "components_real", "memorising",
)  # fmt: skip
"""Metrics of all samples."""
LABELLED = "agreement"
"""The metric of samples that were asked to show a class."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Metrics without the task's name, and what a reader of them must know."""

    metrics: Mapping[str, float]
    notes: tuple[str, ...]


def check(judge: Judge, samples: Samples, data: Dataset) -> None:
    """Refuse what cannot be compared.

    Raises:
        StageError: says what does not fit.
    """
    for what, collection, shape in (
        ("the judge is", judge.data, judge.shape), ("samples are", samples.data, samples.shape),
    ):  # fmt: skip
        if (collection, shape) != (data.name, data.shape):
            raise StageError(
                f"{what} of {collection}, {sized(shape)} pixels, and the data of {data.name}, "
                f"{sized(data.shape)}: connect samples, judge and data of one collection"
            )
    strangers = sorted(set(samples.labels) - set(judge.classes))
    if strangers:
        raise StageError(f"samples were asked for {strangers}, and the judge knows no such class")


def measured(
    judge: Judge, samples: Samples, task: "learning.data.device_data.Task", n: int, device: str
) -> Verdict:
    """Judge n samples against n test images, and n training images against the same.

    Args:
        judge: of the samples' collection.
        samples: n of them are judged.
        task: real images in the parts `train` and `test`.
        n: images on each side.
        device: `cpu` or `cuda:0`.
    """
    judges = learning.generative.judging.classifiers.restore(judge, device)
    train, test = task.parts["train"], task.parts["test"]
    chosen = learning.generative.judging.fidelity.some(samples.labels or [0] * len(samples), n)
    made, real = samples.pixels[chosen], _some(test, n)
    seen, held, known = (
        learning.generative.judging.classifiers.look(judges, x, judge.data)
        for x in (made, real, _some(train, n))
    )
    found, floor = _against(seen, held), _against(known, held)
    metrics = {**found, "floor": floor["distance"]}
    metrics |= _surface(made) | {f"{k}_real": value for k, value in _surface(real).items()}
    metrics["memorising"] = learning.generative.judging.fidelity.memorising(
        made, learning.generative.judging.classifiers.quantised(train).cpu(), _some(test, len(test))
    )
    if samples.labels:
        asked = [judge.classes.index(samples.labels[place]) for place in chosen.tolist()]
        said = seen.labels.tolist()
        metrics[LABELLED] = sum(a == b for a, b in zip(asked, said, strict=True)) / n
    notes = _notes(n, seen.plain.shape[1], floor)
    return Verdict({k: value for k, value in metrics.items() if math.isfinite(value)}, notes)


def _some(examples: "learning.data.device_data.Examples", n: int) -> "Tensor":
    """Real images (n, *shape) as `Samples` hold them, with classes in their proportions."""
    images = learning.generative.judging.classifiers.quantised(examples).cpu()
    return images[learning.generative.judging.fidelity.some(examples.y.tolist(), n)]


def _against(
    seen: "learning.generative.judging.classifiers.Seen",
    real: "learning.generative.judging.classifiers.Seen",
) -> dict[str, float]:
    """What a judge saw in some images, against what it saw in as many real ones."""
    k = learning.generative.judging.fidelity.NEIGHBOURS
    balls = [
        (side, learning.generative.judging.fidelity.radii(side, k))
        for side in (real.plain, seen.plain)
    ]
    within = learning.generative.judging.fidelity.inside(seen.plain, *balls[0])
    reached = learning.generative.judging.fidelity.inside(real.plain, *balls[1])
    near = learning.generative.judging.fidelity.covered(real.plain, seen.plain)
    accepted = seen.accepted.cpu()
    return {
        "distance": learning.generative.judging.fidelity.distance(seen.plain, real.plain),
        "distance_second": learning.generative.judging.fidelity.distance(seen.second, real.second),
        "precision": _share(within),
        "recall": _share(reached),
        "coverage": _share(near),
        "accepted": _share(accepted),
        "validity": _share(within & accepted),
    }


def _share(which: "Tensor") -> float:
    return int(which.sum()) / len(which)


def _surface(images: "Tensor") -> dict[str, float]:
    shown = images.float() / 255
    found = {"components": learning.generative.judging.image_statistics.components(shown)}
    grey = learning.generative.judging.image_statistics.grey(shown)
    return found if grey is None else {**found, "grey": grey}


def _notes(n: int, features: int, floor: Mapping[str, float]) -> tuple[str, ...]:
    real = ("distance_second", "precision", "recall", "coverage", "accepted", "validity")
    notes = [
        f"n={n}, floor={floor['distance']:.3g}; distance in the judge's features, not FID",
        "real training images at this n: "
        + ", ".join(f"{name} {floor[name]:.3g}" for name in real),
    ]
    if n <= features:
        notes.append(
            f"n={n} is no more than the {features} features: covariances are singular, and the "
            "distance is mostly noise"
        )
    return tuple(notes)
