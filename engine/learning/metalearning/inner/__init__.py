"""The inner loop: what adapts to a task, its steps, and derivatives through them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
