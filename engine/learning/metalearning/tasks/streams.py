"""Endless streams of tasks, each a function of a seed and the task's cumulative number alone.

So runs with different batches of tasks see the same tasks in the same order, and a stream needs no
state to be resumed. The families are those of MAML (arXiv 1703.03400, section 5.1) and of linear
functions.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from engine.learning.metalearning.tasks.batches import Examples, Loss, SquaredError, TaskBatch


class Family(Protocol):
    """A family of tasks."""

    def batch(self, numbers: Sequence[int]) -> TaskBatch:
        """The tasks with these cumulative numbers."""
        ...

    def members(self, number: int) -> tuple[int, ...]:
        """What a task was drawn from that other tasks may be drawn from too.

        The position of its task in a table, or those of its classes among all, in the order of
        their labels; () where every task is a new one.
        """
        ...


def generator(seed: int, purpose: str, number: int) -> torch.Generator:
    """Random numbers that belong to one task and one purpose."""
    digest = hashlib.sha256(f"{seed} {purpose} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)


@dataclass(frozen=True, slots=True)
class Sinusoids:
    """y = a sin(x - b).

    Attributes:
        seed: of the stream.
        shots: support examples.
        queries: query examples.
        amplitude: least and greatest a.
        phase: least and greatest b.
        low: least x.
        high: greatest x.
        loss: of the support set.
        test_loss: of the query set.
        dtype: of x and y.
        device: of x and y; the numbers are the same on every one.
    """

    seed: int
    shots: int = 10
    queries: int = 10
    amplitude: tuple[float, float] = (0.1, 5.0)
    phase: tuple[float, float] = (0.0, math.pi)
    low: float = -5.0
    high: float = 5.0
    loss: Loss = field(default_factory=SquaredError)
    test_loss: Loss = field(default_factory=SquaredError)
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def batch(self, numbers: Sequence[int]) -> TaskBatch:
        """See `Family`; x and y are (T, n, 1)."""
        a, b, x = self._drawn(numbers)
        return _split(self, x[..., None], (a * torch.sin(x - b))[..., None], numbers)

    def members(self, number: int) -> tuple[int, ...]:
        """See `Family`."""
        del number
        return ()

    def truth(self, numbers: Sequence[int], x: Tensor) -> Tensor:
        """What the functions of these tasks say (T, n, 1) to x (T, n, 1) or (1, n, 1)."""
        a, b, _ = (item.to(x.device)[..., None] for item in self._drawn(numbers))
        return a * torch.sin(x - b)

    def _drawn(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Amplitudes (T, 1), phases (T, 1) and inputs (T, n)."""
        size = 2 + self.shots + self.queries
        u = _draws(self.seed, "sinusoids", numbers, size, self.dtype)  # (T, size)
        a, b = _between(u[:, :1], *self.amplitude), _between(u[:, 1:2], *self.phase)
        return a, b, _between(u[:, 2:], self.low, self.high)


@dataclass(frozen=True, slots=True)
class LinearFunctions:
    """y = w · x + noise, with w and x standard normal.

    Attributes:
        seed: of the stream.
        inputs: dimensions of x.
        shots: support examples.
        queries: query examples.
        noise: standard deviation.
        loss: of the support set.
        test_loss: of the query set.
        dtype: of x and y.
        device: of x and y; the numbers are the same on every one.
    """

    seed: int
    inputs: int = 3
    shots: int = 10
    queries: int = 10
    noise: float = 0.0
    loss: Loss = field(default_factory=SquaredError)
    test_loss: Loss = field(default_factory=SquaredError)
    dtype: torch.dtype = torch.float32
    device: str = "cpu"

    def batch(self, numbers: Sequence[int]) -> TaskBatch:
        """See `Family`; x is (T, n, inputs), y is (T, n, 1)."""
        w, x, noise = self._drawn(numbers)
        y = torch.bmm(x, w[..., None]) + self.noise * noise[..., None]
        return _split(self, x, y, numbers)

    def members(self, number: int) -> tuple[int, ...]:
        """See `Family`."""
        del number
        return ()

    def truth(self, numbers: Sequence[int], x: Tensor) -> Tensor:
        """What the functions of these tasks say (T, n, 1) to x (T, n, inputs), without noise."""
        w, _, _ = self._drawn(numbers)
        return x @ w.to(x.device)[..., None]

    def _drawn(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Slopes (T, inputs), inputs (T, n, inputs) and standard noise (T, n)."""
        n, d = self.shots + self.queries, self.inputs
        z = _draws(self.seed, "linear", numbers, d + n * d + n, self.dtype, normal=True)
        w, x, noise = z.split([d, n * d, n], 1)
        return w, x.unflatten(1, (n, d)), noise


def _draws(
    seed: int,
    purpose: str,
    numbers: Sequence[int],
    size: int,
    dtype: torch.dtype,
    *,
    normal: bool = False,
) -> Tensor:
    """Uniform or normal numbers (T, size), those of a row belonging to one task."""
    draw = torch.randn if normal else torch.rand
    rows = [draw(size, generator=generator(seed, purpose, i), dtype=torch.float64) for i in numbers]
    return torch.stack(rows).to(dtype)


def _between(u: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * u


def _split(
    family: Sinusoids | LinearFunctions, x: Tensor, y: Tensor, numbers: Sequence[int]
) -> TaskBatch:
    shots = family.shots
    x, y = x.to(family.device), y.to(family.device)
    return TaskBatch(
        Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]), y.shape[2],
        family.loss, family.test_loss, None, tuple(numbers),
    )  # fmt: skip
