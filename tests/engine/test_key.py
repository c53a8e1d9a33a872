import hashlib
import json
import math
import subprocess
import sys
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from engine.identity.key import Key, cell_key, difference
from engine.store.digest import canonical, port_digest
from pipelines.core.facts import Source
from pipelines.core.stage import Params


class Conv(Params):
    kind: Literal["conv"] = "conv"
    width: int = 32


class Narrow(Params):
    size: int = 1


class Wide(Params):
    size: int = 1


class Train(Params):
    lr: float = 0.1
    steps: int = 100
    net: Conv = Conv()
    log_every: int = Field(default=10, json_schema_extra={"result": False})


class Either(Params):
    of: Narrow | Wide = Narrow()


def key(**changes) -> Key:
    parts = {
        "type": "train",
        "params": Train(),
        "code": "c" * 64,
        "env": {"threads": 1},
        "seed": (0, 3),
        "inputs": {"model": "a" * 64},
        "files": {"train-images": "f" * 64},
    }
    return cell_key(**{**parts, **changes})


def scores(*held: tuple[str, dict[str, str], str]) -> list[tuple[Source, str]]:
    return [(Source(stage, axes), digest) for stage, axes, digest in held]


def test_a_key_is_the_sha256_of_its_tagged_components():
    made = key()
    text = json.dumps(["cell", 1, made.components], sort_keys=True, separators=(",", ":"))
    assert made.digest == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"type": "other"},
        {"params": Train(lr=0.2)},
        {"params": Train(net=Conv(width=64))},
        {"code": "d" * 64},
        {"env": {"threads": 2}},
        {"seed": (1, 3)},
        {"seed": (0, 4)},
        {"seed": None},
        {"inputs": {"model": "b" * 64}},
        {"inputs": {"net": "a" * 64}},
        {"inputs": {}},
        {"files": {"train-images": "e" * 64}},
        {"mirror": {"over": "lr"}},
    ],
)
def test_each_component_changes_the_key(change):
    assert key(**change).digest != key().digest


def test_what_cannot_change_a_result_stays_out():
    assert key(params=Train(log_every=1)).digest == key().digest
    assert "log_every" not in key().components["params"]


def test_spellings_of_one_number_give_one_key():
    assert key(params=Train(lr=1e-3)).digest == key(params=Train(lr=0.001)).digest
    assert key(params=Train(lr=-0.0)).digest == key(params=Train(lr=0.0)).digest


def test_an_integer_given_for_a_float_gives_the_key_of_the_float():
    assert key(params=Train.model_validate({"lr": 1})).digest == key(params=Train(lr=1.0)).digest


def test_classes_without_a_kind_that_hold_equal_fields_differ():
    assert key(params=Either(of=Narrow())).digest != key(params=Either(of=Wide())).digest


def test_the_order_and_labels_of_a_many_valued_port_count():
    first, second = ("tuned", {"lr": "1"}, "a" * 64), ("tuned", {"lr": "2"}, "b" * 64)
    base = key(inputs={"scores": scores(first, second)})
    assert key(inputs={"scores": scores(second, first)}).digest != base.digest
    renamed = ("other", {"lr": "1"}, "a" * 64)
    assert key(inputs={"scores": scores(renamed, second)}).digest != base.digest


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1, {"a": math.nan}]])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="finite"):
        canonical(value)


@pytest.mark.parametrize("value", [{1: 2}, {"a": {1, 2}}, b"bytes", object()])
def test_values_without_a_canonical_form_are_refused(value):
    with pytest.raises(TypeError):
        canonical(value)


def test_integers_floats_and_booleans_differ():
    assert len({canonical(1), canonical(1.0), canonical(True), canonical("1")}) == 4


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_canonical_text_says_the_value_and_is_stable(value):
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


def test_keys_are_the_same_in_another_process():
    made = key(params=Train(lr=0.3)).components["params"]
    program = (
        "from engine.store.digest import canonical, sha256; import sys, json;"
        "print(sha256(canonical(json.loads(sys.argv[1]))))"
    )
    asked = [sys.executable, "-c", program, json.dumps(dict(reversed(made.items())))]
    other = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    assert other == hashlib.sha256(canonical(made)).hexdigest()


def test_an_outputs_digest_is_of_type_format_and_files_alone():
    base = port_digest("Model", 1, {"a": "1", "b": "2"})
    assert port_digest("Model", 1, {"b": "2", "a": "1"}) == base
    others = [
        ("Generator", 1, {"a": "1", "b": "2"}),
        ("Model", 2, {"a": "1", "b": "2"}),
        ("Model", 1, {"a": "1"}),
    ]
    assert base not in [port_digest(*other) for other in others]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"params": Train(lr=0.2)}, ["params.lr 0.1 → 0.2"]),
        ({"params": Train(net=Conv(width=64))}, ["params.net.width 32 → 64"]),
        ({"seed": (0, 4)}, ["seed 3 → 4"]),
        ({"seed": (7, 3)}, ["root seed 0 → 7"]),
        ({"inputs": {"model": "b" * 64}}, ["input model changed"]),
        ({"inputs": {}}, ["input model removed"]),
        ({"files": {"train-images": "e" * 64}}, ["file train-images changed"]),
        ({"env": {"threads": 2}}, ["threads 1 → 2"]),
        ({"code": "d" * 64}, ["code changed"]),
        ({"type": "other"}, ["stage type train → other"]),
        ({"params": Train(lr=0.2, steps=1), "seed": (0, 4)},
         ["params.lr 0.1 → 0.2", "params.steps 100 → 1", "seed 3 → 4"]),
        ({}, []),
    ],
)  # fmt: skip
def test_a_difference_is_told_in_words(change, words):
    assert difference(key().components, key(**change).components) == words


def test_a_difference_in_a_many_valued_port_names_its_source():
    first, second = ("tuned", {"lr": "1"}, "a" * 64), ("tuned", {"lr": "2"}, "b" * 64)
    old = key(inputs={"scores": scores(first, second)}).components
    changed = scores(first, ("tuned", {"lr": "2"}, "d" * 64))
    assert difference(old, key(inputs={"scores": changed}).components) == [
        "input scores: tuned@lr=2 changed"
    ]
    swapped = key(inputs={"scores": scores(second, first)}).components
    assert difference(old, swapped) == ["input scores in another order"]


def test_a_difference_survives_a_round_trip_through_json():
    old = json.loads(canonical(key().components))
    assert difference(old, key().components) == []


def test_a_difference_in_code_is_put_in_words_by_who_knows_them():
    new = key(code="d" * 64).components
    told = difference(key().components, new, lambda old, new: f"code: {old[0]} to {new[0]}")
    assert told == ["code: c to d"]


@given(values, values)
def test_a_difference_is_empty_only_for_equal_components(old, new):
    before, after = ({**key().components, "params": {"x": value}} for value in (old, new))
    assert (difference(before, after) == []) == (canonical(before) == canonical(after))


def test_the_order_of_a_labels_axes_is_no_difference():
    held = [[["tuned", {"head": "zero", "alpha": "1"}], "a" * 64]]
    kept = json.loads(json.dumps(held, sort_keys=True))
    base = {"type": "x", "params": {}, "code": "c", "seed": None, "files": {}, "env": {}}
    changed = [[["tuned", {"head": "zero", "alpha": "1"}], "b" * 64]]
    assert difference({**base, "inputs": {"s": kept}}, {**base, "inputs": {"s": held}}) == []
    words = difference({**base, "inputs": {"s": kept}}, {**base, "inputs": {"s": changed}})
    assert words == ["input s: tuned@alpha=1@head=zero changed"]


def test_many_changes_of_one_port_are_counted():
    base = {"type": "x", "params": {}, "code": "c", "seed": None, "files": {}, "env": {}}
    old = [[["t", {"lr": str(n)}], "a" * 64] for n in range(4)]
    new = [[["t", {"lr": str(n)}], "b" * 64] for n in range(3, 8)]
    words = difference({**base, "inputs": {"s": old}}, {**base, "inputs": {"s": new}})
    assert words == ["input s: 3 removed, 1 changed, 4 added"]


def test_what_was_drawn_once_for_all_seeds_is_in_the_key_where_anything_was():
    """Two files may give the same scores to a table, which says of one that its seeds share."""

    def held(once, numbers=None):
        source = Source("tuned", {"seed": "0"}, numbers or {}, once)
        return key(inputs={"scores": [(source, "d" * 64)]})

    digests = [held(once).digest for once in ((), ("backbone",), ("few",), ("few", "backbone"))]
    assert len(set(digests)) == 4
    assert held((), {"a": 1.0}).digest != held(("a",)).digest
    told = difference(held(()).components, held(("few",)).components)
    assert told == ["input scores: tuned@seed=0 changed"]


def test_the_number_behind_a_label_is_in_the_key():
    """`select` and plots order by it; a label that is the text of its number adds nothing."""

    def held(numbers):
        return key(inputs={"scores": [(Source("tuned", {"lr": "big"}, numbers), "d" * 64)]})

    assert len({held(numbers).digest for numbers in ({"lr": 0.1}, {"lr": 0.2}, {})}) == 3
    told = difference(held({"lr": 0.1}).components, held({"lr": 0.2}).components)
    assert told == ["input scores: tuned@lr=big changed"]
