"""Stage `autoencoder`: train an encoder and a decoder to reconstruct images."""

from collections.abc import Mapping

from engine import learning
from engine.library.artifacts import Dataset
from engine.library.generative import checks
from engine.library.generative.training import Fitting, Trained, Way, trained
from engine.stage_api.run import Run
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import stage


class Autoencoder(Fitting):
    pass


def _facts(look: Look) -> Mapping[str, Facts]:
    data = look.one("data") or Facts()
    checks.examples(look, data)
    checks.learned(look, look.params, data)
    return checks.known(look, "autoencoder", data, binarise="none", classes=())


@stage(draws=True, facts=_facts)
def autoencoder(run: Run, params: Autoencoder, *, data: Dataset) -> Trained:
    """Train an autoencoder from random weights.

    Its latent space has no prior, so random codes need not decode to realistic images. Its encoder
    can be used as a pretrained model.
    """
    objective = learning.generative.training.objective.Objective()
    return trained(run, params, data, Way("autoencoder", objective))
