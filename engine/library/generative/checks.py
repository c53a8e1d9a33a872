"""Checks of the parameters of generative models, before anything runs."""

from collections.abc import Mapping
from typing import Literal

from engine.library.datasets import parts
from engine.library.generative.coders import ConvCoder
from engine.library.generative.likelihoods import Gaussian, fields
from engine.library.generative.training import Fitting, marks
from pipelines.core.facts import Facts, Look

HALVED_TWICE = 4
"""Smallest height and width for two convolutions of stride 2."""
METRICS: Mapping[str, tuple[str, ...]] = {
    "autoencoder": ("squared_error",),
    "vae": ("squared_error", "kl", "neg_elbo", "active_dims"),
}


def examples(look: Look, data: Facts) -> None:
    """Report a dataset without training examples."""
    parts.need(look, "data", data, "train", "to train on")
    parts.batch(look, look.params.batch, data)


def learned(look: Look, params: Fitting, data: Facts) -> None:
    """Report images too small for the net, and a learning rate of a fixed likelihood."""
    if isinstance(params.net, ConvCoder) and data.shape and min(data.shape[1:]) < HALVED_TWICE:
        message = f"a conv coder halves images twice, and images of {data.task} have"
        size = "x".join(map(str, data.shape[1:]))
        look.error("net", f"{message} {size} pixels", "use `net: {kind: mlp}`")
    likelihood = params.likelihood
    learns = likelihood == "logistic" or (
        isinstance(likelihood, Gaussian) and likelihood.sigma == "learned"
    )
    if params.sigma_lr is not None and not learns:
        message = f"the likelihood `{fields(likelihood)['kind']}` has no learned scale here"
        hint = "leave it out, or set `likelihood: {kind: gaussian, sigma: learned}`"
        look.error("sigma_lr", message, hint)


def known(
    look: Look,
    kind: Literal["autoencoder", "vae"],
    data: Facts,
    *,
    binarise: str,
    classes: tuple[int, ...],
) -> Mapping[str, Facts]:
    """Return the facts of the outputs of `autoencoder` and `vae`.

    Args:
        look: of the stage, whose parameters are `Fitting`.
        kind: stage type.
        data: the dataset.
        binarise: binarisation of training images.
        classes: labels that it is conditioned on.
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
