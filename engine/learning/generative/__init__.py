"""Autoencoders and VAEs, drawing from them, and judging what they draw. torch only."""

from engine.learning.generative import (
    ascent,
    assessed,
    binarised,
    bound,
    fidelity,
    judges,
    junk,
    likelihoods,
    nets,
    objective,
    pairs,
    snapshots,
    surface,
    trainer,
)

__all__ = [
    "ascent",
    "assessed",
    "binarised",
    "bound",
    "fidelity",
    "judges",
    "junk",
    "likelihoods",
    "nets",
    "objective",
    "pairs",
    "snapshots",
    "surface",
    "trainer",
]
