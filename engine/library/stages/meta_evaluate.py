"""Stage `meta_evaluate`: few-shot evaluation of a learner, or of a model with a method."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat

from engine import learning
from engine.library.artifacts import Learner, Model, Scores, TaskFamily
from engine.library.metalearning import checks, leak_checks, task_scores
from engine.library.metalearning.adaptation import ready, stream
from engine.library.methods import AnyFewShot
from engine.library.methods.method import Start
from engine.library.nets import shapes
from engine.stage_api.run import Run
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params, stage

if TYPE_CHECKING:
    from engine.learning.metalearning.loop.evaluation import Judging

TASKS = 600
"""Tasks where their stream is endless."""


class MetaEvaluate(Params):
    method: AnyFewShot | None = None
    """Adaptation method: required for a model; for a learner, replaces its own algorithm."""
    lr: PositiveFloat | None = None
    """Learning rate of the method, if the method does not set it."""
    head: Start | None = None
    """Initial head of a task, if the method does not set it."""
    bn_stats: Literal["query", "support", "joint", "running"] | None = None
    """Batch norm statistics: those of the queries, or of support and queries together (both
    transductive), of the support set, or the running averages of training. By default those that a
    learner was trained with, and `support` for a model."""
    curve: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] = (0, 1, 5, 10, 50)
    """Adaptation steps after which the queries are scored. Ignored by methods without steps (closed
    forms, `probe`, `prototype`), which are scored once."""
    headline: NonNegativeInt | Literal["chosen_on_validate"] | None = None
    """Step of the curve to report: a number, or the best on the validation tasks. By default the
    number of steps that a learner was trained with, otherwise the last."""


@dataclass(frozen=True, slots=True)
class MetaJudged:
    """The output of `meta_evaluate`."""

    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    params: MetaEvaluate = look.params
    learner, tasks = look.one("learner") or Facts(), look.one("tasks") or Facts()
    validate = look.one("validate")
    _method(look, params, learner, tasks)
    shapes.takes(look, "tasks", tasks, learner, "the learner")
    if validate is not None:
        checks.alike(look, "validate", tasks, validate)
        if validate.task and validate.task == tasks.task:
            look.error(
                "from.validate",
                f"both families are labelled {tasks.task!r}, so their metrics would be mixed up",
                "give one of them another label: `task: NAME`",
            )
    if params.headline == "chosen_on_validate" and validate is None:
        hint = "connect validation tasks: `validate: STAGE`"
        look.error("headline", "there are no tasks to choose the step on", hint)
    elif isinstance(params.headline, int) and params.headline not in params.curve:
        look.error("headline", f"the curve has no step {params.headline}", "add it to `curve`")
    if checks.kinds(look, learner, tasks) and params.method is None and learner.protocol:
        checks.outputs(look, "tasks", learner.protocol.get("outputs"), tasks)
        checks.numbers(look, "tasks", learner.protocol.get("targets"), tasks)
        checks.as_tested(look, learner, tasks, params.curve)
    leak_checks.judged(look, learner, tasks)
    leak_checks.chosen(look, params.headline, tasks, validate)
    leak_checks.units_of(look, "tasks", learner, tasks)
    leak_checks.units_of(look, "validate", learner, validate)
    leak_checks.draws(look, tasks, tasks.protocol.get("count") or TASKS)
    marks = tuple(sorted(set(params.curve))) if _steps(params, learner) else ()
    metrics = dict.fromkeys((*tasks.metrics, *task_scores.by_ways(tasks)), marks)
    chosen = dict.fromkeys(validate.metrics, marks) if validate else {}
    scores = Facts(
        metrics={**metrics, **chosen},
        protocol={"exam": tasks.protocol.get("drawn")},
        sources=learner.sources,
        validation=frozenset(chosen),
        validated=dict.fromkeys(chosen, validate.sources if validate else frozenset()),
    )
    return {"scores": scores}


def _method(look: Look, params: MetaEvaluate, learner: Facts, tasks: Facts) -> None:
    if params.method is None:
        if learner.known and not learner.protocol:
            hint = "say `method: {kind: probe}`, `finetune`, `lora` or `prototype`"
            look.error("method", "a model needs a `method` to adapt to a task", hint)
        for name in ("lr", "head"):
            if getattr(params, name) is not None:
                look.error(name, f"`{name}` needs a `method`, and there is none", "leave it out")
        return
    classified = bool(tasks.ways[1]) if tasks.ways else None
    faults = params.method.few_shot_faults(lr=params.lr, head=params.head, classified=classified)
    for name, message, hint in faults:
        look.error(f"method.{name}", message, hint)
    shapes.targets(look, "method", params.method, learner.net, tasks)
    if learner.known and tasks.known:
        start = getattr(params.method.with_defaults(params.lr, params.head), "head", None)
        _kept(look, params, start, learner, tasks)


def _kept(look: Look, params: MetaEvaluate, start: Any, learner: Facts, tasks: Facts) -> None:
    """Report a start from a head that is not there, or answers other outputs."""
    own, wanted = learner.protocol.get("head"), checks.answers(tasks)
    if start != "kept" or own == "shared":
        return
    has, outputs = "none", learner.protocol.get("outputs")
    if own == "learned":
        if outputs is None or wanted is None or outputs == wanted:
            return
        has = f"one with {outputs}"
    place = "head" if params.head is not None else "method.head"
    told = f"`head: kept` needs a head with {wanted or 'as many'} outputs, and there is {has}"
    look.error(place, told, "say `head: zero`, `random` or `probe`")


def _steps(params: MetaEvaluate, learner: Facts) -> bool:
    """Whether it adapts step by step."""
    if params.method is not None:
        return params.method.stepwise
    return learner.protocol.get("steps") is not None


def _finish(run: Run, name: str, judging: "Judging") -> "Judging":
    """The judging with all its steps done; they are resumed."""
    for step in run.steps(name, judging.steps, judging):
        judging.step(step)
    return judging


@stage(facts=_facts)
def meta_evaluate(
    run: Run,
    params: MetaEvaluate,
    *,
    learner: Learner | Model,
    tasks: TaskFamily,
    validate: TaskFamily | None = None,
) -> MetaJudged:
    """Adapt to each held-out task and score its queries.

    All learners evaluated on a family see the same tasks, so that differences are paired. The
    confidence interval of one learner is over the sampling units of the tasks: the tasks of a
    table, or the classes of episodes (for Omniglot, characters with all their rotations); for sine
    waves every sampled task is a new unit.
    """
    method = params.method and params.method.with_defaults(params.lr, params.head)
    own = learner.trained["bn_stats"] if isinstance(learner, Learner) else "support"
    bn_stats = params.bn_stats or own
    found: dict[str, Judging] = {}
    notes: list[str] = []
    families = {"validate": validate, "test": tasks}
    for name, family in families.items():
        if family is None:
            continue
        source = stream(run, family)
        first = source.batch([0])
        who = ready(run, learner, method, first, bn_stats)
        size = learning.metalearning.loop.evaluation.chunk(first)
        count = family.count or TASKS
        judging = learning.metalearning.loop.evaluation.Judging(
            who, source, count, size, params.curve
        )
        found[name] = _finish(run, name, judging)
        if name == "test":
            notes = task_scores.notes(who.net, family, bn_stats)
    notes += method.few_shot_notes(tasks.shots[0]) if method else []
    mark, told = task_scores.headline(params.headline, learner, method, found)
    (digest,) = run.digests.get("tasks", ("",))
    failed = task_scores.diverged(learner, families, found, mark)
    for reason in failed:
        run.note(reason)
    lost = [] if failed else task_scores.lost_points(learner, families, found, mark)
    words = [*told, *notes, *failed, *lost]
    return MetaJudged(
        task_scores.scores(tasks, validate, found, mark, words, digest, failed=bool(failed))
    )
