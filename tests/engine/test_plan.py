"""What a plan says of each cell, and why; it must be what a run then does."""

from engine.identity.key import Key
from engine.identity.resolver import resolver
from engine.planning.load import load
from engine.planning.plan import reason
from engine.planning.preview import preview
from engine.rundir import run_folder
from engine.rundir.events import CellStarted
from engine.rundir.previous_runs import History
from engine.store import Miss, Store

CHAIN = """
stages:
  first: {uses: give, with: {value: 3.0}}
  second: {uses: scale, from: {number: first}}
  third: {uses: scale, from: {number: second}, with: {times: 5.0}}
  aside: {uses: give, with: {value: 7.0}}
"""


def states(workshop, stages: str = "", **options) -> dict[str, str]:
    _, plan = preview(workshop.request(stages, **options))
    return {cell.name: cell.state for cell in plan.cells}


def whys(workshop, stages: str = "", **options) -> dict[str, str]:
    _, plan = preview(workshop.request(stages, **options))
    return {cell.name: cell.why for cell in plan.cells}


def test_a_first_plan_runs_what_needs_nothing_and_writes_nothing(workshop):
    assert states(workshop, CHAIN) == {
        "first": "run", "second": "pending", "third": "pending", "aside": "run",
    }  # fmt: skip
    said = whys(workshop)
    assert said["first"] == "no earlier result"
    assert said["third"] == "runs unless second comes out unchanged"
    assert not workshop.store.exists()


def test_a_plan_of_a_store_that_is_there_changes_no_result(shop):
    shop.run(CHAIN)

    def files() -> dict[str, bytes]:
        return {
            str(path): path.read_bytes()
            for folder in ("objects", "results", "runs", "partial", "locks", "quarantine")
            for path in (shop.store / folder).rglob("*")
            if path.is_file()
        }

    before = files()
    preview(shop.request(CHAIN.replace("3.0", "4.0")))
    assert files() == before
    assert set(states(shop, CHAIN).values()) == {"hit"}


def test_the_states_are_counted(workshop):
    _, plan = preview(workshop.request(CHAIN))
    assert plan.counts == {"run": 2, "pending": 2}
    assert [bool(cell.key) for cell in plan.cells] == [True, False, False, True]


def test_only_blocks_what_may_not_run_and_what_needs_it(shop):
    assert states(shop, CHAIN, only=("third",)) == {
        "first": "blocked", "second": "blocked", "third": "blocked",
    }  # fmt: skip
    said = whys(shop, only=("third",))
    asked = f"and it was not asked for: `meta run {shop.file} first` computes it"
    assert said["first"] == f"no earlier result, {asked}"
    assert said["second"] == "not asked for, and needs first"
    assert said["third"] == "needs second"
    shop.run(targets=("second",))
    assert states(shop, only=("third",)) == {"first": "hit", "second": "hit", "third": "run"}


def test_a_cache_that_is_required_blocks_what_is_not_there(shop):
    assert states(shop, CHAIN, cache="require")["first"] == "blocked"
    shop.run()
    assert set(states(shop, cache="require").values()) == {"hit"}


def test_what_is_forced_runs_though_it_is_there_and_what_needs_it_may(shop):
    shop.run(CHAIN)
    found = states(shop, force=("second", "aside"))
    assert found == {"first": "hit", "second": "run", "third": "pending", "aside": "run"}
    assert whys(shop, force=("second",))["second"] == "forced"
    assert whys(shop, force=("first", "second"))["second"] == "forced, after what it needs"
    assert set(states(shop, cache="refresh").values()) == {"run", "pending"}


def test_more_stages_than_fit_are_counted(workshop):
    gives = "".join(f"  g{n}: {{uses: give, with: {{value: {n}.0}}}}\n" for n in range(5))
    stages = f"stages:\n{gives}  sum: {{uses: add, from: {{numbers: [g0, g1, g2, g3, g4]}}}}\n"
    assert whys(workshop, stages)["sum"] == "runs unless g0, g1, g2 and 2 more come out unchanged"


def test_a_cell_with_a_checkpoint_goes_on_unless_it_is_forced(workshop):
    stages = "stages:\n  long: {uses: walk}\n"
    _, plan = preview(workshop.request(stages))
    store = Store(workshop.store)
    key = plan.cells[0].key
    store.checkpoint_save(key, lambda folder: folder.joinpath("f").touch(), {"step": 12})
    assert states(workshop) == {"long": "resume"}
    assert whys(workshop) == {"long": "from its checkpoint at step 12"}
    assert states(workshop, force=("long",)) == {"long": "run"}


def test_a_damaged_result_is_told_as_damaged(shop):
    told = shop.run(CHAIN)
    Store(shop.store).results.path(told.keys()["aside"]).write_text("nonsense")
    assert states(shop)["aside"] == "run"
    assert whys(shop)["aside"].startswith("its result was damaged (its manifest: ")


def test_the_reason_looks_behind_a_run_that_was_killed_in_the_middle_of_a_line(shop):
    shop.run(CHAIN)
    shop.run(CHAIN.replace("7.0", "8.0"))
    events = shop.last().events
    whole = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(whole[:2]) + whole[2][:20])
    changed = CHAIN.replace("3.0", "4.0")
    assert whys(shop, changed)["first"] == "params.value 3.0 → 4.0"
    told = shop.run(changed)
    said = {told.names[e.cell]: e.why for e in told.events if isinstance(e, CellStarted)}
    assert said["first"] == "params.value 3.0 → 4.0"


def test_code_whose_old_text_is_gone_is_still_told_as_changed(shop):
    told = shop.run(CHAIN)
    store = Store(shop.store)
    components = store.result(told.keys()["aside"]).components
    request = shop.request()
    pipeline = load(request)
    found = resolver(pipeline, request.store)
    cell = pipeline.cells[3]
    history = History(store, "toys", run_folder.every(request.store))
    key = Key("0" * 64, {**components, "code": "1" * 64})
    store.objects.path(components["code"]).unlink()
    assert reason(cell, key, found, history, Miss("no earlier result")) == "code changed"
