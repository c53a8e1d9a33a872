"""Which images and classes are taken: places, as tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.learning.data.device_data import proportional


def turns(places: Sequence[int], count: int) -> Tensor:
    """Places (count,) one after another, again and again: every beginning is as fair."""
    return torch.tensor(places).repeat(count // len(places) + 1)[:count]


def shuffled(y: Tensor, seed: int, most: int | None = None) -> Tensor:
    """Places of classes (n,) in random order, at most so many: each beginning has fair shares."""
    return proportional(y, most, seed).to(y.device)


def relabelled(y: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """Positions (n,) in labels as positions in others; -1 where these have none."""
    places = {label: place for place, label in enumerate(after)}
    return torch.tensor([places.get(label, -1) for label in before], device=y.device)[y]


def among(y: Tensor, classes: Sequence[int]) -> Tensor:
    """Places of those classes (n,) that are some of these, in order."""
    return torch.isin(y, torch.tensor(classes, device=y.device)).nonzero()[:, 0]


def every(y: Tensor) -> Tensor:
    """All places of classes (n,)."""
    return torch.arange(len(y), device=y.device)


def partners(y: Tensor, pairs: int, *, same: bool) -> tuple[Tensor, Tensor]:
    """Places (pairs,) of images and of their partners; fewer where partners lack.

    Args:
        y: (n,) classes of images in random order, of which the first are taken.
        pairs: how many there are at most.
        same: of one class, or of two.
    """
    classes, free, found = y.tolist(), list(range(len(y))), list[tuple[int, int]]()
    while free and len(found) < pairs:
        left = free.pop(0)
        fitting = (place for place in free if (classes[place] == classes[left]) is same)
        if (right := next(fitting, None)) is not None:
            free.remove(right)
            found.append((left, right))
    places = torch.tensor(found, dtype=torch.int64).reshape(-1, 2)
    return places[:, 0], places[:, 1]


def rows(images: Tensor, count: int) -> Tensor:
    """Images (count * m, *shape) as rows: (count, m, *shape)."""
    return images.unflatten(0, (count, -1))


def alternating(above: Tensor, below: Tensor, columns: int) -> Tensor:
    """Images (n, *shape) and others, a row of these under each row of those: (2n, *shape)."""
    both = [part.unflatten(0, (-1, columns)) for part in (above, below)]
    return torch.stack(both, 1).flatten(0, 2)


def beside(*columns: Tensor) -> Tensor:
    """Images (n, m, *shape) beside others: (n, sum of m, *shape)."""
    return torch.cat(columns, 1)


def sheet(images: Tensor) -> Tensor:
    """Images (rows, columns, c, h, w) without gaps as one: (1, c, rows * h, columns * w)."""
    rows, columns, channels, height, width = images.shape
    return images.permute(2, 0, 3, 1, 4).reshape(1, channels, rows * height, columns * width)


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Images or classes, one part after another."""
    return torch.cat(list(parts))
