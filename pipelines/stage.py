"""Names for stage files that were written when they lay here; see `pipelines.core.stage`."""

from pipelines.core.stage import Artifact, Params, Port, Stage, stage

__all__ = ["Artifact", "Params", "Port", "Stage", "stage"]
