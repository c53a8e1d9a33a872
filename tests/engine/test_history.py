"""What earlier runs tell of a pipeline's cells, from journals as a kill may leave them."""

from pathlib import Path

import pytest

from engine.rundir import run_folder
from engine.rundir.events import CellCached, CellFinished, CellInfo, CellStarted, RunStarted, encode
from engine.rundir.previous_runs import LOOK_BACK, History
from engine.store import Result, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".meta")


def key(number: int) -> str:
    return f"{number:064x}"


def ran(
    store: Store, *done: int, name: str = "toys", cells: str = "ab", by: str = "cached"
) -> Path:
    """A run in which cells 0, 1, ... came to results with these keys; a 0 is none."""
    folder = run_folder.create(store.root, b"{}", "")
    infos = tuple(CellInfo(cell, cell, "give", {}, ()) for cell in cells)
    lines = [
        RunStarted(time=0, run=folder.id, name=name, cells=infos, pid=1, host="", device="cpu")
    ]
    for cell, number in enumerate(done):
        if not number:
            continue
        store.publish(key(number), Result(outputs={}, components={"params": {"n": number}}))
        if by == "cached":
            lines.append(CellCached(time=0, cell=cell, key=key(number)))
        else:
            lines.append(CellFinished(time=0, cell=cell, key=key(number), seconds=1))
    folder.events.write_text("".join(f"{encode(line)}\n" for line in lines))
    return folder.events


def history(store: Store, name: str = "toys") -> History:
    return History(store, name, run_folder.every(store.root))


def seen(store: Store, cell: str) -> int | None:
    found = history(store).components(cell)
    return None if found is None else found["params"]["n"]


@pytest.mark.parametrize("by", ["cached", "finished"])
def test_the_last_result_of_a_cell_is_the_one_compared_with(store: Store, by: str) -> None:
    ran(store, 1, 2)
    ran(store, 3, 4, by=by)
    assert (seen(store, "a"), seen(store, "b")) == (3, 4)


def test_where_the_newest_run_was_interrupted_an_older_one_fills_in(store: Store) -> None:
    ran(store, 1, 2)
    ran(store, 3, 4)
    ran(store, 5, 0)
    ran(store, 0, 0)
    assert (seen(store, "a"), seen(store, "b")) == (5, 4)


def test_runs_of_another_pipeline_tell_nothing(store: Store) -> None:
    ran(store, 1, 2)
    ran(store, 3, 4, name="others")
    assert seen(store, "a") == 1
    assert history(store).run == run_folder.every(store.root)[0].id
    assert history(store, "nobody").run == ""
    assert history(store, "nobody").components("a") is None


def test_the_run_before_is_the_newest_even_when_it_came_to_nothing(store: Store) -> None:
    ran(store, 1, 2)
    ran(store, 0, 0)
    assert history(store).run == run_folder.every(store.root)[-1].id


def test_a_result_that_is_gone_is_not_compared_with(store: Store) -> None:
    ran(store, 1, 2)
    store.results.path(key(1)).unlink()
    assert (seen(store, "a"), seen(store, "b")) == (None, 2)


def test_only_so_many_runs_are_searched(store: Store) -> None:
    ran(store, 1, 2)
    for _ in range(LOOK_BACK):
        ran(store, name="others")
    assert seen(store, "a") is None


@pytest.mark.parametrize("tail", ['{"kind": "cell_cached", "ti', "\x00\x00", '{"kind"\n\n', "é"])
def test_a_torn_last_line_of_a_killed_run_is_skipped(store: Store, tail: str) -> None:
    ran(store, 1, 2)
    with ran(store, 3).open("ab") as file:
        file.write(tail.encode()[:-1])
    assert (seen(store, "a"), seen(store, "b")) == (3, 2)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"nonsense",
        b"[]",
        b"",
        b'{"kind": "cell_cached"}',
        b'{"kind": "cell_cached", "time": 0, "cell": 9, "key": "' + b"ab" * 32 + b'"}',
        b'{"kind": "of a later version", "time": 0}',
    ],
)
def test_a_damaged_line_hides_no_other(store: Store, line: bytes) -> None:
    events = ran(store, 3, 4)
    first, *rest = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join([first, line + b"\n", *rest]))
    assert (seen(store, "a"), seen(store, "b")) == (3, 4)


@pytest.mark.parametrize("data", [b"", b'{"kind": "run_st', b"nonsense\n", b"{}\n"])
def test_a_run_without_a_beginning_is_passed_over(store: Store, data: bytes) -> None:
    ran(store, 1, 2)
    ran(store, 3, 4).write_bytes(data)
    assert (seen(store, "a"), seen(store, "b")) == (1, 2)


def test_a_run_that_wrote_nothing_yet_is_passed_over(store: Store) -> None:
    ran(store, 1, 2)
    ran(store, 3, 4).unlink()
    assert seen(store, "a") == 1


def test_a_start_is_no_result(store: Store) -> None:
    ran(store, 1, 2)
    started = CellStarted(time=0, cell=0, key=key(7), worker=0, why="")
    with ran(store, 0, 0).open("a") as file:
        file.write(f"{encode(started)}\n")
    assert seen(store, "a") == 1
