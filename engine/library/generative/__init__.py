"""Generative models as values: nets, likelihoods, objectives, ways to draw."""
