"""Regression tasks from a table of one's own, as `tasks: {kind: table}` reads it."""

import gzip
import hashlib
import math
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from sklearn.preprocessing import StandardScaler

from engine.identity.input_files import Inputs
from engine.learning.data import csv_tasks
from engine.learning.metalearning.tasks import factory
from engine.library.artifacts import TaskFamily
from engine.library.datasets import task_table
from engine.library.stages.tasks import tasks
from pipelines.checks.leakage_warnings import leaks
from pipelines.core.errors import MissingFiles, StageError
from pipelines.core.facts import Facts, Look, Source

TASKS, ROWS = 10, 8
VAL, TEST = ("t3", "t8"), ("t5", "t9")
FIELDS = {"kind": "table", "episode": {"shots": 3}, "queries": 5}


def _text(header="task,x,z,y", part=None):
    """Row i of task t has x = t + i / 100, z = i, y = 10 t + i."""
    lines = [header]
    for i in range(ROWS):
        for t in range(TASKS):
            own = f",{part(t)}" if part else ""
            lines.append(f"t{t},{t + i / 100},{i},{10 * t + i}{own}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def family(bench, look, tmp_path):
    """What the stage makes of a table in which the check finds nothing wrong."""

    def make(text=None, **fields):
        path = tmp_path / "t.csv"
        path.write_text(text or _text(), encoding="utf-8")
        given = {**FIELDS, "file": str(path), **fields}
        assert look(tasks, given)[1] == []
        params = bench.params(tasks, **given)
        digests = {name: Inputs(None).digest(at) for name, at in params.files(Path()).items()}
        bench.files.update(dict.fromkeys(digests.values(), path))
        return tasks(bench.run(inputs=digests), params, data=None).tasks

    return make


def _stream(bench, family, seed=0):
    return factory.sampler(family, bench.files, "cpu", seed)


def _whose(batch):
    """The task of each row, support and query together: (T, n)."""
    return batch.pooled.x[..., 0].floor().int()


def test_a_task_has_rows_of_one_task_none_of_them_twice(bench, family):
    batch = _stream(bench, family()).batch(range(40))
    assert batch.support.x.shape == (40, 3, 2)
    assert batch.query.x.shape == (40, 5, 2)
    assert batch.support.y.shape == (40, 3, 1)
    whose, both = _whose(batch), batch.pooled
    assert (whose == whose[:, :1]).all()
    assert both.x[..., 1].sort(1).values.tolist() == [[*range(ROWS)]] * 40
    torch.testing.assert_close(both.y[..., 0], 10.0 * whose + both.x[..., 1])


def test_every_pass_has_each_task_once_in_another_order_with_other_rows(bench, family):
    stream = _stream(bench, family())
    passes = [_whose(stream.batch(range(n * TASKS, (n + 1) * TASKS)))[:, 0] for n in range(3)]
    assert all(sorted(found.tolist()) == [*range(TASKS)] for found in passes)
    assert passes[0].tolist() != passes[1].tolist()
    alone = family("task,x,y\n" + "".join(f"t,{i},{i}\n" for i in range(ROWS)))
    found = _stream(bench, alone).batch(range(20)).support.x
    assert len({tuple(x.flatten().tolist()) for x in found}) > 10


def test_a_task_is_a_function_of_its_number_and_the_seed_alone(bench, family):
    found = family()
    whole = _stream(bench, found).batch(range(25))
    some = _stream(bench, found).batch([24, 7])
    assert torch.equal(some.support.x, whole.support.x[[24, 7]])
    assert torch.equal(some.query.y, whole.query.y[[24, 7]])
    other = _stream(bench, found, seed=1).batch(range(25))
    assert not torch.equal(_whose(other), _whose(whole))


def test_the_family_comes_back_and_holds_no_numbers_of_the_table(family, tmp_path):
    found = family(task="mine", part="val", inputs=["z"], targets=["y", "x"])
    (tmp_path / "kept").mkdir()
    found.write(tmp_path / "kept")
    files = {path.name: path for path in (tmp_path / "kept").iterdir()}
    assert TaskFamily.read(files) == found
    assert found.draws == {"inputs": ["z"], "targets": ["y", "x"], "tasks": list(VAL)}
    assert found.files == {"table": hashlib.sha256(_text().encode()).hexdigest()}
    assert (found.task, found.ways) == ("mine", (0, 0))


def test_columns_may_be_chosen_and_are_in_the_order_asked_for(bench, family):
    batch = _stream(bench, family(inputs=["z", "y"], targets=["x"])).batch([0])
    both = batch.pooled
    assert both.x.shape[2:] == (2,)
    t = both.y[..., 0].floor()
    torch.testing.assert_close(both.x[..., 1], 10 * t + both.x[..., 0])


def test_tasks_are_divided_and_always_alike(family):
    parts = {part: family(part=part).draws["tasks"] for part in ("train", "val", "test")}
    assert (tuple(parts["val"]), tuple(parts["test"])) == (VAL, TEST)
    assert sorted(task for found in parts.values() for task in found) == [
        f"t{t}" for t in range(TASKS)
    ]
    assert family().draws["tasks"] == [f"t{t}" for t in range(TASKS)]


def test_a_column_divides_tasks_where_there_is_one(bench, family):
    text = _text("task,x,z,y,part", part=lambda t: "test" if t == 7 else "train")
    found = family(text, part="test")
    assert found.draws["tasks"] == ["t7"]
    assert found.draws["inputs"] == ["x", "z"]
    assert set(_whose(_stream(bench, found).batch(range(9))).flatten().tolist()) == {7}


def test_standardised_columns_are_so_over_the_training_tasks_of_every_part(bench, family):
    scaled = {part: family(part=part, scaling="standard") for part in ("train", "test")}
    assert scaled["train"].draws["mean"] == scaled["test"].draws["mean"]
    batch = _stream(bench, scaled["train"]).batch(range(6))  # every training task, all its rows
    values = torch.cat([batch.pooled.x, batch.pooled.y], 2).flatten(0, 1)
    torch.testing.assert_close(values.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(0, correction=0), torch.ones(3))
    raw = _stream(bench, family(part="test")).batch([0]).pooled.y
    mean, std = scaled["test"].draws["mean"][2], scaled["test"].draws["std"][2]
    found = _stream(bench, scaled["test"]).batch([0]).pooled.y
    torch.testing.assert_close(found, (raw - mean) / std)


def test_a_column_that_is_constant_in_training_keeps_its_unit(bench, family):
    rows = [
        f"t{t},{3 if t == 4 else 1},{i},{'test' if t == 4 else 'train'}\n"
        for t in range(5)
        for i in range(ROWS)
    ]
    found = family("task,x,y,part\n" + "".join(rows), part="test", scaling="standard")
    assert (_stream(bench, found).batch([0]).pooled.x == 2).all()


@pytest.mark.parametrize("value", [0.1, 0.125, 1e-300, 1 / 3, 1e6 + 0.1, 1e15 + 0.5, 3e38, -0.1])
@pytest.mark.parametrize("rows", [7, 48, 1000])
def test_a_column_that_is_constant_up_to_rounding_is_only_shifted(value, rows):
    def columns(values, other):
        found = zip(values, other, strict=True)
        return csv_tasks.Sheet(("gain",), ("y",), {"a": list(found)}, {"a": 2})

    other = [math.sin(i) for i in range(rows)]
    scale = task_table.standard(columns([value] * rows, other))
    assert scale["std"][0] == 1
    assert scale["mean"][0] == value
    # One bit more or less is rounding too.
    near = [math.nextafter(value, math.inf) if i % 3 else value for i in range(rows)]
    assert task_table.standard(columns(near, other))["std"][0] == 1
    # What really varies is divided by its deviation, as scikit-learn does.
    peer = StandardScaler().fit([[row] for row in other])
    assert scale["std"][1] == pytest.approx(peer.scale_[0], rel=1e-12)
    assert scale["mean"][1] == pytest.approx(peer.mean_[0], abs=1e-12)


def test_what_varies_little_beside_its_mean_is_no_constant():
    times = [1.7e9 + i for i in range(48)]
    sheet = csv_tasks.Sheet(("t",), ("y",), {"a": [(t, 0.5) for t in times]}, {"a": 2})
    scale = task_table.standard(sheet)
    assert scale["std"] == [pytest.approx(StandardScaler().fit([[t] for t in times]).scale_[0]), 1]


def test_a_column_that_counts_the_rows_of_all_tasks_is_warned_of(look, tmp_path):
    path = tmp_path / "t.csv"

    def told(text, **fields):
        path.write_text(text)
        _, faults = look(tasks, {**FIELDS, "file": str(path), **fields})
        return [(severity, place, message) for severity, place, message, _ in faults]

    rows = "".join(f"{5 + i},t{i // ROWS},{i % 3},{i}\n" for i in range(3 * ROWS))
    found = told("id,task,x,y\n" + rows)
    assert found == [
        ("warning", "file", f"{path}: the column `id` counts the rows, as a row index does")
    ]
    assert told("id,task,x,y\n" + rows, inputs=["id"]) == []
    rows = "".join(f"{i % ROWS},t{i // ROWS},{i % 3},{i}\n" for i in range(3 * ROWS))
    assert told("time,task,x,y\n" + rows) == []


def test_a_table_that_changed_since_the_plan_is_refused_at_the_run(bench, family, tmp_path):
    found = family()
    changed = tmp_path / "changed.csv"
    changed.write_text(_text().replace("t0,0.0,0,0", "t0,0.0,0,1"))
    bench.files[found.files["table"]] = changed
    with pytest.raises(ValueError, match="has changed"):
        _stream(bench, found)


def test_what_the_check_could_not_see_is_refused_at_the_run(bench, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("task,x,y\na,1,\x1b[2J\n")
    digest = Inputs(None).digest(path)
    bench.files[digest] = path
    params = bench.params(tasks, **FIELDS, file=str(path))
    with pytest.raises(StageError, match="line 2: `y`") as caught:
        tasks(bench.run(inputs={"table": digest}), params, data=None)
    assert "\x1b" not in str(caught.value)
    path.write_text("task,x,y\na,1,2\n")
    digest = Inputs(None).digest(path)
    bench.files[digest] = path
    with pytest.raises(StageError, match="too few tasks or rows"):
        tasks(bench.run(inputs={"table": digest}), params, data=None)


def test_quotes_blank_lines_and_the_marks_of_spreadsheets_are_read(bench, family):
    rows = "".join(f'"a, b", {i}.5 ,"{i}e0"\r\n\r\n' for i in range(ROWS))
    found = family("\ufefftask,x,y\r\n" + rows)
    assert found.draws["tasks"] == ["a, b"]
    batch = _stream(bench, found).batch([0])
    torch.testing.assert_close(batch.pooled.x - 0.5, batch.pooled.y)


class Long:
    """A file that begins with some bytes and goes on with others, and counts what is read."""

    def __init__(self, start: bytes, more: bytes) -> None:
        self._rest, self._more, self.read_bytes = start, more, 0

    def read(self, size: int) -> bytes:
        if self.read_bytes > 4 * csv_tasks.MOST_ROW:
            return b""
        self.read_bytes += size
        self._rest += self._more * (size // len(self._more) + 1)
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


ROW = "the row that begins here has more than 1,048,576 bytes, the limit"
CELL = "a cell has more than 131,072 letters, the limit"


@pytest.mark.parametrize(
    ("start", "more", "message"),
    [
        (b"", b"x", f"line 1: {ROW}"),
        (b"", b"x,", f"line 1: {ROW}"),
        (b"task,x,y\r\na,1,2\r\na,", b"1", f"line 3: {ROW}"),
        (b"task,x,y\na,1,2\n", b'"1\n",', f"line 3: {ROW}"),
        (b"task,x,y\na,1,2\n", b'1,"\r",', f"line 3: {ROW}"),
        (b'task,x,y\n"a\n', b"a,1,2\n", f"line 2: {CELL}"),
    ],
)
def test_a_row_that_is_too_long_is_refused_before_it_is_held(start, more, message):
    file = Long(start, more)
    with pytest.raises(csv_tasks.SheetError) as caught:
        csv_tasks.read(file, None, ["y"])
    assert (str(caught.value), caught.value.place) == (message, "file")
    assert caught.value.hint == "are commas between the cells, and is every quote closed?"
    assert file.read_bytes <= csv_tasks.MOST_ROW + 2 * csv_tasks.BLOCK


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('t0,"1,2\nt0,3,4\nt1,5,6\n', "a quote of the row that begins here is not closed"),
        ('"t0,1,2\nt0,3,4\n', "a quote of the row that begins here is not closed"),
        (
            't0,"1,2\n\n"t0",3,4\n',
            "',' expected after '\"', 2 lines on in the row that begins here",
        ),
        ('t0,1,"2"x\n', "',' expected after '\"'"),
        ('t0,"1,2\nt0,3",4\n', "`x` is '1,2\\nt0,3', which is no finite number"),
        ("t0,1,2\0\n", "not UTF-8 text: it has NUL bytes, as UTF-16 has"),
    ],
)
def test_what_is_wrong_is_told_where_its_row_begins(rows, told):
    with pytest.raises(csv_tasks.SheetError) as caught:
        csv_tasks.read(BytesIO(f"task,x,y\nt0,1,2\n{rows}".encode()), None, ["y"])
    assert str(caught.value) == f"line 3: {told}"


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_table_in_utf_16_without_a_mark_is_told_as_one(coding):
    with pytest.raises(csv_tasks.SheetError, match="line 1: not UTF-8 text: it has NUL") as caught:
        csv_tasks.read(BytesIO("task,x,y\na,1,2\n".encode(coding)), None, ["y"])
    assert caught.value.hint == "save the table as CSV in UTF-8"


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_where_a_file_is_cut_in_blocks_does_not_matter(monkeypatch, block):
    text = '\ufefftask,x,y\r\n"a\n\r\nä",1,2\r\n\r\nb,3,"4"\rb,5,6\n\nb,7,8'.encode()
    monkeypatch.setattr(csv_tasks, "BLOCK", block)
    monkeypatch.setattr(csv_tasks, "MOST_ROW", 14)
    found = csv_tasks.read(BytesIO(text), None, ["y"])
    assert found.rows == {"a\n\r\nä": [(1.0, 2.0)], "b": [(3.0, 4.0), (5.0, 6.0), (7.0, 8.0)]}
    assert found.lines == {"a\n\r\nä": 2, "b": 6}
    with pytest.raises(csv_tasks.SheetError, match="line 9: `x` is 'o', which is no finite number"):
        csv_tasks.read(BytesIO(text.replace(b"b,7", b"b,o")), None, ["y"])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(b"task,x,y\na,1,2\n"), "is packed with gzip, not CSV"),
        (b"PK\x03\x04 of a workbook\n", "is a zip archive or a workbook, not CSV"),
    ],
    ids=["gzip", "zip"],
)
def test_a_packed_file_is_told_as_one(look, tmp_path, content, what):
    assert _fault(look, tmp_path, content)[:2] == ("file", what)


def test_of_many_columns_some_are_listed(look, tmp_path):
    names = [f"c{i}" for i in range(20_000)]
    _, message, hint = _fault(look, tmp_path, ",".join(names) + "\n")
    assert message.endswith("'c10', 'c11', … (20,000 in all)")
    _, message, _ = _fault(look, tmp_path, ",".join(["task", *names, "c7"]) + "\n")
    assert message == "line 1: two columns are named 'c7'"
    _, _, hint = _fault(look, tmp_path, ",".join(["task", *names]) + "\n")
    assert hint.endswith("'c11', … (20,000 in all)")


def _fault(look, tmp_path, text, **fields):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    _, faults = look(tasks, {**FIELDS, "file": str(path), **fields})
    assert len(faults) == 1
    severity, place, message, hint = faults[0]
    assert severity == "error"
    assert "\x1b" not in message + hint
    return place, message.removeprefix(f"{path}: "), hint


GOOD = "task,x,y\na,1,2\na,3,4\n"
FAULTS = [
    ("task,x,y\na,1,2\na,x\x1b,4\n", "line 3: `x` is 'x\\x1b', which is no finite number"),
    ("task,x,y\na,1,2\n\n\na,3,\n", "line 5: `y` is empty"),
    ("task,x,y\na,1,nan\n", "line 2: `y` is 'nan', which is no finite number"),
    ("task,x,y\na,-inf,1\n", "line 2: `x` is '-inf', which is no finite number"),
    ("task,x,y\na,1_0,1\n", "line 2: `x` is '1_0', which is no finite number"),
    ("task,x,y\na,1,2\na,3\n", "line 3: 2 cells, and the header has 3"),
    ("task,x,y\n ,1,2\n", "line 2: `task` is empty"),
    ("name;x;y\na;1;2\n", "line 1: no column `task`; it has 'name;x;y'"),
    ("", "line 1: no column `task`; it has nothing"),
    ("task,x,y,x\na,1,2,3\n", "line 1: two columns are named 'x'"),
    ("task,x,y, x\u200b\na,1,2,3\n", "line 1: two columns are named 'x'"),
    (",task,x,y\n0,a,1,2\n", "line 1: column 1 has no name"),
    ("\ufeff,task,x,y\n0,a,1,2\n", "line 1: column 1 has no name"),
    ("task,x, \t,y\na,1,2,3\n", "line 1: column 3 has no name"),
    ("task,x,\u200b\xa0\ufeff,y\na,1,2,3\n", "line 1: column 3 has no name"),
    ("task,x,y,\na,1,2,\n", "line 1: column 4 has no name"),
    ('task,x,y,""\na,1,2,3\n', "line 1: column 4 has no name"),
    (
        "Unnamed: 0,task,x,y\n0,a,1,2\n",
        "line 1: column 1 is named 'Unnamed: 0', so it had no name",
    ),
    ("task,x,y\na,1e39,2\n", "line 2: `x` is '1e39', which 32 bits cannot hold"),
    ("task,x,y\n", "has no rows"),
    ("task,y\na,1\n", "has no column of inputs"),
    ("task,x,y,part\na,1,2,dev\n", "line 2: `part` is 'dev', and not train, val or test"),
    (
        "task,x,y,part\na,1,2,val\nb,1,2,test\na,1,2,test\n",
        "line 4: task 'a' is of part test, and was of part val before",
    ),
    (b"task,x,y\na,1,2\na,\xff,2\n", "line 3: not UTF-8 text"),
    ('task,x,y\na,1,"2\n', "line 2: a quote of the row that begins here is not closed"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_what_is_no_table_of_tasks_is_an_error_at_its_line(look, tmp_path, text, message):
    place, found, hint = _fault(look, tmp_path, text)
    assert (place, found) == ("file", message)
    assert hint


MISFITS = [
    ({"targets": ["z"]}, "targets", "has no column 'z' to take", "it has 'x', 'y'"),
    ({"inputs": ["task"]}, "inputs", "has no column 'task' to take", "it has 'x', 'y'"),
    ({"inputs": ["x", "y"]}, "inputs", "the column 'y' is input and target at once", "leave"),
    (
        {"episode": {"shots": 2}, "queries": 2},
        "episode.shots",
        "2 shots and 2 queries need 4 rows of each task, and `a` (line 18) has 2",
        "",
    ),
    ({"part": "val"}, "part", "the val part has none of the 1 tasks of", "column `part`"),
    ({"inputs": 2}, "inputs", "`inputs` of table tasks is names of columns", ""),
    ({"noise": 0.5}, "noise", "`noise` is of `kind: linear`, not of table", ""),
    ({"labels": "global"}, "labels", "of classes", ""),
    ({"episode": {"shots": 1, "ways": 2}, "queries": 1}, "episode.ways", "have no classes", ""),
    ({"file": None}, "file", "there is no table to draw from", "`file: FILE`"),
]


@pytest.mark.parametrize(("fields", "place", "message", "hint"), MISFITS)
def test_what_a_table_cannot_give_is_an_error_at_its_place(
    look, tmp_path, fields, place, message, hint
):
    fields = {"episode": {"shots": 1}, "queries": 1, **fields}
    more = "".join(f"b,{i},{i}\n" for i in range(2 * ROWS)) if fields["queries"] > 1 else ""
    header, _, rows = GOOD.partition("\n")
    at, found, told = _fault(look, tmp_path, f"{header}\n{more}{rows}", **fields)
    assert at == place
    assert message in found
    assert hint in told


def test_names_of_columns_are_of_a_table_alone(look):
    given = {"kind": "linear", "episode": {"shots": 5}, "inputs": ["x"]}
    ((_, place, message, _),) = look(tasks, given)[1]
    assert (place, message) == ("inputs", "`inputs` of linear tasks is a number of dimensions")
    for name, value in {"file": "t.csv", "targets": ["y"], "scaling": "none"}.items():
        ((_, place, message, _),) = look(tasks, given | {"inputs": 2, name: value})[1]
        assert (place, message) == (name, f"`{name}` is of `kind: table`, not of linear")


def test_a_file_that_is_not_there_or_too_large_is_refused(bench, tmp_path, monkeypatch):
    params = bench.params(tasks, **FIELDS, file="t.csv")
    with pytest.raises(MissingFiles, match=r"t\.csv is not there") as caught:
        params.files(tmp_path)
    assert caught.value.place == "file"
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(MissingFiles, match=r"t\.csv is not a file"):
        params.files(tmp_path)
    (tmp_path / "t.csv").rmdir()
    (tmp_path / "t.csv").write_text(GOOD)
    monkeypatch.setattr("engine.library.datasets.task_table.LARGEST", 3)
    with pytest.raises(MissingFiles, match=r"t\.csv has 21 bytes; a table has at most 3"):
        params.files(tmp_path)


@pytest.mark.parametrize("fields", [{"inputs": []}, {"targets": []}, {"inputs": [1]}, {"file": 3}])
def test_parameters_that_make_no_sense_are_refused(bench, fields):
    with pytest.raises(ValidationError):
        bench.params(tasks, **FIELDS, **fields)


def test_an_edited_table_is_checked_anew(look, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(_text())
    fields = {**FIELDS, "file": str(path)}
    assert look(tasks, fields)[1] == []
    path.write_text(_text() + "t0,1,2,three\n")
    ((_, place, message, _),) = look(tasks, fields)[1]
    assert (place, message.partition(": ")[2]) == (
        "file",
        "line 82: `y` is 'three', which is no finite number",
    )


def test_test_tasks_that_a_learner_saw_are_told(look, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(_text())

    def known(**fields):
        return look(tasks, {**FIELDS, "file": str(path), **fields})[0]["tasks"]

    test = known(part="test")
    assert test.protocol["inputs"] == 2
    assert {held[:2] for held in test.sources} == {(f"{path}/{task}", "test") for task in TEST}
    sources = {"tasks": (Source("held_out", {}),), "learner": (Source("learned", {}),)}
    for part, told in {"train": False, "val": False, "all": True}.items():
        learner = Facts(sources=known(part=part).learned)
        found = leaks(Look(None, {"tasks": (test,), "learner": (learner,)}, sources))
        assert bool(found) == told


def test_describing_a_table_imports_neither_numpy_nor_torch(tmp_path):
    (tmp_path / "t.csv").write_text(_text())
    code = (
        "import sys; from pathlib import Path; "
        "from engine.library.stages.tasks import Tasks, tasks; "
        "from pipelines.core.facts import Look; "
        "params = Tasks(kind='table', file='t.csv', episode={'shots': 2}, queries=2); "
        f"look = Look(params, {{}}, {{}}, folder=Path({str(tmp_path)!r})); "
        "found = tasks.facts(look); assert found['tasks'].sources and not look.faults; "
        "assert not {'numpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
