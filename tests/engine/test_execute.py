"""Runs from end to end, with toy stages in real worker processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import Told, Workshop
from engine import launch
from engine.events import (
    CellCached,
    CellCheckpointed,
    CellFinished,
    CellInterrupted,
    CellSkipped,
    CellStarted,
    CellWaiting,
    Event,
    Note,
    RunEnded,
    decode,
)
from engine.executors import UNASKED
from engine.executors.local import Local
from engine.preview import preview
from engine.request import Request
from engine.runs import RunFolder
from engine.store import Store, fs
from pipelines.errors import EnvironmentFault, PipelineError, UsageError

DIAMOND = """
stages:
  top: {uses: give, with: {value: 3.0}}
  left: {uses: scale, from: {number: top}, with: {times: 2.0}}
  right: {uses: scale, from: {number: top}, with: {times: 5.0}}
  end: {uses: add, from: {numbers: [left, right]}}
"""


def test_a_diamond_is_computed_and_a_second_run_does_no_work(workshop) -> None:
    first = workshop.run(DIAMOND)
    assert first.code == 0
    assert workshop.numbers(first) == {"top": 3.0, "left": 6.0, "right": 15.0, "end": 21.0}
    second = workshop.run()
    assert second.code == 0
    assert second.of(CellCached) == ["end", "left", "right", "top"]
    assert second.of(CellStarted) == []


@pytest.mark.parametrize("how", ["missing", "of another size"])
def test_the_listing_of_code_is_written_again_for_a_result_that_is_there(workshop, how) -> None:
    stages = "stages:\n  a: {uses: give}\n"
    (key,) = workshop.run(stages).keys().values()
    store = Store(workshop.store)
    listing = store.objects.path(store.manifest(key).components["code"])
    before = listing.read_bytes()
    listing.unlink()
    if how != "missing":
        listing.write_bytes(before[1:])
    assert workshop.run(stages).of(CellCached) == ["a"]
    assert listing.read_bytes() == before


def test_a_cell_that_says_it_was_interrupted_unasked_has_failed_and_the_run_goes_on(workshop):
    workshop.stage_files = (workshop.folder / "act.py",)
    forged = "run.channel.send(Message(run.channel.cell, 'interrupted', {'step': 5}))"
    codes = {
        "raised": "from engine.run import Interrupted\nraise Interrupted(5)",
        "forged": f"from engine.executors import Message\n{forged}",
        "good": "result = 2.0",
    }
    cells = [f"  {it}: {{uses: act, with: {{code: {json.dumps(codes[it])}}}}}\n" for it in codes]
    told = workshop.run("stages:\n" + "".join(cells))
    assert told.code == 1
    assert told.failures() == dict.fromkeys(("raised", "forged"), UNASKED)
    assert told.of(CellInterrupted) == []
    assert told.of(CellFinished) == ["good"]


def test_a_run_tells_its_end_though_nothing_more_can_be_opened_or_removed(
    workshop, monkeypatch
) -> None:
    def refuse(*_: object) -> None:
        raise EnvironmentFault("too many open files")

    monkeypatch.setattr(Local, "submit", refuse)
    monkeypatch.setattr(fs.Disk, "remove", refuse)
    told = workshop.run(DIAMOND)
    last = told.events[-1]
    assert isinstance(last, RunEnded)
    assert (told.code, last.code, last.reason) == (3, 3, "too many open files")


def test_what_a_stage_prints_is_in_its_log(workshop) -> None:
    told = workshop.run(DIAMOND)
    assert workshop.last().log(told.names.index("top")).read_text() == "given 3.0\n"


def test_renaming_reordering_and_comments_change_no_key(workshop) -> None:
    workshop.run(DIAMOND)
    told = workshop.run("""
# another comment
stages:
  sum: {uses: add, from: {numbers: [b, c]}}
  c: {from: {number: first}, uses: scale, with: {times: 5.0}}
  b: {uses: scale, from: {number: first}}
  first: {uses: give, with: {value: 3.0}}
""")
    # `sum` is handed the names of what it gathers, so they are part of what it computes.
    assert told.of(CellStarted) == ["sum"]


def test_a_parameter_reruns_what_depends_on_it_until_a_result_comes_out_unchanged(workshop) -> None:
    workshop.run(DIAMOND)
    count = f"value: 3.0, count: '{workshop.folder}/n.txt'"
    told = workshop.run(DIAMOND.replace("value: 3.0", count))
    assert told.of(CellStarted) == ["top"]
    assert told.of(CellCached) == ["end", "left", "right"]


def test_the_reason_of_a_run_names_the_parameter_and_both_values(workshop) -> None:
    workshop.run(DIAMOND)
    told = workshop.run(DIAMOND.replace("times: 5.0", "times: 7.0"))
    whys = {told.names[e.cell]: e.why for e in told.events if isinstance(e, CellStarted)}
    assert whys["right"] == "params.times 5.0 → 7.0"
    assert "numbers" in whys["end"]
    assert set(whys) == {"right", "end"}


def test_editing_a_helper_reruns_exactly_the_stages_that_reach_it(workshop) -> None:
    workshop.run(DIAMOND)
    helper = workshop.folder / "scaling.py"
    helper.write_text(helper.read_text().replace("value * times", "value * times + 1"))
    # In this process the stage file is loaded already, so a new process plans and runs.
    told = meta(workshop, "run", "--json")
    started = {event.cell for event in told if isinstance(event, CellStarted)}
    names = [cell.name for cell in told[0].cells]
    # All toys are in one file, which imports the helper: what reaches it is all of them.
    assert {names[cell] for cell in started} == {"top", "left", "right", "end"}
    whys = [e.why for e in told if isinstance(e, CellStarted) and names[e.cell] == "left"]
    assert "scaling.py changed" in whys[0]


def test_editing_a_comment_or_a_docstring_reruns_nothing(workshop) -> None:
    workshop.run(DIAMOND)
    helper = workshop.folder / "scaling.py"
    text = helper.read_text().replace("The product.", "What comes out.")
    helper.write_text(f"# A new comment.\n{text}\n\n")
    told = meta(workshop, "run", "--json")
    assert not [event for event in told if isinstance(event, CellStarted)]


def meta(workshop, *arguments: str) -> list:
    """Events of a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "meta_tui", arguments[0], "pipeline.yaml", "--stages",
         "toys.py", *arguments[1:]],
        cwd=workshop.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return [decode(line) for line in done.stdout.splitlines()]


def test_a_failure_skips_what_needs_it_and_leaves_the_other_branch(workshop) -> None:
    told = workshop.run("""
stages:
  good: {uses: give}
  bad: {uses: fail}
  after: {uses: scale, from: {number: bad}}
  later: {uses: scale, from: {number: after}}
  other: {uses: scale, from: {number: good}}
""")
    assert told.code == 1
    assert told.of(CellFinished) == ["good", "other"]
    assert told.of(CellSkipped) == ["after", "later"]
    error = told.failures()["bad"]
    assert error.startswith("ValueError: broken")
    assert "\x1b" not in error


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("refuse", "this cannot be done; choose another `how`"),
        ("exit", "its worker ended: exit code 7"),
        ("lie", "stage type fail promises Number as `number` and returned str"),
    ],
)
def test_every_way_to_fail_is_named_and_never_cached(workshop, how: str, said: str) -> None:
    stages = f"stages:\n  bad: {{uses: fail, with: {{how: {how}}}}}\n  good: {{uses: give}}\n"
    for _ in range(2):
        told = workshop.run(stages)
        assert told.code == 1
        assert told.failures() == {"bad": said}


def test_two_cells_with_one_key_compute_once(workshop) -> None:
    count = workshop.folder / "count.txt"
    told = workshop.run(f"""
stages:
  a: {{uses: give, with: {{count: '{count}', hold: 0.3}}}}
  b: {{uses: give, with: {{count: '{count}', hold: 0.3}}}}
""")
    assert count.read_text() == "x"
    cached = [event for event in told.events if isinstance(event, CellCached)]
    assert told.of(CellFinished) == ["a"]
    assert [(event.cell, event.same_as) for event in cached] == [(1, 0)]


def test_two_cells_with_one_key_fail_together(workshop) -> None:
    told = workshop.run("stages:\n  a: {uses: fail}\n  b: {uses: fail}\n")
    assert told.failures()["b"] == "the same work failed as a"


def test_a_cell_that_comes_later_to_work_that_failed_does_not_try_again(workshop) -> None:
    told = workshop.run("""
stages:
  quick: {uses: give, with: {value: 1.0}}
  slow: {uses: give, with: {value: 1.0, hold: 1.0}}
  a: {uses: fail, from: {number: quick}}
  b: {uses: fail, from: {number: slow}}
  after: {uses: scale, from: {number: b}}
""")
    assert told.of(CellStarted) == ["a", "quick", "slow"]
    assert told.failures()["b"] == "the same work failed as a"
    assert told.of(CellSkipped) == ["after"]


@pytest.mark.parametrize("by", ["python", "numpy"])
def test_what_ran_before_on_a_worker_changes_no_draw(workshop, by: str) -> None:
    # One worker; the throw of `last` comes after 1 or 7 throws of another cell.
    drawn = set()
    for throws in (1, 7):
        told = workshop.run(f"""
stages:
  first: {{uses: dice, with: {{by: {by}, throws: {throws}}}}}
  last: {{uses: dice, from: {{number: first}}, with: {{by: {by}, throws: 2}}}}
""", jobs=1, force=("last",))  # fmt: skip
        assert "last" in told.of(CellStarted)
        drawn.add(workshop.numbers(told)["last"])
    assert len(drawn) == 1


def test_a_mirror_passes_on_all_outputs_of_the_cell_that_it_chose(workshop) -> None:
    told = workshop.run("""
seeds: 2
stages:
  walks: {uses: walk, matrix: {steps: [5, 50, 100]}}
  best: {uses: pick, from: {candidates: walks}, with: {over: steps, pool: []}}
  after: {uses: scale, from: {number: best.number}, with: {times: 1.0}}
""")
    assert told.code == 0
    numbers = workshop.numbers(told)
    for seed in (0, 1):
        highest = max(numbers[f"walks@steps={n}@seed={seed}"] for n in (5, 50, 100))
        assert numbers[f"best@seed={seed}"] == numbers[f"after@seed={seed}"] == highest
    assert numbers["best@seed=0"] != numbers["best@seed=1"]


def test_targets_cover_what_they_need_and_only_refuses_what_is_not_cached(workshop) -> None:
    told = workshop.run(DIAMOND, targets=("left",))
    assert told.of(CellFinished) == ["left", "top"]
    assert (told.code, told.failures()) == (0, {})
    told = workshop.run(only=("end",))
    assert told.code == 1
    assert set(told.failures()) == {"right"}
    told = workshop.run(since=("right",))
    assert told.of(CellFinished) == ["end", "right"]
    told = workshop.run(force=("left",))
    assert told.of(CellStarted) == ["left"]
    with pytest.raises(UsageError, match="no stage or cell 'nothing'"):
        workshop.run(targets=("nothing",))


def test_cache_require_fails_on_a_miss_and_serves_a_hit(workshop) -> None:
    assert workshop.run(DIAMOND, cache="require").code == 1
    workshop.run()
    assert workshop.run(cache="require").code == 0
    assert workshop.run(cache="refresh").of(CellStarted) == ["end", "left", "right", "top"]


def test_a_damaged_object_is_recomputed_and_never_served(workshop) -> None:
    told = workshop.run(DIAMOND)
    store = Store(workshop.store)
    output = store.result(told.keys()["left"]).outputs["number"]
    path = store.files(output)["number.txt"]
    path.chmod(0o644)
    path.write_text("6.00")
    told = workshop.run()
    assert told.of(CellStarted) == ["left"]
    assert workshop.numbers(told)["end"] == 21.0


def test_a_wrong_file_writes_nothing(workshop) -> None:
    with pytest.raises(PipelineError):
        workshop.run("stages: {a: {uses: nothing-like-it}}\n")
    assert not workshop.store.exists()


def test_plan_and_run_agree(workshop) -> None:
    workshop.run(DIAMOND)
    _, plan = preview(workshop.request(DIAMOND.replace("times: 5.0", "times: 7.0")))
    assert {cell.name: cell.state for cell in plan.cells} == {
        "top": "hit", "left": "hit", "right": "run", "end": "pending",
    }  # fmt: skip
    assert {cell.name: cell.why for cell in plan.cells}["right"] == "params.times 5.0 → 7.0"


WALKS = """
stages:
  long: {uses: walk, with: {steps: 400, nap: 0.005}}
  other: {uses: walk, with: {steps: 300, nap: 0.005}}
  after: {uses: add, from: {numbers: [long.number, other.number]}}
"""


def spawn(workshop, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "meta_tui", "run", "pipeline.yaml", "--stages", "toys.py",
         "--json", "--checkpoint", "0.05", *more],
        cwd=workshop.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def until(process: subprocess.Popen, kind: type) -> list:
    """Read events up to the first of a kind."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(decode(line))
        if isinstance(seen[-1], kind):
            return seen
    raise AssertionError(f"no {kind.__name__}: {process.stderr.read()}")


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> dict[str, float]:
    """Numbers of an uninterrupted run."""
    shop = Workshop(tmp_path_factory.mktemp("straight"))
    shop.request(WALKS)
    until(process := spawn(shop), RunEnded)
    process.communicate()
    events = [decode(line) for line in shop.last().events.read_bytes().splitlines()]
    return shop.numbers(Told(0, events))


def test_an_interrupt_saves_exits_130_and_the_same_command_goes_on(workshop, straight) -> None:
    workshop.request(WALKS)
    process = spawn(workshop)
    until(process, CellCheckpointed)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    stopped = [e for e in map(decode, out.splitlines()) if isinstance(e, CellInterrupted)]
    assert stopped
    assert all(event.step > 0 for event in stopped)
    _, plan = preview(workshop.request())
    assert "resume" in {cell.state for cell in plan.cells}
    told = workshop.run()
    starts = [e.step for e in told.events if isinstance(e, CellStarted)]
    assert max(starts) > 0
    assert workshop.numbers(told) == straight


def test_a_kill_of_the_whole_group_loses_nothing_acknowledged(workshop, straight) -> None:
    workshop.request(WALKS)
    process = spawn(workshop)
    until(process, CellCheckpointed)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    folder = workshop.last()
    assert not folder.alive()
    told = workshop.run()
    assert told.code == 0
    assert max(e.step for e in told.events if isinstance(e, CellStarted)) > 0
    assert workshop.numbers(told) == straight


def test_workers_die_with_their_runner(workshop) -> None:
    workshop.request(WALKS.replace("0.005", "1.0"))
    process = spawn(workshop)
    until(process, CellStarted)
    time.sleep(1.0)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 5
    while any(alive(int(pid)) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(int(pid)) for pid in children)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_two_runs_at_once_compute_each_cell_once_and_say_whom_they_wait_for(workshop) -> None:
    count = workshop.folder / "count.txt"
    cells = "\n".join(
        f"  s{n}: {{uses: give, with: {{value: {n}.0, count: '{count}', hold: 0.4}}}}"
        for n in range(6)
    )
    workshop.request(f"stages:\n{cells}\n")
    first, second = spawn(workshop), spawn(workshop)
    outs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert first.returncode == second.returncode == 0
    assert count.read_text() == "x" * 6
    events = [decode(line) for out in outs for line in out.splitlines()]
    waits = [event.owner for event in events if isinstance(event, CellWaiting)]
    assert waits
    assert all(owner.startswith("run ") for owner in waits)


def test_a_detached_run_outlives_its_front_and_is_found_by_its_id(workshop) -> None:
    folder = launch.start(workshop.request(WALKS))
    assert folder.alive()
    deadline = time.monotonic() + 40
    while folder.alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    events = [decode(line) for line in folder.events.read_bytes().splitlines()]
    assert isinstance(events[-1], RunEnded)
    assert events[-1].code == 0


def test_a_request_file_stops_a_detached_run(workshop) -> None:
    folder = launch.start(workshop.request(WALKS.replace("0.005", "0.05")))
    time.sleep(3)
    folder.request_stop()
    deadline = time.monotonic() + 20
    while folder.alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    events = [decode(line) for line in folder.events.read_bytes().splitlines()]
    assert events[-1].code == 130
    assert any(isinstance(event, Note) and "stopping" in event.text for event in events)


def test_a_run_freezes_its_file(workshop) -> None:
    workshop.run(DIAMOND)
    folder = workshop.last()
    workshop.file.write_text("nonsense")
    assert "name: toys" in folder.pipeline.read_text()
    assert json.loads(folder.request.read_bytes())["file"] == str(workshop.file)


def test_secrets_of_the_environment_reach_neither_workers_nor_the_store(
    workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "sing-no-more-4711")
    workshop.run(DIAMOND)
    for path in workshop.store.rglob("*"):
        if path.is_file():
            assert b"sing-no-more-4711" not in path.read_bytes(), path


def test_a_result_says_where_it_came_from(workshop) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(workshop.folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "toys.py"], check=True)
    subprocess.run([*git, "commit", "-qm", "toys"], check=True)
    told = workshop.run(DIAMOND)
    result = Store(workshop.store).result(told.keys()["left"])
    said = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    origin = result.provenance
    assert origin["revision"] == said.stdout.strip()
    assert origin["dirty"] is False
    assert origin["run"] == workshop.last().id
    assert (origin["cell"], origin["threads"], origin["device"]) == ("left", 1, "cpu")
    assert "python" in origin["packages"]


def test_a_note_of_a_stage_reaches_the_journal_made_safe(workshop) -> None:
    told = workshop.run("stages:\n  a: {uses: give, with: {say: careful}}\n")
    notes = [(event.cell, event.text) for event in told.events if isinstance(event, Note)]
    assert notes == [(0, "careful\\x07")]


def test_a_warning_of_the_file_is_told_by_its_run(workshop) -> None:
    told = workshop.run("params: {idle: 1}\nstages:\n  a: {uses: give}\n")
    (note,) = [event for event in told.events if isinstance(event, Note)]
    assert "nobody uses `params.idle`" in note.text
    assert note.cell is None


def test_an_unknown_target_writes_nothing(workshop) -> None:
    with pytest.raises(UsageError, match="no stage or cell 'nothing'"):
        workshop.run(DIAMOND, targets=("nothing",))
    assert not workshop.store.exists()


def test_another_number_of_threads_is_another_computation(workshop) -> None:
    workshop.run("stages:\n  a: {uses: give}\n")
    told = workshop.run("stages:\n  a: {uses: give, resources: {threads: 2}}\n")
    assert [e.why for e in told.events if isinstance(e, CellStarted)] == ["threads 1 → 2"]


def test_the_command_passes_fail_fast_on(workshop) -> None:
    workshop.request("stages:\n  bad: {uses: fail}\n  other: {uses: give}\n")
    process = spawn(workshop, "--jobs", "1", "--fail-fast")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert [e.cell for e in map(decode, out.splitlines()) if isinstance(e, CellStarted)] == [0]


def test_a_run_is_started_again_as_it_was_asked_for_wherever_its_store_lies_now(workshop) -> None:
    quick = WALKS.replace("400", "3").replace("300", "3")
    first = launch.start(workshop.request(quick, seed=5, targets=("long",)))
    over(first)
    workshop.file.write_text(workshop.file.read_text().replace("steps: 3,", "steps: 4,", 1))
    moved = workshop.store.rename(workshop.store.with_name("elsewhere"))
    second = launch.again(RunFolder(moved / "runs" / first.path.name))
    events = over(second)
    assert second.path.parent == moved / "runs"
    assert second.id != first.id
    asked = Request.decode(second.request.read_bytes())
    assert (asked.seed, asked.targets, asked.store) == (5, ("long",), moved)
    started = [event for event in events if isinstance(event, CellStarted)]
    assert [event.why for event in started] == ["params.steps 3 → 4"]
    assert not workshop.store.exists()


@pytest.mark.parametrize("damage", [None, b"{", b"[]", b'{"file": "x"}'])
def test_a_run_that_does_not_tell_what_was_asked_is_not_started_again(workshop, damage) -> None:
    folder = RunFolder(workshop.store / "runs" / "20250101T000000-7f3a")
    folder.path.mkdir(parents=True)
    if damage is not None:
        folder.request.write_bytes(damage)
    with pytest.raises(UsageError, match="run 7f3a does not tell what it was asked for"):
        launch.again(folder)


def over(folder: RunFolder) -> list[Event]:
    """The events of a detached run, once it is over."""
    deadline = time.monotonic() + 40
    while folder.alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    return [decode(line) for line in folder.events.read_bytes().splitlines()]
