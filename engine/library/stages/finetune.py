"""Rung 2 of the adaptation ladder: train every weight, starting from the pretrained ones."""

from collections.abc import Mapping

from engine.library.artifacts import Dataset, Model
from engine.library.datasets import parts
from engine.library.methods.finetune import STEPS, Finetune
from engine.library.methods.heads import adaptation, answering, said
from engine.library.methods.ladder import Adapted, adapt
from engine.stage_api.run import Run
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import stage

HIGH = {"sgd": 0.1, "adam": 0.005, "adamw": 0.005}
"""Optimiser -> rate above which a random head spoils a pretrained net."""


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Finetune = look.params
    _check_replay(look, params)
    explicit = "keep_heads" in params.model_fields_set and params.keep_heads == "train"
    if explicit and not params.replay and "replay" not in look.axes:
        look.error(
            "keep_heads",
            "`train` without replay has no loss to train the old heads with",
            "say `replay: 0.1`, or leave `keep_heads` out",
        )
    data = look.one("data")
    if params.stop and data and data.task and f"{data.task}/val_loss" not in data.metrics:
        look.error("stop", f"{data.task} has no validation images to stop by", "keep some")
    _check_kept(look, params)
    _check_rate(look, params)
    parts.batch(look, params.batch, data or Facts())
    return adaptation(look, params.marks, keeps=params.keep_heads != "drop")


def _check_rate(look: Look, params: Finetune) -> None:
    """Advise where a random head's first gradients would spoil what the model has learned."""
    model, kind = look.one("model"), params.optimizer.kind
    if params.head != "random" or model is None or not model.sources:
        return
    if params.lr > HIGH[kind]:
        told = f"a random head at `lr: {params.lr:g}` by {kind} spoils the features it starts from"
        hint = f"say `head: probe` or `zero`, or take `lr: {HIGH[kind]:g}` or less"
        look.advise("random-head-high-rate", "lr", told, hint)


def _check_kept(look: Look, params: Finetune) -> None:
    data, model = look.one("data"), look.one("model")
    # A model of which nothing is known may have the head.
    if params.head != "kept" or not data or not model or not (model.heads or model.headless):
        return
    if answering(model.heads, data.task, data.classes) is None:
        wanted = said(data.classes, data.names)
        look.error(
            "head",
            f"no head of the model has the classes of {data.task}, {wanted}",
            "say `random`, `zero` or `probe`",
        )


def _check_replay(look: Look, params: Finetune) -> None:
    if not params.replay:
        return
    # How many steps some epochs are is known when the images are.
    steps = params.steps or (STEPS if params.epochs is None else None)
    if steps and (fault := params.replays_nothing(steps)):
        look.error("replay", fault, "take a larger share, a larger batch or more steps")
    if params.keep_heads == "drop":
        look.error("keep_heads", "what is replayed needs its head", "say `train` or `frozen`")
    sources = look.inputs.get("replay", ()) or look.inputs.get("retain", ())
    if not sources:
        look.error("replay", "nothing to replay", "connect the old task: `retain: STAGE`")
    model = look.one("model")
    heads, known = (model.heads, model.heads or model.headless) if model else ({}, False)
    port = "replay" if look.inputs.get("replay") else "retain"
    for old in sources:
        parts.need(look, port, old, "train", "to replay")
        if known and answering(heads, old.task, old.classes) is None:
            look.error(
                "replay",
                f"the model has no head for {old.task}, classes {said(old.classes, old.names)}",
                "replay what it was trained on",
            )


@stage(draws=True, facts=_facts)
def finetune(
    run: Run,
    params: Finetune,
    *,
    model: Model,
    data: Dataset,
    retain: tuple[Dataset, ...] = (),
    replay: Dataset | None = None,
) -> Adapted:
    """Train all weights on a new task, optionally with replay of previous tasks.

    Forgetting is measured on the test images of `retain`, and replay uses its training images
    unless `replay` is connected.
    """
    return adapt(run, params, model=model, data=data, retain=retain, replay=replay)
