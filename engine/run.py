"""`Run` for stage files that were written when it lay here; it is in `engine.stage_api.run` now."""

from engine.stage_api.run import Interrupted, Run, Trainer

__all__ = ["Interrupted", "Run", "Trainer"]
