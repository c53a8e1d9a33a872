"""Plain implementations to read and to test against: no task dimension, no custom derivatives."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
