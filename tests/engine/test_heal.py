"""Damage of a store, of any byte of it: found, told alike everywhere, healed in the same run."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import Told, Workshop
from engine.execution import launch
from engine.execution.control_requests import Wishes
from engine.execution.healing import Healing
from engine.execution.outcomes import Ledger
from engine.execution.scheduler import Schedule
from engine.identity import resolver
from engine.planning.preview import preview
from engine.rundir.events import (
    CellCached,
    CellDamaged,
    CellFailed,
    CellFinished,
    CellInterrupted,
    CellSkipped,
    CellStarted,
    CellWaiting,
    Event,
    Note,
)
from engine.store import FileRef, Output, Result, Store, fs, objects
from engine.workers import inline, run_cell

CHAIN = """
stages:
  first: {uses: give, with: {value: 3.0}}
  second: {uses: scale, from: {number: first}}
  third: {uses: scale, from: {number: second}, with: {times: 5.0}}
"""
NEEDS = (frozenset[int](), frozenset({0}), frozenset({0}))
NUMBER = hashlib.sha256(b"3.0").hexdigest()
LONGER = CHAIN + "  fourth: {uses: scale, from: {number: third}, with: {times: 7.0}}\n"


def watched(shop: Workshop, watch: Callable[[Event, Told], None], stages="", **options) -> Told:
    """A run, each event of which is shown to `watch` when it is told."""
    told = Told(-1, [])

    def observe(event: Any) -> None:
        if not isinstance(event, tuple):
            told.events.append(event)
            watch(event, told)

    told.code = launch.run(shop.request(stages, **options), observe)
    return told


def result(shop: Workshop, told: Told, cell: str) -> Result:
    found = Store(shop.store, readonly=True).result(told.keys()[cell])
    assert isinstance(found, Result)
    return found


def place(shop: Workshop, told: Told, cell: str, file: str = "number.txt") -> Path:
    """Where an object of a cell lies."""
    made = result(shop, told, cell)
    found = {name.rpartition("/")[2]: ref for name, ref in made.files}
    return Store(shop.store).objects.path(found[file].sha256)


def flip(path: Path, at: int = 0, *, keep_times: bool = False) -> None:
    before, data = path.stat(), bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    if keep_times:
        # As a copy that keeps times: only the time of the change of the file's entry tells.
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def whys(told: Told) -> dict[str, str]:
    return {told.names[e.cell]: e.why for e in told.events if isinstance(e, CellStarted)}


def planned(shop: Workshop, stages: str = "", **options) -> dict[str, tuple[str, str]]:
    _, plan = preview(shop.request(stages, **options))
    return {cell.name: (cell.state, cell.why) for cell in plan.cells}


@pytest.fixture
def rotting(monkeypatch) -> None:
    """A disk whose damage no time of a file tells: only reading finds it."""
    monkeypatch.setattr(objects, "touched_after", lambda found, since: False)


def swap(path: Path) -> None:
    other = next(it for it in path.parent.parent.glob("*/*") if it != path and it.is_file())
    kept = other.read_bytes()
    path.chmod(0o600)
    path.write_bytes(kept)


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def to_nothing(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    path.chmod(0o600)
    os.truncate(path, 1)


def flip_and_set_back(path: Path) -> None:
    flip(path, keep_times=True)


DAMAGES = [flip, flip_and_set_back, truncate, to_nothing, to_folder, swap]


@pytest.mark.parametrize(
    ("cell", "damage"),
    [("first", flip), ("third", flip), *(("second", damage) for damage in DAMAGES)],
)
def test_a_damaged_object_is_healed_in_the_next_run_and_all_tell_the_same(shop, damage, cell):
    before = shop.run(CHAIN)
    numbers = shop.numbers(before)
    damage(place(shop, before, cell))
    state, why = planned(shop)[cell]
    assert state == "run"
    assert why.startswith("its result was damaged (number/number.txt: object ")
    told = shop.run()
    assert told.code == 0
    assert whys(told) == {cell: why}
    assert [e.why for e in told.events if isinstance(e, CellDamaged)] == [why]
    assert shop.numbers(told) == numbers
    assert planned(shop)[cell] == ("hit", "cached")
    assert shop.run().of(CellStarted) == []


def test_damage_is_the_reason_and_not_what_changed_since_the_last_run(shop):
    before = shop.run(CHAIN)
    shop.run(CHAIN.replace("3.0", "4.0"))
    flip(place(shop, before, "first"))
    why = planned(shop, CHAIN)["first"][1]
    assert why.startswith("its result was damaged (")
    assert whys(shop.run(CHAIN)) == {"first": why}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_healed(shop, damage):
    before = shop.run(CHAIN)
    damage(Store(shop.store).results.path(before.keys()["second"]))
    state, why = planned(shop)["second"]
    told = shop.run()
    assert told.code == 0
    assert shop.numbers(told) == shop.numbers(before)
    assert whys(told) == {"second": why}
    if damage is not to_nothing:
        assert why.startswith("its result was damaged (its manifest: ")
    assert state == "run"


@pytest.mark.usefixtures("rotting")
def test_damage_that_only_reading_finds_is_healed_by_the_run_that_reads(shop):
    shop.run(CHAIN)
    before = shop.last()
    told = shop.run(LONGER)
    flip(place(shop, told, "third"))
    changed = LONGER.replace("7.0", "8.0")
    assert planned(shop, changed)["fourth"] == ("pending", "runs unless third comes out unchanged")
    state, why = planned(shop, changed)["third"]
    told = shop.run(changed)
    assert told.code == 0
    assert shop.numbers(told)["fourth"] == 240.0
    assert state == "run"
    assert whys(told)["third"] == why
    assert why.endswith("has other bytes)")
    (damaged,) = (event for event in told.events if isinstance(event, CellDamaged))
    assert (told.names[damaged.cell], told.names[damaged.reader]) == ("third", "fourth")
    waits = [event.owner for event in told.events if isinstance(event, CellWaiting)]
    assert waits == ["third, computed again"]
    assert before != shop.last()
    assert list((shop.store / "locks").iterdir()) == []
    aside = [path.name for path in (shop.store / "quarantine").glob("*.reason")]
    assert len(aside) == 1


@pytest.mark.usefixtures("rotting")
def test_of_a_fan_the_readers_that_finished_stay_and_the_others_wait(shop):
    fan = "".join(
        f"  r{n}: {{uses: scale, from: {{number: top}}, with: {{times: {n + 2}.0}}}}\n"
        for n in range(5)
    )
    stages = f"stages:\n  top: {{uses: give}}\n{fan}"

    def watch(event: Event, told: Told) -> None:
        if isinstance(event, CellFinished) and told.of(CellFinished) == ["r0", "r1", "top"]:
            flip(place(shop, told, "top"))

    told = watched(shop, watch, stages)
    assert told.code == 0
    assert told.of(CellDamaged) == ["top"]
    assert told.of(CellFinished) == ["r0", "r1", "r2", "r3", "r4", "top", "top"]
    assert shop.numbers(told) == {"top": 1.0} | {f"r{n}": n + 2.0 for n in range(5)}


@pytest.mark.usefixtures("rotting")
def test_a_second_damage_of_one_cell_fails_with_a_clear_word(shop):
    def watch(event: Event, told: Told) -> None:
        if isinstance(event, CellFinished) and told.names[event.cell] == "first":
            flip(place(shop, told, "first"))

    told = watched(shop, watch, CHAIN)
    assert told.code == 1
    error = told.failures()["first"]
    assert error.startswith("its result was damaged (number/number.txt: object ")
    assert error.endswith("has other bytes), after it was computed again: check the disk")
    assert told.of(CellSkipped) == ["second", "third"]
    assert told.of(CellFinished) == ["first", "first"]
    told = shop.run()
    assert (told.code, shop.numbers(told)["third"]) == (0, 30.0)


@pytest.mark.usefixtures("rotting")
def test_a_maker_that_was_not_asked_for_fails_with_the_command_to_run(shop):
    told = shop.run(CHAIN)
    flip(place(shop, told, "second"))
    changed = CHAIN.replace("5.0", "6.0")
    _, why = planned(shop, changed, only=("third",))["second"]
    told = shop.run(changed, only=("third",))
    assert told.code == 1
    assert told.failures() == {"second": why}
    assert why.endswith(f"was not asked for: `meta run {shop.file} second` computes it")
    assert told.of(CellSkipped) == ["third"]
    assert shop.run(targets=("second",)).code == 0
    told = shop.run(only=("third",))
    assert (told.code, shop.numbers(told)["third"]) == (0, 36.0)


@pytest.mark.parametrize("damage", [flip, to_nothing])
def test_where_the_cache_is_required_damage_is_a_failure_and_nothing_is_computed(shop, damage):
    told = shop.run(CHAIN)
    damage(place(shop, told, "second"))
    state, why = planned(shop, cache="require")["second"]
    told = shop.run(cache="require")
    assert (told.code, state) == (1, "blocked")
    assert told.failures() == {"second": why}
    assert "`cache: require` computes nothing" in why
    assert told.of(CellStarted) == []
    assert shop.run().code == 0
    assert shop.run(cache="require").code == 0


@pytest.mark.usefixtures("rotting")
@pytest.mark.parametrize("mode", ["refresh", "off"])
def test_results_of_a_run_that_keeps_or_takes_none_are_healed_too(shop, mode):
    def watch(event: Event, told: Told) -> None:
        if isinstance(event, CellFinished) and told.of(CellFinished) == ["first"]:
            to_nothing(Store(shop.store).objects.path(NUMBER))

    told = watched(shop, watch, CHAIN, cache=mode)
    assert told.code == 0
    assert told.of(CellFinished) == ["first", "first", "second", "third"]
    assert whys(told)["first"].endswith("is missing)")


@pytest.mark.usefixtures("rotting")
def test_an_object_of_two_results_heals_both(shop):
    stages = """
stages:
  one: {uses: give, with: {value: 2.0}}
  two: {uses: give, with: {value: 2.0, hold: 0.001}}
  sum: {uses: add, from: {numbers: [one, two]}}
"""
    told = shop.run(stages)
    assert place(shop, told, "one") == place(shop, told, "two")
    flip(place(shop, told, "one"))
    told = shop.run(stages + "  more: {uses: scale, from: {number: one}}\n")
    assert told.code == 0
    assert told.of(CellDamaged) == ["one", "two"]
    assert shop.numbers(told) == {"one": 2.0, "two": 2.0, "sum": 4.0, "more": 4.0}


@pytest.mark.usefixtures("rotting")
def test_what_a_choice_passes_on_is_healed_by_the_cell_that_made_it(shop):
    stages = """
seeds: 1
stages:
  walks: {uses: walk, matrix: {steps: [5, 50]}}
  best: {uses: pick, from: {candidates: walks}, with: {over: steps}}
  after: {uses: scale, from: {number: best.number}, with: {times: 1.0}}
"""
    before = shop.run(stages)
    flip(place(shop, before, "best"))
    told = shop.run(stages.replace("times: 1.0", "times: 2.0"))
    assert told.code == 0
    (walk, *_) = sorted(set(told.of(CellDamaged)) - {"best"})
    assert walk in {"walks@steps=5", "walks@steps=50"}
    assert told.of(CellStarted) == ["after", "after", walk]
    assert told.of(CellCached).count("best") == 2
    numbers = shop.numbers(told)
    assert numbers["after"] == 2.0 * numbers["best"] == 2.0 * numbers[walk]


@pytest.mark.usefixtures("rotting")
def test_an_input_that_comes_from_an_axis_is_healed_alone(shop):
    stages = """
stages:
  one: {uses: give, with: {value: 2.0}}
  two: {uses: give, with: {value: 3.0}}
  each: {uses: scale, from: {number: [one, two]}, with: {times: TIMES}}
"""
    told = shop.run(stages.replace("TIMES", "1.5"))
    flip(place(shop, told, "two"))
    told = shop.run(stages.replace("TIMES", "4.0"))
    assert told.code == 0
    assert told.of(CellDamaged) == ["two"]
    assert shop.numbers(told)["each@number=two"] == 12.0


def test_a_result_that_comes_out_otherwise_reruns_readers_by_key_and_says_who_read_the_old_one(
    shop, monkeypatch
):
    preview(shop.request(CHAIN))
    import scaling

    stages = CHAIN + "  also: {uses: scale, from: {number: second}, with: {times: 6.0}}\n"
    monkeypatch.setattr(scaling, "scaled", lambda value, times: value * times)

    def watch(event: Event, told: Told) -> None:
        finished = told.of(CellFinished)
        if isinstance(event, CellFinished) and len(finished) == 3:
            monkeypatch.setattr(scaling, "scaled", lambda value, times: value * times + 1)
            flip(place(shop, told, "second"))

    told = watched(shop, watch, stages)
    assert told.code == 0
    notes = [event.text for event in told.events if isinstance(event, Note)]
    assert notes == [
        "it came out with other bytes than the damaged result had; third read that one before: "
        "`meta run` again brings them up to date"
    ]
    assert shop.numbers(told) == {"first": 3.0, "second": 7.0, "third": 30.0, "also": 43.0}
    told = shop.run()
    assert told.of(CellStarted) == ["third"]
    assert shop.numbers(told)["third"] == 36.0


def test_a_curve_that_is_damaged_is_healed(shop):
    told = shop.run("stages:\n  long: {uses: walk}\n")
    made = result(shop, told, "long")
    flip(Store(shop.store).objects.path(made.curves.sha256), 3)
    _, why = planned(shop)["long"]
    told = shop.run()
    assert whys(told) == {"long": why}
    assert "(its curves: object" in why
    assert result(shop, told, "long").curves == made.curves


def test_a_file_that_a_stage_reads_too_late_is_no_fault_of_the_stage(shop, monkeypatch):
    told = shop.run(CHAIN)
    import scaling

    path = place(shop, told, "second")
    old = scaling.scaled

    def damaging(value: float, times: float) -> float:
        if times == 9.0 and not broken:
            broken.append(1)
            flip(path)
            raise ValueError("garbage in the file")
        return old(value, times)

    broken: list[int] = []
    monkeypatch.setattr(scaling, "scaled", damaging)
    told = shop.run(CHAIN.replace("5.0", "9.0"))
    assert (told.code, told.of(CellFailed), broken) == (0, [], [1])
    assert shop.numbers(told)["third"] == 54.0


def test_a_reader_that_changes_what_it_reads_is_named_and_its_maker_is_not(shop, monkeypatch):
    path = place(shop, shop.run(CHAIN), "second")
    import scaling

    old = scaling.scaled

    def damaging(value: float, times: float) -> float:
        if times > 8.0:
            flip(path)
        return old(value, times)

    monkeypatch.setattr(scaling, "scaled", damaging)
    told = shop.run(CHAIN.replace("5.0", "9.0"))
    said = (
        f"it changed the result of second that it reads (object {path.name[:12]} has other bytes, "
        "twice, each time while it ran): open the files that an artifact is read from for reading "
        "only"
    )
    assert (told.code, told.failures()) == (1, {"third": said})
    assert told.of(CellFinished) == ["second"]
    two = CHAIN.replace("5.0", "9.0")
    two += "  fourth: {uses: scale, from: {number: second}, with: {times: 9.5}}\n"
    told = shop.run(two)
    assert (told.code, told.failures()) == (1, {"third": said, "fourth": said})
    # For each culprit after its first time, and once more for the one that was still to run.
    assert told.of(CellFinished) == ["second"] * 4
    monkeypatch.setattr(scaling, "scaled", old)
    assert shop.run(two).code == 0


def to_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/null")


def appended(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"1")


def changed_and_raised(path: Path) -> None:
    flip(path)
    raise ValueError("after the change")


@pytest.mark.parametrize(
    "damage", [flip, appended, Path.unlink, swap, to_link, to_folder, changed_and_raised]
)
def test_other_readers_of_what_a_reader_changes_run(shop, monkeypatch, damage):
    stages = CHAIN.replace("5.0", "9.0")
    for name, times in (("fourth", 4.0), ("fifth", 5.0)):
        stages += f"  {name}: {{uses: scale, from: {{number: second}}, with: {{times: {times}}}}}\n"
    path = place(shop, shop.run(CHAIN), "second")
    shutil.rmtree(shop.store / "results")
    import scaling

    old = scaling.scaled

    def damaging(value: float, times: float) -> float:
        if times > 8.0:
            damage(path)
        return old(value, times)

    monkeypatch.setattr(scaling, "scaled", damaging)
    told = shop.run(stages)
    failures = told.failures()
    assert (told.code, set(failures)) == (1, {"third"})
    assert failures["third"].startswith("it changed the result of second that it reads (object ")
    assert told.of(CellFinished) == ["fifth", "first", "fourth", "second", "second", "second"]
    assert told.of(CellStarted).count("third") == 2
    assert not told.of(CellSkipped)
    numbers = shop.numbers(told)
    assert (numbers["fourth"], numbers["fifth"]) == (24.0, 30.0)


def test_of_several_readers_that_run_at_once_each_runs_alone_before_one_is_blamed():
    journal: Any = SimpleNamespace(event=lambda event: None)
    cells: Any = tuple(Reader(name, frozenset(it)) for name, it in zip("abc", NEEDS, strict=True))
    ledger = Ledger(cells, Schedule(NEEDS), journal)
    stored: Any = SimpleNamespace(
        pipeline=SimpleNamespace(cells=cells),
        store=SimpleNamespace(objects=SimpleNamespace(damage=lambda digest: "is missing")),
    )
    selection: Any = SimpleNamespace(allows=lambda cell: True)
    healing = Healing(stored, selection, ledger, set())
    made = Result(outputs={"n": Output("Number", 1, {"n": FileRef(NUMBER, 3)})})

    def begin(*wanted: int) -> None:
        ledger.cached(ledger.schedule.next(), "key", made)
        for cell in (ledger.schedule.next(), ledger.schedule.next()):
            if cell in wanted:
                ledger.schedule.running(cell)
            else:
                ledger.put_back(cell)

    for first, second in ((2, 1), (1, 2)):
        begin(1, 2)
        healing.unread(first, NUMBER, "is missing", changed=True)
        healing.unread(second, NUMBER, "is missing", changed=True)
        assert healing.alone == {1, 2}
        assert not ledger.failed
    begin(1)
    healing.unread(1, NUMBER, "is missing", changed=True)
    assert ledger.failed == {1}
    assert ledger.schedule.state(0).value == "ready"


@pytest.mark.parametrize("parts", [0, pytest.param(5, marks=pytest.mark.slow)])
def test_any_byte_of_any_file_of_a_store_may_flip(shop, tmp_path, parts):
    """With 0 parts, one byte of one file of each kind."""
    stages = LONGER + "  long: {uses: walk, with: {steps: 3}}\n"
    shop.run(stages)
    numbers = shop.numbers(shop.run(stages.replace("7.0", "8.0")))
    whole = tmp_path / "whole"
    shutil.copytree(shop.store, whole)
    # The marker of the store says whose it is: damaged, it is for a person to look at.
    files = [it.relative_to(whole) for it in sorted(whole.rglob("*/*")) if it.is_file()]
    assert {file.parts[0] for file in files} >= {"objects", "results", "runs", "memo"}
    if not parts:
        # The names of results and objects are digests, which tell no kind.
        kinds = {
            (it.parts[0], it.suffix, it.name[:1] * (it.parts[0] == "runs")): it for it in files
        }
        files, parts = list(kinds.values()), 1
    for number, file in enumerate(files):
        size = (whole / file).stat().st_size
        for at in {(size * part // parts + 13 * number) % size for part in range(parts) if size}:
            shutil.rmtree(shop.store)
            shutil.copytree(whole, shop.store)
            flip(shop.store / file, at)
            plan = planned(shop)
            told = shop.run()
            assert told.code == 0, (file, at, told.failures())
            assert {name: shop.numbers(told)[name] for name in numbers} == numbers, (file, at)
            expected = {name: why for name, (state, why) in plan.items() if state == "run"}
            assert whys(told) == expected, (file, at)
            if file.parts[0] in {"objects", "results"}:
                assert all(why.startswith("its result was damaged") for why in expected.values())


def test_a_damaged_checkpoint_is_not_promised(shop):
    stages = "stages:\n  long: {uses: walk}\n"
    (cell,) = preview(shop.request(stages))[1].cells
    store = Store(shop.store)
    fs.Disk(shop.store).folder(shop.store / "memo")
    for step in (10, 20):
        write = partial(Path.write_bytes, data=b"%d" % step)
        store.checkpoint_save(cell.key, lambda it, w=write: w(it / "f"), {"step": step})
    assert planned(shop)["long"][1] == "from its checkpoint at step 20"
    flip(store.checkpoint_load(cell.key) / "f")
    assert planned(shop)["long"][1] == "from its checkpoint at step 10"


@pytest.mark.usefixtures("rotting")
def test_what_another_run_heals_is_waited_for_and_taken(shop):
    before = shop.run(CHAIN)
    path, key = place(shop, before, "second"), before.keys()["second"]
    content = path.read_bytes()
    other = Store(shop.store)
    made, held = other.result(key), other.lease(key, "b0b0")
    flip(path)

    def watch(event: Event, told: Told) -> None:
        if isinstance(event, CellWaiting) and "b0b0" in event.owner:
            other.put(content)
            other.publish(key, made)
            held.release()

    told = watched(shop, watch, CHAIN.replace("5.0", "6.0"))
    assert told.code == 0
    assert told.of(CellDamaged) == ["second"]
    assert told.of(CellStarted) == ["third", "third"]
    assert told.of(CellCached).count("second") == 2
    assert shop.numbers(told)["third"] == 36.0


@pytest.mark.usefixtures("rotting")
def test_damage_that_was_healed_before_the_runner_looked_only_starts_the_reader_again(
    shop, monkeypatch
):
    told = shop.run(CHAIN)
    path = place(shop, told, "second")
    content, real = path.read_bytes(), inline.outcome
    flip(path)

    def late(*args: Any) -> Any:
        message = real(*args)
        Store(shop.store).put(content)
        return message

    monkeypatch.setattr(inline, "outcome", late)
    told = shop.run(CHAIN.replace("5.0", "6.0"))
    assert (told.code, told.of(CellDamaged)) == (0, [])
    assert told.of(CellStarted) == ["third", "third"]
    assert shop.numbers(told)["third"] == 36.0


@pytest.mark.parametrize("times", [1, 2])
def test_an_object_that_is_gone_before_its_result_is_published_is_made_again_once(
    shop, monkeypatch, times
):
    left, real = [None] * times, run_cell._publish

    def losing(artifact: Any, store: Store, bounds: Any) -> Any:
        output = real(artifact, store, bounds)
        if left:
            left.pop()
            store.objects.path(output.files["number.txt"].sha256).unlink()
        return output

    monkeypatch.setattr(run_cell, "_publish", losing)
    told = shop.run("stages:\n  one: {uses: give}\n")
    assert told.of(CellStarted) == ["one", "one"]
    assert told.code == times - 1
    if times == 2:
        assert told.failures()["one"].endswith("is missing, twice; check the disk")


@pytest.mark.usefixtures("rotting")
def test_what_a_run_shows_is_verified_when_it_is_a_hit_and_once_more_at_the_end(shop, monkeypatch):
    monkeypatch.setattr(resolver, "SHOWN_TYPE", "Number")
    before = shop.run(CHAIN)
    flip(place(shop, before, "third"))
    why = planned(shop)["third"][1]
    told = shop.run()
    assert whys(told) == {"third": why}

    def watch(event: Event, told: Told) -> None:
        if isinstance(event, CellCached) and told.of(CellCached) == ["first", "second", "third"]:
            flip(place(shop, told, "first"))

    told = watched(shop, watch)
    assert told.code == 0
    assert told.of(CellFinished) == ["first"]
    assert shop.numbers(told) == shop.numbers(before)


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, 0), (errno.EIO, 0), (errno.EMFILE, 3)])
def test_an_object_of_ours_that_cannot_be_read_is_healed_and_a_poor_process_is_told(
    shop, monkeypatch, number, code
):
    told = shop.run(CHAIN)
    path, real = place(shop, told, "second"), objects._measure
    inode = path.stat().st_ino

    def refusing(source: Any) -> Any:
        if source == path and path.stat().st_ino == inode:
            raise OSError(number, os.strerror(number))
        return real(source)

    monkeypatch.setattr(objects, "_measure", refusing)
    told = shop.run(CHAIN.replace("5.0", "6.0"))
    assert told.code == code
    if code == 0:
        assert whys(told)["second"].endswith(f"cannot be read ({os.strerror(number)}))")
        assert shop.numbers(told)["third"] == 36.0


@pytest.mark.usefixtures("rotting")
def test_a_cell_that_was_cancelled_while_it_met_damage_is_stopped(shop, monkeypatch):
    told = shop.run(CHAIN)
    flip(place(shop, told, "second"))
    monkeypatch.setattr(Wishes, "withdrawn", lambda wishes, cell: True)
    told = shop.run(CHAIN.replace("5.0", "6.0"))
    assert (told.code, told.of(CellInterrupted)) == (130, ["third"])
    assert told.of(CellStarted) == ["third"]


@dataclass
class Reader:
    """As much of a cell as healing wants to know."""

    name: str
    needs: frozenset[int]


@dataclass
class Named:
    """As much of a cell as a ledger wants to know."""

    name: str


def test_a_cell_with_the_same_work_as_one_that_waits_again_looks_for_its_key_anew():
    journal: Any = SimpleNamespace(event=lambda event: None)
    cells: Any = tuple(map(Named, "abcd"))
    found: Any = Result(outputs={})
    ledger = Ledger(cells, Schedule([frozenset(it) for it in ((), (), (0,), (1,))]), journal)
    for cell in (ledger.schedule.next(), ledger.schedule.next()):
        ledger.lead(cell, f"key of {cell}")
        ledger.cached(cell, f"key of {cell}", found)
    assert [ledger.lead(ledger.schedule.next(), "one key") for _ in range(2)] == [True, False]
    ledger.heal({0: "it was damaged"})
    # The follower was in no queue that would have to let it go.
    assert ledger.let_go() == {0, 2}
    assert [ledger.schedule.state(cell).value for cell in range(4)] == [
        "ready", "done", "waiting", "ready",
    ]  # fmt: skip
    taken = [ledger.schedule.next(), ledger.schedule.next()]
    assert sorted(taken) == [0, 3]
    assert ledger.lead(3, "one key")
    ledger.fail(3, "broken")
    ledger.cached(0, "key of 0", found)
    # Its input came out otherwise, so that its key is its own by now.
    assert ledger.lead(ledger.schedule.next(), "another key")
    assert ledger.schedule.state(3).value == "failed"


def test_a_leader_that_is_tried_again_with_another_key_keeps_no_follower():
    journal: Any = SimpleNamespace(event=lambda event: None)
    cells: Any = tuple(map(Named, "ab"))
    ledger = Ledger(cells, Schedule([frozenset(), frozenset()]), journal)
    assert [ledger.lead(ledger.schedule.next(), "one key") for _ in range(2)] == [True, False]
    ledger.schedule.running(0)
    ledger.try_again(0, "lost", "", "its worker was lost")
    assert ledger.lead(ledger.schedule.next(), "another key")
    assert ledger.schedule.next() == 1
    assert ledger.lead(1, "one key")
    assert ledger.let_go() == set()


def test_a_worker_process_tells_of_damage_and_the_run_heals_it(workshop):
    told = workshop.run(CHAIN)
    path = place(workshop, told, "second")
    flip(path)

    def watch(event: Event, told: Told) -> None:
        if isinstance(event, CellFinished) and told.names[event.cell] == "second":
            mended.append(path.read_bytes())
            flip(path)

    mended: list[bytes] = []
    told = watched(workshop, watch, CHAIN.replace("5.0", "6.0"))
    assert told.code == 1
    assert told.of(CellDamaged) == ["second"] * 3
    assert mended == [b"6.0", b"6.0"]
    assert told.failures()["second"].endswith("after it was computed again: check the disk")
