import os
import signal
import subprocess
import sys

import pytest

from engine.store import Store, fs
from pipelines.core.errors import EnvironmentFault

KEY = "ef" + "0" * 62

HOLDER = """
import sys, time
from pathlib import Path
from engine.store import Store
lease = Store(Path(sys.argv[1])).lease(sys.argv[2], "7f3a")
print("held" if lease else "not held", flush=True)
time.sleep(float(sys.argv[3]))
"""

COUNTER = """
import sys, time
from pathlib import Path
from engine.store import Result, Store
store = Store(Path(sys.argv[1]))
waiting = [f"{n:02d}" + "0" * 62 for n in range(20)]
while waiting:
    for key in list(waiting):
        lease = store.lease(key, "run")
        if lease is None:
            continue
        with lease:
            if not isinstance(store.result(key), Result):
                print(key, flush=True)
                time.sleep(0.002)
                store.publish(key, Result(outputs={}))
        waiting.remove(key)
"""


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def holder(store):
    """Another process that holds the lease."""
    command = [sys.executable, "-c", HOLDER, str(store.root), KEY, "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lease_is_held_by_one_process_and_says_by_whom(store, holder):
    assert store.lease(KEY, "other") is None
    assert store.lease_owner(KEY) == f"run 7f3a (pid {holder.pid})"


def test_a_killed_process_frees_its_lease_at_once(store, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lease = store.lease(KEY, "mine")
    assert lease is not None
    assert store.lease_owner(KEY) == f"run mine (pid {os.getpid()})"
    lease.release()


def test_a_lease_whose_file_cannot_be_removed_is_free_all_the_same(store, monkeypatch):
    lease = store.lease(KEY, "a")

    def refuse(disk, path):
        raise EnvironmentFault("too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(fs.Disk, "remove", refuse)
        with pytest.raises(EnvironmentFault, match="too many"):
            lease.release()
    with store.lease(KEY, "b"):
        assert store.lease_owner(KEY).startswith("run b")


def test_a_released_lease_can_be_taken_and_leaves_no_file(store):
    first = store.lease(KEY, "a")
    assert store.lease(KEY, "b") is None
    first.release()
    first.release()
    assert store.lease_owner(KEY) == ""
    with store.lease(KEY, "b"):
        assert store.lease_owner(KEY).startswith("run b")
    assert list((store.root / "locks").iterdir()) == []


def test_a_child_process_does_not_keep_its_dead_parents_lease(store):
    program = HOLDER.replace(
        "time.sleep",
        "import subprocess\n"
        "print(subprocess.Popen(['sleep', '60'], close_fds=False).pid, flush=True); id",
    )
    command = [sys.executable, "-c", program, str(store.root), KEY, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        child = int(process.stdout.readline())
        process.wait()
        lease = store.lease(KEY, "mine")
        os.kill(child, signal.SIGKILL)  # Raises where the lease came only after the child's end.
        assert lease is not None
        lease.release()


def test_an_owner_that_has_not_written_its_name_yet_is_another_run(store):
    store.lease(KEY, "a").release()
    (store.root / "locks" / KEY).write_bytes(b'{"run": ')
    assert store.lease_owner(KEY) == "another run"


def test_four_processes_compute_each_of_twenty_keys_exactly_once(store):
    command = [sys.executable, "-c", COUNTER, str(store.root)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    computed = []
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        computed += out.split()
    assert sorted(computed) == sorted(f"{n:02d}" + "0" * 62 for n in range(20))


def test_a_lock_file_removed_between_opening_and_locking_is_not_taken(store, monkeypatch):
    first, opened = store.lease(KEY, "a"), fs.open_lock

    def open_then_released(path):
        descriptor = opened(path)
        first.release()
        return descriptor

    monkeypatch.setattr(fs, "open_lock", open_then_released)
    with store.lease(KEY, "b"):
        assert store.lease(KEY, "c") is None
        assert store.lease_owner(KEY).startswith("run b")


def test_a_lock_file_is_removed_while_it_is_held(store, monkeypatch):
    lease, remove, seen = store.lease(KEY, "a"), fs.Disk.remove, []

    def try_then_remove(disk, path):
        seen.append(store.lease(KEY, "b"))
        remove(disk, path)

    monkeypatch.setattr(fs.Disk, "remove", try_then_remove)
    lease.release()
    assert seen == [None]
