"""The journal: what is on the disk when, and what a reader sees of a file that grows."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from engine.rundir.events import (
    CellCached,
    CellCheckpointed,
    CellFinished,
    Event,
    MetricBatch,
    Note,
    RunEnded,
    RunStarted,
    decode,
    decode_batch,
)
from engine.rundir.journal import Journal, Lines, Tail
from pipelines.core.errors import EnvironmentFault

STARTED = RunStarted(time=0, run="7f3a", name="toys", cells=(), pid=1, host="", device="cpu")
NOTE, CACHED = Note(time=1, text="né"), CellCached(time=2, cell=0, key="ab" * 32)
PROMISES = [
    CellFinished(time=3, cell=1, key="ab" * 32, seconds=1.0),
    CellCheckpointed(time=4, cell=1, step=5),
    RunEnded(time=5, code=0, seconds=1.0),
]


def written(folder: Path) -> list[Event | None]:
    path = folder / "events.jsonl"
    return [decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_events_wait_for_a_flush_and_keep_their_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path, lambda _: None)
    journal.event(NOTE)
    journal.event(CACHED)
    assert written(tmp_path) == []
    journal.flush()
    journal.flush()
    assert written(tmp_path) == [NOTE, CACHED]
    journal.close()


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_on_the_disk_with_all_before_it_when_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, promise: Event
) -> None:
    synced: list[list[Event | None]] = []
    shown: list[tuple[int, list[Event | None]]] = []
    monkeypatch.setattr("engine.store.fs.sync_data", lambda _: synced.append(written(tmp_path)))
    journal = Journal(tmp_path, lambda _: shown.append((len(synced), written(tmp_path))))
    journal.event(NOTE)
    journal.event(promise)
    assert synced == [[NOTE, promise]]
    assert shown == [(0, []), (1, [NOTE, promise])]
    journal.close()


def test_a_run_that_began_is_seen_at_once_and_costs_no_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("engine.store.fs.sync_data", synced.append)
    journal = Journal(tmp_path, lambda _: None)
    journal.event(STARTED)
    assert written(tmp_path) == [STARTED]
    assert synced == []
    journal.close()


def test_a_thousand_cached_cells_are_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(Lines, "append", lambda _self, line, **_: lines.append(line))
    journal = Journal(tmp_path, lambda _: None)
    for cell in range(1000):
        journal.event(CellCached(time=0, cell=cell, key="ab" * 32))
    journal.flush()
    assert len(lines) == 1
    assert len(lines[0].splitlines()) == 1000


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    journal = Journal(tmp_path, lambda _: None)
    journal.event(NOTE)
    journal.close()
    assert written(tmp_path) == [NOTE]


def test_metrics_of_a_cell_lie_in_its_own_file_and_go_on_after_a_pause(tmp_path: Path) -> None:
    shown: list[Any] = []
    journal = Journal(tmp_path, shown.append)
    first = MetricBatch("train", 1, 9, 0.1, (1,), {"loss": (0.5,)})
    second = MetricBatch("train", 2, 9, 0.2, (2,), {"loss": (None,)})
    journal.batch(3, first)
    journal.close_cell(3)
    journal.close_cell(3)
    journal.batch(3, second)
    journal.batch(4, first)
    journal.close()
    lines = (tmp_path / "metrics" / "3.jsonl").read_bytes().splitlines()
    assert [decode_batch(line) for line in lines] == [first, second]
    assert shown == [(3, first), (3, second), (4, first)]
    assert not (tmp_path / "events.jsonl").exists()


def test_a_journal_goes_on_in_a_file_that_is_there(tmp_path: Path) -> None:
    for event in (NOTE, CACHED):
        journal = Journal(tmp_path, lambda _: None)
        journal.event(event)
        journal.close()
    assert written(tmp_path) == [NOTE, CACHED]


def test_a_line_that_the_disk_took_a_part_of_is_told(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "lines")
    lines.append("begin")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(EnvironmentFault, match="limit on the size of files"):
            lines.append("a longer line")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    lines.close()


def test_a_tail_reads_each_whole_line_once(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    tail = Tail(path)
    assert tail.read() == []
    path.write_bytes(b"one\ntwo\nthr")
    assert tail.read() == [b"one", b"two"]
    assert tail.read() == []
    with path.open("ab") as file:
        file.write(b"ee\n\nfo")
    assert tail.read() == [b"three", b""]
    path.unlink()
    assert tail.read() == []


def test_a_tail_reads_pieces_but_a_long_line_whole_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    wanted = [json.dumps({"n": n, "text": "é" * n}, ensure_ascii=False).encode() for n in range(9)]
    path.write_bytes(b"\n".join(wanted) + b"\n")
    tail, found = Tail(path), list[bytes]()
    before = 0
    while lines := tail.read(3):
        found += lines
        assert tail._offset - before <= max(map(len, lines)) + 3
        before = tail._offset
    assert found == wanted
