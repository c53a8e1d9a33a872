"""Who may import whom."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import house
import pytest

from engine.identity.module_finder import _ENGINE_STOPS
from engine.identity.source_digest import Reading

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
OUTSIDE = {"engine/stage_api/run.py", "engine/workers/device.py", "engine/__init__.py"}
"""Count by their own text: what they import is not followed."""


def test_the_directions_of_the_house_are_kept(tmp_path):
    command = [sys.executable, "-c", LINT, "--no-cache"]
    asked = subprocess.run(command, cwd=house.ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout + asked.stderr


def followed() -> list[Path]:
    """Files that a fingerprint follows: whatever a stage can be made of."""
    found = []
    for path in house.sources():
        parts = house.module(path).split(".")
        engine = parts[0] == "engine" and not (len(parts) > 1 and parts[1] in _ENGINE_STOPS)
        if engine and house.shown(path) not in OUTSIDE:
            found.append(path)
    return found


def test_what_a_stage_is_made_of_never_imports_what_runs_it():
    wrong = [
        f"{house.shown(path)} imports {name}"
        for path in followed()
        for name in house.imports(path)
        if name.startswith("engine.") and name.split(".")[1] in _ENGINE_STOPS
    ]
    assert wrong == []


def test_every_name_in_the_list_of_stops_is_a_module():
    there = {
        path.stem if path.is_file() else path.name for path in (house.ROOT / "engine").iterdir()
    }
    assert there >= _ENGINE_STOPS


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("artifacts", "methods"),
        ("artifacts", "stages"),
        ("methods", "stages"),
        ("comparison", "stages"),
    ],
)
def test_artifacts_know_no_method_and_methods_no_stage(lower, upper):
    wrong = [
        house.shown(path)
        for path in house.sources()
        if house.module(path).startswith(f"engine.{lower}")
        for name in house.imports(path)
        if name.startswith(f"engine.{upper}")
    ]
    assert wrong == []


def test_nobody_imports_relatively():
    wrong = [
        house.shown(path)
        for path in house.sources()
        for node in ast.walk(house.tree(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert wrong == []


DOOR = "engine/learning/__init__.py"
NAMED = rb"learning|import engine|engine import \*"


def bare(source: bytes) -> list[str]:
    """Uses of the lazy door from which nobody can tell what is reached."""
    return [name for name in references(source) if name in ("engine.*", "engine.learning.*")]


@cache
def references(source: bytes) -> tuple[str, ...]:
    return Reading.of(source).references


def test_the_lazy_door_is_never_used_as_a_bare_value():
    # A file that names neither the door nor the house above it need not be parsed.
    texts = {path: path.read_bytes() for path in house.sources()}
    users = [path for path, text in texts.items() if re.search(NAMED, text)]
    assert [house.shown(path) for path in users if bare(texts[path])] == []


def test_what_a_stage_is_made_of_imports_nothing_by_a_computed_name():
    computed = [house.shown(path) for path in followed() if "*" in references(path.read_bytes())]
    assert computed == [DOOR]


@pytest.mark.parametrize(
    "text", ["x = learning", "getattr(learning, 'heads')", "print(learning)", "f = [learning]"]
)
def test_the_law_of_the_door_sees_a_bare_use(text):
    source = f"from engine import learning\n{text}".encode()
    assert bare(source)
    assert re.search(NAMED, source)
    assert not bare(b"from engine import learning\nlearning.heads.ridge(1)")
