"""What a file says of generative models that cannot be, told before anything runs."""

from collections.abc import Mapping
from typing import Literal

from engine.generative.likelihoods import Gaussian, fields
from engine.generative.training import Fitting, marks
from pipelines.facts import Facts, Look

METRICS: Mapping[str, tuple[str, ...]] = {
    "autoencoder": ("squared_error",),
    "vae": ("squared_error", "kl", "neg_elbo", "active_dims"),
}


def examples(look: Look, data: Facts) -> None:
    """Report a dataset without training examples."""
    if data.examples and "train" not in data.examples:
        look.error("from.data", f"{data.task} has no training examples", "as `part: train` has")


def learned(look: Look, params: Fitting) -> None:
    """Report a learning rate of a likelihood that learns nothing."""
    likelihood = params.likelihood
    learns = likelihood == "logistic" or (
        isinstance(likelihood, Gaussian) and likelihood.sigma == "learned"
    )
    if params.sigma_lr is not None and not learns:
        told = f"{fields(likelihood)['kind']} as it is given here learns nothing"
        hint = "leave it out, or say `likelihood: {kind: gaussian, sigma: learned}`"
        look.error("sigma_lr", told, hint)


def known(
    look: Look,
    kind: Literal["autoencoder", "vae"],
    data: Facts,
    *,
    binarise: str,
    classes: tuple[int, ...],
) -> Mapping[str, Facts]:
    """What is known of the outputs of `autoencoder` and `vae`.

    Args:
        look: whose parameters are `Fitting`.
        kind: which of them.
        data: the dataset.
        binarise: what it learns to explain.
        classes: those that it is told.
    """
    params: Fitting = look.params
    steps = tuple(marks(params.steps)) if params.steps else ()
    prefixes = {"": f"{data.task}/loss", "val_": f"{data.task}/val_loss"}
    metrics = {
        f"{data.task}/{prefix}{name}": steps if prefix else ()
        for prefix, there in prefixes.items()
        if there in data.metrics
        for name in METRICS[kind]
    }
    protocol = {
        "kind": kind, "likelihood": fields(params.likelihood)["kind"], "binarise": binarise,
    }  # fmt: skip
    generator = Facts(
        collection=data.collection, shape=data.shape, classes=classes, z=params.z,
        protocol=protocol, sources=data.learned,
    )  # fmt: skip
    return {
        "generator": generator,
        "encoder": Facts(sources=data.learned),
        "scores": Facts(metrics=metrics, sources=data.learned),
        "gallery": Facts(sources=data.learned),
    }
