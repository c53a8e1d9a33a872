"""Stage types small enough to know every number of, for tests of the engine."""

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scaling
from pydantic import PositiveInt
from toynumber import Made, Number

from engine.library.artifacts import Choice, Scores
from engine.stage_api.run import Run
from pipelines.core.errors import EnvironmentFault, StageError
from pipelines.core.stage import Params, stage


@dataclass(frozen=True, slots=True)
class Judged:
    """A number and its scores."""

    number: Number
    scores: Scores


class Give(Params):
    """What to give."""

    value: float = 1.0
    """The number."""
    count: str = ""
    """File to which a letter is added for each time that the stage runs."""
    hold: float = 0.0
    """Seconds to take."""
    say: str = ""
    """A note for who reads the number; a control character is added to it."""


def tally(path: str) -> None:
    """Count an execution where no cache can hide it."""
    if path:
        with Path(path).open("a") as file:
            file.write("x")


@stage
def give(run: Run, params: Give, *, number: Number | None = None) -> Made:
    """The number, plus the one that came in."""
    tally(params.count)
    time.sleep(params.hold)
    if params.say:
        run.note(f"{params.say}\x07")
    print("given", params.value)  # noqa: T201 (what a stage prints goes to its log)
    return Made(Number(params.value + (number.value if number else 0.0)))


class Scale(Params):
    """How to scale."""

    times: float = 2.0
    """The factor."""


@stage
def scale(run: Run, params: Scale, *, number: Number) -> Made:
    """The number times a factor, by a helper module beside this file."""
    return Made(Number(scaling.scaled(number.value, params.times)))


class Add(Params):
    """Nothing to choose."""


@stage
def add(run: Run, params: Add, *, numbers: tuple[Number, ...]) -> Made:
    """The sum of many numbers."""
    return Made(Number(sum(number.value for number in numbers)))


class Break(Params):
    """How to break."""

    how: str = "raise"
    """raise, refuse, exit, lie or full."""
    unless: str = ""
    """A file: where it is, nothing breaks."""
    count: str = ""
    """File to which a letter is added for each time that the stage runs."""


@stage
def fail(run: Run, params: Break, *, number: Number | None = None) -> Made:
    """Break in a chosen way, unless a file is there."""
    tally(params.count)
    print("about to break", params.how)  # noqa: T201 (what a stage prints goes to its log)
    if params.unless and Path(params.unless).exists():
        return Made(Number(7.0))
    if params.how == "exit":
        os._exit(7)
    if params.how == "refuse":
        raise StageError("this cannot be done; choose another `how`")
    if params.how == "full":
        raise EnvironmentFault("the disk is full")
    if params.how == "lie":
        return Made("not a number")  # type: ignore[arg-type]
    raise ValueError("broken \x1b[31mon purpose")


class Walk(Params):
    """A random walk."""

    steps: PositiveInt = 200
    """Steps to take."""
    nap: float = 0.0
    """Seconds that a step takes."""


class Walker:
    """The walk's state."""

    def __init__(self, seed: int) -> None:
        self.stopped = False
        self.x = 0.0
        self.seed = seed

    def step(self) -> float:
        """A step that depends on all steps before."""
        self.seed = (self.seed * 6364136223846793005 + 1442695040888963407) % 2**63
        self.x = self.x * 0.99 + self.seed / 2**63 - 0.5
        return self.x

    def state_dict(self) -> dict[str, Any]:
        """Where the walk is."""
        return {"x": self.x, "seed": self.seed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.x, self.seed = state["x"], state["seed"]


@stage(draws=True)
def walk(run: Run, params: Walk, *, number: Number | None = None) -> Judged:
    """A walk that can be interrupted anywhere."""
    walker = Walker(run.seed("noise"))
    for step in run.steps("walk", params.steps, walker):
        run.report(step, x=walker.step())
        time.sleep(params.nap)
    x = walker.x
    return Judged(Number(x), Scores({"toy/val_x": x}, {"toy/val_x": ((params.steps, x),)}))


class Dice(Params):
    """Which generator to draw from."""

    by: str = "python"
    """python or numpy."""
    throws: PositiveInt = 1
    """How often."""


@stage(draws=True)
def dice(run: Run, params: Dice, *, number: Number | None = None) -> Made:
    """The last of some throws, from a global generator."""
    draw = random.random
    if params.by == "numpy":
        import numpy as np  # Here: the processes of all other toys need not load it.

        draw = np.random.random
    return Made(Number([float(draw()) for _ in range(params.throws)][-1]))


class Pick(Params):
    """How to choose."""

    over: str
    """Axis to choose over."""
    pool: tuple[str, ...] = ()
    """Axes to pool."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The choice."""

    scores: Scores
    choice: Choice


@stage(mirrors="candidates")
def pick(run: Run, params: Pick, *, candidates: tuple[Scores, ...]) -> Picked:
    """The candidate with the largest score among those with its own axes."""
    own = [
        index
        for index, source in enumerate(run.sources["candidates"])
        if all(source.axes.get(axis) == label for axis, label in run.axes.items())
    ]
    best = max(own, key=lambda index: candidates[index].metrics["toy/val_x"])
    label = run.sources["candidates"][best].axes[params.over]
    scores = Scores(candidates[best].metrics, chosen={params.over: label})
    return Picked(scores, Choice(index=best, axis=params.over, label=label))
