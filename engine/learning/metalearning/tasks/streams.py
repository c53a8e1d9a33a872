"""Endless streams of tasks, where a task is a function of seed and task number alone.

So runs with different batch sizes see the same tasks in the same order, and a stream resumes
without state. The families are the sinusoids of MAML (arXiv 1703.03400, section 5.1) and of linear
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
    """Distribution of tasks, as a numbered stream."""

    def batch(self, numbers: Sequence[int]) -> TaskBatch:
        """Return the tasks with these numbers."""
        ...

    def members(self, number: int) -> tuple[int, ...]:
        """Return the ids of what a task shares with other tasks, for clustered intervals.

        The index of its task in a table, or of its classes in the pool, in the order of their
        labels; () where every task is independent.
        """
        ...


def generator(seed: int, purpose: str, number: int) -> torch.Generator:
    """Return the random generator of one task and purpose."""
    digest = hashlib.sha256(f"{seed} {purpose} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)


@dataclass(frozen=True, slots=True)
class Sinusoids:
    """Sinusoids y = a sin(x - b) (arXiv 1703.03400, section 5.1).

    Attributes:
        seed: of the stream.
        shots: support examples.
        queries: query examples.
        amplitude: minimum and maximum a.
        phase: minimum and maximum b.
        low: minimum x.
        high: maximum x.
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
        a, b, x = self._sample(numbers)
        return _split(self, x[..., None], (a * torch.sin(x - b))[..., None], numbers)

    def members(self, number: int) -> tuple[int, ...]:
        """See `Family`."""
        del number
        return ()

    def truth(self, numbers: Sequence[int], x: Tensor) -> Tensor:
        """Return the true values (T, n, 1) at x (T, n, 1) or (1, n, 1)."""
        a, b, _ = (item.to(x.device)[..., None] for item in self._sample(numbers))
        return a * torch.sin(x - b)

    def _sample(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Sample amplitudes (T, 1), phases (T, 1) and inputs (T, n)."""
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
        w, x, noise = self._sample(numbers)
        y = torch.bmm(x, w[..., None]) + self.noise * noise[..., None]
        return _split(self, x, y, numbers)

    def members(self, number: int) -> tuple[int, ...]:
        """See `Family`."""
        del number
        return ()

    def truth(self, numbers: Sequence[int], x: Tensor) -> Tensor:
        """Return the true values (T, n, 1) at x (T, n, inputs), without noise."""
        w, _, _ = self._sample(numbers)
        return x @ w.to(x.device)[..., None]

    def _sample(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Sample slopes (T, inputs), inputs (T, n, inputs) and standard normal noise (T, n)."""
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
    """Sample uniform or normal numbers (T, size), each row by the generator of its task."""
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
