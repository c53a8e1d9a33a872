"""What is measured, defined once.

accuracy                    share of a part that a head gets right
loss                        mean cross-entropy of a part, in nats
forgetting                  accuracy before - after, of the kept head, on the old task's test part
representation_forgetting   the same of a ridge head fitted anew before and after ("re-probe"): what
                            no head could bring back
head_forgetting             forgetting - representation_forgetting: what a new head brings back
"""

import math
from collections.abc import Mapping

import torch
from torch.nn import functional

from engine.learning.data.device_data import Examples, Task, balanced
from engine.learning.models import linear_heads
from engine.learning.models.backbones import Network
from engine.learning.models.features import extract, logits

REPROBE_LIMIT = 2000
"""Training images that a re-probe is fitted on, at most: the classes as equal as can be."""
REPROBE_SEED = 20_261_130
"""Which ones is the same in every run and before and after an adaptation, so both are paired."""


def scored(net: Network, head: str, examples: Examples) -> tuple[float, float]:
    """Accuracy and loss of a head on a part."""
    found = logits(net, head, examples)
    right = (found.argmax(1) == examples.y).float().mean()
    loss = functional.cross_entropy(found, examples.y)
    accuracy, nats = torch.stack([right, loss]).tolist()  # one read from the device
    return accuracy, nats


def judged(net: Network, task: Task, head: str) -> dict[str, float]:
    """Every metric of a task, without the task's name; parts that it lacks are absent."""
    found: dict[str, float] = {}
    for part, prefix in {"test": "", "val": "val_", "shifted": "shifted_"}.items():
        if part in task.parts:
            accuracy, loss = scored(net, head, task.parts[part])
            found[f"{prefix}accuracy"] = accuracy
            if part != "shifted":
                found[f"{prefix}loss"] = loss
    return found


def reprobe(net: Network, task: Task) -> float | None:
    """Test accuracy of a ridge head fitted anew: lambda on the validation part.

    It is fitted on at most `REPROBE_LIMIT` training images, a random sample with classes as equal
    as can be. Without a validation part lambda is chosen by leaving one out. None where the task
    lacks training or test images, or the features are not finite.
    """
    if not {"train", "test"} <= task.parts.keys():
        return None
    outputs = len(task.classes)
    chosen = balanced(task.parts["train"].y, REPROBE_LIMIT, REPROBE_SEED)
    z = extract(net, task.parts["train"], chosen).double()
    y = task.parts["train"].y[chosen]
    test = extract(net, task.parts["test"]).double()
    if not (z.isfinite().all() and test.isfinite().all()):
        return None
    if "val" not in task.parts:
        head = linear_heads.ridge_by_leaving_one_out(z, y, outputs)
    else:
        targets = functional.one_hot(y, outputs).double()
        val = task.parts["val"]
        z_val = extract(net, val).double()
        head = linear_heads.chosen(
            lambda l2, _: linear_heads.ridge(z, targets, l2),
            lambda found: -float((found(z_val).argmax(1) == val.y).double().mean()),
        )
    return float((head(test).argmax(1) == task.parts["test"].y).double().mean())


def forgotten(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """The three kinds of forgetting from `accuracy` and `reprobed` before and after.

    A kind whose accuracies are not there is absent.
    """
    found: dict[str, float] = {}
    if "accuracy" in before and "accuracy" in after:
        found["forgetting"] = before["accuracy"] - after["accuracy"]
    if "reprobed" in before and "reprobed" in after:
        found["representation_forgetting"] = before["reprobed"] - after["reprobed"]
    if len(found) == 2:  # noqa: PLR2004 (both are there)
        found["head_forgetting"] = found["forgetting"] - found["representation_forgetting"]
    return {name: value for name, value in found.items() if math.isfinite(value)}
