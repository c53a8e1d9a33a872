"""Train a variational autoencoder: images from codes that a standard Gaussian gives."""

from collections.abc import Mapping
from typing import Literal

from pydantic import NonNegativeFloat

from engine import learning
from engine.library.artifacts import Dataset
from engine.library.generative import checks
from engine.library.generative.likelihoods import Gaussian
from engine.library.generative.objectives import Elbo, Iwae, Objective
from engine.library.generative.training import Fitting, Trained, Way, trained
from engine.library.optimizers import Share
from engine.stage_api.run import Run
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import stage


class Vae(Fitting):
    objective: Objective = Elbo()
    """What is made small: minus the `elbo`, or minus the importance weighted bound, `iwae`."""
    beta: NonNegativeFloat = 1.0
    """Weight of the KL in the ELBO (beta-VAE); more than 1 asks for codes nearer to the prior."""
    kl_warmup: Share = 0.0
    """Share of the steps in which that weight rises from 0, by a line (arXiv 1602.02282)."""
    free_bits: NonNegativeFloat = 0.0
    """Nats that the KL of each dimension, as the batch's mean, has for nothing (arXiv 1606.04934,
    eq. 15)."""
    conditional: bool = False
    """Tell encoder and decoder the class of each image, so that images of a class can be drawn."""
    binarise: Literal["none", "dynamic", "threshold"] = "none"
    """Learn black and white images: `dynamic` draws each pixel anew whenever an image is seen, on
    with its grey as chance; `threshold` cuts at one half. Bernoulli nats are a likelihood of such
    images only."""


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Vae = look.params
    data = look.one("data") or Facts()
    checks.examples(look, data)
    checks.learned(look, params, data)
    _objective(look, params)
    if params.binarise != "none" and params.likelihood != "bernoulli":
        told = f"`likelihood: {_kind(params)}` scores greys, and these images would be binary"
        look.error("binarise", told, "say `likelihood: bernoulli`, or leave `binarise` out")
    if params.binarise != "none" and data.shape and data.shape[0] > 1:
        told = f"images of {data.task} are in colour, and would not be black and white"
        look.error("binarise", told, "leave it out, or take grey images: `color: gray`")
    if params.conditional and len(data.classes) == 1:
        told = f"{data.task} has one class, and there is nothing to tell"
        look.error("conditional", told, "leave it out, or take two classes or more")
    classes = data.classes if params.conditional else ()
    return checks.known(look, "vae", data, binarise=params.binarise, classes=classes)


def _objective(look: Look, params: Vae) -> None:
    """Report what belongs to the ELBO beside another objective."""
    if not isinstance(params.objective, Iwae):
        return
    idle = {"beta": 1.0, "kl_warmup": 0.0, "free_bits": 0.0}
    for name in [name for name, value in idle.items() if getattr(params, name) != value]:
        told = "the importance weighted bound has no KL of its own to change"
        look.error(name, told, "leave it out, or say `objective: {kind: elbo}`")
    if isinstance(params.likelihood, Gaussian) and params.likelihood.sigma == "optimal":
        told = "the closed form of sigma is that of the ELBO, not of the importance weighted bound"
        look.error("likelihood.sigma", told, "say `sigma: learned`")


def _kind(params: Vae) -> str:
    return params.likelihood if isinstance(params.likelihood, str) else "gaussian"


@stage(draws=True, facts=_facts)
def vae(run: Run, params: Vae, *, data: Dataset) -> Trained:
    """Train a VAE from random weights: an image becomes a Gaussian of codes, and an image again.

    The KL keeps the codes near N(0, I), so that draws from it give images. Judged by the plain
    ELBO on the test part whatever is trained, with noise and binarisation fixed. Its encoder, the
    mean code, serves as a pretrained model.
    """
    found = params.objective
    objective = learning.generative.training.objective.Objective(
        params.beta, params.kl_warmup, params.free_bits,
        found.k if isinstance(found, Iwae) else None,
    )  # fmt: skip
    told = {
        "objective": found.model_dump(), "beta": params.beta, "kl_warmup": params.kl_warmup,
        "free_bits": params.free_bits,
    }  # fmt: skip
    return trained(
        run, params, data, Way("vae", objective, params.binarise, params.conditional, told)
    )
