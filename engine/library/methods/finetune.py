"""Full fine-tuning: every weight moves, from the pretrained ones on."""

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from engine import learning
from engine.library.methods.linear_probe import Probe
from engine.library.methods.method import NOTHING_TO_REPLAY, FewShot, Learned, Lesson, Method, Start
from engine.library.optimizers import Optimizer, Sgd, Share, Training
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.stage import Params

STEPS = 200
"""Default number of updates, if neither `steps` nor `epochs` is given."""


class L2sp(Params):
    """L2 penalty on the distance of the backbone from its initial weights (L2-SP)."""

    kind: Literal["l2sp"] = "l2sp"
    weight: PositiveFloat = 0.01
    """Weight of |theta - start|^2 / 2, added to the loss."""


class Stop(Params):
    """Early stopping by validation."""

    by: Literal["val_loss", "val_accuracy"] = "val_loss"
    """Metric to monitor."""
    patience: PositiveInt = 5
    """Evaluations without improvement after which training stops."""
    every: PositiveInt = 10
    """Steps between evaluations."""
    restore: Literal["best", "last"] = "best"
    """Weights to keep: of the best evaluation, or the last ones."""


class Finetune(Training, Method, FewShot):
    """Train all weights on the new task, mixed with old tasks where `replay` says so.

    On tasks of a few examples every step takes the whole support set.
    """

    idle: ClassVar[Mapping[str, str]] = {
        "steps": "say at which steps to look: `curve` of the stage",
        "epochs": "every step takes the whole support set: say `curve` of the stage",
        "batch": "every step takes the whole support set: leave it out",
        "warmup": "take a smaller `lr`, or `clip`",
        "schedule": "its rate is constant: leave it out",
        "replay": "leave it out",
        "keep_heads": "every task has a head of its own: leave it out",
        "anchor": "take fewer steps or a smaller `lr`",
        "stop": "a task has no validation images: choose the step on validation tasks",
        "bn": "say `bn_stats` of the stage",
        "curve": "say `curve` of the stage",
    }

    kind: Literal["finetune"] = "finetune"
    steps: PositiveInt | None = None
    """Number of updates; 200 by default. Instead of `epochs`."""
    head: Start = "random"
    """Initial head: random, zero, fitted on the frozen features (`probe`), or the head that the
    model has for the same classes (`kept`)."""
    replay: Share = 0.0
    """Fraction of replayed images from previous tasks, exact on average over the steps: 0.2 of a
    batch of 8 is 1 or 2 images per step, 8 in 5 steps."""
    keep_heads: Literal["train", "frozen", "drop"] = "train"
    """Heads of previous tasks: trained on replayed images, frozen, or dropped. Without replay,
    `train` is the same as `frozen`."""
    batch: PositiveInt = 32
    """Batch size, including replayed images."""
    lr: PositiveFloat = 0.01
    """Peak learning rate."""
    optimizer: Optimizer = Sgd()
    """Optimiser."""
    anchor: L2sp | None = None
    """Regularisation toward the initial weights."""
    stop: Stop | None = None
    """Early stopping."""
    bn: Literal["frozen", "train"] = "frozen"
    """Batch norm, if the net has it: use its running statistics, or those of the batch."""
    curve: tuple[NonNegativeInt, ...] = (0, 1, 5, 10, 20, 50, 100, 200)
    """Steps at which the test metrics are recorded, for `metric@step=10` and plots."""

    @property
    def replayed(self) -> Fraction:
        """Old images in a batch, on average over the steps."""
        return learning.training.exact_counts.exact(self.replay) * self.batch

    def replays_nothing(self, steps: int) -> str:
        """What is wrong with a share that is no image in so many steps; empty where nothing is."""
        if not self.replay or learning.training.exact_counts.until(steps, self.replayed):
            return ""
        told = f"`replay: {self.replay:g}` of batches of {self.batch}"
        return f"{told} is no image in {steps} step{'s' * (steps > 1)}"

    @property
    def marks(self) -> tuple[int, ...]:
        """Steps of the curve that are reached."""
        last = self.steps or (STEPS if self.epochs is None else max(self.curve, default=0))
        return tuple(sorted({step for step in self.curve if step <= last}))

    @property
    def keeping(self) -> Literal["train", "frozen", "drop"]:
        """What really becomes of the old heads."""
        return "frozen" if self.keep_heads == "train" and not self.replay else self.keep_heads

    def adapt(self, run: Run, net: "learning.models.backbones.Network", lesson: Lesson) -> Learned:
        """See `Method.adapt`."""
        self._open_heads(run, net, lesson)
        steps = self.total(
            len(lesson.task.parts["train"]), self.batch - self.replayed, otherwise=STEPS
        )
        trainer = learning.training.trainer.Trainer(
            net,
            self._mixture(run, lesson, steps),
            self.recipe(
                steps,
                anchor=self.anchor.weight if self.anchor else 0.0,
                frozen_statistics=self.bn == "frozen",
            ),
            self._watch(run, net, lesson),
            run.report,
        )
        learning.training.trainer.fit(trainer, run.steps)
        learned = Learned.by(trainer)
        if lesson.others and self.keeping != self.keep_heads:
            learned.notes.append("old heads are kept as they are: without replay they have no loss")
        return learned

    def few_shot(self, seed: int = 0) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `FewShot`."""
        return learning.metalearning.algorithms.finetuned.Tuned(
            lr=self.lr,
            optimizer=self.optimizer.model_dump(),
            clip=self.clip,
            head=self.head,
            seed=seed,
        )

    def _open_heads(
        self, run: Run, net: "learning.models.backbones.Network", lesson: Lesson
    ) -> None:
        """Drop or freeze the old heads and start the new one."""
        device = lesson.task.parts["train"].x.device
        head = self._head(run, net, lesson).module().to(device)
        for name in lesson.others:
            if self.keeping == "drop":
                del net.heads[name]
            elif self.keeping == "frozen":
                net.heads[name].requires_grad_(False)
        net.heads[lesson.task.name] = head

    def _head(
        self, run: Run, net: "learning.models.backbones.Network", lesson: Lesson
    ) -> "learning.models.linear_heads.Linear":
        outputs = len(lesson.task.classes)
        if self.head == "kept":
            if lesson.kept is None:
                raise StageError(
                    f"`head: kept`: no head of the model has the classes of {lesson.task.name}; "
                    "say `random`, `zero` or `probe`"
                )
            old = net.heads[lesson.kept]
            return learning.models.linear_heads.Linear(old.weight.detach(), old.bias.detach())
        if self.head == "random":
            return learning.models.linear_heads.random(net.width, outputs, run.seed("head"))
        if self.head == "zero":
            return learning.models.linear_heads.zero(net.width, outputs)
        return Probe(l2="auto" if "val" in lesson.task.parts else "loo").fit(net, lesson.task)

    def _mixture(self, run: Run, lesson: Lesson, steps: int) -> "learning.training.replay.Mixture":
        if self.replay and not lesson.replay:
            raise StageError(NOTHING_TO_REPLAY)
        if fault := self.replays_nothing(steps):
            raise StageError(fault)
        seeds = learning.training.replay.Seeds(
            run.seed("order"), run.seed("augment"), run.seed("replay")
        )
        old = lesson.replay if self.replay else ()
        return learning.training.replay.Mixture(
            lesson.task, old, batch=self.batch, replayed=self.replayed, seeds=seeds
        )

    def _watch(
        self, run: Run, net: "learning.models.backbones.Network", lesson: Lesson
    ) -> "learning.training.monitor.Watch":
        patience = None
        if self.stop:
            if "val" not in lesson.task.parts:
                raise StageError(f"`stop` needs validation images, and {lesson.task.name} has none")
            place = ("val_accuracy", "val_loss").index(self.stop.by)
            val, name = lesson.task.parts["val"], lesson.task.name
            patience = learning.training.monitor.Patience(
                measure=lambda: learning.evaluation.metrics.score_head(net, name, val)[place],
                sign=1 if place else -1,
                every=self.stop.every,
                patience=self.stop.patience,
                restore=self.stop.restore == "best",
            )
        return learning.training.monitor.Watch(
            lesson.measure, self.marks, patience=patience, report=run.report, tell=run.note
        )
