"""Stages that misbehave: each ends its own cell with a clear word, and leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import TOYS
from engine.execution.cell_task import Options, describe
from engine.identity.resolver import resolver
from engine.library.artifacts import Scores
from engine.planning.load import load
from engine.planning.run_request import Request
from engine.rundir import run_folder
from engine.workers import FINAL, Message, Task, connection, processes
from engine.workers.inline import failure
from engine.workers.local import Local
from engine.workers.run_cell import check_scores
from engine.workers.slot import MARK
from pipelines.core.errors import StageError
from pipelines.core.os_errors import no_room

PATIENCE = 60.0


class Stand:
    """A pool of one slot, and a folder in which stages do what they are told."""

    def __init__(self, folder: Path, pool: Local) -> None:
        self.folder, self.pool = folder, pool
        for name in ("act.py", "toynumber.py"):
            shutil.copy(TOYS / name, folder / name)
        self.log = Path()

    def task(self, code: str) -> Task:
        file = self.folder / "pipeline.yaml"
        head = "version: 1\nname: rogue\nstages:\n"
        file.write_text(f"{head}  a: {{uses: act, with: {json.dumps({'code': code})}}}\n")
        request = Request(file, self.folder / ".meta", stage_files=(self.folder / "act.py",))
        found = resolver(load(request), request.store)
        folder = run_folder.create(request.store, b"", "")
        self.log = folder.log(0)
        options = Options(stage_files=request.stage_files)
        return describe(found, found.pipeline.cells[0], "0" * 64, {}, self.log, options)

    def run(self, code: str) -> list[Message]:
        """All that is heard of a cell; nothing that it started is there afterwards."""
        self.pool.submit(0, self.task(code))
        marks = [slot._mark for slot in self.pool._slots]
        keepers = {slot.pid for slot in self.pool._slots}
        heard = self.finish()
        self.is_empty()
        left = {pid for mark in marks for pid, _ in processes.marked(MARK, mark)}
        assert left <= keepers
        return heard

    def is_empty(self) -> None:
        for slot in self.pool._slots:
            slot._retire()  # Of a test before.
            deadline = time.monotonic() + PATIENCE
            while processes.below(slot.pid) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert processes.below(slot.pid) == set()

    def finish(self) -> list[Message]:
        heard: list[Message] = []
        deadline = time.monotonic() + PATIENCE
        while not (heard and heard[-1].kind in FINAL):
            assert time.monotonic() < deadline, heard
            heard += self.pool.poll(0.2)
        return heard


@pytest.fixture(scope="module")
def pool() -> Iterator[Local]:
    local = Local(1)
    yield local
    local.close()


@pytest.fixture
def stand(tmp_path, pool) -> Stand:
    return Stand(tmp_path, pool)


SLEEPER = "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
"""
SOCKETS = """
folder = '/proc/self/fd/'
links = {n: os.readlink(folder + n) for n in os.listdir(folder) if os.path.exists(folder + n)}
sockets = [int(n) for n, link in links.items() if link.startswith('socket:')]
assert len(sockets) == 1, links
"""


WRITES = """
class Odd(Number):
    def write(self, folder):
        {}
returned = Made(Odd(1.0))
"""
LOWER = "from engine.workers import worker\nworker.MOST_FRAMES = 20_000\n"
"""A million frames take seconds."""
SHOWN = "Odd: (its text cannot be shown: ValueError)"
FORGED = b'{"cell": 0, "token": "", "kind": "done", "body": {}}\n'


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("os._exit(0)", "lost", "its worker ended: exit code 0 before the stage returned"),
        ("os._exit(3)", "lost", "its worker ended: exit code 3"),
        ("os.abort()", "lost", "its worker ended: killed by SIGABRT"),
        ("import ctypes; ctypes.string_at(0)", "lost",
         "its worker ended: killed by SIGSEGV: a fault in C code, or a recursion deeper than its "
         "stack; see the log"),
        ("os.kill(os.getpid(), 9)", "lost", "its worker ended: killed by SIGKILL, out of memory?"),
        ("raise SystemExit", "failed",
         "SystemExit: 0 (a stage returns or raises; it does not exit)"),
        ("sys.exit('bye \\x1b[31m')", "failed",
         "SystemExit: bye \\x1b[31m (a stage returns or raises; it does not exit)"),
        ("raise KeyboardInterrupt", "failed", "KeyboardInterrupt"),
        ("from engine.stage_api.run import Interrupted\nraise Interrupted(5)", "failed",
         "it says that it was interrupted, though nobody asked it to stop; nothing was saved"),
        ("raise GeneratorExit('gen')", "failed", "GeneratorExit: gen"),
        ("raise BaseException('base')", "failed", "BaseException: base"),
        ("raise ExceptionGroup('two', [ValueError(1), ValueError(2)])", "failed",
         "ExceptionGroup: two (2 sub-exceptions)"),
        ("class E(Exception):\n  def __str__(self): raise SystemExit\nraise E", "failed",
         "E: (its text cannot be shown: SystemExit)"),
        ("class E(Exception):\n  def __str__(self): return 3\nraise E", "failed",
         "E: (its text cannot be shown: TypeError)"),
        ("def f(): return f() + 1\nf()", "failed",
         "RecursionError: maximum recursion depth exceeded"),
        (LOWER + "sys.setrecursionlimit(10**9)\ndef f(): return f() + 1\nf()", "failed",
         "RecursionError: maximum recursion depth exceeded"),
        pytest.param(
            "sys.setrecursionlimit(10**9)\ndef f(): return f() + 1\nf()", "failed",
            "RecursionError: maximum recursion depth exceeded", marks=pytest.mark.slow,
        ),
        ("returned = None", "failed",
         "stage type act returned NoneType, not the dataclass of its signature with number"),
        ("returned = Made", "failed", "stage type act returned type, not the dataclass"),
        ("returned = Number(1.0)", "failed", "stage type act returned Number, not the dataclass"),
        (WRITES.format("(folder / 'x').symlink_to('/etc/passwd')"), "failed",
         "Odd wrote `x`, which is no plain file"),
        (WRITES.format("(folder / 'x').mkdir()"), "failed", "Odd wrote `x`, which is no plain"),
        (WRITES.format("os.mkfifo(folder / 'x')"), "failed", "Odd wrote `x`, which is no plain"),
        (WRITES.format("open(os.fsencode(folder) + b'/\\xff', 'w').close()"), "failed",
         "the name of a file that Odd wrote is `\\udcff`, which is not Unicode text"),
        (WRITES.format("folder.rmdir()"), "failed",
         "Odd removed the folder that it was to write into"),
        ("input('who? ')", "failed", "EOFError: EOF when reading a line"),
        (SOCKETS + "os.write(sockets[0], b'rubbish \\x1b[31m\\n'); time.sleep(600)", "failed",
         "its process sent rubbish to the runner (what was sent is no message: rubbish \\x1b[31m): "
         "a stage must not write to descriptors that it did not open"),
        (SOCKETS + "os.write(sockets[0], b'no newline')", "failed",
         "its process sent rubbish to the runner (what was sent is no message: "
         'no newline{"cell": 0, "token": "..."'),
        (SOCKETS + f"os.write(sockets[0], {FORGED!r})",
         "failed", "its process sent rubbish to the runner (a message `done` has not its token): "),
        (SOCKETS + "os.close(sockets[0])", "lost",
         "its worker ended: the stage closed or replaced the descriptor on which it answers"),
        (SOCKETS + "os.dup2(os.open('/dev/null', os.O_RDWR), sockets[0])", "lost",
         "its worker ended: the stage closed or replaced the descriptor on which it answers"),
        (SOCKETS + "import socket; a, b = socket.socketpair(); os.dup2(a.fileno(), sockets[0])",
         "lost",
         "its worker ended: the stage closed or replaced the descriptor on which it answers"),
        ("os.closerange(0, 4096)", "lost",
         "its worker ended: the stage closed or replaced the descriptor on which it answers"),
        ("os.close(1); print('x')", "failed", "OSError: [Errno 9] Bad file descriptor"),
        ("sys.stdout = open(os.open('/dev/full', os.O_WRONLY), 'w'); print('x')", "failed",
         "what it printed cannot be written to its log: [Errno 28] No space left on device"),
        ("if os.fork() == 0: time.sleep(600)\nos._exit(3)", "lost",
         "its worker ended: exit code 3"),
        (DAEMON + "os.kill(os.getpid(), 9)", "lost", "its worker ended: killed by SIGKILL"),
        (SLEEPER + "raise ValueError(1)", "failed", "ValueError: 1"),
        ("os.kill(os.getppid(), 9); time.sleep(600)", "lost",
         "the process above its own ended: killed by SIGKILL"),
        (DAEMON + SLEEPER + "time.sleep(0.2); os.kill(os.getppid(), 9); time.sleep(600)", "lost",
         "the process above its own ended: killed by SIGKILL"),
    ],
)  # fmt: skip
def test_a_stage_that_misbehaves_ends_its_own_cell_with_a_clear_word(stand, code, kind, said):
    final = stand.run(code)[-1]
    assert final.kind == kind
    assert final.body["error"].startswith(said)
    if kind == "lost":  # The cells of the tests that follow are as good a sign for the others.
        assert stand.run("pass")[-1].kind == "done"


def broken(self: object, *_: object) -> str:
    raise ValueError("broken")


@pytest.mark.parametrize(
    ("bases", "space", "said"),
    [
        ((Exception,), {"__module__": None}, "Odd: x"),
        ((Exception,), {"__module__": "torch", "__str__": broken}, SHOWN),
        ((OSError,), {"errno": property(broken), "filename": property(broken)}, "Odd: x"),
        ((StageError,), {"__str__": broken}, SHOWN.removeprefix("Odd: ")),
        ((Exception,), {"__bool__": broken, "__traceback__": property(broken)}, "Odd: x"),
        ((Exception,), {"__cause__": property(broken), "__repr__": broken}, "Odd: x"),
        ((Exception,), {"__class__": property(broken)}, "Odd: x"),
    ],
)
def test_an_error_whose_class_is_broken_has_its_name_and_its_line(tmp_path, bases, space, said):
    odd = type("Odd", bases, space)
    assert no_room(odd("x"), tmp_path) == 0
    for named in (OSError([1], "x"), OSError(28, "x", "a\0b"), OSError(28, "x", 7)):
        assert no_room(named, tmp_path) in (0, 28)
    try:
        raise odd("x")
    except BaseException as error:  # noqa: BLE001 (whatever a stage may raise)
        body = failure(0, error).body
    assert body["error"] == said
    assert bases == (StageError,) or 'raise odd("x")' in body["traceback"]


def test_a_long_error_is_cut_before_it_is_formatted():
    def deep(frames: int) -> int:
        return deep(frames - 1) + 1 if frames else 1 // 0

    sys.setrecursionlimit((before := sys.getrecursionlimit()) + 9000)
    try:
        with pytest.raises(ZeroDivisionError) as raised:
            deep(9000)
    finally:
        sys.setrecursionlimit(before)
    told = failure(0, raised.value).body["traceback"]
    assert re.search(r"\[Previous line repeated 199\d more times\]", told)
    assert told.endswith("ZeroDivisionError: integer division or modulo by zero\n")
    assert len(list(traceback.walk_tb(raised.value.__traceback__))) == 2000


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_of_a_long_chain_of_errors_the_newest_are_told(link):
    error = ValueError("number 0")
    for number in range(1, 3000):
        before, error = error, ValueError(f"number {number}")
        setattr(error, link, before)
    told = failure(0, error).body["traceback"]
    assert told.count("ValueError: ") == 21
    assert told.startswith("ValueError: number 2979\n")
    assert told.endswith("ValueError: number 2999\n")


EXHAUST = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
EXHAUST += "while True: os.open('/dev/null', os.O_RDONLY)"
EVERY = "try:\n  while True: os.open('/dev/null', os.O_RDONLY)\nexcept OSError: pass"
LIMIT = "import resource; resource.setrlimit(resource."
FSIZE = "it lowered its own limit on the size of files (RLIMIT_FSIZE)"
CHROOT = "the stage changed the root folder of its process (chroot), from which its result cannot"
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user and its root")
DENIED = "PermissionError: [Errno 13] Permission denied: '/x'"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os.write(os.open('/dev/full', os.O_WRONLY), b'x')",
         "OSError: [Errno 28] No space left on device"),
        ("raise OSError(28, 'full', '/x')", "OSError: [Errno 28] full: '/x'"),
        (WRITES.format("raise OSError(28, 'full', '/x')"), "OSError: [Errno 28] full: '/x'"),
        ("raise OSError(13, 'Permission denied', '/x')", DENIED),
        (EXHAUST, "OSError: [Errno 24] Too many open files: '/dev/null'"),
        (f"try: exec({EXHAUST!r})\nexcept OSError: pass", "it lowered its own limit on open files"),
        (EVERY, "the stage left no descriptors to write its result (Too many open files): close"),
        (f"{LIMIT}RLIMIT_FSIZE, (1, 1))", f"{FSIZE} to 1: do that in a process that the stage"),
        (WRITES.format(f"{LIMIT}RLIMIT_FSIZE, (1, 1)); (folder / 'x').write_text('abc')"), FSIZE),
        (f"{LIMIT}RLIMIT_NOFILE, (3, 3))",
         "it lowered its own limit on open files (RLIMIT_NOFILE) to 3: do that in a process that"),
        pytest.param("os.chroot(run.folder)", CHROOT, marks=ROOT),
        pytest.param(WRITES.format("os.chroot(folder)"), CHROOT, marks=ROOT),
        pytest.param(
            "os.setuid(65534)", "the stage changed the user of its process from 0 to 65534",
            marks=ROOT,
        ),
    ],
)  # fmt: skip
def test_what_the_machine_refuses_a_stage_is_no_fault_of_the_store(stand, code, said):
    final = stand.run(code)[-1]
    assert (final.kind, final.body["code"]) == ("failed", 1)
    assert final.body["error"].startswith(said)
    assert ("Traceback" in final.body["traceback"]) == ("Error" in said)


@pytest.mark.parametrize(
    "code",
    [
        "sys.setrecursionlimit(10**9); assert sys.getrecursionlimit() == 10**6",
        "os.fork()",
        "for _ in range(3): os.fork()",
        "if os.fork() == 0: raise SystemExit",
        "sys.stdout = None",
        "sys.stdout.close()",
        "sys.stdin.readline()",
        "os.read(0, 100)",
        "os.closerange(3, 100)",
        "for n in range(3, 64):\n  try: os.write(n, b'rubbish\\n')\n  except OSError: pass",
        "threading.Thread(target=time.sleep, args=(600,)).start()",
        "threading.Thread(target=lambda: [print('late') or time.sleep(0.01) for _ in range(99)],"
        " daemon=True).start()",
        "for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):\n"
        "  os.kill(os.getppid(), n)",
        "for n in range(1, 64):\n  try: signal.signal(n, signal.SIG_IGN)\n  except OSError: pass",
        "import atexit; atexit.register(time.sleep, 600)",
        "run.report(10**30, loss=1e308); run.report(-5, **{'\\x1b' * 5000: float('nan')})",
    ],
)  # fmt: skip
def test_what_harms_nobody_is_right(stand, code):
    heard = stand.run(code)
    assert [message.kind for message in heard][:1] == ["begun"]
    assert heard[-1].kind == "done", heard[-1]
    assert heard[-1].body["outputs"]["number"]["type"] == "Number"


def test_a_process_that_a_stage_forked_cannot_speak_for_it(stand):
    says = """
child = os.fork()
if child == 0:
    try: run.note('from below')
    except Exception as error: print(error)
    run.report(1, loss=1.0)
os.waitpid(child, 0)
"""
    heard = stand.run(says)
    assert [message.kind for message in heard] == ["begun", "metrics", "done"]
    assert heard[1].body["steps"] == []
    told = "a process that the stage forked cannot report: only its parent can"
    assert told in stand.log.read_text()


@pytest.mark.parametrize("code", [SLEEPER, DAEMON, SLEEPER + DAEMON + "time.sleep(0.2)"])
def test_what_a_stage_left_running_is_ended_and_told(stand, code):
    *_, note, final = stand.run(code)
    count = code.count("600")
    assert final.kind == "done"
    assert note.kind == "note"
    assert note.body["text"].startswith(f"{count} process")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("raise MemoryError", "memory"),
        ("bytearray(1 << 60)", "memory"),
        ("raise OSError(12, 'Cannot allocate memory')", "memory"),
        ("raise RuntimeError('[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't '"
         " 'allocate memory')".replace("can't", "cannot"), "memory"),
        ("class OutOfMemoryError(RuntimeError): pass\nraise OutOfMemoryError", "memory"),
        ("raise RuntimeError('CUDA error: out of memory')", "memory"),
        ("try: raise MemoryError\nexcept MemoryError as e: raise ValueError(1) from e", "memory"),
        ("raise ValueError('out of memory')", "error"),
        ("raise OSError(2, 'No such file')", "error"),
        ("os.kill(os.getpid(), 9)", "lost"),
        ("os._exit(1)", "lost"),
    ],
)  # fmt: skip
def test_a_failure_has_a_class(stand, code, fault):
    assert stand.run(code)[-1].body["fault"] == fault


def test_a_flood_of_words_is_bounded(stand):
    heard = stand.run("run.note('n' * 10**7)\nfor i in range(3000): run.note(f'note {i}')")
    notes = [message.body["text"] for message in heard if message.kind == "note"]
    assert len(notes) == 1001
    assert len(notes[0]) < 21_000
    assert notes[-1] == "this cell has more than 1000 notes: the rest is left out"
    heard = stand.run("raise ValueError(('x' * 99 + '\\n') * 100_000)")
    assert heard[-1].body["error"] == "ValueError: " + "x" * 99
    assert len(heard[-1].body["traceback"]) <= 20_000
    many = "for i in range(3): run.report(i, **{f'm{j}': 1.0 for j in range(40_000)})"
    batches = [message.body for message in stand.run(many) if message.kind == "metrics"]
    assert [step for batch in batches for step in batch["steps"]] == [0, 1, 2]


POISON = """
import tempfile, engine.stage_api.run
os.environ['LEFT'] = '1'
os.chdir(tempfile.gettempdir())
os.umask(0)
sys.setrecursionlimit(500)
sys.path.insert(0, '/nowhere')
engine.stage_api.run.FAST_GAP = 9.0
signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
CLEAN = """
import tempfile, engine.stage_api.run
assert 'LEFT' not in os.environ
assert os.getcwd() != tempfile.gettempdir()
assert os.umask(0o77) != 0
assert sys.getrecursionlimit() == 1000
assert '/nowhere' not in sys.path
assert engine.stage_api.run.FAST_GAP == 0.1
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
"""


def test_what_a_stage_changes_in_its_process_reaches_no_other(stand):
    assert stand.run(POISON)[-1].kind == "done"
    assert stand.run(CLEAN)[-1].kind == "done"


def warm(stand: Stand, code: str) -> list[Message]:
    """As a cell of our own code that has the fault of a user's."""
    # The stage's own file adds its folder, which ours need not.
    stand.pool.submit(0, {**stand.task(f"sys.path.pop()\n{code}"), "alone": False})
    return stand.finish()


def test_a_warm_process_in_which_something_changed_is_replaced(stand):
    assert [message.kind for message in warm(stand, POISON)] == ["begun", "metrics", "done"]
    note, *rest = warm(stand, CLEAN)
    assert note.body["text"].startswith("an earlier cell had left working directory: ")
    assert note.body["text"].endswith(": this one ran in a new process")
    assert [message.kind for message in rest] == ["begun", "metrics", "done"]


def test_a_cell_in_a_new_process_may_take_longer_than_the_old_one_had_to_end(stand, monkeypatch):
    warm(stand, POISON)
    monkeypatch.setattr("engine.workers.slot.END_SECONDS", 0.3)
    assert warm(stand, "import time; time.sleep(1.5)")[-1].kind == "done"


def test_a_warm_process_with_children_left_is_replaced(stand):
    def pid() -> int:
        (left,) = processes.below(stand.pool._slots[0].pid)
        return left[0]

    before = [warm(stand, "pass")[-1].kind, pid()]
    assert [warm(stand, "pass")[-1].kind, pid()] == before
    for code in (SLEEPER, DAEMON + "time.sleep(0.2)"):
        *_, note, final = warm(stand, code)
        assert (note.body["text"][:9], final.kind) == ("1 process", "done")
        assert processes.below(stand.pool._slots[0].pid) == set()
        assert warm(stand, "pass")[-1].kind == "done"
        assert pid() != before[1]
    stand.pool._slots[0]._retire()


def test_a_line_without_end_is_rubbish(stand, monkeypatch):
    monkeypatch.setattr(connection, "MOST_LINE_BYTES", 1 << 20)
    final = stand.run(SOCKETS + "os.write(sockets[0], b'x' * (2 << 20)); time.sleep(600)")[-1]
    assert "rubbish" in final.body["error"]


def test_a_cell_that_does_not_go_on_is_ended_with_its_stacks_in_the_log(stand):
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nimport ctypes\n"
    codes = {
        "sleeps": DAEMON + "def asleep(): time.sleep(600)\nasleep()",
        "holds the GIL": deaf + "def asleep(): ctypes.PyDLL(None).pause()\nasleep()",
        "is stopped": "def asleep(): os.kill(os.getpid(), 19); time.sleep(600)\nasleep()",
        "has closed its log": "def asleep(): os.closerange(0, 64); time.sleep(600)\nasleep()",
    }
    for what, code in codes.items():
        stand.pool.submit(0, stand.task(code))
        begun = []
        while not begun:
            begun = stand.pool.poll(1.0)
        time.sleep(0.3)
        stand.pool.end(0, "no progress for 7 s (stall: 7)")
        final = stand.finish()[-1]
        assert (final.kind, final.body["error"]) == ("lost", "no progress for 7 s (stall: 7)"), what
        stand.is_empty()
        log = stand.log.read_text()
        assert "no progress for 7 s (stall: 7); the stacks of its threads:" in log
        assert " in asleep\n" in log, what


@pytest.mark.parametrize("code", ["time.sleep(600)", DAEMON + "os.kill(os.getpid(), 19)"])
def test_a_kill_ends_what_is_deaf_and_what_is_below_it(stand, code):
    stand.pool.submit(0, stand.task(code))
    while not stand.pool.poll(1.0):
        pass
    time.sleep(0.3)
    stand.pool.cancel(kill=True)
    assert stand.finish()[-1].kind == "lost"
    stand.is_empty()


def test_the_end_of_a_runner_is_the_end_of_all_that_its_cells_started(tmp_path):
    local = Local(1)
    stand = Stand(tmp_path, local)
    local.submit(0, stand.task(DAEMON + SLEEPER + "time.sleep(600)"))
    while not local.poll(1.0):
        pass
    time.sleep(0.3)
    (slot,) = local._slots
    below = processes.below(slot.pid)
    assert len(below) == 3
    # As the kernel does when the runner is killed: its end of the socket is closed.
    slot._control.shutdown(socket.SHUT_RDWR)
    slot._keeper.wait(PATIENCE)
    assert [pid for pid, start in below if processes.started(pid) == start] == []
    local.close()
    assert slot._keeper.returncode == 0


def test_without_forks_a_cell_has_a_process_of_its_own_too(tmp_path):
    local = Local(1, forks=False)
    stand = Stand(tmp_path, local)
    try:
        assert stand.run("os.environ['X'] = '1'; os.fork()")[-1].kind == "done"
        final = stand.run(SLEEPER + "assert 'X' not in os.environ\nraise KeyboardInterrupt")[-1]
        assert final.body["error"] == "KeyboardInterrupt"
    finally:
        local.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_words_of_scores_that_are_no_unicode_are_named(tmp_path):
    for words in (
        {"notes": ("a\udcff",)},
        {"curves": {"a\udcff": ()}},
        {"chosen": {"a": "a\udcff"}},
    ):
        with pytest.raises(StageError, match=r"scores.json: `.*a\\udcff` is not Unicode text"):
            Scores({"t/a": 1.0}, **words).write(tmp_path)


WRITE = "a score is a number of Python; write `float(x)`"
LARGEST = "and statistics are made of scores up to 1e+300: has it diverged?"


@pytest.mark.parametrize(
    ("metrics", "status", "said"),
    [
        ({"t/a": float("nan")}, "ok", "the score `t/a` is nan: a score is a finite number"),
        ({"t/a": 1.0, "t/\x1b": float("-inf")}, "ok", "the score `t/\\x1b` is -inf: a score is a"),
        (
            {"t/a": True},
            "ok",
            "the score `t/a` is True of type bool: a score is a number",
        ),
        ({"t/a": "0.5"}, "ok", f"the score `t/a` is 0.5 of type str: {WRITE}"),
        ({"t/a": np.float32(0.5)}, "ok", f"the score `t/a` is 0.5 of type numpy.float32: {WRITE}"),
        ({"t/a": np.int64(3)}, "ok", f"the score `t/a` is 3 of type numpy.int64: {WRITE}"),
        ({"t/a": np.array(2.0)}, "ok", f"the score `t/a` is 2.0 of type numpy.ndarray: {WRITE}"),
        (
            {"t/a": torch.tensor(0.5)},
            "diverged",
            f"the score `t/a` is tensor(0.5000) of type torch.Tensor: {WRITE}",
        ),
        (
            {"t/a": None},
            "ok",
            "the score `t/a` is None of type NoneType: a score is a number of "
            "Python; leave out one that does not apply",
        ),
        ({3: 1.0}, "ok", "the name of a score is of type int: write text, as `task/accuracy`"),
        ({"t/\udcff": 1.0}, "ok", "the name of a score is `t/\\udcff`, which is not Unicode text"),
        ({"t/a": 10**400}, "ok", "the score `t/a` is a whole number that no float can hold"),
        ({"t/a": -2e300}, "ok", f"the score `t/a` is -2e+300, {LARGEST}"),
        ({"t/a": 10**305}, "ok", "the score `t/a` is 1000"),
        ({"t/a": 0.5}, "fine", "scores are `ok` or `diverged`, not fine"),
    ],
)
def test_a_score_that_is_no_number_is_named(metrics, status, said):
    with pytest.raises(StageError) as caught:
        check_scores(Scores(metrics, status=status))
    assert str(caught.value).startswith(said)


def test_scores_of_which_statistics_are_made_are_bounded_and_those_of_diverged_ones_are_not():
    check_scores(Scores({"t/a": np.float64(1e300), "t/b": 3}, {"t/a": ((1, -1e300),)}))
    check_scores(Scores({"t/a": 1e308}, {"t/a": ((1, 1e308),)}, status="diverged"))
    for huge in ({"curves": {"t/a": ((1, 1e301),)}}, {"each": {"t/a": (1.0, -1e301)}}):
        with pytest.raises(StageError, match=r"the score `t/a` is -?1e\+301, and statistics are"):
            check_scores(Scores({"t/a": 1.0}, **huge))
