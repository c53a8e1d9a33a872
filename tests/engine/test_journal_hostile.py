"""A journal that a run did not write: lines without end, values of other types, other files."""

import json
import os
from pathlib import Path

import pytest

from engine.rundir import events, journal
from engine.rundir.journal import Tail, whole
from engine.rundir.previous_runs import History
from engine.rundir.run_folder import RunFolder
from engine.store import Store
from meta_tui.readers.past_durations import Past
from meta_tui.readers.run_reader import MOST_DROPPED, Feed

STARTED = {
    "kind": "run_started", "time": 1.0, "run": "abcd", "name": "a", "pid": 1, "host": "h",
    "device": "cpu",
    "cells": [{"name": "d", "stage": "d", "type": "dataset", "axes": {"seed": "0"}, "needs": []}],
}  # fmt: skip
FINISHED = {"kind": "cell_finished", "time": 2.0, "cell": 0, "key": "0" * 64, "seconds": 1.0}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "runs" / "20250101T000000-abcd")
    found.path.mkdir(parents=True)
    return found


def write(folder: RunFolder, *lines: object) -> None:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    folder.events.write_text(text)


def test_a_line_without_end_is_dropped_and_the_lines_around_it_are_read(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LONGEST_LINE", 10_000)
    write(folder, STARTED, "x" * 1_000_000, FINISHED)
    tail, held, lines = Tail(folder.events), [], []
    while found := tail.read(1000):
        lines += found
        held.append(len(tail._torn))
    assert lines[1] == b""
    assert [len(line) > 0 for line in lines] == [True, False, True]
    assert max(held) <= 10_000 + 1000
    feed = Feed(folder)
    feed.poll(float("inf"))
    assert (feed.view.cells[0].seconds, feed.dropped, feed.fault) == (1.0, 1, "")


def test_a_line_without_end_is_never_held(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LONGEST_LINE", 10_000)
    folder.events.write_bytes(b"x" * 1_000_000)
    tail = Tail(folder.events)
    assert tail.read(1000) == []
    assert len(tail._torn) <= 10_000
    with folder.events.open("ab") as file:
        file.write(b"\nnext\n")
    assert tail.read(1000) == [b"", b"next"]


def test_the_longest_line_that_is_ours_is_read(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LONGEST_LINE", 10)
    folder.events.write_bytes(b"0123456789\n0123456789a\nb\n")
    tail, lines = Tail(folder.events), []
    while found := tail.read(4):
        lines += found
    assert lines == [b"0123456789", b"", b"b"]
    assert next(whole(folder.events)) == b"0123456789"


def test_of_a_journal_that_is_too_large_nothing_is_read(folder: RunFolder) -> None:
    write(folder, STARTED)
    with folder.events.open("ab") as file:
        file.truncate(journal.MOST_BYTES + 1)
    feed = Feed(folder)
    feed.poll(float("inf"))
    assert feed.fault == "it has 268,435,457 bytes; at most 268,435,456 are read"
    assert feed.view.started is None
    assert History(Store(folder.disk.root), "a", [folder]).run == ""
    assert not Past(folder).read("a")


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder: RunFolder) -> None:
    (folder.path / "metrics").mkdir()
    (folder.path / "logs").mkdir()
    for path in (
        folder.events, folder.path / "alive", folder.path / "stop", folder.metrics(0),
        folder.log(0), folder.request, folder.pipeline,
    ):  # fmt: skip
        os.mkfifo(path)
    feed = Feed(folder)
    feed.poll()
    assert feed.fault == "it is no regular file"
    assert not feed.poll_metrics(0)
    assert feed.poll_log(0) == ["this log cannot be read: it is no regular file"]
    with pytest.raises(OSError, match="no regular file"):
        folder.alive()
    assert list(History(Store(folder.disk.root), "a", [folder]).components("d") or ()) == []


def test_a_journal_of_rubbish_is_given_up_soon(folder: RunFolder) -> None:
    write(folder, STARTED, *["[]"] * 50_000)
    feed = Feed(folder)
    feed.poll(float("inf"))
    assert feed.fault == f"more than {MOST_DROPPED:,} of its lines are damaged"
    assert feed.dropped < 2 * MOST_DROPPED + 10_000
    assert feed.view.run == "abcd"


WRONG = [
    {"seconds": "x"}, {"seconds": None}, {"seconds": True}, {"seconds": float("nan")},
    {"seconds": float("inf")}, {"seconds": 10**30}, {"cell": "0"}, {"cell": 0.5}, {"cell": [0]},
    {"cell": 10**30}, {"key": 5}, {"key": None}, {"scores": [1]}, {"scores": {"a": "b"}},
    {"scores": {"a": None}}, {"scores": 3}, {"status": {}}, {"time": "now"}, {"time": float("nan")},
    {"scores": {"a": float("nan")}},
    {"other": 1},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_value_of_another_type_makes_no_event(
    folder: RunFolder, wrong: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        events.decode(json.dumps({**FINISHED, **wrong}))
    write(folder, STARTED, {**FINISHED, **wrong}, FINISHED)
    feed = Feed(folder)
    feed.poll(float("inf"))
    assert (feed.dropped, feed.view.cells[0].seconds) == (1, 1.0)


@pytest.mark.parametrize(
    "cell",
    [
        5, None, [], {}, {"name": 5}, {"axes": {"seed": 0}}, {"axes": []}, {"needs": ["x"]},
        {"needs": 5}, {"needs": [[0]]}, {"type": None}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_cell_of_another_shape_makes_no_start(cell: object) -> None:
    first = STARTED["cells"][0]  # type: ignore[index]
    other = {**first, **cell} if isinstance(cell, dict) and cell else cell
    with pytest.raises(ValueError, match=r"."):
        events.decode(json.dumps({**STARTED, "cells": [other]}))


def test_values_that_are_right_make_events() -> None:
    for data in (
        STARTED, FINISHED, {**FINISHED, "seconds": 1}, {**FINISHED, "scores": {"a": 1, "b": 0.5}},
        {"kind": "note", "time": 1, "text": "x", "cell": None},
        {"kind": "cell_retried", "time": 1, "cell": 0, "request": "r", "attempt": 2, "revived": []},
    ):  # fmt: skip
        assert events.decode(json.dumps(data)) is not None


@pytest.mark.parametrize("line", ["[" * 100_000, '{"kind":' * 100_000, "1" * 5000])
def test_a_line_that_is_nested_without_end_is_no_event(line: str) -> None:
    for decode in (events.decode, events.decode_batch):
        with pytest.raises(ValueError, match=r"."):
            decode(line)
