"""Linear probing: the backbone as it is, a convex fit of a new head on its features."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from engine import learning
from engine.library.methods.method import Fault, FewShot, Learned, Lesson, Method
from engine.stage_api.run import Run
from pipelines.core.errors import StageError

MEASURED = 2
"""Examples of a class from which leaving one out can choose a penalty."""
MIDDLE = 1e-2
"""Penalty where it cannot: the middle of the grid."""


class Probe(Method, FewShot):
    """Fit a linear head on frozen features. Forgets exactly nothing.

    On tasks of a few examples it is a ridge head, in closed form.
    """

    stepwise: ClassVar[bool] = False
    idle: ClassVar[Mapping[str, str]] = {"max_iter": "it is a ridge head there, in closed form"}

    kind: Literal["probe"] = "probe"
    l2: Annotated[NonNegativeFloat | Literal["auto", "loo"], Field(union_mode="left_to_right")] = (
        "auto"
    )
    """Penalty l2/2 * |W|^2, added to the mean cross-entropy. `auto`: chosen from a grid by
    validation loss. `loo`: a ridge head chosen by its leave-one-out error in closed form, which
    needs no validation images. On few-shot tasks `auto` is `loo`, and a number is the penalty
    l2 * |W|^2 added to the mean squared error."""
    max_iter: PositiveInt = 200
    """Maximum number of Newton steps; usually about ten are enough, and a note reports if they do
    not converge."""

    def adapt(self, run: Run, net: "learning.models.backbones.Network", lesson: Lesson) -> Learned:
        """See `Method.adapt`."""
        head = self.fit(net, lesson.task)
        net.heads[lesson.task.name] = head.module()
        learned = Learned()
        if not head.weight.isfinite().all():
            learned.status = "diverged"
            learned.notes.append("features are not numbers: the model diverged when it was trained")
        elif head.note:
            learned.notes.append(head.note)
        if head.at_edge:
            learned.notes.append(f"the penalty chosen by {self.l2}, {head.l2:g}, ends its grid")
        for note in learned.notes:
            run.note(note)
        return learned

    def few_shot(self, seed: int = 0) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `FewShot`."""
        del seed
        return learning.metalearning.algorithms.ridge_probe.Probed(
            None if isinstance(self.l2, str) else self.l2
        )

    def few_shot_faults(
        self, *, lr: float | None = None, head: str | None = None, classified: bool | None = None
    ) -> list[Fault]:
        """See `FewShot`."""
        found = super().few_shot_faults(lr=lr, head=head, classified=classified)
        if self.l2 == 0:
            hint = "take a small number, `loo` or `auto`"
            found.append(("l2", "without a penalty a few examples do not determine a head", hint))
        return found

    def few_shot_notes(self, fewest: int) -> list[str]:
        """See `FewShot`."""
        if not isinstance(self.l2, str):
            return []
        found = []
        if self.l2 == "auto":
            found.append("`l2: auto` is `loo`: a task has no validation examples of its own")
        if fewest < MEASURED:
            found.append(
                f"where a class has one example l2 is {MIDDLE:g}, the middle of the grid: without "
                "that example nothing is left of its class"
            )
        return found

    def fit(
        self, net: "learning.models.backbones.Network", task: "learning.data.device_data.Task"
    ) -> "learning.models.linear_heads.Linear":
        """The head for the net as it is.

        Raises:
            StageError: `auto` without validation images.
        """
        train = task.parts["train"]
        z, outputs = learning.models.features.extract(net, train), len(task.classes)
        if not z.isfinite().all():
            return learning.models.linear_heads.undefined(z.shape[1], outputs)
        if self.l2 == "loo":
            return learning.models.linear_heads.ridge_by_leaving_one_out(z, train.y, outputs)
        if self.l2 != "auto":
            return learning.models.linear_heads.logistic(
                z, train.y, outputs, l2=self.l2, max_iter=self.max_iter
            )
        if "val" not in task.parts:
            raise StageError(
                f"`l2: auto` chooses by validation, but {task.name} has no validation images; "
                "give it some, or say `l2: loo` or a number"
            )
        val = task.parts["val"]
        z_val = learning.models.features.extract(net, val).double()
        return learning.models.linear_heads.select(
            lambda l2, start: learning.models.linear_heads.logistic(
                z, train.y, outputs, l2=l2, max_iter=self.max_iter, start=start
            ),
            lambda found: learning.models.linear_heads.cross_entropy(found, z_val, val.y),
            patience=2,
        )
