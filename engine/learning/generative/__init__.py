"""Autoencoders and VAEs, drawing from them, and judging what they draw. torch only."""

from engine.learning.generative.judging import (
    classifiers,
    corrupted_images,
    fidelity,
    image_statistics,
)
from engine.learning.generative.models import autoencoder, binarize, generator, likelihoods
from engine.learning.generative.sampling import (
    activation_maximization,
    indexing,
    latent_distributions,
    latent_walks,
)
from engine.learning.generative.training import (
    iwae_bound,
    objective,
    snapshots,
    trainer,
    validation,
)

__all__ = [
    "ascent",
    "assessed",
    "binarised",
    "bound",
    "fidelity",
    "judges",
    "junk",
    "latents",
    "likelihoods",
    "nets",
    "objective",
    "pairs",
    "picks",
    "snapshots",
    "surface",
    "trainer",
    "walks",
]
