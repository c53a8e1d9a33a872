"""A meta-step of nets with a task dimension beside the plain loop over tasks and other libraries.

    python -m benchmarks.meta [--rounds 9] [--threads 1]

Implementations of one second-order MAML gradient in float32, interleaved in one process; the plain
loop is written out here, with functional_call and create_graph, as anyone would; `peers` has what
of learn2learn, TorchOpt, higher and JAX is installed. The
gradients are compared in float64 first, and what differs is not timed. Last, memory and time of a
recomputed inner loop. Run from the root: beside this file lies one named as our package `engine`.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from benchmarks import peers
from benchmarks.measure import spread, table
from engine.learning.metalearning.algorithms import base, maml
from engine.learning.metalearning.loop import looped as plain
from engine.learning.metalearning.nets import stacked, task_heads
from engine.learning.metalearning.tasks import batches, streams
from engine.learning.metalearning.tasks.batches import TaskBatch, Weights
from engine.learning.models import backbones
from engine.workers import local

EXACT = 1e-9
CONV4 = "conv4-64, 5-way 1-shot, 5 steps, T={}"
SINUSOIDS = "sinusoids, 5 steps, T=25"
TASKS = {SINUSOIDS: 25, CONV4.format(4): 4, CONV4.format(16): 16}
STEPS, LR = 5, 0.01
PROBE = "--one"
MEMORY = "memory"


class Case:
    """A net, a theta and a batch of tasks."""

    def __init__(self, title: str, dtype: torch.dtype, steps: int = STEPS) -> None:
        tasks = TASKS[title]
        self.images = title.startswith("conv4")
        self.network, self.batch = (_images if self.images else _sinusoids)(tasks, dtype)
        self.net = stacked.StackedNet.of(self.network)
        start = stacked.theta_of(self.network) | task_heads.theta_of(
            "learned", self.network.width, self.batch.outputs, 0
        )
        self.theta = base.tracked({name: item.to(dtype) for name, item in start.items()})
        self.maml = maml.Maml(steps=steps, lr=LR)

    def ways(self) -> dict[str, Callable[[], Weights]]:
        """The implementations, by name."""
        looped = plain.Looped(self.maml)
        return {
            "plain loop": lambda: plain_gradient(self),
            "stacked": lambda: _gradient(self.maml, self),
            "stacked, looped": lambda: _gradient(looped, self),
        } | peers.ways(
            peers.Problem(self.network, self.theta, self.batch, self.maml.steps, self.maml.lr)
        )

    def chosen(self) -> str:
        """What `fastest` takes, as the outer loop does at its start."""
        found = plain.fastest(
            plain.implementations(self.maml, self.net, self.theta, self.batch), rounds=7
        )
        return {"looped": "stacked, looped"}.get(found, found)


def _sinusoids(tasks: int, dtype: torch.dtype) -> tuple[backbones.Network, TaskBatch]:
    network = backbones.build({"kind": "mlp", "hidden": [40, 40]}, (1,), 0).to(dtype)
    return network, streams.Sinusoids(seed=0, dtype=dtype).batch(range(tasks))


def _images(tasks: int, dtype: torch.dtype) -> tuple[backbones.Network, TaskBatch]:
    draws = torch.Generator().manual_seed(0)
    network = backbones.build({"kind": "conv4", "width": 64, "norm": "batch"}, (1, 28, 28), 0).to(
        dtype
    )
    x = torch.randn(2, tasks, 5, 1, 28, 28, generator=draws, dtype=torch.float64).to(dtype)
    y = torch.arange(5).expand(tasks, 5)
    loss = batches.CrossEntropy()
    return network, TaskBatch(
        batches.Examples(x[0], y),
        batches.Examples(x[1], y),
        5,
        loss,
        loss,
        None,
        tuple(range(tasks)),
    )


def _gradient(learner: base.Algorithm, case: Case) -> Weights:
    return learner.meta_gradient(case.net, case.theta, case.batch, {}).gradient


def plain_gradient(case: Case) -> Weights:
    """The same by a loop over tasks on the plain module."""
    backbone = case.network.backbone.train()
    buffers = {name: item.clone() for name, item in backbone.named_buffers()}

    def loss(own: Weights, x: Tensor, y: Tensor) -> Tensor:
        z = functional_call(
            backbone, {k[9:]: v for k, v in own.items() if k[0] == "b"} | buffers, (x,)
        )
        out = functional.linear(z, own[task_heads.WEIGHT], own[task_heads.BIAS])
        return functional.cross_entropy(out, y) if case.images else (out - y).square().mean()

    total = []
    for task in range(len(case.batch)):
        fast = case.theta
        support, query = case.batch.support, case.batch.query
        for _ in range(case.maml.steps):
            found = torch.autograd.grad(
                loss(fast, support.x[task], support.y[task]), list(fast.values()), create_graph=True
            )
            fast = {k: v - case.maml.lr * g for (k, v), g in zip(fast.items(), found, strict=True)}
        total.append(loss(fast, query.x[task], query.y[task]))
    wanted = list(case.theta.values())
    gradient = torch.autograd.grad(torch.stack(total).mean(), wanted)
    return dict(zip(case.theta, gradient, strict=True))


def agree(title: str) -> None:
    """End if the implementations do not give one gradient in float64."""
    found = {name: work() for name, work in Case(title, torch.float64).ways().items()}
    truth = found["plain loop"]
    size = max(float(item.abs().max()) for item in truth.values())
    for name, gradient in found.items():
        worst = max(float((gradient[key] - truth[key]).abs().max()) for key in truth) / size
        if worst > EXACT:
            sys.exit(f"{title}: {name} differs from the plain loop by {worst:.1e}")


def compare(title: str, rounds: int, clock: Callable[[], float]) -> list[list[str]]:
    """Milliseconds of each implementation, interleaved."""
    agree(title)
    case = Case(title, torch.float32)
    ways, chosen = case.ways(), case.chosen()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, work in ways.items():
            began = clock()
            work()
            if turn:  # the first warms up
                taken[name].append((clock() - began) * 1000)
    loop = sorted(taken["plain loop"])[rounds // 2]
    return [
        [title, f"**{name}**" if name == chosen else name, spread(values),
         f"{loop / sorted(values)[rounds // 2]:.2f}x"]
        for name, values in taken.items()
    ]  # fmt: skip


def one(memory: str, every: str, steps: int) -> None:
    """Print peak memory in MB and seconds of a gradient; in a process of its own."""
    case = Case(CONV4.format(4), torch.float32, steps)
    learner = replace(case.maml, memory=memory, every=int(every) or None)
    _gradient(replace(learner, steps=1), case)
    began = time.process_time()
    _gradient(learner, case)
    seconds = time.process_time() - began
    # getrusage would tell the parent's peak, which a child begins with.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1024, seconds)


def memory(threads: int) -> list[list[str]]:
    """What 5 and 50 inner steps hold, and take, by whether a process keeps what it freed."""
    rows = []
    for setting, given in (("glibc's default", {}), ("our workers", local.MALLOC)):
        for name, kind, every in (
            ("full", "full", "0"), ("every state kept", "recompute", "1"),
            ("every sqrt(K)-th kept", "recompute", "0"),
        ):  # fmt: skip
            found = []
            for steps in (5, 50):
                command = [PROBE, kind, every, str(steps), str(threads)]
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.meta", *command],
                    env={**os.environ, **given}, capture_output=True, text=True, check=True,
                )  # fmt: skip
                found.append([float(word) for word in done.stdout.split()])
            (low, _), (high, seconds) = found
            growth = f"{(high - low) / 45:.2f}"
            rows.append([name, setting, f"{low:.0f}", f"{high:.0f}", growth, f"{seconds:.1f}"])
    return rows


def main() -> None:
    """Measure and print."""
    if PROBE in sys.argv:
        kind, every, steps, threads = sys.argv[2:]
        torch.set_num_threads(int(threads))
        one(kind, every, int(steps))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=[*TASKS, MEMORY], action="append")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    # The processor's own time does not see what else runs, but adds up over threads.
    clock = time.process_time if chosen.threads == 1 else time.perf_counter
    only = chosen.only or [*TASKS, MEMORY]
    rows = [row for title in TASKS if title in only for row in compare(title, chosen.rounds, clock)]
    kind = "CPU ms" if chosen.threads == 1 else "ms"
    header = ["meta-step", "implementation", f"{kind}, median (least - most)", "speed"]
    print(", ".join(f"{name} {version}" for name, version in peers.installed().items()))
    table(
        f"{chosen.threads} threads, {chosen.rounds} rounds, torch {torch.__version__}", header, rows
    )
    if MEMORY not in only:
        return
    header = ["inner loop", "memory", "MB at 5 steps", "MB at 50", "MB a step", "CPU s at 50"]
    table("Peak memory of a process: conv4-64, T=4", header, memory(chosen.threads))


if __name__ == "__main__":
    main()
