"""A workshop: a folder with toy stages and a store, in which a test runs pipelines."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.execution import launch
from engine.planning.run_request import Request
from engine.rundir.events import CellCached, CellFailed, CellFinished, Event, RunStarted
from engine.rundir.run_folder import find
from engine.store import Output, Result, Store
from engine.workers.inline import Inline

TOYS = Path(__file__).parent / "toys"


@dataclass
class Told:
    """What a run told, by the names of its cells."""

    code: int
    events: list[Event]
    batches: list[Any] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        first = self.events[0]
        assert isinstance(first, RunStarted)
        return [cell.name for cell in first.cells]

    def of(self, kind: type[Event]) -> list[str]:
        """Names of the cells of all events of a kind, sorted."""
        return sorted(self.names[e.cell] for e in self.events if isinstance(e, kind))

    def failures(self) -> dict[str, str]:
        return {self.names[e.cell]: e.error for e in self.events if isinstance(e, CellFailed)}

    def keys(self) -> dict[str, str]:
        return {
            self.names[e.cell]: e.key
            for e in self.events
            if isinstance(e, CellFinished | CellCached)
        }


class Workshop:
    """A folder with toy stages, a pipeline file and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(TOYS, folder, dirs_exist_ok=True)
        self.file = folder / "pipeline.yaml"
        self.store = folder / ".meta"
        self.stage_files = (folder / "toys.py",)

    def request(self, stages: str = "", *, jobs: int = 1, **options: Any) -> Request:
        if stages:
            self.file.write_text(f"version: 1\nname: toys\n{stages}")
        return Request(
            file=self.file, store=self.store, stage_files=self.stage_files, jobs=jobs, **options
        )

    def run(self, stages: str = "", **options: Any) -> Told:
        """Run the pipeline in this process, its cells in processes below a keeper."""
        events: list[Event] = []
        batches: list[Any] = []

        def observe(told: Any) -> None:
            (batches if isinstance(told, tuple) else events).append(told)

        code = launch.run(self.request(stages, **options), observe)
        return Told(code, events, batches)

    def numbers(self, told: Told) -> dict[str, float]:
        """Cell name -> the number that it made."""
        store = Store(self.store)
        found = {}
        for name, key in told.keys().items():
            result = store.result(key)
            assert isinstance(result, Result)
            output = result.outputs["number"]
            found[name] = self.number(store, output)
        return found

    @staticmethod
    def number(store: Store, output: Output) -> float:
        return float(store.files(output)["number.txt"].read_text())

    def last(self) -> Any:
        return find(self.store)


@pytest.fixture(autouse=True)
def _programs_of_their_own() -> Iterator[None]:
    """What a workshop's files import is not found by the next test: each is its own program."""
    forget_programs()  # Those of fixtures that a module shares.
    before = list(sys.path)
    yield
    sys.path[:] = before
    forget_programs()


def forget_programs() -> None:
    """Let what workshops' files import be imported anew, as by a new process."""
    for name in list(sys.modules):
        if name.startswith("_meta_stages_") or name in ("scaling", "toynumber"):
            del sys.modules[name]
    sys.path[:] = [path for path in sys.path if not Path(path, "scaling.py").is_file()]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A workshop whose cells run in processes, as those of a user do."""
    return Workshop(tmp_path)


@pytest.fixture
def shop(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A workshop whose cells run in this process, one after another: for all but processes.

    It does not wait for the disk: what a loss of power leaves is shown in test_store_fs.
    """
    monkeypatch.setattr(launch, "Local", lambda slots, environment: Inline())
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return workshop
