"""Names for stage files that were written when they lay here; see `pipelines.core.errors`."""

from pipelines.core.errors import EnvironmentFault, MetaError, PipelineError, StageError, UsageError

__all__ = ["EnvironmentFault", "MetaError", "PipelineError", "StageError", "UsageError"]
