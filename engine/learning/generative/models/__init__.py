"""Encoders, decoders, likelihoods, and the pair of them that generates images."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
