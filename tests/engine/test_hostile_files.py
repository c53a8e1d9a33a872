"""Files that nobody would write, refused at their place, with little work for it."""

import os
from pathlib import Path

import pytest

from engine.planning.load import load
from engine.planning.run_request import Request
from engine.stage_api.catalogue import Catalogue
from pipelines.core import near, reading
from pipelines.core.errors import MOST_TOLD, MetaError, PipelineError, UsageError
from pipelines.schema import habits

HEAD = "version: 1\nname: a\nstages:\n"
DATASET = HEAD + "  d: {{uses: dataset, with: {{name: {name}, root: {root}}}}}\n"
KINDS = ("mnist", "omniglot, part: train", "folder, size: [8, 8]")


def refused(tmp_path: Path, text: str | None, *options: str, name: str = "p.yaml") -> MetaError:
    """Why a file is not taken; text None means what lies there."""
    if text is not None:
        (tmp_path / name).write_text(text)
    request = Request(tmp_path / name, tmp_path / ".meta", overrides=options)
    with pytest.raises(MetaError) as caught:
        load(request)
    assert caught.value.exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.name == ".meta") == []
    return caught.value


def first(error: MetaError) -> tuple[int, int, str]:
    assert isinstance(error, PipelineError)
    mark = error.problems[0].mark
    assert mark is not None
    return mark.line, mark.column, error.problems[0].message


@pytest.mark.parametrize("version", ["true", "1.0", "1e0", "yes", '"1"', "2", "[1]", "null", "-1"])
def test_only_1_is_the_version(tmp_path: Path, version: str) -> None:
    text = HEAD.replace("version: 1", f"version: {version}") + "  d: {uses: dataset}\n"
    line, column, message = first(refused(tmp_path, text))
    assert (line, column) == (1, 10)
    assert "version" in message


@pytest.mark.parametrize("name", KINDS)
def test_a_path_that_no_system_takes_is_told_at_its_place(tmp_path: Path, name: str) -> None:
    text = DATASET.format(name=name, root="x" * 6000)
    line, column, message = first(refused(tmp_path, text))
    assert message.endswith("File name too long")
    assert text.splitlines()[line - 1][column - 1 :].startswith("xxx")


def test_a_table_that_no_system_takes_is_told_at_its_place(tmp_path: Path) -> None:
    task = "{kind: table, file: %s, episode: {shots: 2}, queries: 2, count: 5}"
    text = f"{HEAD}  t: {{uses: tasks, with: {task % ('x' * 6000)}}}\n"
    _, _, message = first(refused(tmp_path, text))
    assert message.endswith("File name too long")


@pytest.mark.parametrize("name", KINDS)
def test_a_pipe_in_the_place_of_a_folder_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    first(refused(tmp_path, DATASET.format(name=name, root="pipe")))
    os.mkfifo(tmp_path / "train-images-idx3-ubyte")
    first(refused(tmp_path, DATASET.format(name=name, root=".")))


def test_what_is_no_file_is_no_pipeline(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1_610_612_736)
    (tmp_path / "zero").symlink_to("/dev/zero")
    told = {
        "pipe": "it is a pipe", "folder": "it is a folder", "zero": "it is a device",
        "large": "it has 1,610,612,736 bytes; at most 262,144", "none": "No such file",
        "x" * 300: "File name too long",
    }  # fmt: skip
    for name, why in told.items():
        error = refused(tmp_path, None, name=name)
        assert isinstance(error, UsageError)
        assert why in str(error)


def test_of_a_stage_file_the_size_is_looked_at_first(tmp_path: Path) -> None:
    path = tmp_path / "stages.py"
    with path.open("wb") as file:
        file.truncate(1_610_612_736)
    with pytest.raises(UsageError, match=r"is larger than 33,554,432 bytes"):
        Catalogue([path])


MANY = {
    "stage types": "".join(f"  s{i:05}: {{uses: nope{i}}}\n" for i in range(3000)),
    "stages": "".join(
        f"  stage_number_{i:05}: {{uses: subset, from: {{data: stage_numbre_{i:05}}}}}\n"
        for i in range(1600)
    ),
    "parameters": "  d:\n    uses: pretrain\n    from: {data: x}\n    with:\n"
    + "".join(f"      epohcs{i}: 1\n" for i in range(3000)),
    "the same key": "".join("  d: {uses: x}\n" for _ in range(3000)),
}


@pytest.mark.parametrize("what", MANY)
def test_of_thousands_of_problems_the_first_are_told_in_little_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    looked, letters = [0], [0]
    types_at, one = habits.types_at, near._without_one

    def counted_types(*args: object) -> object:
        looked[0] += 1
        return types_at(*args)  # type: ignore[arg-type]

    def counted_letters(text: str) -> object:
        letters[0] += len(text)
        return one(text)

    monkeypatch.setattr(habits, "types_at", counted_types)
    monkeypatch.setattr(near, "_without_one", counted_letters)
    error = refused(tmp_path, HEAD + MANY[what])
    assert isinstance(error, PipelineError)
    assert MOST_TOLD <= len(error.problems) <= MOST_TOLD + 1
    assert error.problems[-1].message.startswith("and ")
    assert error.problems[-1].mark is None
    # Not with each wrong name over all parameters, nor with each pair of names.
    assert looked[0] < 5_000
    assert letters[0] < 3_000_000


def test_a_deep_option_is_told_and_cut(tmp_path: Path) -> None:
    text = HEAD.replace("name: a", "name: a\nparams: {a: 1}") + "  d: {uses: dataset}\n"
    for option in ("a." * 20_000 + "b=1", "a=" + "[" * 50_000, "\x1b=1", "a", "=", "a=\x1b"):
        error = refused(tmp_path, text, option)
        assert len(str(error).splitlines()[0]) < 300
        assert "\x1b" not in str(error)


def test_the_limit_of_a_pipeline_is_that_of_its_reader(tmp_path: Path) -> None:
    error = refused(tmp_path, "#" * (reading.PIPELINE_BYTES + 1))
    assert "at most 262,144" in str(error)
