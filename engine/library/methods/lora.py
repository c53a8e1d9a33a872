"""Low-rank changes of some layers (LoRA, arXiv 2106.09685): every other weight stays as it is."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from engine import learning
from engine.library.methods.method import FewShot, Start
from engine.library.optimizers import Optimizer, Sgd
from pipelines.core.stage import Params

WORDS = ("all", "all-conv", "all-linear")
"""Targets that are no patterns of names."""


class LowRank(Params):
    """Train low-rank changes of layers: W becomes W + alpha / rank * B A."""

    kind: Literal["lora"] = "lora"
    rank: PositiveInt = 4
    """Rank of the update B A."""
    alpha: PositiveFloat = 8.0
    """The update is scaled by alpha / rank."""
    targets: tuple[str, ...] = Field(default=("all",), min_length=1)
    """Layers to adapt: `all`, `all-conv`, `all-linear`, or patterns of layer names (`0`, `4`,
    `*`)."""

    @field_validator("targets")
    @classmethod
    def _known(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            if target.startswith("all-") and target not in WORDS:
                raise ValueError(f"{target!r} is none of {', '.join(WORDS)}")
        return targets

    def inner(self) -> "learning.metalearning.inner.spaces.Lora":
        """What an inner loop trains."""
        return learning.metalearning.inner.spaces.Lora(self.rank, self.alpha, self.targets)


class Lora(LowRank, FewShot):
    """Train low-rank changes of layers, and a head, on each task."""

    head: Start = "random"
    """Initial head of a task: random, zero, fitted on the frozen features (`probe`), or the head of
    the model if it has the same number of outputs (`kept`)."""
    lr: PositiveFloat = 0.01
    """Learning rate."""
    optimizer: Optimizer = Sgd()
    """Optimiser."""
    clip: PositiveFloat | None = None
    """Maximum gradient norm of a task; larger gradients are scaled down."""

    def few_shot(self, seed: int = 0) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `FewShot`."""
        return learning.metalearning.algorithms.finetuned.Tuned(
            lr=self.lr,
            optimizer=self.optimizer.model_dump(),
            clip=self.clip,
            inner=self.inner(),
            head=self.head,
            seed=seed,
        )
