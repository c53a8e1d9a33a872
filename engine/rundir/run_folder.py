"""The folder of one run: where its frozen pipeline, events, metrics and logs lie.

runs/<stamp>-<id>/     the stamp is the time, never before that of an earlier run
  request.json      what was asked: options of the command
  pipeline.yaml     the file as read: later edits never leak into the run
  cells.json        parameters of the cells and what they read, for those who look at the run
  events.jsonl      the truth of the run
  metrics/<n>.jsonl live curves of cell n
  logs/<n>.log      what cell n printed
  runner.log        what the runner and its workers wrote to stderr otherwise
  alive             locked while the runner lives
  stop              a request to stop: "stop" or "kill"
  control/*.json    requests that are about one cell (`engine.rundir.control`)
"""

import contextlib
import fcntl
import os
import secrets
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from pathlib import Path

from engine.store import files, fs, marker, names
from pipelines.core import os_errors
from pipelines.core.errors import UsageError

_STAMP = "%Y%m%dT%H%M%S.%f"
_STOP_BYTES = 16


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run, live or over."""

    path: Path

    @property
    def id(self) -> str:
        """Short name: `7f3a`."""
        return self.path.name.rpartition("-")[2]

    @property
    def events(self) -> Path:
        """The run's journal."""
        return self.path / "events.jsonl"

    @property
    def request(self) -> Path:
        """What was asked."""
        return self.path / "request.json"

    @property
    def pipeline(self) -> Path:
        """The pipeline file as read."""
        return self.path / "pipeline.yaml"

    @property
    def runner_log(self) -> Path:
        """What the runner and its workers wrote to stderr, outside of every cell's log."""
        return self.path / "runner.log"

    @property
    def given(self) -> Path:
        """What each cell was given, as data (`engine.rundir.cell_settings`)."""
        return self.path / "cells.json"

    @property
    def disk(self) -> fs.Disk:
        """The store that it lies in."""
        return fs.Disk(self.path.parent.parent)

    def metrics(self, cell: int) -> Path:
        """Live curves of a cell."""
        return self.path / "metrics" / f"{cell}.jsonl"

    def log(self, cell: int) -> Path:
        """What a cell printed."""
        return self.path / "logs" / f"{cell}.log"

    def hold(self) -> int:
        """Say that the runner lives, until the returned descriptor is closed."""
        descriptor = fs.open_append(self.path / "alive")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    def alive(self) -> bool:
        """Whether its runner lives: whether the lock is held, never a pid.

        Raises:
            OSError: the lock cannot be looked at.
        """
        try:
            descriptor = files.open_regular(self.path / "alive")
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def request_stop(self, *, kill: bool = False) -> None:
        """Ask the runner to stop after checkpoints, or to kill what runs now."""
        self.disk.publish(self.path / "stop", [b"kill" if kill else b"stop"])

    def stop_requested(self) -> str:
        """`stop`, `kill` or nothing."""
        try:
            with files.opened(self.path / "stop") as stream:
                return stream.read(_STOP_BYTES).decode("ascii", "replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise os_errors.unreadable(self.path / "stop", error) from error


def create(store: Path, request: bytes, pipeline: str) -> RunFolder:
    """Freeze what was asked into a new run folder."""
    taken = {run.id for run in every(store)}
    width = 2
    while (name := secrets.token_hex(width)) in taken:
        width += 1
    folder = RunFolder(store / "runs" / f"{_next_stamp(store)}-{name}")
    disk = fs.Disk(store)
    for child in ("metrics", "logs"):
        disk.folder(folder.path / child)
    disk.publish(folder.pipeline, [pipeline.encode()])
    disk.publish(folder.request, [request])
    return folder


def _next_stamp(store: Path) -> str:
    """The time now; at least a microsecond after the stamp of every run that is there.

    Folders are ordered by name, so a clock that is set back, or that of another machine on the
    same store, changes no order: a logical clock beside the real one (Kulkarni et al., 2014).
    When a run really began is told by its first event.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    last = max(filter(None, (_stamped(run) for run in every(store))), default=None)
    return max(now, last + timedelta(microseconds=1) if last else now).strftime(_STAMP)


def _stamped(run: RunFolder) -> datetime | None:
    """The stamp in a run's name, older ones without microseconds; None where there is none."""
    stamp = run.path.name.partition("-")[0]
    for form in (_STAMP, _STAMP.removesuffix(".%f")):
        with contextlib.suppress(ValueError):
            found = datetime.strptime(stamp, form)  # noqa: DTZ007 (compared with each other alone)
            return found if found.year < MAXYEAR else None
    return None


def every(store: Path) -> list[RunFolder]:
    """All runs of a store, oldest first: folders that are named as we name them, and no links.

    Raises:
        EnvironmentFault: who asks may not list them.
    """
    folder = store / "runs"
    try:
        with os.scandir(folder) as entries:
            found = [it.name for it in entries if _is_run(it)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise os_errors.unreadable(folder, error) from error
    return [RunFolder(folder / name) for name in sorted(found)]


def _is_run(entry: "os.DirEntry[str]") -> bool:
    return names.is_run(entry.name) and entry.is_dir(follow_symlinks=False)


def _passed_by(store: Path) -> str:
    """Why the runs in the folder around a store are not looked at, where there are any."""
    around = store.parent
    if store.name != ".meta" or not (around / "runs").is_dir() or marker.marked(around):
        return ""
    return f" ({around} has no {marker.NAME} and no whole result: it is left as it is)"


def find(store: Path, prefix: str = "") -> RunFolder:
    """The run whose id begins so; the latest without a prefix.

    Raises:
        UsageError: there is none, or several.
    """
    runs = [run for run in every(store) if run.id.startswith(prefix)]
    if not runs:
        what = f"no run {prefix!r}" if prefix else "no run yet"
        raise UsageError(f"{what} in {store}{_passed_by(store)}; `meta run FILE` makes one")
    if prefix and len(runs) > 1:
        names = ", ".join(run.id for run in runs)
        raise UsageError(f"several runs begin with {prefix!r}: {names}")
    return runs[-1]
