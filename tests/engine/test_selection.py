"""Which cells a request covers, which may run, and which must."""

import pytest

from engine.planning.load import load
from engine.planning.run_request import Request
from engine.planning.selection import named, select
from pipelines.core.errors import UsageError

STAGES = """
seeds: 2
stages:
  top: {uses: give}
  walks: {uses: walk, from: {number: top}, matrix: {steps: [5, 50]}}
  left: {uses: scale, from: {number: top}}
  right: {uses: scale, from: {number: left}}
  end: {uses: add, from: {numbers: walks.number}}
"""


def chosen(workshop, **options) -> dict[str, set[str]]:
    request: Request = workshop.request(STAGES, **options)
    pipeline = load(request)
    selection = select(pipeline, request)
    return {
        "cells": {pipeline.cells[cell].name for cell in selection.cells},
        "only": {pipeline.cells[cell].name for cell in selection.only},
        "forced": {pipeline.cells[cell].name for cell in selection.forced},
    }


WALKS = {f"walks@steps={steps}@seed={seed}" for steps in (5, 50) for seed in (0, 1)}
EVERYTHING = WALKS | {"top", "left", "right", "end"}


def test_without_a_word_everything_is_covered_and_may_run(workshop):
    assert chosen(workshop) == {"cells": EVERYTHING, "only": EVERYTHING, "forced": set()}


def test_a_target_covers_what_it_needs_and_no_more(workshop):
    wanted = {"top", "left", "right"}
    assert chosen(workshop, targets=("right",)) == {
        "cells": wanted,
        "only": wanted,
        "forced": set(),
    }


def test_from_a_stage_on_covers_what_depends_on_it_and_what_that_needs(workshop):
    assert chosen(workshop, since=("walks",))["cells"] == WALKS | {"top", "end"}
    assert chosen(workshop, since=("left",))["cells"] == {"top", "left", "right"}


def test_from_a_stage_up_to_another(workshop):
    assert chosen(workshop, since=("left",), targets=("end",))["cells"] == set()
    assert chosen(workshop, since=("left",), targets=("right",))["cells"] == {
        "top",
        "left",
        "right",
    }


def test_only_covers_what_is_needed_but_lets_nothing_else_run(workshop):
    found = chosen(workshop, only=("right",))
    assert found["cells"] == {"top", "left", "right"}
    assert found["only"] == {"right"}


def test_what_is_not_covered_is_not_forced(workshop):
    found = chosen(workshop, targets=("left",), force=("left", "end"))
    assert found["forced"] == {"left"}


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("walks", WALKS),
        ("walks@steps=5", {"walks@steps=5@seed=0", "walks@steps=5@seed=1"}),
        ("walks@seed=1@steps=5", {"walks@steps=5@seed=1"}),
    ],
)
def test_a_pick_names_the_cells_that_it_fits(workshop, name, cells):
    pipeline = load(workshop.request(STAGES))
    assert {pipeline.cells[cell].name for cell in named(pipeline, [name])} == cells


@pytest.mark.parametrize("name", ["nothing", "walks@steps=6", "walks@lr=1", "walk", "left@steps=5"])
def test_a_name_that_fits_nothing_is_told_with_those_there_are(workshop, name):
    pipeline = load(workshop.request(STAGES))
    with pytest.raises(UsageError, match=f"no stage or cell '{name}'; the stages are top, walks"):
        named(pipeline, ["left", name])
