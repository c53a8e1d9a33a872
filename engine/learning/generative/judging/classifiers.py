"""Classifiers of real images that judge samples: two for distances, and one that knows junk.

They see exactly what `Samples` hold: pixels of 8 bits, scaled as the collection's are. Features are
those of the layer before the logits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.learning.data.device_data import SCALINGS, Examples, Scaling, Task
from engine.learning.evaluation.metrics import score_head
from engine.learning.generative.judging import corrupted_images
from engine.learning.models import backbones, linear_heads
from engine.learning.models.backbones import Network
from engine.learning.models.features import extract
from engine.learning.training.monitor import Report, Watch
from engine.learning.training.replay import Mixture, Seeds
from engine.learning.training.trainer import Recipe, Trainer

PLAIN, SECOND, JUNK = "plain", "second", "junk"
HEAD = "judge"
"""Name of the only head of each."""
TOP = 255
"""Highest value of a pixel of 8 bits."""
JUNK_SHARE = 2
"""So many real images for each of junk."""


class Described(Protocol):
    """See `engine.library.artifacts.Judge`."""

    @property
    def net(self) -> Mapping[str, Any]: ...
    @property
    def data(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def classes(self) -> tuple[int, ...]: ...
    @property
    def weights(self) -> Mapping[str, Tensor]: ...


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one of the nets learns.

    Attributes:
        task: training and test images; with junk, that is the last class.
        outputs: logits.
        init: seed of the backbone.
        head: seed of the head.
        seeds: of the batches.
    """

    task: Task
    outputs: int
    init: int
    head: int
    seeds: Seeds


@dataclass(frozen=True, slots=True)
class Seen:
    """What judges say of some images.

    Attributes:
        plain: features (n, d) of the plain judge.
        second: features (n, d) of the second.
        labels: (n,) positions in the classes, by the plain judge.
        accepted: (n,) whether the judge that knows junk takes each for a real class.
    """

    plain: Tensor
    second: Tensor
    labels: Tensor
    accepted: Tensor


def scaling(data: str) -> Scaling:
    """From pixels of 8 bits to what the nets of a collection see."""
    return replace(SCALINGS[data], top=TOP)


def quantised(examples: Examples) -> Tensor:
    """Stored images as `Samples` hold them: (n, channels, height, width) uint8, 255 for 1."""
    return (examples.x.float() / examples.scaling.top * TOP).round().to(torch.uint8)


def lessons(task: Task, data: str, seeds: Mapping[str, int]) -> dict[str, Lesson]:
    """Net -> what it learns.

    Args:
        task: real images, as stored, in the parts `train` and `test`.
        data: its collection.
        seeds: `init`, `head`, `order`, `augment` and `noise`, of which those of the nets are made.
    """
    scaled, classes = scaling(data), len(task.classes)
    real, mixed = {}, {}
    for place, part in enumerate(("train", "test")):
        x, y = quantised(task.parts[part]), task.parts[part].y
        real[part] = Examples(x, y, scaled)
        made = corrupted_images.make(x, y, max(1, len(y) // JUNK_SHARE), seeds["noise"] + place)
        last = torch.full((len(made),), classes).to(y)
        # What is learned has soft edges too; the test images stay as they are.
        known = corrupted_images.softened(x, seeds["noise"] + 2) if part == "train" else x
        mixed[part] = Examples(torch.cat([known, made.to(x.device)]), torch.cat([y, last]), scaled)
    plain = replace(task, name=HEAD, parts=real)
    learned = {PLAIN: plain, SECOND: plain, JUNK: replace(plain, parts=mixed)}
    # From 1 on: a classifier that is attacked has the seeds as they are, and the same net trained
    # on the same images would be this very judge.
    return {
        name: Lesson(
            found,
            classes + (name == JUNK),
            seeds["init"] + place,
            seeds["head"] + place,
            Seeds(seeds["order"] + place, seeds["augment"] + place, 0),
        )
        for place, (name, found) in enumerate(learned.items(), 1)
    }


def trainer(
    net: Mapping[str, Any], lesson: Lesson, recipe: Recipe, batch: int, report: Report
) -> Trainer:
    """A net in training, from random weights."""
    built = backbones.build(net, lesson.task.shape, lesson.init)
    built.heads[HEAD] = linear_heads.random(built.width, lesson.outputs, lesson.head).module()
    built.to(lesson.task.parts["train"].x.device)
    mixture = Mixture(lesson.task, (), batch=batch, replayed=0, seeds=lesson.seeds)
    return Trainer(built, mixture, recipe, Watch(dict, ()), report)


def accuracy(net: Network, lesson: Lesson) -> float:
    """Share of the real test images that a net gets right."""
    test = lesson.task.parts["test"]
    return score_head(net, HEAD, _some(test, test.y < len(lesson.task.classes)))[0]


def rejected(net: Network, lesson: Lesson) -> dict[str, float]:
    """Share of the junk made of test images that a net calls junk, by kind of junk."""
    test = lesson.task.parts["test"]
    made = _some(test, test.y == len(lesson.task.classes))
    kinds = corrupted_images.kinds(len(made)).to(made.y.device)
    return {
        name: score_head(net, HEAD, _some(made, kinds == place))[0]
        for place, name in enumerate(corrupted_images.KINDS)
        if place < len(made)
    }


def _some(examples: Examples, of: Tensor) -> Examples:
    return Examples(examples.x[of], examples.y[of], examples.scaling)


def restore(judge: Described, device: str) -> dict[str, Network]:
    """Net -> network on a device, in evaluation mode."""
    found = {}
    for name in (PLAIN, SECOND, JUNK):
        weights = {
            key.removeprefix(f"{name}."): item
            for key, item in judge.weights.items()
            if key.startswith(f"{name}.")
        }
        outputs = len(judge.classes) + (name == JUNK)
        net = backbones.restore(judge.net, judge.shape, weights, {HEAD: outputs})
        found[name] = net.eval().to(device)
    return found


@torch.no_grad()
def look(judges: Mapping[str, Network], images: Tensor, data: str) -> Seen:
    """What judges say of images of 8 bits (n, channels, height, width) of a collection."""
    device = next(judges[PLAIN].parameters()).device
    shown = Examples(images.to(device), torch.zeros(len(images)).to(device), scaling(data))
    features = {name: extract(net, shown) for name, net in judges.items()}
    said = {name: net.heads[HEAD](features[name]).argmax(1) for name, net in judges.items()}
    junk_class = judges[JUNK].heads[HEAD].out_features - 1
    return Seen(features[PLAIN], features[SECOND], said[PLAIN], said[JUNK] != junk_class)
