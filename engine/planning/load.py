"""From what a person asked for to a checked pipeline. Light: `meta check` needs no more."""

from dataclasses import replace

from engine.planning.run_request import Request
from engine.stage_api.catalogue import Catalogue
from pipelines.core import reading
from pipelines.core.errors import UsageError
from pipelines.core.text import safe_text
from pipelines.pipeline import Pipeline, check
from pipelines.yaml.source import BYTES


def load(request: Request, *, frozen: str | None = None) -> Pipeline:
    """Read and check the pipeline file.

    Args:
        request: names the file, and what overrides it.
        frozen: its text as a run froze it, instead of what the file says now.

    Raises:
        PipelineError: all that is wrong with it.
        UsageError: the file cannot be read.
    """
    try:
        text = reading.content(request.file, BYTES) if frozen is None else frozen.encode()
    except OSError as error:
        shown = safe_text(str(request.file))
        raise UsageError(f"cannot read {shown}: {error.strerror}") from error
    pipeline = check(
        text,
        file=str(request.file),
        folder=request.file.parent,
        stages=Catalogue(request.stage_files),
        overrides=request.overrides,
        seed=request.seed,
        seeds=request.seeds,
    )
    if not request.cache:
        return pipeline
    cells = tuple(replace(cell, cache=request.cache) for cell in pipeline.cells)
    return replace(pipeline, cells=cells)
