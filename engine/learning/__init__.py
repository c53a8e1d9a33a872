"""Neural networks, their training and their evaluation: the only package that imports torch.

It knows no stage, no file of the engine and no screen, and is usable from a notebook. Its packages
load their modules at first use (https://scientific-python.org/specs/spec-0001/): `from engine
import learning` costs nothing, and `learning.models.linear_heads.ridge` imports that one module,
and with it torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
