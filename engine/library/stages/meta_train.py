"""Stage `meta_train`: meta-train a net on a stream of tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal

from pydantic import PositiveInt

from engine import learning
from engine.library.algorithms import AnyAlgorithm
from engine.library.artifacts import Dataset, Learner, Model, Scores, TaskFamily
from engine.library.metalearning import checks, leak_checks
from engine.library.metalearning.adaptation import stream
from engine.library.metalearning.outer_loop import Budget, Outer, Patience, usual
from engine.library.metalearning.task_scores import exploded
from engine.library.metalearning.training import (
    Begun,
    begin,
    fitting,
    forgotten,
    learner_of,
    model_of,
    rehearsal,
)
from engine.library.methods.heads import replayed
from engine.library.nets.kinds import Net
from engine.library.optimizers import Share
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.lineage import learned_from
from pipelines.core.stage import Params, stage

CONSTANT = 20
"""Tasks by which the loss of the best constant answer is known."""
LOOKS = 5
"""How often it is validated on the way."""
VALIDATED = 100
"""Validation tasks where their stream is endless."""


class MetaTrain(Params):
    algorithm: AnyAlgorithm
    """Meta-learning algorithm: maml, anil, reptile, ridge, newton, protonet; or joint, ordinary
    training on all tasks without an inner loop, as a baseline."""
    net: Net | None = None
    """Backbone, initialised at random; or connect a pretrained `model`."""
    budget: Budget
    """Number of tasks to train on."""
    meta_batch: PositiveInt = 4
    """Tasks per outer step; their losses are averaged."""
    outer: Outer | None = None
    """Outer optimiser; by default Adam with learning rate 0.001 and cosine decay, and for Reptile
    SGD with step size 1 and linear decay."""
    learn: Literal["all", "base", "adapter", "head"] = "all"
    """Weights that the outer loop trains: all, the backbone, the adapters of the inner loop, or the
    head. Learned rates and penalties are always trained."""
    bn_stats: Literal["query", "support", "joint"] = "query"
    """Batch norm statistics: those of each forward pass (transductive), of the support set, or of
    support and query together (transductive)."""
    replay: Share = 0.0
    """Fraction of examples, and of the loss, that is replayed from `retain`: exact on average over
    the steps."""
    stop: Patience | None = None
    """Early stopping by the validation tasks."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """`bfloat16` is for CUDA only; on CPU its gradients were off by a third."""
    compute: Literal["stacked", "looped", "fastest"] = "stacked"
    """Compute the tasks of a step at once, one after another, or as is faster at the start; with
    `fastest`, last bits depend on the load of the machine."""


@dataclass(frozen=True, slots=True)
class MetaTrained:
    """The outputs of `meta_train`."""

    learner: Learner
    model: Model
    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    params: MetaTrain = look.params
    tasks, model = look.one("tasks") or Facts(), look.one("model")
    validate = look.one("validate")
    checks.algorithm(look, params.algorithm, tasks)
    checks.learned(look, params.algorithm, params.learn)
    checks.start(look, model, tasks)
    checks.kept(look, model)
    head = checks.answers(tasks) if params.algorithm.heads == "learned" else None
    if validate is not None:
        checks.alike(look, "validate", tasks, validate)
        checks.outputs(look, "validate", head, validate)
    checks.stopping(look, validate)
    leak_checks.units_of(look, "validate", tasks, validate)
    leak_checks.unlike(look, "validate", tasks, validate)
    return _made(look, tasks, model, validate, head)


def _made(
    look: Look, tasks: Facts, model: Facts | None, validate: Facts | None, head: int | None
) -> dict[str, Facts]:
    """What is known of the outputs; `head` is how many outputs a learned head has."""
    params: MetaTrain = look.params
    # Of tasks nothing is held back, so test examples that they are drawn from are learned from.
    sources = (
        learned_from(tasks.sources) | replayed(look) | (model.sources if model else frozenset())
    )
    chosen = model.chosen if model else frozenset()
    if params.stop and validate:
        chosen = chosen | validate.sources
    marks = tuple(_marks(params))
    metrics = dict.fromkeys(validate.metrics, marks) if validate else {}
    heads = _heads(params, tasks, model)
    for old in look.inputs.get("retain", ()):
        metrics |= checks.retained(look, model, old)
    net = params.net.model_dump() if params.net else model.net if model else {}
    learner = Facts(
        sources=sources,
        chosen=chosen,
        shape=tasks.shape,
        net=net,
        ways=tasks.ways,
        shots=tasks.shots,
        protocol=_protocol(params, tasks, head),
    )
    return {
        "learner": learner,
        "model": Facts(
            heads=heads,
            headless=not heads and (model is None or model.headless),
            sources=sources,
            shape=tasks.shape,
            net=net,
            chosen=chosen,
        ),
        "scores": replace(_validated(validate), metrics=metrics, sources=sources),
    }


def _protocol(params: MetaTrain, tasks: Facts, head: int | None) -> dict[str, Any]:
    """What a learner that is judged must agree with."""
    return {
        "steps": params.algorithm.trained_steps,
        "head": params.algorithm.heads,
        "outputs": head,
        **{name: tasks.protocol.get(name) for name in ("targets", "columns", "scaling")},
        "pooled": params.algorithm.pooled_shots is not None,
    }


def _validated(validate: Facts | None) -> Facts:
    """Facts of scores that say which of them were measured for validation, and on what."""
    if validate is None:
        return Facts()
    validation = frozenset(validate.metrics)
    return Facts(validation=validation, validated=dict.fromkeys(validation, validate.sources))


def _heads(params: MetaTrain, tasks: Facts, model: Facts | None) -> dict[str, tuple[int, ...]]:
    """Heads of the model that is made: the old ones, and that of tasks of global classes."""
    found = dict(model.heads) if model else {}
    if tasks.protocol.get("labels") == "global" and params.algorithm.heads == "learned":
        found[tasks.task] = tasks.classes
    return found


@stage(draws=True, facts=_facts)
def meta_train(
    run: Run,
    params: MetaTrain,
    *,
    tasks: TaskFamily,
    model: Model | None = None,
    validate: TaskFamily | None = None,
    retain: tuple[Dataset, ...] = (),
) -> MetaTrained:
    """Meta-train a net on a stream of tasks.

    With `model`, training starts from pretrained weights, and forgetting is measured on `retain`.
    `validate` gives tasks for curves, early stopping and `select`.
    """
    if params.precision == "bfloat16" and not run.device.startswith("cuda"):
        raise StageError("`precision: bfloat16` needs CUDA; on CPU use `precision: float32`")
    algorithm = params.algorithm.build(run.seed("order"))
    shots = params.algorithm.pooled_shots
    family = stream(run, tasks, learner=run.seed("tasks"), shots=shots)
    begun = begin(run, params, algorithm, family.batch([0]), model, retain)
    trainer = _trainer(run, params, algorithm, begun, family, validate)
    for step in run.steps("meta_train", trainer.plan.recipe.steps, trainer):
        trainer.step(step)
    trainer.finish()
    final = _final(trainer)
    net = params.net.model_dump() if params.net else dict(model.net) if model else {}
    learner = learner_of(params, begun, family, tasks, net, trainer)
    (digest,) = run.digests.get("tasks", ("",))
    made = model_of(learner, begun, model, tasks, digest)
    return MetaTrained(learner, made, _scores(run, trainer, begun, final))


def _trainer(
    run: Run,
    params: MetaTrain,
    algorithm: "learning.metalearning.algorithms.base.Algorithm",
    begun: Begun,
    family: "learning.metalearning.tasks.streams.Family",
    validate: TaskFamily | None,
) -> "learning.metalearning.loop.trainer.MetaTrainer":
    outer = params.outer or usual(params.algorithm)
    first = family.batch(range(CONSTANT))
    plan = learning.metalearning.loop.trainer.Plan(
        tasks=params.budget.tasks,
        meta_batch=params.meta_batch,
        recipe=outer.recipe(_steps(params)),
        compute=params.compute,
        bfloat16=params.precision == "bfloat16",
        constant=learning.metalearning.tasks.batches.constant_loss(first),
        start=first.classified,
    )
    return learning.metalearning.loop.trainer.MetaTrainer(
        algorithm,
        begun.net,
        begun.theta,
        family,
        plan,
        _watch(run, params, algorithm, begun, validate),
        rehearsal(run, params, begun),
        run.report,
    )


def _watch(
    run: Run,
    params: MetaTrain,
    algorithm: "learning.metalearning.algorithms.base.Algorithm",
    begun: Begun,
    validate: TaskFamily | None,
) -> "learning.training.monitor.Watch":
    """Validation on the way, all on the same tasks."""
    if validate is None:
        return learning.training.monitor.Watch(dict, (), report=run.report, tell=run.note)
    tasks = stream(run, validate)
    count = validate.count or VALIDATED
    first = tasks.batch([0])
    fitting(algorithm, begun, first, validate.task)
    size = learning.metalearning.loop.evaluation.chunk(first)
    mark = params.algorithm.trained_steps or 0

    def judge() -> learning.metalearning.loop.evaluation.Judging:
        theta = learning.metalearning.tasks.batches.detached(begun.theta.weights)
        who = learning.metalearning.loop.evaluation.Learner(
            algorithm, begun.net, theta, begun.theta.state
        )
        return learning.metalearning.loop.evaluation.evaluate(who, tasks, count, size, mark)

    def measure() -> dict[str, float]:
        judging = judge()
        watch.fault = "; ".join(exploded(validate.task, judging, mark, start=False))
        return {f"{validate.task}/{name}": value for name, value in judging.means().items()}

    patience = None
    if params.stop:
        by = params.stop.by
        patience = learning.training.monitor.Patience(
            measure=lambda: judge().means()[by],
            sign=1 if by == "loss" else -1,
            every=-(-params.stop.every // params.meta_batch),
            patience=params.stop.patience,
            restore=params.stop.restore == "best",
        )
    steps = [-(-mark // params.meta_batch) for mark in _marks(params)]
    watch = learning.training.monitor.Watch(
        measure, steps, patience=patience, report=run.report, tell=run.note
    )
    return watch


def _steps(params: MetaTrain) -> int:
    return -(-params.budget.tasks // params.meta_batch)


def _marks(params: MetaTrain) -> list[int]:
    """Tasks after which it is validated: whole meta-batches."""
    steps = _steps(params)
    marks = {round(steps * look / LOOKS) for look in range(1, LOOKS + 1)} - {0}
    return sorted(min(mark * params.meta_batch, params.budget.tasks) for mark in marks)


def _final(trainer: "learning.metalearning.loop.trainer.MetaTrainer") -> dict[str, float]:
    """What validation tasks give of the weights that are kept."""
    watch = trainer.watch
    # With early stopping these need not be the weights of a point of the curve.
    if watch.best_step is not None:
        return watch.now()
    return {name: curve[-1][1] for name, curve in watch.curves.items()}


def _scores(
    run: Run,
    trainer: "learning.metalearning.loop.trainer.MetaTrainer",
    begun: Begun,
    final: Mapping[str, float],
) -> Scores:
    plan, watch = trainer.plan, trainer.watch
    curves = {
        name: tuple((min(step * plan.meta_batch, plan.tasks), value) for step, value in curve)
        for name, curve in watch.curves.items()
    }
    metrics = {n: v for n, v in {**final, **forgotten(begun)}.items() if isfinite(v)}
    notes = [f"stopped early; best after {watch.best_step} steps"] if watch.stopped else []
    if watch.fault:
        run.note(watch.fault)
        notes.append(watch.fault)
    run.note(f"learned from {trainer.examples} labelled examples")
    return Scores(
        metrics=metrics,
        curves=curves,
        status="diverged" if trainer.diverged else "ok",
        notes=tuple(notes),
    )
