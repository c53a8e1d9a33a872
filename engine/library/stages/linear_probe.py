"""Rung 1 of the adaptation ladder: keep the backbone as it is, learn only a linear head."""

from collections.abc import Mapping

from engine.library.artifacts import Dataset, Model
from engine.library.methods.heads import adaptation
from engine.library.methods.ladder import Adapted, adapt
from engine.library.methods.linear_probe import Probe
from engine.stage_api.run import Run
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import stage


def _facts(look: Look) -> Mapping[str, Facts]:
    data = look.one("data")
    labelled = data is not None and f"{data.task}/val_loss" in data.metrics
    if look.params.l2 == "auto" and data and data.task and not labelled:
        look.error(
            "l2",
            f"`auto` chooses by validation, but {data.task} has no validation images",
            "say `l2: loo`, or a number, or keep some validation images",
        )
    return adaptation(look)


@stage(draws=True, facts=_facts)
def linear_probe(
    run: Run, params: Probe, *, model: Model, data: Dataset, retain: tuple[Dataset, ...] = ()
) -> Adapted:
    """Fit a linear head on frozen features.

    The cheapest adaptation, without any forgetting, and the baseline for the others: fine-tuning
    that scores lower made the backbone worse.
    """
    return adapt(run, params, model=model, data=data, retain=retain)
