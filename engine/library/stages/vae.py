"""Stage `vae`: train a variational autoencoder."""

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
    """Bound to maximise: `elbo`, or `iwae`, the importance weighted bound."""
    beta: NonNegativeFloat = 1.0
    """Weight of the KL in the ELBO (beta-VAE); above 1, codes are closer to the prior."""
    kl_warmup: Share = 0.0
    """Fraction of the steps in which `beta` rises linearly from 0 (arXiv 1602.02282)."""
    free_bits: NonNegativeFloat = 0.0
    """Nats of KL per dimension, averaged over the batch, that are not penalised (arXiv 1606.04934,
    eq. 15)."""
    conditional: bool = False
    """Condition encoder and decoder on the class, so that images of a class can be sampled."""
    binarise: Literal["none", "dynamic", "threshold"] = "none"
    """Binarise images: `dynamic` samples each pixel again at every pass, with its grey value as
    probability; `threshold` cuts at one half. Bernoulli nats are a proper likelihood only for
    binary images."""


def _facts(look: Look) -> Mapping[str, Facts]:
    params: Vae = look.params
    data = look.one("data") or Facts()
    checks.examples(look, data)
    checks.learned(look, params, data)
    _objective(look, params)
    if params.binarise != "none" and params.likelihood != "bernoulli":
        message = f"`likelihood: {_kind(params)}` does not score binary images"
        look.error("binarise", message, "set `likelihood: bernoulli`, or leave `binarise` out")
    if params.binarise != "none" and data.shape and data.shape[0] > 1:
        message = f"images of {data.task} are in colour, and only grey images can be binarised"
        look.error("binarise", message, "leave it out, or use grey images: `color: gray`")
    if params.conditional and len(data.classes) == 1:
        message = f"{data.task} has only one class to condition on"
        look.error("conditional", message, "leave it out, or use two classes or more")
    classes = data.classes if params.conditional else ()
    return checks.known(look, "vae", data, binarise=params.binarise, classes=classes)


def _objective(look: Look, params: Vae) -> None:
    """Report what belongs to the ELBO beside another objective."""
    if not isinstance(params.objective, Iwae):
        return
    idle = {"beta": 1.0, "kl_warmup": 0.0, "free_bits": 0.0}
    for name in [name for name, value in idle.items() if getattr(params, name) != value]:
        message = f"`{name}` is not supported with `objective: {{kind: iwae}}`"
        look.error(name, message, "leave it out, or set `objective: {kind: elbo}`")
    if isinstance(params.likelihood, Gaussian) and params.likelihood.sigma == "optimal":
        message = "`sigma: optimal` is not supported with `objective: {kind: iwae}`"
        look.error("likelihood.sigma", message, "set `sigma: learned`")


def _kind(params: Vae) -> str:
    return params.likelihood if isinstance(params.likelihood, str) else "gaussian"


@stage(draws=True, facts=_facts)
def vae(run: Run, params: Vae, *, data: Dataset) -> Trained:
    """Train a VAE from random weights.

    The KL term keeps codes close to N(0, I), so that codes sampled from it decode to images. Test
    metrics are those of the plain ELBO for every objective, with fixed noise and binarisation. Its
    encoder, which returns the mean code, can be used as a pretrained model.
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
