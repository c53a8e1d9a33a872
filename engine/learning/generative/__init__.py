"""Autoencoders and VAEs, drawing from them, and judging what they draw. torch only."""

from engine.learning.generative import binarised, likelihoods, nets, pairs

__all__ = ["binarised", "likelihoods", "nets", "pairs"]
