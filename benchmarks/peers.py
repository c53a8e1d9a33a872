"""The same meta-gradient by other libraries, each as its own documentation does it.

Whatever is not installed is left out and told. Torch libraries run the plain module task by task;
JAX compiles the whole, with vmap over tasks.
"""

import importlib.metadata
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.learning.metalearning.nets import task_heads
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights
from engine.learning.models import backbones


@dataclass(frozen=True, slots=True)
class Problem:
    """What every library is given."""

    network: backbones.Network
    theta: Weights
    batch: TaskBatch
    steps: int
    lr: float

    def module(self) -> nn.Module:
        """A plain module at theta, its parameters in theta's order."""
        head = nn.Linear(self.network.width, self.batch.outputs)
        head.to(self.theta[task_heads.WEIGHT].dtype)
        found = nn.Sequential(self.network.backbone.train(), head)
        with torch.no_grad():
            for item, value in zip(found.parameters(), self.theta.values(), strict=True):
                item.copy_(value)
        return found

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The mean over the examples of one task."""
        if self.batch.classified:
            return functional.cross_entropy(outputs, y)
        return (outputs - y).square().mean()

    def tasks(self) -> list[tuple[Tensor, ...]]:
        """Support x and y, query x and y, of each task."""
        support, query = self.batch.support, self.batch.query
        return list(zip(support.x, support.y, query.x, query.y, strict=True))

    def gradient(self, losses: Sequence[Tensor], wanted: Sequence[Tensor]) -> Weights:
        """By theta's names."""
        found = torch.autograd.grad(torch.stack(list(losses)).mean(), list(wanted))
        return dict(zip(self.theta, found, strict=True))


def learn2learn(problem: Problem, library: Any) -> Callable[[], Weights]:
    """`MAML.clone` and `adapt`."""
    learner = library.algorithms.MAML(problem.module(), lr=problem.lr, first_order=False)

    def work() -> Weights:
        losses = []
        for x, y, x_query, y_query in problem.tasks():
            own = learner.clone()
            for _ in range(problem.steps):
                own.adapt(problem.loss(own(x), y))
            losses.append(problem.loss(own(x_query), y_query))
        return problem.gradient(losses, list(learner.parameters()))

    return work


def higher(problem: Problem, library: Any) -> Callable[[], Weights]:
    """`innerloop_ctx` with SGD."""
    module = problem.module()
    descent = torch.optim.SGD(module.parameters(), lr=problem.lr)

    def work() -> Weights:
        losses = []
        for x, y, x_query, y_query in problem.tasks():
            with library.innerloop_ctx(module, descent, copy_initial_weights=False) as (own, moves):
                for _ in range(problem.steps):
                    moves.step(problem.loss(own(x), y))
                losses.append(problem.loss(own(x_query), y_query))
        return problem.gradient(losses, list(module.parameters()))

    return work


def torchopt(problem: Problem, library: Any) -> Callable[[], Weights]:
    """`MetaSGD`, and the states that it takes out and puts back."""
    module = problem.module()
    moves = library.MetaSGD(module, lr=problem.lr)

    def work() -> Weights:
        wanted, losses = list(module.parameters()), []
        start = library.extract_state_dict(module, by="reference")
        moved = library.extract_state_dict(moves)
        for x, y, x_query, y_query in problem.tasks():
            for _ in range(problem.steps):
                moves.step(problem.loss(module(x), y))
            losses.append(problem.loss(module(x_query), y_query))
            library.recover_state_dict(module, start)
            library.recover_state_dict(moves, moved)
        return problem.gradient(losses, wanted)

    return work


def jax(problem: Problem, library: Any) -> Callable[[], Weights] | None:
    """`jit(grad(mean of vmap))`; of the net of vectors alone."""
    if problem.batch.classified:
        return None
    library.config.update("jax_enable_x64", True)
    np = library.numpy
    theta = [np.asarray(item.detach().numpy()) for item in problem.theta.values()]
    support, query = problem.batch.support, problem.batch.query
    data = [np.asarray(item.numpy()) for item in (support.x, support.y, query.x, query.y)]

    def loss(own: list[Any], x: Any, y: Any) -> Any:
        for weight, bias in zip(own[:-2:2], own[1:-2:2], strict=True):
            x = library.nn.relu(x @ weight.T + bias)
        return np.mean((x @ own[-2].T + own[-1] - y) ** 2)

    def task(own: list[Any], x: Any, y: Any, x_query: Any, y_query: Any) -> Any:
        for _ in range(problem.steps):
            slope = library.grad(loss)(own, x, y)
            own = [item - problem.lr * one for item, one in zip(own, slope, strict=True)]
        return loss(own, x_query, y_query)

    def total(own: list[Any], *data: Any) -> Any:
        return np.mean(library.vmap(task, (None, 0, 0, 0, 0))(own, *data))

    compiled = library.jit(library.grad(total))

    def work() -> Weights:
        found = library.block_until_ready(compiled(theta, *data))
        given = [torch.from_dlpack(item) for item in found]
        return dict(zip(problem.theta, given, strict=True))

    return work


PEERS: dict[str, Callable[[Problem, Any], Callable[[], Weights] | None]] = {
    "learn2learn": learn2learn,
    "torchopt": torchopt,
    "higher": higher,
    "jax": jax,
}


def installed() -> dict[str, str]:
    """Version of each, or that it is not installed."""
    return {
        name: importlib.metadata.version(name)
        if importlib.util.find_spec(name)
        else "not installed"
        for name in PEERS
    }


def ways(problem: Problem) -> dict[str, Callable[[], Weights]]:
    """What is installed and has this net."""
    found = {}
    for name, peer in PEERS.items():
        if importlib.util.find_spec(name):
            work = peer(problem, importlib.import_module(name))
            if work is not None:
                found[name] = work
    return found
