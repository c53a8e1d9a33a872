"""Every verb on stores of others, half-copied and hostile ones: a line and an exit code.

In this process where it can be: a verb that raises anything fails the test, and a verb that waits
for somebody at the other end of a pipe is interrupted.
"""

import gc
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from engine.execution import launch
from engine.planning.run_request import Request
from engine.rundir import run_folder
from engine.store import Output, Result, Store, location, marker
from meta_tui.cli import app, main
from meta_tui.cli.app import application
from meta_tui.readers.run_index import History

HERE = Path(__file__).parent
FILE = """\
version: 1
name: nights
stages:
  first: {uses: nap}
  second: {uses: nap, from: {after: first}}
"""
STAGES = ("--stages", str(HERE / "toy_stages.py"))
READERS = (
    ("status",), ("status", "--json"), ("show",), ("show", "first"), ("show", "first", "--json"),
    ("logs", "first"), ("watch", "--plain"), ("cache", "verify"),
)  # fmt: skip
ASKERS = (("stop",), ("stop", "first"), ("retry", "first"))
PLANNERS = (("check", "p.yaml", *STAGES), ("plan", "p.yaml", *STAGES))
RUN = ("run", "p.yaml", "--plain", *STAGES)
EACH = (("status",), ("show", "first"), ("logs", "first"), ("watch", "--plain"), ("stop",),
        ("retry", "first"), PLANNERS[1])  # fmt: skip
"""A verb of each way to read a run."""
NEWEST = "20990101T000000.000000-dead"
HANGS_SECONDS = 30


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def one_line(self) -> bool:
        return self.err.count("\n") == 1 and self.err.startswith("error: ")


@pytest.fixture(scope="module")
def commands() -> Callable[[str], Callable[[], object]]:
    """The application with a verb; each is made once, for over a thousand commands."""
    return cache(lambda verb: get_command(application(verb)))


@pytest.fixture
def meta(monkeypatch, made, commands) -> Iterator[Callable[..., Said]]:
    """Runs a verb in this process, in the folder of the pipeline."""
    monkeypatch.chdir(made)
    monkeypatch.setattr(app, "application", commands)
    threshold, handler = gc.get_threshold(), signal.getsignal(signal.SIGINT)

    def hangs(*_: object) -> None:
        raise AssertionError("it waits for something that does not come")

    before = signal.signal(signal.SIGALRM, hangs)

    def run(*words: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["meta", *words])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            signal.alarm(HANGS_SECONDS)
            try:
                code = main()
            except SystemExit as left:
                code = left.code or 0
            finally:
                signal.alarm(0)
        return Said(int(code), out.getvalue(), err.getvalue())

    yield run
    signal.signal(signal.SIGALRM, before)
    signal.signal(signal.SIGINT, handler)
    gc.set_threshold(*threshold)


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Path:
    """A folder with a pipeline that ran once."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "p.yaml").write_text(FILE)
    request = Request(folder / "p.yaml", folder / ".meta", stage_files=(HERE / "toy_stages.py",))
    assert launch.run(request, lambda _: None) == 0
    return folder


@pytest.fixture
def made(ran, tmp_path, monkeypatch) -> Path:
    """A copy of it."""
    monkeypatch.delenv("META_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return shutil.copytree(ran, tmp_path / "place", symlinks=True)


def tree(folder: Path, without: str = "") -> dict[str, tuple[int, bytes]]:
    """Names, times and bytes of all that lies in a folder."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        name = str(path.relative_to(folder))
        if without and name.startswith(without):
            continue
        data = path.read_bytes() if path.is_file() else b""
        found[name] = (path.lstat().st_mtime_ns, data)
    return found


@pytest.mark.parametrize("kind", ["marked", "older", "others", "empty", "none"])
def test_what_only_looks_writes_nothing_but_the_memo(meta, made, kind):
    root = made / ".meta"
    if kind == "older":
        (root / marker.NAME).unlink()
    elif kind in {"others", "empty", "none"}:
        shutil.rmtree(root)
    if kind == "others":
        (root / "tmp" / "thesis").mkdir(parents=True)
        (root / "memo").mkdir()
    elif kind == "empty":
        root.mkdir()
    for path in (root / "tmp").glob("*"):
        os.utime(path, (0, 0))
    if kind == "marked":
        (root / "tmp" / ("ab" * 16)).write_text("old")
        os.utime(root / "tmp" / ("ab" * 16), (0, 0))
    before = tree(made, ".meta/memo/" if kind == "marked" else "")
    codes = {}
    for words in (*PLANNERS, *READERS, *ASKERS, ("stages",), ("ui",), ("watch",)):
        codes[words] = meta(*words).code
        now = tree(made, ".meta/memo/" if kind == "marked" else "")
        if kind == "marked":
            now[".meta/memo"] = before[".meta/memo"]
        assert now == before, words
    there = kind in {"marked", "older"}
    assert codes["status",] == codes["show", "first"] == (0 if there else 2)
    assert codes[PLANNERS[1]] == 0


def test_a_run_adopts_an_older_store_and_finds_its_results(meta, made):
    (made / ".meta" / marker.NAME).unlink()
    assert "2 hit" in meta(*PLANNERS[1]).out
    assert "2 cached" in meta(*RUN).out
    assert (made / ".meta" / marker.NAME).is_file()


def test_runs_without_a_marker_and_a_whole_result_are_said_to_be_passed_by(meta, made):
    (made / ".meta" / marker.NAME).unlink()
    shutil.rmtree(made / ".meta" / "results")
    said = meta("status")
    assert (said.code, said.one_line) == (2, True)
    assert f"{made / '.meta'} has no meta-store.json and no whole result: it is left" in said.err


def test_where_other_things_lie_the_store_is_below(meta, made, monkeypatch):
    mine = made / "mine"
    (mine / "tmp" / "thesis").mkdir(parents=True)
    os.utime(mine / "tmp" / "thesis", (0, 0))
    shutil.move(made / ".meta", mine / ".meta")
    monkeypatch.setenv("META_HOME", str(mine))
    assert meta("status").code == 0
    assert "2 cached" in meta(*RUN).out
    assert (mine / "tmp" / "thesis").is_dir()


REFUSED: dict[str, Callable[[Path], object]] = {
    "is a link": lambda root: _linked(root / "results"),
    "newer meta": lambda root: (root / marker.NAME).write_text('{"format":9,"kind":"meta store"}'),
    "not what meta wrote": lambda root: (root / marker.NAME).write_text("{}"),
    "it is no folder": lambda root: _file(root / "objects"),
}


def _linked(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def _file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("")


@pytest.mark.parametrize("told", REFUSED)
def test_a_store_that_is_not_to_be_used_is_refused_by_every_verb(meta, made, told):
    REFUSED[told](made / ".meta")
    before = tree(made)
    for words in (*PLANNERS, *READERS, *ASKERS, RUN):
        said = meta(*words)
        assert (said.code, said.one_line) == (3, True), (words, said)
        assert told in said.err
        assert said.out == ""
    assert tree(made) == before


@pytest.mark.parametrize("given", ["/dev/null/x", "/dev/null", "p.yaml", "p.yaml/below"])
def test_a_place_that_can_be_no_folder_is_refused_by_every_verb(meta, made, monkeypatch, given):
    monkeypatch.setenv("META_HOME", given)
    for words in (*PLANNERS, *READERS, *ASKERS, RUN):
        said = meta(*words)
        assert (said.code, said.one_line) == (3, True), (words, said)
        assert "set META_HOME to a folder" in said.err


def test_without_a_working_directory_every_verb_says_so(meta, made, monkeypatch):
    (made / "gone").mkdir()
    monkeypatch.chdir(made / "gone")
    (made / "gone").rmdir()
    for words in (*PLANNERS, *READERS, *ASKERS, RUN, ("stages",), ("schema",), ("ui",)):
        said = meta(*words)
        assert (said.code, said.one_line) == (3, True), (words, said)
        assert "there is no working directory" in said.err


BARRED = {
    "runs": (*PLANNERS, *READERS, *ASKERS, RUN),
    "objects": (*PLANNERS, *READERS, *ASKERS, RUN),
    "memo": (*PLANNERS, *READERS, *ASKERS, RUN),
    "memo/code.json": (PLANNERS[1], RUN),
    "runs/*/events.jsonl": (*READERS[:-1], *ASKERS[1:]),
    "runs/*": READERS[:-1],
    "results/*": (PLANNERS[1], ("show", "first"), RUN),
    "objects/*": (PLANNERS[1], ("show", "first"), RUN),
    "": (*PLANNERS, *READERS, *ASKERS, RUN),
}


def bar(monkeypatch: pytest.MonkeyPatch, barred: set[str]) -> None:
    """Let the machine refuse to read some paths, and to look into them."""

    def guard(module: object, name: str, *, itself: bool = True) -> None:
        original = getattr(module, name)

        def call(path: object, *args: object, **options: object) -> object:
            text = os.fspath(path) if isinstance(path, str | Path) else ""
            inside = any(text.startswith(f"{one}/") for one in barred)
            if inside or (itself and text in barred):
                raise PermissionError(13, "Permission denied", text)
            return original(path, *args, **options)

        monkeypatch.setattr(module, name, call)

    for name in ("open", "scandir", "listdir"):
        guard(os, name)
    guard(io, "open")
    for name in ("stat", "lstat"):
        # What may not be read can still be looked at from outside.
        guard(os, name, itself=False)


@pytest.mark.parametrize("part", BARRED)
def test_who_may_not_read_a_part_of_a_store_is_told_by_every_verb(meta, made, monkeypatch, part):
    root = made / ".meta"
    barred = {str(path) for path in root.glob(part)} if part else {str(root)}
    assert barred
    bar(monkeypatch, barred)
    if part == "runs/*/events.jsonl":
        monkeypatch.setattr(run_folder.RunFolder, "alive", lambda _: True)
    for words in BARRED[part]:
        said = meta(*words)
        assert said.code == 3, (words, said)
        if said.out.startswith("run "):
            said = Said(3, "", f"error: {said.out.splitlines()[-1]}\n")  # It ended as a run does.
        assert said.one_line, (words, said)
        assert "permission denied: set META_HOME to a folder of yours" in said.err


def test_a_run_that_may_not_be_read_keeps_no_other_from_being_planned(meta, made, monkeypatch):
    events = run_folder.find(made / ".meta").events
    original = os.open

    def refuse(path, *args, **options):
        if str(path) == str(events):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert "2 hit" in meta(*PLANNERS[1]).out
    assert meta(*RUN).code == 0


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)
def test_another_user_is_told_by_every_verb(made):
    made.parent.chmod(0o755)
    for above in made.parents:
        if above.stat().st_uid == 0 and above.is_relative_to("/tmp"):
            above.chmod(above.stat().st_mode | 0o055)
    told = f"error: cannot read {made}/.meta/runs: permission denied: set META_HOME to a folder of"
    code = (
        "import json, sys\nfrom meta_tui.cli import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    sys.argv = ['meta', *words]\n"
        "    try: code = main()\n"
        "    except SystemExit as left: code = left.code\n"
        "    sys.stderr.write(f'{code}\\n')\n"
    )
    verbs = [*PLANNERS, *READERS, *ASKERS, RUN]
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", code,
         json.dumps(verbs)],
        cwd=made, env={**os.environ, "META_HOME": str(made / ".meta"), "HOME": "/nonexistent"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    lines = done.stderr.splitlines()
    assert lines[1::2] == ["3"] * len(verbs), done.stderr
    assert all(line.startswith(told) for line in lines[::2]), done.stderr


@pytest.mark.parametrize("words", [PLANNERS[1], RUN])
def test_ten_descriptors_are_too_few_and_that_is_said_in_one_line(made, words):
    (made / "p.yaml").write_text(FILE.replace("nap}", "nap, with: {seconds: 0.001}}"))
    command = [sys.executable, "-P", "-m", "meta_tui", *words]
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -n 10; exec "$@"', "sh", *command],
        cwd=made, env={**os.environ, "HOME": str(made)}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode == (3 if words == RUN else 0), done
    if words == RUN:
        # A run that has begun tells its end among its other lines.
        told = [line for line in done.stdout.splitlines() if "too many open files: raise" in line]
        assert len(told) == 1, done


def _newest(root: Path) -> Path:
    """A copy of the run, as the newest one."""
    last = run_folder.find(root).path
    return shutil.copytree(last, last.parent / NEWEST)


def _replaced(path: Path, kind: str) -> None:
    """Put something else in the place of a file or a folder."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if kind == "file":
        path.write_text("x")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made, _in(path.parent):
            made.bind(path.name)


class _in:  # noqa: N801 (reads as a word)
    """Work in a folder: the name of a socket is short."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._before = Path.cwd()
        os.chdir(self._folder)

    def __exit__(self, *_: object) -> None:
        os.chdir(self._before)


KINDS = ("file", "folder", "pipe", "link", "socket")
PARTS = (
    "", "events.jsonl", "request.json", "pipeline.yaml", "cells.json", "alive", "logs",
    "logs/0.log", "metrics", "metrics/0.jsonl", "stop", "control",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_something_else_in_the_place_of_a_part_gives_a_line(meta, made, kind):
    root = made / ".meta"
    for part in PARTS:
        run = _newest(root)
        _replaced(run / part, kind)
        _every_verb_ends(meta, EACH, f"{part} is a {kind}")
        _lists(root)
        shutil.rmtree(run) if run.is_dir() and not run.is_symlink() else run.unlink()


def _every_verb_ends(meta: Callable[..., Said], verbs: tuple, what: str) -> None:
    for words in verbs:
        said = meta(*words)
        assert said.code in {0, 1, 2, 3}, (what, words, said)
        assert said.out or said.err, (what, words)
        assert "Traceback" not in said.out + said.err, (what, words)


def _lists(root: Path) -> None:
    """The list of runs is shown."""
    history = History(root)
    for _ in range(3):
        history.look(10.0)
        history.fill(history.order(), 10.0)
    assert len(history.entries) >= 1


KEY = "ab" * 32
LINES = [
    b"", b"\xff\xfe", b"{", b"[]", b"null", b"3", b'"x"', b"[" * 100_000, b"9" * 5000,
    b'{"kind": "run_started"}', b'{"kind": 3}', b'{"kind": ["a"]}',
    *(
        json.dumps({"kind": "cell_cached", "time": 1, "cell": 0, "key": KEY, **wrong}).encode()
        for wrong in (
            {"key": "../../id_rsa"}, {"key": "/etc/passwd"}, {"key": ""}, {"key": None},
            {"key": 3}, {"key": [KEY]}, {"key": KEY.upper()}, {"key": f"{KEY}\n"},
            {"cell": -1}, {"cell": "0"}, {"cell": [0]}, {"cell": True}, {"cell": 10**30},
            {"cell": 0.0}, {"time": "now"}, {"time": None}, {"time": [1]}, {"same_as": "a"},
            {"same_as": -3}, {"more": 1},
        )
    ),
    *(
        json.dumps({"kind": "cell_finished", "time": 1, "cell": 0, "key": KEY, **wrong}).encode()
        for wrong in (
            {"seconds": "x"}, {"seconds": 1, "scores": []}, {"seconds": 1, "scores": {"a": "b"}},
            {"seconds": 1, "status": 3}, {"seconds": 1, "scores": {"a": [1]}},
        )
    ),
    b'{"kind": "cell_retried", "time": 1, "cell": 0, "request": "a", "attempt": 2, "revived": [-9]'
    b'}',
    b'{"kind": "cell_skipped", "time": 1, "cell": 0, "culprit": -1}',
    b'{"kind": "cell_failed", "time": 1, "cell": 0, "error": 3}',
    b'{"kind": "run_ended", "time": 1, "code": "x", "seconds": 1}',
    b'{"kind": "note", "time": 1, "text": ["a"]}',
]  # fmt: skip
STARTED = {
    "kind": "run_started", "time": 1.0, "run": "dead", "name": "nights", "pid": 1, "host": "h",
    "device": "cpu",
}  # fmt: skip
CELL = {"name": "first", "stage": "first", "type": "nap", "axes": {}, "needs": []}


@pytest.mark.parametrize("first", [True, False])
def test_lines_of_a_journal_that_are_no_events_are_passed_over(meta, made, first):
    root = made / ".meta"
    run = _newest(root)
    told = (run / "events.jsonl").read_bytes().splitlines()
    inner = LINES if not first else [*LINES[:12]]
    lines = [*inner, *told] if first else [told[0], *inner, *told[1:]]
    (run / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    _every_verb_ends(meta, (*READERS, *ASKERS, *PLANNERS, RUN), "lines")
    assert "2 done" in meta("status", "dead").out
    _lists(root)
    assert sorted(path.name for path in made.iterdir()) == [".meta", "p.yaml"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cells": 3}, {"cells": [3]}, {"cells": [{}]}, {"cells": [{**CELL, "needs": [-1]}]},
        {"cells": [{**CELL, "needs": [99]}]}, {"cells": [{**CELL, "needs": "ab"}]},
        {"cells": [{**CELL, "axes": []}]}, {"cells": [{**CELL, "name": 3}]},
        {"cells": [CELL], "name": 3}, {"cells": [CELL], "run": None}, {"cells": {"a": CELL}},
        {"cells": [CELL], "pid": "x"}, {"cells": [CELL], "time": "x"}, {"cells": [CELL, CELL]},
        {"cells": [{**CELL, "axes": {"a": 3}}]}, {"cells": [{**CELL, "needs": [0]}]},
    ],
)  # fmt: skip
def test_a_run_that_begins_with_nonsense_gives_a_line(meta, made, wrong):
    root = made / ".meta"
    run = _newest(root)
    cached = json.dumps({"kind": "cell_cached", "time": 2.0, "cell": 0, "key": "../../id_rsa"})
    (run / "events.jsonl").write_text(f"{json.dumps({**STARTED, **wrong})}\n{cached}\n")
    _every_verb_ends(meta, EACH, str(wrong))
    _lists(root)


@pytest.mark.parametrize("kind", KINDS)
def test_something_else_in_the_place_of_a_result_or_an_object_gives_a_line(meta, made, kind):
    root = made / ".meta"
    whole = shutil.copytree(root, made.parent / "whole", symlinks=True)
    for pattern in ("results/*", "results/*/*", "objects/*/*", "memo/*", "memo/*.json"):
        for path in sorted(root.glob(pattern)):
            _replaced(path, kind)
        verbs = (("status",), ("show", "first"), ("cache", "verify"), PLANNERS[1])
        _every_verb_ends(meta, verbs, f"{pattern} is a {kind}")
        shutil.rmtree(root)
        shutil.copytree(whole, root, symlinks=True)


SEALED = [
    [], 3, None, {}, {"format": 1}, {"entries": []}, {"version": "1", "entries": 3},
    {"version": "1", "entries": {"a": 3}}, {"note": 3, "files": {}}, {"note": {}, "files": 3},
    {"note": {"step": "x"}, "files": {}}, {"note": {"step": []}, "files": {"a": ["x"]}},
]  # fmt: skip


def test_what_is_sealed_rightly_and_says_nonsense_gives_a_line(meta, made):
    from engine.store.digest import seal, unseal

    root = made / ".meta"
    store = Store(root)
    results = sorted(root.glob("results/*/*"))
    right = {path: unseal(path.read_bytes()) for path in results}
    memos = sorted(root.glob("memo/*.json"))
    for value in SEALED:
        for path in (*results, *memos):
            path.write_bytes(seal(value))
        for key in (path.name for path in results):
            folder = store.partial(key)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "1").mkdir(exist_ok=True)
            (folder / "1.manifest").write_bytes(seal(value))
        _every_verb_ends(meta, (("show", "first"), *PLANNERS), str(value))
    wrong = [
        {"components": []}, {"components": {"params": 3}}, {"provenance": []}, {"cost": 3},
        {"scores": []}, {"scores": {"a": "b"}}, {"status": 3}, {"curves": [1, 2]},
        {"outputs": []}, {"outputs": {"scores": 3}}, {"components": {"code": "../x"}},
        {"provenance": {"packages": 3}}, {"cost": {"peak_bytes": "x"}},
        {"outputs": {"scores": {"type": "Scores", "format": 1, "files": {"../a": [KEY, 1]}}}},
        {"outputs": {"scores": {"type": 3, "format": 1, "files": {}}}},
        {"outputs": {"scores": {"type": "Scores", "format": 1, "files": {}}}},
    ]  # fmt: skip
    for change in wrong:
        for path, value in right.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(seal({**value, **change}))
        _every_verb_ends(meta, (*READERS[2:5], *PLANNERS), str(change))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("Scores", "scores.json"), ("Table", "table.json"), ("Gallery", "gallery.json")],
)
def test_an_artifact_that_is_whole_and_says_nonsense_gives_a_line(meta, made, kind, name):
    store, key = Store(made / ".meta"), run_folder.find(made / ".meta").id.ljust(64, "0")
    run = _newest(store.root)
    began = {**STARTED, "cells": [{**CELL, "type": "compare" if kind == "Table" else "fits"}]}
    done = {"kind": "cell_finished", "time": 2.0, "cell": 0, "key": key, "seconds": 1.0}
    ended = {"kind": "run_ended", "time": 3.0, "code": 0, "seconds": 2.0}
    (run / "events.jsonl").write_text("".join(f"{json.dumps(it)}\n" for it in (began, done, ended)))
    for value in (
        None, 3, [], {}, [[]], [{"file": "x"}], {"metrics": {"a": "b"}}, {"rows": 3},
        {"metrics": [], "rows": [3], "contrasts": []}, [{"file": name, "name": "a", "caption": 3}],
    ):  # fmt: skip
        ref = store.put(json.dumps(value).encode())
        outputs = {"out": Output(kind, 1, {name: ref})}
        store.publish(key, Result(outputs=outputs, curves=ref))
        _every_verb_ends(meta, READERS[2:], f"{kind} of {value}")


def test_half_of_a_store_gives_a_line(meta, made):
    root = made / ".meta"
    whole = shutil.copytree(root, made.parent / "whole")
    for name in location.FOLDERS:
        if (root / name).exists():
            shutil.rmtree(root / name)
        _every_verb_ends(meta, (*READERS, *ASKERS, *PLANNERS), f"without {name}")
        shutil.rmtree(root)
        shutil.copytree(whole, root)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (root / marker.NAME).write_bytes(marker.text())
    _every_verb_ends(meta, (*READERS, *ASKERS, *PLANNERS), "all cut in half")
