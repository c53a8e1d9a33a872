"""Edits of the engine's own code: exactly the stages that reach it run again, and say why.

Works on a copy of the packages, so that this tree stays as it is.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PIPELINE = """
version: 1
name: edits
stages:
  old: {uses: dataset, with: {name: digits, task: low, classes: [0, 1, 2, 3, 4]}}
  new: {uses: dataset, with: {name: digits, task: high, classes: [5, 6, 7, 8, 9]}}
  few: {uses: subset, from: {data: new}, with: {train: 50, val: 50}, seeds: 2}
  backbone: {uses: pretrain, from: {data: old}, with: {net: {kind: mlp, hidden: [16]}, steps: 10}}
  probe: {uses: linear_probe, from: {model: backbone, data: few, retain: old}}
  tuned:
    uses: finetune
    from: {model: backbone, data: few, retain: old}
    with: {head: random, lr: 0.01, steps: 10}
  result: {uses: compare, from: {scores: [probe, tuned]}, with: {show: [high/accuracy]}}
"""


@dataclass(frozen=True)
class Copy:
    """The packages in a folder of their own, and a pipeline that was run with them."""

    folder: Path

    def meta(self, *arguments: str, safe: bool = True) -> list[dict[str, Any]]:
        """What a command says, as JSON values."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "code")}
        done = subprocess.run(
            [sys.executable, *(["-P"] if safe else []), "-m", "meta_tui", *arguments, "--json"],
            cwd=self.folder / "work", env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def plan(self) -> dict[str, tuple[str, str]]:
        """Stage -> state and reason."""
        return {
            cell["cell"].partition("@")[0]: (cell["state"], cell["why"])
            for cell in self.meta("plan", "pipeline.yaml")
        }

    def run(self) -> dict[str, str]:
        """Stage that ran -> why."""
        first, *events = self.meta("run", "pipeline.yaml")
        return {
            first["cells"][event["cell"]]["stage"]: event["why"]
            for event in events
            if event["kind"] == "cell_started"
        }

    def edit(self, module: str, change: Callable[[str], str]) -> None:
        path = self.folder / "code" / module
        before = path.read_text()
        path.write_text(change(before))
        assert path.read_text() != before


def fresh(folder: Path) -> Copy:
    for package in ("pipelines", "engine", "meta_tui"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / "code" / package, ignore=ignored)
    (folder / "work").mkdir()
    (folder / "work" / "pipeline.yaml").write_text(PIPELINE)
    return Copy(folder)


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which everything was run once."""
    copy = fresh(tmp_path_factory.mktemp("computed"))
    assert len(copy.run()) == 7
    return copy.folder


@pytest.fixture
def copy(computed: Path, tmp_path: Path) -> Copy:
    shutil.copytree(computed, tmp_path, dirs_exist_ok=True)
    return Copy(tmp_path)


def with_a_function_more(text: str) -> str:
    """Other code that changes no number."""
    return f"{text}\n\ndef _of_no_use() -> None:\n    return None\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "reached_by"),
    [
        ("engine/learning/training/monitor.py", {"backbone", "tuned"}),
        ("engine/learning/models/linear_heads.py", {"backbone", "probe", "tuned"}),
        ("engine/library/methods/finetune.py", {"tuned"}),
        (
            "engine/learning/data/balanced.py",
            {"old", "new", "few", "backbone", "probe", "tuned"},
        ),
        ("engine/learning/evaluation/statistics.py", {"result"}),
        ("engine/execution/scheduler.py", set()),
        ("engine/learning/training/kernels.py", set()),
        ("meta_tui/render/runs/plain_log.py", set()),
    ],
)
def test_exactly_the_stages_that_reach_an_edited_helper_run_again(copy, module, reached_by):
    copy.edit(module, with_a_function_more)
    planned = copy.plan()
    told = {stage for stage, (state, why) in planned.items() if state == "run"}
    may = {stage for stage, (state, _) in planned.items() if state == "pending"}
    # What only reads results that may come out unchanged is decided when they are there.
    assert told <= reached_by <= told | may
    assert all(planned[stage][1] == f"code: {module} changed" for stage in told)
    ran = copy.run()
    assert set(ran) == reached_by
    assert set(ran.values()) <= {f"code: {module} changed"}
    assert copy.run() == {}


@pytest.mark.slow
def test_an_edit_that_changes_numbers_goes_on_to_what_reads_them(copy):
    copy.edit(
        "engine/learning/models/linear_heads.py",
        lambda text: text.replace("2 * draws - 1", "draws - 0.5"),
    )
    ran = copy.run()
    assert set(ran) == {"backbone", "probe", "tuned", "result"}
    assert ran["backbone"] == "code: engine/learning/models/linear_heads.py changed"
    assert "scores" in ran["result"]


@pytest.mark.slow
def test_comments_docstrings_and_blank_lines_run_nothing_again(copy):
    def told_otherwise(text: str) -> str:
        body = text.replace('"""A random head:', '"""A head by chance:')
        assert body != text
        return f"# Another comment.\n\n{body}\n\n# And one at the end.\n"

    copy.edit("engine/learning/models/linear_heads.py", told_otherwise)
    assert {state for state, _ in copy.plan().values()} == {"hit"}
    assert copy.run() == {}


@pytest.mark.slow
@pytest.mark.parametrize("safe", [True, False], ids=["python -P", "python"])
def test_a_persons_own_folders_and_files_shadow_nothing(copy, safe):
    work = copy.folder / "work"
    for name in ("engine", "pipelines", "meta_tui", "torch"):
        (work / name).mkdir()
        (work / name / "__init__.py").write_text("raise RuntimeError('the wrong one')\n")
    for name in ("random", "json", "typing", "numpy"):
        (work / f"{name}.py").write_text("raise RuntimeError('the wrong one')\n")
    if not safe:
        # Python itself finds the program by its name, before the program can do anything.
        shutil.rmtree(work / "meta_tui")
    shutil.rmtree(work / ".meta")
    ended = copy.meta("run", "pipeline.yaml", safe=safe)[-1]
    assert (ended["kind"], ended["code"]) == ("run_ended", 0)
