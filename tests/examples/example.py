"""An example, run as the file stands, in a store of its own; and what came of it."""

import os
from pathlib import Path
from typing import Any

import pytest

from engine.execution import launch
from engine.library.artifacts import Table
from engine.planning.run_request import Request
from engine.rundir.events import CellFinished, RunStarted
from engine.store import Result, Store

EXAMPLES = Path(__file__).parents[2] / "examples"


class Example:
    """A finished run, of the file as it is or with what else is asked of it."""

    def __init__(self, name: str, folder: Path, **asked: Any) -> None:
        self.store = Store(folder / ".meta")
        told: list[Any] = []
        request = Request(file=EXAMPLES / f"{name}.yaml", store=folder / ".meta", **asked)
        self.code = launch.run(request, told.append)
        (names,) = ([cell.name for cell in e.cells] for e in told if isinstance(e, RunStarted))
        self.keys = {names[e.cell]: e.key for e in told if isinstance(e, CellFinished)}

    def output(self, cell: str, name: str, kind: type) -> Any:
        """An artifact of a cell."""
        result = self.store.result(self.keys[cell])
        assert isinstance(result, Result)
        return kind.read(self.store.files(result.outputs[name]))

    def interval(self, row: str, metric: str, table: str = "result") -> Any:
        """A number of the table."""
        rows = self.output(table, "table", Table).rows
        (found,) = (item for item in rows if item.label == row)
        return found.values[metric]


def needs(*collections: str) -> pytest.MarkDecorator:
    """Skip where META_DATA does not hold these folders."""
    root = os.environ.get("META_DATA")
    lacking = [name for name in collections if not root or not (Path(root) / name).is_dir()]
    return pytest.mark.skipif(
        bool(lacking), reason=f"set META_DATA to a folder that holds {', '.join(collections)}"
    )
