"""What a file says of generative models that cannot be, told before anything runs."""

from collections.abc import Mapping
from typing import Literal

from engine.library.datasets import parts
from engine.library.generative.coders import ConvCoder
from engine.library.generative.likelihoods import Gaussian, fields
from engine.library.generative.training import Fitting, marks
from pipelines.core.facts import Facts, Look

HALVED_TWICE = 4
"""Pixels of a side, at least, of which a convolution's halving twice leaves something."""
METRICS: Mapping[str, tuple[str, ...]] = {
    "autoencoder": ("squared_error",),
    "vae": ("squared_error", "kl", "neg_elbo", "active_dims"),
}


def examples(look: Look, data: Facts) -> None:
    """Report a dataset without training examples."""
    parts.need(look, "data", data, "train", "to learn from")
    parts.batch(look, look.params.batch, data)


def learned(look: Look, params: Fitting, data: Facts) -> None:
    """Report a net that images are too small for, and a rate of what learns nothing."""
    if isinstance(params.net, ConvCoder) and data.shape and min(data.shape[1:]) < HALVED_TWICE:
        told = f"a conv coder halves images twice, and those of {data.task} have"
        size = "x".join(map(str, data.shape[1:]))
        look.error("net", f"{told} {size} pixels", "take `net: {kind: mlp}`")
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
        "encoder": Facts(headless=True, shape=data.shape, sources=data.learned),
        "scores": Facts(metrics=metrics, sources=data.learned),
        "gallery": Facts(sources=data.learned),
    }
