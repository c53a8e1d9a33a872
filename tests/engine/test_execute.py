"""Runs from end to end, with toy stages in real worker processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import Workshop, forget_programs
from engine.execution import launch
from engine.planning.preview import preview
from engine.planning.run_request import Request
from engine.rundir.events import (
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
from engine.rundir.run_folder import RunFolder, find
from engine.store import Store, fs
from engine.workers import UNASKED, processes
from engine.workers.inline import Inline
from engine.workers.local import Local
from meta_tui.cli import main
from pipelines.core.errors import EnvironmentFault, PipelineError, UsageError

DIAMOND = """
stages:
  top: {uses: give, with: {value: 3.0}}
  left: {uses: scale, from: {number: top}, with: {times: 2.0}}
  right: {uses: scale, from: {number: top}, with: {times: 5.0}}
  end: {uses: add, from: {numbers: [left, right]}}
"""


def test_a_diamond_is_computed_and_a_second_run_does_no_work(workshop) -> None:
    first = workshop.run(DIAMOND, jobs=2)
    assert first.code == 0
    assert workshop.numbers(first) == {"top": 3.0, "left": 6.0, "right": 15.0, "end": 21.0}
    second = workshop.run()
    assert second.code == 0
    assert second.of(CellCached) == ["end", "left", "right", "top"]
    assert second.of(CellStarted) == []


@pytest.mark.parametrize("how", ["missing", "of another size"])
def test_the_listing_of_code_is_written_again_for_a_result_that_is_there(shop, how) -> None:
    stages = "stages:\n  a: {uses: give}\n"
    (key,) = shop.run(stages).keys().values()
    store = Store(shop.store)
    listing = store.objects.path(store.manifest(key).components["code"])
    before = listing.read_bytes()
    listing.unlink()
    if how != "missing":
        listing.write_bytes(before[1:])
    assert shop.run(stages).of(CellCached) == ["a"]
    assert listing.read_bytes() == before


def test_a_cell_that_says_it_was_interrupted_unasked_has_failed_and_the_run_goes_on(workshop):
    workshop.stage_files = (workshop.folder / "act.py",)
    forged = "run.channel.send(Message(run.channel.cell, 'interrupted', {'step': 5}))"
    codes = {
        "raised": "from engine.stage_api.run import Interrupted\nraise Interrupted(5)",
        "forged": f"from engine.workers import Message\n{forged}",
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
    workshop.run("stages:\n  a: {uses: scale, from: {number: b}}\n  b: {uses: give}\n")
    assert [workshop.last().log(cell).read_text() for cell in (0, 1)] == ["given 1.0\n", ""]


def test_renaming_reordering_and_comments_change_no_key(shop) -> None:
    shop.run(DIAMOND)
    told = shop.run("""
# another comment
stages:
  sum: {uses: add, from: {numbers: [b, c]}}
  c: {from: {number: first}, uses: scale, with: {times: 5.0}}
  b: {uses: scale, from: {number: first}}
  first: {uses: give, with: {value: 3.0}}
""")
    # `sum` is handed the names of what it gathers, so they are part of what it computes.
    assert told.of(CellStarted) == ["sum"]


def test_a_parameter_reruns_what_depends_on_it_until_a_result_comes_out_unchanged(shop) -> None:
    shop.run(DIAMOND)
    count = f"value: 3.0, count: '{shop.folder}/n.txt'"
    told = shop.run(DIAMOND.replace("value: 3.0", count))
    assert told.of(CellStarted) == ["top"]
    assert told.of(CellCached) == ["end", "left", "right"]


def test_the_reason_of_a_run_names_the_parameter_and_both_values(shop) -> None:
    shop.run(DIAMOND)
    told = shop.run(DIAMOND.replace("times: 5.0", "times: 7.0"))
    whys = {told.names[e.cell]: e.why for e in told.events if isinstance(e, CellStarted)}
    assert whys["right"] == "params.times 5.0 → 7.0"
    assert "numbers" in whys["end"]
    assert set(whys) == {"right", "end"}


def test_editing_a_helper_reruns_exactly_the_stages_that_reach_it(shop) -> None:
    shop.run(DIAMOND)
    helper = shop.folder / "scaling.py"
    helper.write_text(helper.read_text().replace("value * times", "value * times + 1"))
    forget_programs()
    told = shop.run()
    # All toys are in one file, which imports the helper: what reaches it is all of them.
    assert told.of(CellStarted) == ["end", "left", "right", "top"]
    whys = {told.names[e.cell]: e.why for e in told.events if isinstance(e, CellStarted)}
    assert "scaling.py changed" in whys["left"]
    assert shop.numbers(told)["end"] == 23.0


def test_editing_a_comment_or_a_docstring_reruns_nothing(shop) -> None:
    shop.run(DIAMOND)
    helper = shop.folder / "scaling.py"
    text = helper.read_text().replace("The product.", "What comes out.")
    helper.write_text(f"# A new comment.\n{text}\n\n")
    forget_programs()
    assert shop.run().of(CellStarted) == []


def test_a_failure_skips_what_needs_it_and_leaves_the_other_branch(shop) -> None:
    told = shop.run("""
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


WAYS = {
    "refuse": "this cannot be done; choose another `how`",
    "exit": "its worker ended: exit code 7",
    "lie": "stage type fail promises Number as `number` and returned str",
}


def test_every_way_to_fail_is_named_and_never_cached(workshop) -> None:
    cells = [f"  {how}: {{uses: fail, with: {{how: {how}}}}}\n" for how in WAYS]
    stages = f"stages:\n  good: {{uses: give}}\n{''.join(cells)}"
    for _ in range(2):
        told = workshop.run(stages)
        assert told.code == 1
        assert told.failures() == WAYS


def test_two_cells_with_one_key_compute_once(shop) -> None:
    count = shop.folder / "count.txt"
    told = shop.run(f"""
stages:
  a: {{uses: give, with: {{count: '{count}'}}}}
  b: {{uses: give, with: {{count: '{count}'}}}}
""")
    assert count.read_text() == "x"
    cached = [event for event in told.events if isinstance(event, CellCached)]
    assert told.of(CellFinished) == ["a"]
    assert [(event.cell, event.same_as) for event in cached] == [(1, 0)]


def test_two_cells_with_one_key_fail_together(shop) -> None:
    told = shop.run("stages:\n  a: {uses: fail}\n  b: {uses: fail}\n")
    assert told.failures()["b"] == "the same work failed as a"


def test_a_cell_that_comes_later_to_work_that_failed_does_not_try_again(workshop) -> None:
    told = workshop.run("""
stages:
  quick: {uses: give, with: {value: 1.0}}
  slow: {uses: give, with: {value: 0.5, hold: 0.8}}
  same: {uses: scale, from: {number: slow}}
  a: {uses: fail, from: {number: quick}}
  b: {uses: fail, from: {number: same}}
  after: {uses: scale, from: {number: b}}
""", jobs=2)  # fmt: skip
    assert told.of(CellStarted) == ["a", "quick", "same", "slow"]
    assert told.failures()["b"] == "the same work failed as a"
    assert told.of(CellSkipped) == ["after"]


def test_what_ran_before_in_a_process_changes_no_draw(shop) -> None:
    # One process; the throws of the others come after 1 or 7 throws of the first, of each kind.
    drawn = []
    for throws in (1, 7):
        told = shop.run(f"""
stages:
  before: {{uses: dice, with: {{by: python, throws: {throws}}}}}
  too: {{uses: dice, with: {{by: numpy, throws: {throws}}}, from: {{number: before}}}}
  python: {{uses: dice, from: {{number: too}}, with: {{by: python, throws: 2}}}}
  numpy: {{uses: dice, from: {{number: python}}, with: {{by: numpy, throws: 2}}}}
""", force=("python", "numpy"))  # fmt: skip
        assert {"python", "numpy"} <= set(told.of(CellStarted))
        numbers = shop.numbers(told)
        drawn.append([numbers["python"], numbers["numpy"]])
    assert drawn[0] == drawn[1]
    assert numbers["before"] != numbers["python"]


def test_a_mirror_passes_on_all_outputs_of_the_cell_that_it_chose(shop) -> None:
    told = shop.run("""
seeds: 2
stages:
  walks: {uses: walk, matrix: {steps: [5, 50, 100]}}
  best: {uses: pick, from: {candidates: walks}, with: {over: steps, pool: []}}
  after: {uses: scale, from: {number: best.number}, with: {times: 1.0}}
""")
    assert told.code == 0
    numbers = shop.numbers(told)
    for seed in (0, 1):
        highest = max(numbers[f"walks@steps={n}@seed={seed}"] for n in (5, 50, 100))
        assert numbers[f"best@seed={seed}"] == numbers[f"after@seed={seed}"] == highest
    assert numbers["best@seed=0"] != numbers["best@seed=1"]


def test_targets_cover_what_they_need_and_only_refuses_what_is_not_cached(shop) -> None:
    told = shop.run(DIAMOND, targets=("left",))
    assert told.of(CellFinished) == ["left", "top"]
    assert (told.code, told.failures()) == (0, {})
    told = shop.run(only=("end",))
    assert told.code == 1
    assert set(told.failures()) == {"right"}
    told = shop.run(since=("right",))
    assert told.of(CellFinished) == ["end", "right"]
    told = shop.run(force=("left",))
    assert told.of(CellStarted) == ["left"]
    with pytest.raises(UsageError, match="no stage or cell 'nothing'"):
        shop.run(targets=("nothing",))


def test_cache_require_fails_on_a_miss_and_serves_a_hit(shop) -> None:
    assert shop.run(DIAMOND, cache="require").code == 1
    shop.run()
    assert shop.run(cache="require").code == 0
    assert shop.run(cache="refresh").of(CellStarted) == ["end", "left", "right", "top"]


def test_a_damaged_object_is_recomputed_and_never_served(shop) -> None:
    told = shop.run(DIAMOND)
    store = Store(shop.store)
    output = store.result(told.keys()["left"]).outputs["number"]
    path = store.files(output)["number.txt"]
    path.chmod(0o644)
    path.write_text("6.00")
    told = shop.run()
    assert told.of(CellStarted) == ["left"]
    assert shop.numbers(told)["end"] == 21.0


def test_a_wrong_file_writes_nothing(workshop) -> None:
    with pytest.raises(PipelineError):
        workshop.run("stages: {a: {uses: nothing-like-it}}\n")
    assert not workshop.store.exists()


def test_plan_and_run_agree(shop) -> None:
    shop.run(DIAMOND)
    _, plan = preview(shop.request(DIAMOND.replace("times: 5.0", "times: 7.0")))
    assert {cell.name: cell.state for cell in plan.cells} == {
        "top": "hit", "left": "hit", "right": "run", "end": "pending",
    }  # fmt: skip
    assert {cell.name: cell.why for cell in plan.cells}["right"] == "params.times 5.0 → 7.0"


WALKS = """
stages:
  long: {uses: walk, with: {steps: 200, nap: 0.005}}
  other: {uses: walk, with: {steps: 150, nap: 0.005}}
  after: {uses: add, from: {numbers: [long.number, other.number]}}
"""


def spawn(workshop, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "meta_tui", "run", "pipeline.yaml", "--stages", "toys.py",
         "--json", "--checkpoint", "0.05", *more],
        cwd=workshop.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def until(process: subprocess.Popen, kind: type) -> Event:
    """Read events up to the first of a kind."""
    assert process.stdout is not None
    for line in process.stdout:
        event = decode(line)
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__}: {process.stderr.read()}")


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> dict[str, float]:
    """Numbers of an uninterrupted run, of this process; how long a step takes changes none."""
    shop = Workshop(tmp_path_factory.mktemp("straight"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "Local", lambda slots, environment: Inline())
        told = shop.run(WALKS.replace("0.005", "0.0"))
    forget_programs()
    return shop.numbers(told)


def test_an_interrupt_saves_exits_130_and_the_same_command_goes_on(shop, straight) -> None:
    shop.request(WALKS)
    process = spawn(shop, "--jobs", "2")
    until(process, CellCheckpointed)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    stopped = [e for e in map(decode, out.splitlines()) if isinstance(e, CellInterrupted)]
    assert stopped
    assert all(event.step > 0 for event in stopped)
    _, plan = preview(shop.request())
    assert "resume" in {cell.state for cell in plan.cells}
    told = shop.run()
    starts = [e.step for e in told.events if isinstance(e, CellStarted)]
    assert max(starts) > 0
    assert shop.numbers(told) == straight


def test_a_kill_of_the_whole_group_loses_nothing_acknowledged(shop, straight) -> None:
    shop.request(WALKS)
    process = spawn(shop, "--jobs", "1")
    until(process, CellCheckpointed)
    saved = until(process, CellCheckpointed)
    assert isinstance(saved, CellCheckpointed)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    folder = shop.last()
    assert not folder.alive()
    told = shop.run()
    assert told.code == 0
    starts = {event.cell: event.step for event in told.events if isinstance(event, CellStarted)}
    assert starts[saved.cell] >= saved.step > 0
    assert shop.numbers(told) == straight


def test_workers_die_with_their_runner(workshop) -> None:
    workshop.request("stages:\n  long: {uses: walk, with: {nap: 1.0}}\n")
    process = spawn(workshop, "--jobs", "1")
    until(process, CellStarted)
    deadline = time.monotonic() + 20
    while len(below := processes.below(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(below) == 2  # The keeper, and the process of the cell.
    process.kill()
    process.communicate()
    while any(alive(pid) for pid, _ in below) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(alive(pid) for pid, _ in below)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_two_runs_at_once_compute_each_cell_once_and_say_whom_they_wait_for(shop) -> None:
    count = shop.folder / "count.txt"
    cells = "\n".join(
        f"  s{n}: {{uses: give, with: {{value: {n}.0, count: '{count}', hold: 0.5}}}}"
        for n in range(3)
    )
    shop.request(f"stages:\n{cells}\n")
    first = spawn(shop, "--jobs", "1")
    until(first, CellStarted)
    told = shop.run()
    first.communicate(timeout=60)
    assert first.returncode == told.code == 0
    assert count.read_text() == "x" * 3
    waits = [event.owner for event in told.events if isinstance(event, CellWaiting)]
    assert waits
    assert all(owner.startswith("run ") for owner in waits)


def test_a_detached_run_goes_on_is_found_stops_when_asked_and_goes_on_when_started_again(
    workshop,
) -> None:
    stages = "stages:\n  long: {uses: walk, with: {steps: 100, nap: 0.02}}\n  other: {uses: give}\n"
    asked = workshop.request(stages, seed=5, targets=("long",), checkpoint_seconds=0.05)
    first = launch.start(asked)
    assert first.alive()
    assert find(workshop.store, first.id) == first
    deadline = time.monotonic() + 40
    while b"cell_checkpointed" not in first.events.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.02)
    first.request_stop()
    events = over(first)
    assert isinstance(events[-1], RunEnded)
    assert events[-1].code == 130
    assert any(isinstance(event, Note) and "stopping" in event.text for event in events)
    # As it was asked for, wherever its store lies now.
    workshop.file.write_text(workshop.file.read_text().replace("0.02", "0.01"))
    moved = workshop.store.rename(workshop.store.with_name("elsewhere"))
    second = launch.again(RunFolder(moved / "runs" / first.path.name))
    events = over(second)
    assert events[-1].code == 0
    assert second.path.parent == moved / "runs"
    assert second.id != first.id
    again = Request.decode(second.request.read_bytes())
    assert (again.seed, again.targets, again.store) == (5, ("long",), moved)
    assert "nap: 0.01" in second.pipeline.read_text()
    assert sum(isinstance(event, CellFinished) for event in events) == 1
    assert not workshop.store.exists()


def test_a_run_freezes_its_file(shop) -> None:
    shop.run(DIAMOND)
    folder = shop.last()
    shop.file.write_text("nonsense")
    assert "name: toys" in folder.pipeline.read_text()
    assert json.loads(folder.request.read_bytes())["file"] == str(shop.file)


def test_secrets_of_the_environment_reach_neither_workers_nor_the_store(
    workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "sing-no-more-4711")
    workshop.stage_files = (workshop.folder / "act.py",)
    code = json.dumps("result = float('CANARY_TOKEN' in os.environ)")
    told = workshop.run(f"stages:\n  a: {{uses: act, with: {{code: {code}}}}}\n")
    assert workshop.numbers(told) == {"a": 0.0}
    for path in workshop.store.rglob("*"):
        if path.is_file():
            assert b"sing-no-more-4711" not in path.read_bytes(), path


def test_a_result_says_where_it_came_from(shop) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(shop.folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "toys.py"], check=True)
    subprocess.run([*git, "commit", "-qm", "toys"], check=True)
    told = shop.run(DIAMOND)
    result = Store(shop.store).result(told.keys()["left"])
    said = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    origin = result.provenance
    assert origin["revision"] == said.stdout.strip()
    assert origin["dirty"] is False
    assert origin["run"] == shop.last().id
    assert (origin["cell"], origin["threads"], origin["device"]) == ("left", 1, "cpu")
    assert "python" in origin["packages"]


def test_a_note_of_a_stage_reaches_the_journal_made_safe(shop) -> None:
    told = shop.run("stages:\n  a: {uses: give, with: {say: careful}}\n")
    notes = [(event.cell, event.text) for event in told.events if isinstance(event, Note)]
    assert notes == [(0, "careful\\x07")]


def test_a_warning_of_the_file_is_told_by_its_run(shop) -> None:
    told = shop.run("params: {idle: 1}\nstages:\n  a: {uses: give}\n")
    (note,) = [event for event in told.events if isinstance(event, Note)]
    assert "nobody uses `params.idle`" in note.text
    assert note.cell is None


def test_an_unknown_target_writes_nothing(workshop) -> None:
    with pytest.raises(UsageError, match="no stage or cell 'nothing'"):
        workshop.run(DIAMOND, targets=("nothing",))
    assert not workshop.store.exists()


def test_another_number_of_threads_is_another_computation(shop) -> None:
    shop.run("stages:\n  a: {uses: give}\n")
    told = shop.run("stages:\n  a: {uses: give, resources: {threads: 2}}\n")
    assert [e.why for e in told.events if isinstance(e, CellStarted)] == ["threads 1 → 2"]


def test_the_command_passes_fail_fast_on(shop, monkeypatch, capsys) -> None:
    shop.request("stages:\n  bad: {uses: fail}\n  other: {uses: give}\n")
    command = ["meta", "run", str(shop.file), "--stages", str(shop.stage_files[0]), "--json"]
    monkeypatch.setattr(sys, "argv", [*command, "--fail-fast"])
    monkeypatch.chdir(shop.folder)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    events = [decode(line) for line in capsys.readouterr().out.splitlines() if line[0] == "{"]
    assert [event.cell for event in events if isinstance(event, CellStarted)] == [0]


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
