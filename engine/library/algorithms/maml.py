"""MAML, ANIL, and plain training on all tasks as one: gradient descent inside, or none."""

from typing import Literal, Self

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from engine import learning
from engine.library.algorithms.algorithm import Algorithm, HeadStart, Stepwise
from engine.library.algorithms.inner_params import HeadOnly, Inner, Whole


class Maml(Stepwise):
    """Learn weights from which a few gradient steps solve a task (arXiv 1703.03400)."""

    kind: Literal["maml"] = "maml"
    inner_lr: PositiveFloat = 0.1
    """Inner learning rate, or initial value of learned rates."""
    order: Literal["second", "first"] = "second"
    """`first` treats the inner gradients as constants: cheaper, but an approximation."""
    inner: Inner = Whole()
    """Weights that the inner steps train."""
    rates: Literal["fixed", "tensor", "step"] = "fixed"
    """Learn the inner learning rates: one per tensor (arXiv 1707.09835), or per tensor and step
    (arXiv 1810.09502)."""
    step_losses: tuple[NonNegativeFloat, ...] = ()
    """Weights of the query loss after each step; by default only the last step counts."""
    memory: Literal["full", "recompute"] = "full"
    """`recompute` uses activation checkpointing over inner steps: less memory, more time, the same
    gradient."""
    every: PositiveInt | None = None
    """With `recompute`, steps between stored states; by default the square root of `steps`."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.step_losses and len(self.step_losses) != self.steps:
            raise ValueError(
                f"`step_losses` has {len(self.step_losses)} weights for {self.steps} steps"
            )
        if self.step_losses and not any(self.step_losses):
            raise ValueError("`step_losses` are all 0; give at least one positive weight")
        if self.head == "zero" and self.steps == 1 and self.inner.kind != "head":
            raise ValueError(
                "`head: zero` with one step gives the backbone no inner gradient: take "
                "`steps: 2` or more, or `head: learned`, or `inner: {kind: head}`"
            )
        if self.every is not None and self.memory == "full":
            raise ValueError("`every` is only supported with `memory: recompute`")
        return self

    @property
    def adapters(self) -> bool:
        """See `Algorithm`."""
        return self.inner.kind == "lora"

    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `Algorithm`."""
        del seed
        return learning.metalearning.algorithms.maml.Maml(
            steps=self.steps,
            lr=self.inner_lr,
            order=self.order,
            inner=self.inner.inner(),
            head=self.head,
            rates=self.rates,
            step_losses=self.step_losses,
            memory=self.memory,
            every=self.every,
        )


class Anil(Stepwise):
    """MAML whose inner steps train the head alone (arXiv 1909.09157)."""

    kind: Literal["anil"] = "anil"
    inner_lr: PositiveFloat = 0.1
    """Inner learning rate, or initial value of learned rates."""
    order: Literal["second", "first"] = "second"
    """`first` treats the inner gradients as constants."""
    rates: Literal["fixed", "tensor", "step"] = "fixed"
    """Learn the inner learning rates, as in `maml`."""

    def maml(self) -> Maml:
        """Return the equivalent `Maml`."""
        return Maml(
            steps=self.steps,
            inner_lr=self.inner_lr,
            order=self.order,
            inner=HeadOnly(),
            head=self.head,
            rates=self.rates,
        )

    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `Algorithm`."""
        return self.maml().build(seed)


class Joint(Algorithm):
    """Ordinary training of one net on the queries of all tasks, without an inner loop.

    The pretrained baseline that meta-learning has to beat on the same tasks.
    """

    kind: Literal["joint"] = "joint"

    @property
    def heads(self) -> HeadStart | None:
        """See `Algorithm`."""
        return "learned"

    @property
    def trained_steps(self) -> int | None:
        """See `Algorithm`."""
        return 0

    def build(self, seed: int) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `Algorithm`."""
        del seed
        return learning.metalearning.algorithms.maml.Maml(steps=0, lr=0.0)
