"""`meta retry` and `meta stop`: a live run is asked from a second terminal."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from night import Night, over

from engine.rundir import run_folder
from meta_tui.cli import control as verbs
from meta_tui.model.run_reducer import State
from meta_tui.readers.run_reader import Feed
from pipelines.core.errors import EnvironmentFault

HEAVY = """
import sys
sys.argv = ["meta", *sys.argv[1:]]
from meta_tui.cli import main
code = 0
try:
    code = main()
except SystemExit as ended:
    code = ended.code or 0
heavy = {"torch", "numpy", "textual", "rich", "scipy"} & set(sys.modules)
sys.exit(f"loaded {heavy}" if heavy else code)
"""


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    made = Night(tmp_path)
    yield made
    made.end()


def meta(place: Path, *words: str) -> tuple[int, str]:
    """Exit code and output of a command, which loads nothing heavy."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", HEAVY, *words],
        cwd=place, env={**os.environ, "META_HOME": str(place / ".meta")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "loaded {" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def wait_for(feed: Feed, cell: int, state: State) -> None:
    for _ in range(2000):
        feed.poll()
        if feed.view.cells and feed.view.cells[cell].state is state:
            return
        time.sleep(0.02)
    raise AssertionError(f"{cell} is not {state}: {feed.folder.events.read_text()}")


@pytest.mark.slow
def test_a_live_run_is_asked_from_a_second_terminal_and_tells_what_came_of_it(night):
    place = night.place
    run = night.start(1.0)
    feed = Feed(run)
    wait_for(feed, 2, State.SKIPPED)
    wait_for(feed, 0, State.RUNNING)

    assert meta(place, "retry", "steady") == (
        2, "error: steady is running; only what failed or was stopped can be tried\n",
    )  # fmt: skip
    code, said = meta(place, "retry", "shakey")
    assert (code, "did you mean shaky?" in said) == (2, True)
    assert meta(place, "stop", "shaky")[1].endswith("shaky is failed; only a running cell can be "
                                                    "stopped\n")  # fmt: skip
    night.net.touch()
    code, said = meta(place, "retry", "shaky", "--run", run.id)
    assert (code, said.count("\n")) == (0, 1)
    assert "· waiting  shaky  attempt 2, asked by pid" in said
    wait_for(feed, 2, State.DONE)

    code, said = meta(place, "stop", "steady")
    assert (code, "steady  cancelled by pid" in said) == (0, True)
    wait_for(feed, 0, State.STOPPED)
    code, said = meta(place, "status", "--json")
    cells = {cell["cell"]: cell for cell in json.loads(said)["cells"]}
    assert [cells[name]["state"] for name in ("steady", "shaky", "after", "other")] == [
        "stopped", "done", "done", "running",
    ]  # fmt: skip
    code, said = meta(place, "stop", "other", "--kill")
    assert code == 0
    over(run)
    feed.poll()
    assert feed.view.code == 130
    assert meta(place, "retry", "steady") == (
        2, f"error: run {run.id} does not run: the same `meta run` goes on from there\n",
    )  # fmt: skip


def test_the_whole_run_is_stopped_from_a_second_terminal(night):
    run = night.start(1.0)
    wait_for(Feed(run), 0, State.RUNNING)
    code, said = meta(night.place, "stop")
    assert (code, said) == (0, f"run {run.id} was asked to stop: meta watch {run.id}\n")
    over(run)
    assert json.loads(run.events.read_text().splitlines()[-1])["code"] == 130


@pytest.mark.parametrize("lives", [True, False])
def test_a_runner_that_gives_no_answer_is_told_and_where_to_look(
    live, monkeypatch, tmp_path, lives
):
    monkeypatch.setenv("META_HOME", str(tmp_path / "store"))
    monkeypatch.setattr(verbs, "ANSWER_SECONDS", 0.1 if lives else 60.0)
    asked = verbs.control.ask

    def gone(*words):
        try:
            return asked(*words)
        finally:
            # The runner goes as soon as it was asked.
            monkeypatch.setattr(run_folder.RunFolder, "alive", lambda _: lives)

    monkeypatch.setattr(verbs.control, "ask", gone)
    with pytest.raises(EnvironmentFault, match="run 7f3a gave no answer: `meta status 7f3a` tells"):
        verbs.retry("backbone")
