"""Many runs of a store: what heads and ends of their journals tell, and what differs between."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from engine.planning.run_request import Request
from engine.rundir import events
from engine.rundir.run_folder import RunFolder
from meta_tui.model.run_reducer import State
from meta_tui.readers.request_diff import differences
from meta_tui.readers.run_index import History, filtered
from meta_tui.render.runs.run_list import command

FILE = "version: 1\nname: a\nstages:\n  low: {uses: dataset}\n  tuned: {uses: finetune}\n"


@pytest.fixture
def write(tmp_path, middle_events):
    """Writes a run of a store: its id, the seconds when it began, its code, its options."""

    def run(id_: str, began: float, code: int | None = None, text: str = FILE, **asked: object):
        root = tmp_path / "store"
        folder = RunFolder(root / "runs" / f"20250101T{int(began):06}-{id_}")
        folder.path.mkdir(parents=True)
        first = replace(middle_events[0], time=began, run=id_)
        told = [first, *middle_events[1:]]
        if code is not None:
            told.append(events.RunEnded(time=began + 100, code=code, seconds=100.0, reason="so"))
        folder.events.write_text("".join(events.encode(event) + "\n" for event in told))
        folder.request.write_bytes(Request(Path("/a/x.yaml"), root, **asked).encode())
        folder.pipeline.write_text(text)
        return folder

    return run


def read(store: Path, now: float = 5000.0) -> History:
    history = History(store, now=lambda: now)
    history.look(float("inf"))
    history.fill(history.order(), float("inf"))
    return history


def test_head_and_end_tell_name_times_and_state(write, tmp_path):
    write("aaaa", 1000, code=0)
    write("bbbb", 2000, code=1)
    write("cccc", 3000, code=130)
    write("dddd", 4000)
    found = read(tmp_path / "store", now=10**12).order()
    assert [entry.folder.id for entry in found] == ["dddd", "cccc", "bbbb", "aaaa"]
    states = [State.STOPPED, State.STOPPED, State.FAILED, State.DONE]
    assert [entry.state for entry in found] == states
    assert [entry.lost for entry in found] == [True, False, False, False]
    assert [entry.spent(9999.0) for entry in found[1:]] == [100.0] * 3
    assert {entry.name for entry in found} == {"ladder"}
    assert found[0].cells == 12
    assert found[0].counts == {
        State.DONE: 2, State.CACHED: 2, State.FAILED: 1, State.SKIPPED: 2
    }  # fmt: skip


def test_live_runs_stand_before_newer_ones(write, tmp_path):
    live = write("aaaa", 1000)
    write("bbbb", 2000, code=0)
    descriptor = live.hold()
    found = read(tmp_path / "store").order()
    os.close(descriptor)
    assert [entry.folder.id for entry in found] == ["aaaa", "bbbb"]
    assert found[0].state is State.RUNNING
    assert not found[0].lost


def test_an_end_that_comes_later_is_read(write, tmp_path):
    folder = write("aaaa", 1000)
    descriptor = folder.hold()
    clock = iter([1e12, 1e12 + 5])  # Long after its journal was written.
    history = History(tmp_path / "store", now=lambda: next(clock))
    history.look()
    with folder.events.open("a") as file:
        file.write(events.encode(events.RunEnded(time=1200, code=0, seconds=200.0)) + "\n")
    os.close(descriptor)
    assert history.look()
    assert history.order()[0].state is State.DONE


def test_a_reading_without_time_lists_every_run_and_reads_one(write, tmp_path):
    for place in range(5):
        write(f"aa{place}a", 1000 + place, code=0)
    history = History(tmp_path / "store", now=lambda: 5000.0)
    history.look(0.0)
    assert len(history.order()) == 5
    assert [bool(entry.name) for entry in history.order()] == [True, *[False] * 4]


def test_a_run_is_told_from_the_one_before_of_the_same_file(write, tmp_path):
    write("aaaa", 1000, code=0)
    write("bbbb", 2000, code=0, overrides=("lr=0.2",), seed=3)
    write("cccc", 3000, code=0, overrides=("lr=0.3",), seed=3)
    third, second, first = read(tmp_path / "store").order()
    assert (first.before, first.differs) == ("", ())
    assert (second.before, second.differs) == ("aaaa", ("lr 0.2", "seed 3"))
    assert (third.before, third.differs) == ("bbbb", ("lr 0.2 → 0.3",))


def test_damaged_runs_are_listed_all_the_same(write, tmp_path):
    folder = write("aaaa", 1000, code=0)
    folder.request.write_text('{"file": 3')
    folder.events.write_bytes(b"\xff\xfe{ torn\n")
    empty = tmp_path / "store" / "runs" / "20250101T009999-eeee"
    empty.mkdir()
    found = read(tmp_path / "store").order()
    assert [entry.folder.id for entry in found] == ["eeee", "aaaa"]
    assert {entry.state for entry in found} == {State.WAITING}


def test_other_seeds_are_told_and_stand_in_the_command(write, tmp_path):
    write("aaaa", 1000, code=0)
    write("bbbb", 2000, code=0, seeds=5)
    later, _ = read(tmp_path / "store").order()
    assert later.differs == ("seeds 5",)
    assert command(later).endswith(" --seeds 5")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (FILE, ()),
        (FILE.replace("finetune", "linear_probe"), ("edited tuned",)),
        (FILE + "  more: {uses: compare}\n", ("new more",)),
        (FILE.replace("  low: {uses: dataset}\n", ""), ("without low",)),
        (FILE + "# a comment\n", ()),
        (FILE + "  tuned: [\n", ("file edited",)),
        (FILE.replace("name: a", "name: a\nseeds: 3"), ("new seeds",)),
    ],
)
def test_edits_of_a_file_are_told_by_stage(text, told):
    request = Request(Path("x"), Path("y"))
    assert differences((request, FILE), (request, text)) == told


def test_words_filter_by_what_a_person_sees(write, tmp_path):
    write("aaaa", 1000, code=0)
    write("bbbb", 2000, code=1, overrides=("lr=0.2",))
    every = read(tmp_path / "store").order()
    assert [entry.folder.id for entry in filtered(every, "FAILED lr")] == ["bbbb"]
    assert [entry.folder.id for entry in filtered(every, "aaaa")] == ["aaaa"]
    assert filtered(every, "aaaa failed") == []
