"""What was drawn once for all seeds of a row, as a table is told it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from stand_ins import CATALOGUE, Adapted, Dataset, Model, NoneParams, Scores, Thing

from pipelines.core.stage import Stage, stage
from pipelines.pipeline import check


class Judge(Thing):
    instrument: ClassVar[bool] = True


@dataclass(frozen=True)
class Judging:
    judge: Judge


@stage(draws=True)
def judge(run: object, params: NoneParams, *, data: Dataset) -> Judging:
    """Measures."""
    return Judging(Judge())


@stage
def measure(
    run: object, params: NoneParams, *, model: Model, judge: Judge | None = None
) -> Adapted:
    """Draws nothing itself."""
    return Adapted(model, Scores())


STAGES: Mapping[str, Stage] = {**CATALOGUE, "judge": judge, "measure": measure}


def shared(stages: str, seeds: int = 2) -> dict[str, tuple[str, ...]]:
    """What the table `result` is told of each cell."""
    text = "version: 1\nname: t\nstages:\n  all: {uses: dataset, with: {name: low}}\n"
    for line in stages.strip().splitlines():
        text += f"  {line.strip()}\n"
    found = check(text, file="p.yaml", folder=Path("/nowhere"), stages=STAGES, seeds=seeds)
    (table,) = (cell for cell in found.cells if cell.stage == "result")
    return {str(wire.source): wire.source.once for wire in table.inputs["scores"]}


TABLE = "result: {uses: compare, from: {scores: [tuned]}}"


def test_what_is_drawn_anew_with_every_seed_is_not_shared() -> None:
    found = shared(f"""
        few: {{uses: subset, from: {{data: all}}, matrix: {{train: [5, 10]}}}}
        net: {{uses: pretrain, from: {{data: few}}}}
        tuned: {{uses: finetune, from: {{model: net, data: few}}, matrix: {{lr: [1, 2]}}}}
        {TABLE}
    """)
    assert len(found) == 8
    assert set(found.values()) == {()}


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_cell_shares_nothing_with_itself(seeds: int) -> None:
    found = shared(
        f"""
        net: {{uses: pretrain, from: {{data: all}}}}
        tuned: {{uses: measure, from: {{model: net@seed=0}}}}
        {TABLE}
        """.replace("@seed=0", "@seed=0" if seeds == 2 else ""),
        seeds,
    )
    assert found == {"tuned": ()}


@pytest.mark.parametrize(
    ("stages", "once"),
    [
        ("""net: {uses: pretrain, from: {data: all}, seeds: 1}
            tuned: {uses: finetune, from: {model: net, data: all}}""", ("net",)),
        ("""net: {uses: pretrain, from: {data: all}}
            tuned: {uses: finetune, from: {model: net@seed=0, data: all}}""", ("net",)),
        ("""net: {uses: init, seeds: 1}
            tuned: {uses: finetune, from: {model: net, data: all}}""", ("net",)),
        ("""few: {uses: subset, from: {data: all}, seeds: 1}
            net: {uses: pretrain, from: {data: few}}
            tuned: {uses: measure, from: {model: net}}""", ("few",)),
        ("""few: {uses: subset, from: {data: all}, seeds: 1}
            net: {uses: pretrain, from: {data: few}, seeds: 1}
            tuned: {uses: finetune, from: {model: net, data: all}}""", ("few", "net")),
        ("""old: {uses: subset, from: {data: all}, seeds: 1}
            net: {uses: pretrain, from: {data: all}}
            tuned: {uses: finetune, from: {model: net, data: all, retain: [old]}}""", ("old",)),
        ("""net: {uses: pretrain, from: {data: all}}
            jury: {uses: judge, from: {data: all}, seeds: 1}
            tuned: {uses: measure, from: {model: net, judge: jury}}""", ()),
    ],
)  # fmt: skip
def test_what_is_drawn_once_for_all_seeds_is_shared(stages: str, once: tuple[str, ...]) -> None:
    assert shared(f"{stages}\n{TABLE}") == {f"tuned@seed={seed}": once for seed in (0, 1)}


@pytest.mark.parametrize("pool", ["", "pool: [seed], "])
@pytest.mark.parametrize(("own", "once"), [("", ()), (", seeds: 1", ("net",))])
def test_a_choice_is_made_of_the_candidates_with_its_own_seed(pool, own, once) -> None:
    """With a pool it reads those of all seeds, and passes on one of its own."""
    found = shared(f"""
        net: {{uses: pretrain, from: {{data: all}}{own}}}
        tried: {{uses: finetune, from: {{model: net, data: all}}, matrix: {{lr: [1, 2]}}}}
        best: {{uses: select, from: {{candidates: tried}}, with: {{{pool}over: lr}}}}
        result: {{uses: compare, from: {{scores: best}}}}
    """)
    assert found == {f"best@seed={seed}": once for seed in (0, 1)}


def test_a_row_in_which_something_is_drawn_anew_shares_the_rest() -> None:
    found = shared("""
        net: {uses: pretrain, from: {data: all}, seeds: 1}
        free: {uses: init}
        tuned: {uses: finetune, from: {model: net, data: all}}
        fresh: {uses: finetune, from: {model: free, data: all}}
        result: {uses: compare, from: {scores: [tuned, fresh]}}
    """)
    assert {once for name, once in found.items() if name.startswith("tuned")} == {("net",)}
    assert {once for name, once in found.items() if name.startswith("fresh")} == {()}
