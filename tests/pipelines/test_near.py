"""What a misspelt name may have meant, and that the work does not grow with the pairs of names."""

import sys
from collections.abc import Callable, Iterator

import pytest

from pipelines.core import near
from pipelines.core.near import closest

NAMES = ["epochs", "lr", "batch_size", "weight_decay", "steps", "net", "optimizer", "run.zoom"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("epcohs", "epochs"), ("epoch", "epochs"), ("n_epochs", "epochs"), ("epochs2", "epochs"),
        ("batch", "batch_size"), ("batchsize", "batch_size"), ("batch-size", "batch_size"),
        ("wieght_dceay", "weight_decay"), ("step", "steps"), ("Optimiser", "optimizer"),
        ("run.zom", "run.zoom"), ("x", ""), ("", ""), ("zzz", ""), ("learning_rate", ""),
        ("l", ""), (7, ""), ("lr", "lr"),
    ],
)  # fmt: skip
def test_a_near_name_is_found(said: object, meant: str) -> None:
    assert closest(said, NAMES) == meant


def test_nothing_is_near_where_nothing_is_known() -> None:
    assert closest("epochs", []) == ""
    assert closest("epochs", [1, 2.5, None]) == ""


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts each letter that is left out of a name, which is what all the work is made of."""
    count = [0]
    one = near._without_one

    def counted(text: str) -> Iterator[str]:
        count[0] += len(text)
        return one(text)

    monkeypatch.setattr(near, "_without_one", counted)
    near._indexed.cache_clear()
    return count


def calls(do: Callable[[], object]) -> int:
    """Functions that are called, of Python and of C: work that no clock is needed for."""
    count = [0]

    def counted(_frame: object, event: str, _value: object) -> None:
        count[0] += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        do()
    finally:
        sys.setprofile(None)
    return count[0]


def searched(size: int) -> list[str]:
    """So many wrong names among so many right ones."""
    near._indexed.cache_clear()
    known = [f"stage_number_{i:05}" for i in range(size)]
    found = [closest(f"stage_numbre_{i:05}", known) for i in range(size)]
    assert found == known
    return found


def test_work_grows_with_the_names_and_not_with_their_pairs(work: list[int]) -> None:
    small, large = calls(lambda: searched(150)), calls(lambda: searched(300))
    assert small < 150 * 1000
    assert large < 2.2 * small
    work[0] = 0
    searched(1600)
    assert work[0] <= 2 * 1600 * len("stage_number_00000")


def test_a_name_of_a_million_letters_is_cut(work: list[int]) -> None:
    assert closest("x" * 1_000_000, ["y" * 1_000_000, "x" * 59]) == "x" * 59
    assert work[0] <= 3 * near.LONGEST


def test_of_very_many_names_the_first_are_looked_at(work: list[int]) -> None:
    known = [f"name{i:06}" for i in range(50_000)]
    assert closest("nmae000007", known) == "name000007"
    assert closest("nmae049999", known) == ""
    assert work[0] <= (near.MOST + 2) * 10
