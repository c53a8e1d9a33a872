"""Definitions of the metrics.

accuracy                    fraction of a split that a head classifies correctly
loss                        mean cross-entropy of a split, in nats
forgetting                  test accuracy before - after on the retained task, with its old head
representation_forgetting   the same with ridge heads refitted before and after ("re-probe"): lost
                            even with a new head
head_forgetting             forgetting - representation_forgetting: recovered by a new head
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
"""Maximum number of training images of a re-probe, balanced by class."""
REPROBE_SEED = 20_261_130
"""Seed of their sample: the same in every run, before and after, so accuracies are paired."""


def score_head(net: Network, head: str, examples: Examples) -> tuple[float, float]:
    """Return accuracy and loss (nats) of a head on a split."""
    outputs = logits(net, head, examples)
    right = (outputs.argmax(1) == examples.y).float().mean()
    loss = functional.cross_entropy(outputs, examples.y)
    accuracy, nats = torch.stack([right, loss]).tolist()  # one read from the device
    return accuracy, nats


def evaluate_task(net: Network, task: Task, head: str) -> dict[str, float]:
    """Return all metrics of a task by name, for the splits that it has."""
    metrics: dict[str, float] = {}
    for part, prefix in {"test": "", "val": "val_", "shifted": "shifted_"}.items():
        if part in task.parts:
            accuracy, loss = score_head(net, head, task.parts[part])
            metrics[f"{prefix}accuracy"] = accuracy
            if part != "shifted":
                metrics[f"{prefix}loss"] = loss
    return metrics


def reprobe(net: Network, task: Task) -> float | None:
    """Return the test accuracy of a refitted ridge head, its penalty chosen on validation data.

    It is fitted on at most `REPROBE_LIMIT` training images, a random sample balanced by class.
    Without a validation split the penalty is chosen by leave-one-out. None where the task has no
    training or test images, or the features are not finite.
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
        head = linear_heads.select(
            lambda l2, _: linear_heads.ridge(z, targets, l2),
            lambda candidate: -float((candidate(z_val).argmax(1) == val.y).double().mean()),
        )
    return float((head(test).argmax(1) == task.parts["test"].y).double().mean())


def forgetting(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the kinds of forgetting, from `accuracy` and `reprobed` before and after.

    A kind without its accuracies, or that is not finite, is absent.
    """
    kinds: dict[str, float] = {}
    if "accuracy" in before and "accuracy" in after:
        kinds["forgetting"] = before["accuracy"] - after["accuracy"]
    if "reprobed" in before and "reprobed" in after:
        kinds["representation_forgetting"] = before["reprobed"] - after["reprobed"]
    if len(kinds) == 2:  # noqa: PLR2004 (both are known)
        kinds["head_forgetting"] = kinds["forgetting"] - kinds["representation_forgetting"]
    return {name: value for name, value in kinds.items() if math.isfinite(value)}
