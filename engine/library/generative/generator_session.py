"""What a way to draw is given: the generator at work, images to start from, and what is asked."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import learning
from engine.library.artifacts import Dataset, Generator
from engine.library.methods.example_counts import loaded
from engine.library.methods.heads import sized
from engine.stage_api.run import Run
from pipelines.core.errors import StageError

if TYPE_CHECKING:
    from torch import Tensor

JUDGED = ("test", "val", "train")
"""Parts whose images a walk starts from: the first that is there."""
SAMPLE_SEED = 20_261_131
"""Of the training images whose codes are taken where there are too many: the same in every run."""
_NAMES = {"autoencoder": "an autoencoder", "vae": "a VAE"}
_LETTERS = 14
"""Of a class beside a row."""


class Diverged(StageError):  # noqa: N818  (named for what it is)
    """A generator makes no numbers: its training diverged, which is a result and no fault."""


@dataclass(frozen=True, slots=True)
class Images:
    """Some images as the generator was trained to explain them.

    Attributes:
        part: of the dataset.
        x: (n, *shape) from 0 to 1.
        y: (n,) classes, positions in the generator's if it is conditional, else in the dataset's.
    """

    part: str
    x: "Tensor"
    y: "Tensor"


@dataclass(frozen=True, slots=True)
class Scene:
    """A generator at work.

    Attributes:
        generator: as it was stored.
        pair: on the device.
        task: the dataset on the device; None where none is connected.
        labels: classes that are asked for; () of an unconditional generator.
        names: of labels that have one.
        count: images of a random draw.
        seed: of all draws.
        told: the seed, in words.
    """

    generator: Generator
    pair: "learning.generative.models.generator.Pair"
    task: "learning.data.device_data.Task | None"
    labels: tuple[int, ...]
    names: Mapping[int, str]
    count: int
    seed: int
    told: str

    @property
    def who(self) -> str:
        """The generator in words."""
        kind = _NAMES[self.generator.kind]
        kind = kind.replace("a VAE", "a conditional VAE") if self.labels else kind
        return f"{kind} with z = {self.generator.z} ({self.generator.data}, {self.told})"

    @property
    def points(self) -> bool:
        """Whether codes are points."""
        return self.generator.kind == "autoencoder"

    @property
    def ink(self) -> str:
        """What images that it is shown have of their own, as the end of a phrase on them."""
        learned = str(self.generator.trained.get("binarise", "none"))
        return "" if learned == "none" else ", in black and white as it learned them"

    def telling(self, label: int | None) -> str:
        """The class that it is told, if any, as an insertion after its name."""
        return "" if label is None else f", told the class {self.title(label)},"

    def title(self, label: int) -> str:
        """A class in words, short."""
        name = self.names.get(label, str(label))
        return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"

    def told_classes(self, y: "Tensor") -> "Tensor | None":
        """Classes (n,) for a conditional pair, None for one that takes none."""
        return y if self.labels else None

    def asked(self, count: int) -> "Tensor":
        """Classes (count,) in equal shares, one after another: every beginning is as fair."""
        places = [self.generator.classes.index(label) for label in self.labels] or [0]
        return learning.generative.sampling.indexing.turns(places, count).to(self._device)

    def one(self, label: int) -> "Tensor":
        """The class (1,) of a label."""
        place = self.generator.classes.index(label)
        return learning.generative.sampling.indexing.turns([place], 1).to(self._device)

    def labels_of(self, y: "Tensor") -> tuple[int, ...]:
        """Labels of classes, for `Samples`."""
        return tuple(self.generator.classes[place] for place in y.tolist()) if self.labels else ()

    def codes(self) -> "Tensor":
        """Codes of training images, (n, z) float64 on the CPU.

        Raises:
            Diverged: they are not numbers.
        """
        latents = learning.generative.sampling.latent_distributions
        images = self._images("train", self.generator.classes, latents.MOST)
        # Another stream than that of the draws.
        found = latents.codes(self.pair, images.x, self.told_classes(images.y), self.seed + 1)
        if not found.isfinite().all():
            raise Diverged("its codes are not numbers: it diverged when it was trained")
        return found

    def images(self, most: int | None = None) -> Images:
        """Images of the part that models are judged on, in random order, of the classes asked for.

        Raises:
            StageError: there are none.
        """
        part = judged(self._task.parts)
        found = self._images(part, self.labels)
        if not len(found.x):
            raise StageError(f"{self._task.name} has no {part} images of the classes asked for")
        order = learning.generative.sampling.indexing.shuffled(found.y, self.seed + 2, most)
        return Images(part, found.x[order], found.y[order])

    @property
    def _task(self) -> "learning.data.device_data.Task":
        if self.task is None:
            raise StageError("there are no images: connect the dataset it was trained on as `data`")
        return self.task

    @property
    def _device(self) -> str:
        return str(next(self.pair.parameters()).device)

    def _images(self, part: str, labels: tuple[int, ...], most: int | None = None) -> Images:
        """Images of a part, of some classes where any are named; all, or a fair sample of them."""
        if part not in self._task.parts:
            raise StageError(f"{self._task.name} has no {part} images")
        examples, picks = self._task.parts[part], learning.generative.sampling.indexing
        pixels, fixed = (
            learning.generative.models.generator.pixels,
            learning.generative.models.binarize.fixed,
        )
        how = str(self.generator.trained.get("binarise", "none"))
        y, places = examples.y, picks.every(examples.y)
        if self.labels:
            y = picks.relabelled(y, self._task.classes, self.generator.classes)
            places = picks.among(y, [self.generator.classes.index(label) for label in labels])
        if most is None:
            x = fixed(pixels(examples), how)[places]
        else:
            # Only of judged images all have to be drawn alike: a large part is not read whole.
            places = places[picks.shuffled(y[places], SAMPLE_SEED, most).sort().values]
            x = fixed(pixels(examples, places), how)
        return Images(part, x, y[places])


def scene(
    run: Run, generator: Generator, data: Dataset | None, labels: tuple[int, ...], count: int
) -> Scene:
    """A generator on the device of a run, with the images that are connected.

    Raises:
        StageError: these are not of the generator's kind.
    """
    if data is not None and (data.name, data.shape) != (generator.data, generator.shape):
        ours = f"{generator.data} of {sized(generator.shape)}"
        theirs = f"{data.name} of {sized(data.shape)}"
        raise StageError(f"the generator was trained on {ours}, and {data.task} is {theirs}")
    return Scene(
        generator,
        learning.generative.models.generator.restore(generator, run.device),
        loaded(run, data) if data else None,
        labels,
        dict(zip(data.classes, data.names, strict=False)) if data else {},
        count,
        run.seed("noise"),
        f"seed {run.seeds[1]}",
    )


def judged(parts: Container[str]) -> str:
    """The part whose images a walk starts from, of those that are there: the one judged on."""
    return next((part for part in JUDGED if part in parts), JUDGED[0])
