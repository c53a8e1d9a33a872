"""`--accept-code`: results of earlier code are kept where a person vouches for them."""

import json

import pytest

from engine.identity.fingerprint import explain
from engine.planning.preview import preview
from engine.rundir.events import CellCached, CellFinished
from engine.store import Result, Store

CHAIN = """
stages:
  first: {uses: give, with: {value: 3.0}}
  second: {uses: scale, from: {number: first}}
"""


@pytest.fixture
def edited(workshop):
    """A workshop whose code changed after a run."""
    workshop.before = workshop.run(CHAIN)
    helper = workshop.folder / "scaling.py"
    helper.write_text(helper.read_text() + "\n\nUNUSED = 1\n")
    return workshop


def states(workshop, stages: str = "", **options) -> dict[str, str]:
    _, plan = preview(workshop.request(stages, **options))
    return {cell.name: cell.state for cell in plan.cells}


def test_results_of_earlier_code_are_taken_where_that_is_asked_and_stay(edited):
    assert states(edited) == {"first": "run", "second": "pending"}
    assert states(edited, accept_code=True) == {"first": "hit", "second": "hit"}
    told = edited.run(accept_code=True)
    assert told.of(CellCached) == ["first", "second"]
    assert told.of(CellFinished) == []
    assert told.keys() != edited.before.keys()
    assert edited.numbers(told) == edited.numbers(edited.before)
    assert set(states(edited).values()) == {"hit"}


def test_an_accepted_result_keeps_where_it_came_from(edited):
    told = edited.run(accept_code=True)
    store = Store(edited.store, readonly=True)
    old, new = (store.result(run.keys()["second"]) for run in (edited.before, told))
    assert isinstance(old, Result)
    assert isinstance(new, Result)
    assert new.provenance["run"] == old.provenance["run"]
    assert new.provenance["accepted_from"] == edited.before.keys()["second"]
    assert new.provenance["accepted_code"] == old.components["code"]
    assert new.components["code"] != old.components["code"]
    assert new.cost == old.cost


def test_nothing_else_that_differs_is_accepted(edited):
    changed = CHAIN.replace("3.0", "4.0")
    assert states(edited, changed, accept_code=True) == {"first": "run", "second": "pending"}
    told = edited.run(accept_code=True)
    assert told.of(CellFinished) == ["first", "second"]


def test_what_is_damaged_is_not_accepted(edited):
    for path in (edited.store / "objects").glob("*/*"):
        if path.read_bytes() == b"3.0":
            path.chmod(0o600)
            path.unlink()
    assert states(edited, accept_code=True)["first"] == "run"
    assert "first" in edited.run(accept_code=True).of(CellFinished)


def test_force_runs_and_require_is_content(edited):
    assert states(edited, accept_code=True, cache="require") == {"first": "hit", "second": "hit"}
    told = edited.run(accept_code=True, force=("second",))
    assert told.of(CellFinished) == ["second"]


def test_a_new_format_of_fingerprints_is_a_new_program_version(edited):
    code = {"format": 1, "modules": {"a.py": "1"}, "packages": {}}
    told = explain(code, json.loads(json.dumps({**code, "format": 2})))
    assert told == "new program version; `--accept-code` keeps earlier results"
    assert explain(code, {**code, "modules": {}}) == "code: a.py removed"
