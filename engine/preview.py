"""What a run of a request would do, without running it."""

from engine import runs
from engine.history import History
from engine.plan import Plan, plan
from engine.request import Request
from engine.resolve import resolver
from engine.selection import select
from engine.session import load
from pipelines.pipeline import Pipeline


def preview(request: Request) -> tuple[Pipeline, Plan]:
    """The checked pipeline and what would become of each cell.

    Writes nothing but what it remembers of unchanged files, and that only where a store is.
    """
    pipeline = load(request)
    found = resolver(pipeline, request.store, readonly=True)
    history = History(found.store, pipeline.name, runs.every(request.store))
    planned = plan(found, select(pipeline, request), history)
    found.store.remember()
    return pipeline, planned
