"""Lines of a run in the foreground: when nothing is said for long, one says that it lives."""

import pytest

from engine.rundir import events
from engine.rundir.events import CellInfo
from engine.rundir.run_folder import RunFolder
from meta_tui.cli import event_printer
from meta_tui.cli.event_printer import Printer

CELLS = tuple(CellInfo(name, name, "t", {}, ()) for name in ("a", "b"))


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock that a test sets."""
    now = [100.0]
    monkeypatch.setattr(event_printer.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(event_printer.time, "time", lambda: 1000.0 + now[0])
    return now


def began(run, name="ladder"):
    return events.RunStarted(
        time=1100, run=run, name=name, cells=CELLS, pid=1, host="h", device="cpu"
    )


def folder(store, name, *told):
    found = RunFolder(store / "runs" / name)
    found.path.mkdir(parents=True)
    found.events.write_text("".join(events.encode(event) + "\n" for event in told))
    return found


def test_after_half_a_minute_of_silence_a_line_tells_the_time_that_earlier_runs_took(
    tmp_path, clock, capsys
):
    took = [events.CellFinished(time=1, cell=n, key="ab" * 32, seconds=40.0) for n in (0, 1)]
    folder(tmp_path, "20250101T000000-aaaa", began("aaaa"), *took)
    folder(tmp_path, "20250102T000000-bbbb")
    told = Printer(tmp_path, as_json=False)
    told(began("bbbb"))
    told(events.CellStarted(time=1100, cell=0, key="ab" * 32, worker=1, why="new"))
    capsys.readouterr()
    clock[0] = 129.0
    told((0, events.MetricBatch("train", 1, 100, 1.0)))
    assert capsys.readouterr().out == ""
    clock[0] = 131.0
    told((0, events.MetricBatch("train", 1, 100, 1.0)))
    # Of a 9 seconds are left, of b 40: one after the other, as only one was busy at once.
    assert "0:31: 1 running, 1 waiting, ETA 0:49; a 1%" in capsys.readouterr().out
    told((0, events.MetricBatch("train", 2, 100, 1.0)))
    assert capsys.readouterr().out == ""


def test_json_has_no_lines_for_people(tmp_path, clock, capsys):
    folder(tmp_path, "20250102T000000-bbbb")
    told = Printer(tmp_path, as_json=True)
    told(began("bbbb"))
    capsys.readouterr()
    clock[0] = 1000.0
    told((0, events.MetricBatch("train", 1, 100, 1.0)))
    assert capsys.readouterr().out == ""
