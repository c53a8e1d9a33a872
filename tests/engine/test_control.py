"""Requests as files: whole or not at all, each read once, and anything else that may lie there."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.rundir import control, run_folder
from engine.rundir.control import Inbox, Wish, ask
from engine.rundir.run_folder import RunFolder
from pipelines.core.errors import UsageError

GOOD = b'{"version": 1, "do": "retry", "cell": "a", "by": "me"}'


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """A run whose runner lives."""
    made = run_folder.create(tmp_path, b"", "")
    held = made.hold()
    yield made
    os.close(held)


def put(folder: RunFolder, name: str, data: bytes) -> Path:
    path = folder.path / "control" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_request_is_read_once_by_the_name_under_which_it_was_asked(folder):
    inbox = Inbox(folder)
    name = ask(folder, "retry", "tuned@seed=0")
    (asked,) = inbox.look()
    assert asked.name == name
    assert isinstance(asked.wish, Wish)
    assert (asked.wish.do, asked.wish.cell) == ("retry", "tuned@seed=0")
    assert asked.wish.by.startswith(f"pid {os.getpid()} on ")
    assert inbox.look(at_once=True) == []
    assert oct((folder.path / "control" / f"{name}.json").stat().st_mode & 0o777) == "0o600"


def test_requests_come_in_the_order_of_asking_and_the_same_twice_is_two(folder):
    names = [ask(folder, "retry", "a"), ask(folder, "retry", "a"), ask(folder, "cancel", "b")]
    assert [asked.name for asked in Inbox(folder).look()] == names
    assert len(set(names)) == 3


def test_an_inbox_looks_a_few_times_a_second_or_when_there_is_no_next_time(folder):
    now = 100.0
    inbox = Inbox(folder, clock=lambda: now)
    assert inbox.look() == []
    name = ask(folder, "retry", "a")
    now = 100.19
    assert inbox.look() == []
    now = 100.2
    assert [asked.name for asked in inbox.look()] == [name]
    ask(folder, "retry", "a")
    assert inbox.look() == []
    assert len(inbox.look(at_once=True)) == 1


def test_many_requests_are_read_over_some_looks_and_none_is_lost(folder):
    for number in range(80):
        put(folder, f"{number:03}.json", GOOD)
    inbox = Inbox(folder)
    found = [len(inbox.look(at_once=True)) for _ in range(4)]
    assert found == [32, 32, 16, 0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is no request: Invalid JSON: EOF while parsing a value"),
        (GOOD[:-9], "it is no request: Invalid JSON: EOF while parsing"),
        (b"\xff\xfe{}", "it is no request: Invalid JSON"),
        (b"[]", "it is no request: Input should be an object"),
        (b"null", "it is no request: Input should be an object"),
        (b"[" * 4000, "it is no request: Invalid JSON: recursion limit exceeded"),
        (b" " * 4097, "it is longer than 4096 bytes"),
        (GOOD.replace(b"1", b"2"), "it is no request: version: Input should be less than"),
        (GOOD.replace(b"1", b'"1"'), "it is no request: version: Input should be a valid integer"),
        (GOOD.replace(b"1", b"true"), "it is no request: version: Input should be a valid integer"),
        (GOOD.replace(b"retry", b"remove"), "it is no request: do: Input should be 'retry', "),
        (GOOD.replace(b'"a"', b"1"), "it is no request: cell: Input should be a valid string"),
        (GOOD.replace(b'"a"', b'""'), "it is no request: cell: String should have at least 1"),
        (GOOD.replace(b'"a"', b'"%b"' % (b"a" * 1001)), "it is no request: cell: String should"),
        (GOOD.replace(b'"me"', b'"%b"' % (b"a" * 201)), "it is no request: by: String should"),
        (GOOD.replace(b'"by"', b'"run"'), "it is no request: run: Extra inputs are not permitted"),
        (b'{"version": 1, "do": "retry"}', "it is no request: cell: Field required"),
        (GOOD.replace(b'"by"', b'"\\u001b[2J"'), "it is no request: \\x1b[2J: Extra inputs"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_once_and_hides_no_other(folder, data, said):
    put(folder, "0.json", data)
    put(folder, "1.json", GOOD)
    inbox = Inbox(folder)
    bad, good = inbox.look()
    assert isinstance(bad.wish, str)
    assert bad.wish.startswith(said)
    assert bad.wish.isprintable()
    assert isinstance(good.wish, Wish)
    assert inbox.look(at_once=True) == []


def test_what_is_no_file_is_neither_followed_nor_waited_for(folder, monkeypatch):
    real = put(folder, "9.json", GOOD)
    place = real.parent
    (place / "0").mkdir()
    (place / "1").symlink_to(real)
    (place / "2").symlink_to(place / "nowhere")
    os.mkfifo(place / "3")
    with socket.socket(socket.AF_UNIX) as bound:
        monkeypatch.chdir(place)  # The name of a socket holds some hundred bytes.
        bound.bind("4")
        Path(os.fsdecode(os.fsencode(place) + b"/5\xff\x1b")).write_bytes(b"{}")
        found = Inbox(folder).look()
    told = {asked.name: asked.wish for asked in found}
    assert told["0"] == told["3"] == "it is no file"
    assert told["1"] == told["2"] == "it cannot be read: Too many levels of symbolic links"
    assert str(told["4"]).startswith("it cannot be read: ")
    assert [name.isprintable() for name in told] == [True] * 7
    assert isinstance(told["9"], Wish)


def test_a_file_in_the_place_of_the_folder_is_told_once(folder):
    (folder.path / "control").write_text("x")
    inbox = Inbox(folder)
    assert inbox.look() == [("control", "it cannot be read: Not a directory")]
    assert inbox.look(at_once=True) == []


def test_nobody_is_asked_where_no_runner_lives_and_nothing_is_written(tmp_path):
    gone = run_folder.create(tmp_path, b"", "")
    with pytest.raises(UsageError, match=f"run {gone.id} does not run"):
        ask(gone, "retry", "a")
    assert not (gone.path / "control").exists()
    deleted = RunFolder(tmp_path / "runs" / "20260101T000000-7f3a")
    with pytest.raises(UsageError):
        ask(deleted, "retry", "a")
    assert not deleted.path.exists()


WRITER = """
import sys, time
from pathlib import Path
from engine.rundir.run_folder import RunFolder
from engine.store import fs
def slow(disk, path, content, mode, write=fs.Disk._write):
    write(disk, path, [next(iter(content))[:20]], mode)
    print("half", flush=True)
    time.sleep(60)
fs.Disk._write = slow
from engine.rundir import control
control.ask(RunFolder(Path(sys.argv[1])), "retry", "a")
"""


def test_a_writer_that_is_killed_half_way_has_asked_nothing_and_the_next_one_is_heard(folder):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder.path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half\n"
        writer.send_signal(signal.SIGKILL)
    assert list((folder.path.parent.parent / "tmp").iterdir()) != []
    assert Inbox(folder).look() == []
    name = ask(folder, "retry", "a")
    assert [asked.name for asked in Inbox(folder).look()] == [name]


def test_a_name_tells_when_it_was_asked(folder, monkeypatch):
    monkeypatch.setattr(control.time, "time_ns", lambda: 12)
    assert ask(folder, "retry", "a").startswith("00000000000000000012-")
