"""Folders of runs: their names, their order, and whether their runner lives."""

import fcntl
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.rundir import run_folder
from engine.store import location
from pipelines.core.errors import UsageError


def made(store: Path, *ids: str) -> None:
    location.adopt(store)
    for number, name in enumerate(ids):
        (store / "runs" / f"20260101T00000{number}-{name}").mkdir(parents=True)


def test_a_new_run_freezes_what_was_asked_and_lies_in_the_store(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path, b'{"a": 1}', "version: 1\n")
    assert run.request.read_bytes() == b'{"a": 1}'
    assert run.pipeline.read_text() == "version: 1\n"
    assert run.path.parent == tmp_path / "runs"
    assert run_folder.every(tmp_path) == [run]
    assert run.disk.root == tmp_path
    assert not run.events.exists()


def test_an_id_that_is_taken_is_not_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "abab")
    monkeypatch.setattr("secrets.token_hex", lambda width: "ab" * width)
    ids = [run_folder.create(tmp_path, b"", "").id for _ in range(3)]
    assert ids == ["ababab", "abababab", "ababababab"]


def test_runs_of_one_second_keep_their_order(tmp_path: Path) -> None:
    created = [run_folder.create(tmp_path, b"", "") for _ in range(12)]
    assert run_folder.every(tmp_path) == created
    assert run_folder.find(tmp_path) == created[-1]


@pytest.mark.parametrize(
    "last",
    ["20991231T235959.999999-7f3a", "20991231T235959-7f3a", "20991231T235959.000000-7f3a"],
)
def test_the_run_that_was_made_last_is_the_latest_though_the_clock_was_set_back(
    tmp_path: Path, last: str
) -> None:
    location.adopt(tmp_path)
    (tmp_path / "runs" / last).mkdir(parents=True)
    created = [run_folder.create(tmp_path, b"", "") for _ in range(3)]
    assert [run.path.name for run in run_folder.every(tmp_path)] == [
        last,
        *(run.path.name for run in created),
    ]
    assert run_folder.find(tmp_path) == created[-1]


def test_a_run_is_stamped_with_the_time_where_nothing_is_later(tmp_path: Path) -> None:
    location.adopt(tmp_path)
    (tmp_path / "runs" / "99991231T235959.999999-beef").mkdir(parents=True)
    (tmp_path / "runs" / "notes").mkdir(parents=True)
    before = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    name = run_folder.create(tmp_path, b"", "").path.name
    assert before <= name.partition("-")[0] <= datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")


def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    made(tmp_path, "7f3a", "7f9c", "01ab")
    assert run_folder.find(tmp_path, "7f3").id == "7f3a"
    assert run_folder.find(tmp_path, "01ab").id == "01ab"
    assert run_folder.find(tmp_path).id == "01ab"


def test_a_beginning_that_several_runs_share_names_them(tmp_path: Path) -> None:
    made(tmp_path, "7f3a", "7f9c", "01ab")
    with pytest.raises(UsageError, match="several runs begin with '7f': 7f3a, 7f9c"):
        run_folder.find(tmp_path, "7f")


def test_a_run_that_is_not_there_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run yet in .*; `meta run FILE` makes one"):
        run_folder.find(tmp_path)
    made(tmp_path, "7f3a")
    with pytest.raises(UsageError, match="no run '3a' in"):
        run_folder.find(tmp_path, "3a")


def test_what_is_no_folder_is_no_run(tmp_path: Path) -> None:
    made(tmp_path, "7f3a")
    (tmp_path / "runs" / "20270101T000000-beef").write_text("a file")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs" / "20280101T000000-dead").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs" / "notes of mine").mkdir()
    assert run_folder.find(tmp_path).id == "7f3a"


def test_a_run_lives_as_long_as_its_lock_is_held(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path, b"", "")
    assert not run.alive()
    held = run.hold()
    assert run.alive()
    os.close(held)
    assert (run.path / "alive").exists()
    assert not run.alive()


def test_asking_whether_a_run_lives_does_not_take_its_lock(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path, b"", "")
    os.close(run.hold())
    assert not run.alive()
    held = run.hold()
    os.close(held)


def test_two_that_ask_at_once_do_not_take_each_other_for_the_runner(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path, b"", "")
    os.close(run.hold())
    with (run.path / "alive").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not run.alive()


def test_two_runners_cannot_hold_one_run(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path, b"", "")
    held = run.hold()
    with pytest.raises(BlockingIOError):
        run.hold()
    os.close(held)


def test_a_killed_runner_lives_no_more(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path, b"", "")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from engine.rundir.run_folder import RunFolder\n"
        f"held = RunFolder(Path({str(run.path)!r})).hold(); print('held', flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert run.alive()
        process.send_signal(signal.SIGKILL)
    assert not run.alive()


def test_a_request_to_stop_can_become_one_to_kill(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path, b"", "")
    assert run.stop_requested() == ""
    run.request_stop()
    assert run.stop_requested() == "stop"
    run.request_stop(kill=True)
    assert run.stop_requested() == "kill"


def test_files_of_cells_are_named_by_ordinal(tmp_path: Path) -> None:
    run = run_folder.create(tmp_path, b"", "")
    run.metrics(3).write_text("")
    run.log(3).write_text("")
    assert (run.path / "metrics" / "3.jsonl").exists()
    assert (run.path / "logs" / "3.log").exists()
