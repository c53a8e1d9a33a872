"""Autoencoders and VAEs, drawing from them, and judging what they draw. torch only."""

from engine.learning.generative import likelihoods, nets, pairs

__all__ = ["likelihoods", "nets", "pairs"]
