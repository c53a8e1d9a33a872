"""Hostile text is refused with line and column, for little work; nothing else ever comes out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_ins import CATALOGUE

from pipelines.core.errors import PipelineError
from pipelines.pipeline import check
from pipelines.yaml import source

HEAD = "version: 1\nname: attack\n"
STAGE = "stages:\n  a: {uses: init, with: {net: $params.a}}\n"


def _laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    return "\n".join(lines)


def _merges() -> str:
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 9)]
    return "\n".join(lines)


def _params_bomb() -> str:
    lines = ["  p0: [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  p{i}: [{', '.join([f'$params.p{i - 1}'] * 10)}]" for i in range(1, 30)]
    return f"{HEAD}params:\n" + "\n".join(lines) + "\n  a: $params.p29\n" + STAGE


def _text_bomb() -> str:
    lines = ["  p0: xxxxxxxxxxxxxxxx"]
    lines += [f"  p{i}: $params.p{i - 1} $params.p{i - 1}" for i in range(1, 60)]
    return f"{HEAD}params:\n" + "\n".join(lines) + "\n  a: $params.p59\n" + STAGE


def _deep_params() -> str:
    deep = "[" * 30 + "$params.p{}" + "]" * 30
    lines = ["  p0: 1"] + [f"  p{i}: {deep.format(i - 1)}" for i in range(1, 200)]
    return f"{HEAD}params:\n" + "\n".join(lines) + "\n  a: $params.p199\n" + STAGE


def _axes_bomb() -> str:
    axes = ", ".join(f"x{i}: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]" for i in range(30))
    uses = " ".join(f"$matrix.x{i}" for i in range(30))
    block = f"{{uses: dataset, with: {{name: {uses}}}, matrix: {{{axes}}}}}"
    return f"{HEAD}stages:\n  a: {block}\n"


def _join_bomb() -> str:
    axis = ", ".join(str(i + 1) for i in range(100))
    names = ["model: m", "data: d"]
    return (
        f"{HEAD}stages:\n  s: {{uses: dataset, with: {{name: x}}}}\n"
        f"  m: {{uses: pretrain, from: {{data: s}}, matrix: {{epochs: [{axis}]}}}}\n"
        f"  d: {{uses: subset, from: {{data: s}}, matrix: {{train: [{axis}]}}}}\n"
        f"  t: {{uses: finetune, from: {{{', '.join(names)}}}, matrix: {{steps: [{axis}]}}}}\n"
    )


def _chain(size: int) -> str:
    """A chain of params that ends in a circle."""
    lines = [f"  p{i}: $params.p{i + 1}" for i in range(size)]
    return f"{HEAD}params:\n" + "\n".join(lines) + f"\n  p{size}: $params.p0\n{STAGE}"


ATTACKS: dict[str, str | bytes] = {
    "billion laughs": _laughs(),
    "merge keys, nested": _merges(),
    "one merge key": "a: &a {b: 1}\nc: {<<: *a}\n",
    "flow lists nested 100,000 deep": "[" * 100_000,
    "flow mappings nested 50,000 deep": "{a: " * 50_000,
    "block lists nested 50,000 deep": "- " * 50_000 + "x",
    "flow lists nested 1,000 deep, below a key": "a: 1\nb: " + "[" * 1000 + "]" * 1000,
    "flow mappings without a key": "{" * 50_000,
    "deep lists, then a letter that is not YAML": "[" * 50 + "@",
    "complex keys nested": "? " * 50_000,
    "a key that is missing": "a: [ ? ]]\n",
    "a letter that is not YAML, as a key": "? @x\n",
    "indentation that grows": "\n".join(" " * i + "a:" for i in range(500)),
    "an alias inside itself": "a: &a [*a]",
    "an alias of nothing": "a: *b",
    "aliases that nest deeply": "\n".join(
        f"a{i}: &a{i} {'[' * 20}{f'*a{i - 1}' if i else 'x'}{']' * 20}" for i in range(40)
    ),
    "python object tag": "a: !!python/object/apply:os.system ['true']\n",
    "local tag": "a: !exec true\n",
    "verbatim tag": "a: !<tag:yaml.org,2002:python/name:os.system> x\n",
    "binary tag": "a: !!binary aGVsbG8=\n",
    "set tag": "a: !!set {x, y}\n",
    "tag directives without end": "%TAG !a! tag:a\n" * 15_000,
    "yaml directive": "%YAML 1.1\n---\na: 1\n",
    "a second document": "a: 1\n---\nb: 2\n",
    "duplicate key": "a: 1\nb: 2\na: 3\n",
    "duplicate key by escape": 'a: 1\n"\\x61": 3\n',
    "a key that is a number": "1: a\n",
    "a key that is a list": "[a, b]: c\n",
    "a key that is an alias": "a: &x y\n*x : z\n",
    "more than 256 KiB": "#" * (256 * 1024 + 1),
    "more than 10,000 values": "[" + "a," * 20_000 + "]",
    "not UTF-8": b"version: 1\nname: \xff\xfe",
    "UTF-16": "version: 1".encode("utf-16"),
    "NUL": "a: \x00b\n",
    "escape sequence, raw": "a: \x1b]52;c;Zm9v\x07\n",
    "escape sequence, escaped": 'a: "\\x1b]52;c;Zm9v\\x07"\n',
    "C1 control": "a: \x9b31m\n",
    "NEL as a line end": "a: 1\x85b: 2\n",
    "line separator": "a: 1\u2028b: 2\n",
    "paragraph separator": "a: 1\u2029b: 2\n",
    "escaped surrogate": 'a: "\\ud800"\n',
    "lone surrogate": "a: \ud800\n",
    "lone carriage return": "a: 1\rb: 2\n",
    "byte order mark inside": "a: \ufeff1\n",
    "infinite number": "a: .inf\n",
    "not a number": "a: .NaN\n",
    "a float too large": "a: 1e999\n",
    "a whole number of 100,000 digits": "a: " + "9" * 100_000,
    "a hexadecimal number of 100,000 digits": "a: 0x" + "f" * 100_000,
    "tab as indentation": "a:\n\tb: 1\n",
    "a quote that never ends": 'a: "' + "x" * 100_000,
    "an anchor on a key": "&a a: 1\n",
    "params that double, as values": _params_bomb(),
    "params that double, as text": _text_bomb(),
    "params that nest": _deep_params(),
    "params in a circle of 3000": _chain(3000),
    "axes of 10^30 cells": _axes_bomb(),
    "a join of 10^6 cells": _join_bomb(),
    "seeds without end": f"{HEAD}seeds: 1000000000\n{STAGE}",
}


def refused(text: str | bytes) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        check(text, file="bad.yaml", folder=Path("/nowhere"), stages=CATALOGUE)
    return caught.value


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_for_little_work_with_place_in_safe_words(name, work) -> None:
    with work.counting():
        error = refused(ATTACKS[name])
    assert work.steps < 1_000_000  # A quarter of a second or so.
    mark = error.problems[0].mark
    assert mark is not None
    assert mark.line >= 1
    assert mark.column >= 1
    assert f"bad.yaml:{mark.line}:{mark.column}: error: " in str(error)
    assert len(str(error)) < 40_000
    assert all(letter == "\n" or letter.isprintable() for letter in str(error))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("duplicate key", (3, 1)),
        ("one merge key", (2, 5)),
        ("python object tag", (1, 4)),
        ("not UTF-8", (2, 7)),
        ("NEL as a line end", (1, 5)),
        ("a second document", (2, 1)),
        ("escape sequence, escaped", (1, 4)),
        ("tab as indentation", (2, 1)),
        ("an alias of nothing", (1, 4)),
        ("infinite number", (1, 4)),
        ("flow lists nested 100,000 deep", (1, 41)),
        ("flow lists nested 1,000 deep, below a key", (2, 43)),
        ("flow mappings nested 50,000 deep", (1, 161)),
        ("flow mappings without a key", (1, 2)),
        ("block lists nested 50,000 deep", (1, 81)),
        ("deep lists, then a letter that is not YAML", (1, 41)),
        ("a key that is missing", (1, 6)),
        ("a letter that is not YAML, as a key", (1, 3)),
    ],
)
def test_attack_is_shown_at_its_place(name: str, place: tuple[int, int]) -> None:
    marks = [problem.mark for problem in refused(ATTACKS[name]).problems]
    assert place in [(mark.line, mark.column) for mark in marks if mark]


REASONS = {
    "billion laughs": "more than 10,000 values, aliases counted in full",
    "merge keys, nested": "merge keys are not part of the language",
    "flow lists nested 100,000 deep": "nested more than 40 deep",
    "flow lists nested 1,000 deep, below a key": "nested more than 40 deep",
    "flow mappings nested 50,000 deep": "nested more than 40 deep",
    "flow mappings without a key": "a key is a plain string",
    "block lists nested 50,000 deep": "nested more than 40 deep",
    "deep lists, then a letter that is not YAML": "nested more than 40 deep",
    "a key that is missing": "a key is missing",
    "a letter that is not YAML, as a key": "cannot start any token",
    "aliases that nest deeply": "nested more than 40 deep",
    "an alias inside itself": "stands for itself",
    "local tag": "tags are not part of the language",
    "tag directives without end": "no % directives",
    "yaml directive": "no % directives",
    "duplicate key by escape": "`a` is here twice; first in line 1",
    "a key that is a number": "a key is a string",
    "more than 256 KiB": "the file has 262,145 bytes",
    "more than 10,000 values": "more than 10,000 values",
    "not UTF-8": "not UTF-8: byte 0xff",
    "NUL": "no control characters",
    "escape sequence, escaped": "a string holds no control characters",
    "lone carriage return": "no control characters",
    "a float too large": "a number must be finite",
    "a whole number of 100,000 digits": "at most 64 bits",
    "a hexadecimal number of 100,000 digits": "at most 64 bits",
    "params that double, as values": "substitution makes more than 10,000 values",
    "params that double, as text": "substitution makes a text of",
    "params that nest": "substitution nests values more than 40 deep",
    "params in a circle of 3000": "params refer in a circle",
    "axes of 10^30 cells": ", the limit is 10,000",
    "a join of 10^6 cells": "more than ",
    "seeds without end": "`seeds` must be at most 10000",
}


@pytest.mark.parametrize("name", REASONS)
def test_attack_is_refused_for_what_it_is(name: str) -> None:
    assert REASONS[name] in str(refused(ATTACKS[name]))


WORDS = st.sampled_from(
    [
        *"abc:,-[]{}&*!|>'\"%@`#?~$ \n\t\r\x00\x1b\x85é日😀",
        "\n  ", ": ", "- ", "&a ", "*a", "<<: ", "---\n", "...\n", "!!str ", "1e3", ".inf", "0x",
        "stages:", "uses:", "with:", "from:", "matrix:", "$params.x", "${x}", "version: 1\n",
        "\ud800", "\u2028", "\ufeff",
    ]
)  # fmt: skip


def outcome(call: Callable[[], object]) -> object:
    """What a call returns, or the problems that it tells; any other exception is a defect."""
    try:
        return call()
    except PipelineError as error:
        return error.problems


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=120), st.lists(WORDS, max_size=60).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = outcome(lambda: source.parse(text, "any.yaml"))
    if isinstance(found, source.Document):
        assert all(0 <= line < len(found.lines) for line, _, _ in found.values.values())
    else:
        assert all(problem.mark and problem.mark.line >= 1 for problem in found)


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    assert outcome(lambda: source.parse(raw, "any.yaml"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(
        ["a", "b", "$params.x", "$matrix.lr", "$seed", "a@lr=1", "finetune", "dataset", "${x}"]
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "lr", "model", "net", "kind"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
KEYS = ["uses", "from", "with", "matrix", "exclude", "seeds", "resources", "cache", "allow"]
BLOCKS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6).map(
    lambda block: {"uses": "finetune", **block}
)
STAGES = st.dictionaries(st.sampled_from("abc"), BLOCKS | VALUES, min_size=1, max_size=3)


@settings(max_examples=80)
@given(STAGES, VALUES, st.one_of(st.just("finetune"), st.just("select"), st.just("compare")))
def test_any_data_is_checked_or_refused(stages: dict, params: object, kind: str) -> None:
    data = {"version": 1, "name": "x", "params": {"x": params}, "stages": stages}
    text = json.dumps(data).replace("finetune", kind)
    folder = Path("/nowhere")
    assert outcome(lambda: check(text, file="any.yaml", folder=folder, stages=CATALOGUE))
