"""What a run of a request would do, without running it."""

from engine.identity.resolver import resolver
from engine.planning.load import load
from engine.planning.plan import Plan, plan
from engine.planning.run_request import Request
from engine.planning.selection import select
from engine.rundir import run_folder
from engine.rundir.previous_runs import History
from pipelines.pipeline import Pipeline


def preview(request: Request) -> tuple[Pipeline, Plan]:
    """The checked pipeline and what would become of each cell.

    Writes nothing but what it remembers of unchanged files, and that only where a store is.
    """
    pipeline = load(request)
    found = resolver(pipeline, request.store, readonly=True)
    history = History(found.store, pipeline.name, run_folder.every(request.store))
    selection = select(pipeline, request)
    planned = plan(found, selection, history, accept_code=request.accept_code)
    found.store.remember()
    return pipeline, planned
