"""MAML, ANIL, Reptile and closed-form heads, and the baselines that they are compared with."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
