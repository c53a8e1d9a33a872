"""Who may import whom."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import house
import pytest

from engine.execution.cell_task import TRAINERS
from engine.identity.module_finder import FOLLOWED, TEXT_ONLY
from engine.identity.source_digest import Reading

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
STOPS = {"execution", "identity", "planning", "rundir", "store", "workers"}
"""Packages of the engine that run stages."""


def test_the_order_of_the_packages_is_kept(tmp_path):
    command = [sys.executable, "-c", LINT, "--no-cache"]
    asked = subprocess.run(command, cwd=house.ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout + asked.stderr


def test_every_package_of_the_engine_is_followed_or_counts_by_its_text_or_stops():
    there = {path.parent.name for path in (house.ROOT / "engine").glob("*/*.py")}
    assert there == {*FOLLOWED, TEXT_ONLY} - {"run"} | STOPS
    modules = {path.stem for path in (house.ROOT / "engine").glob("*.py")}
    assert modules == {"__init__", "run"}


OLD_PLACES = {"engine.run", "engine.artifacts", "pipelines.stage", "pipelines.errors"}
"""They only pass names on, to stage files of users."""


def test_nothing_of_ours_imports_from_an_old_place():
    wrong = [
        f"{house.shown(path)} imports {name}"
        for path in house.sources()
        for name in house.imports(path)
        if any(name == old or name.startswith(f"{old}.") for old in OLD_PLACES)
    ]
    assert wrong == []
    assert all(Reading.of(path.read_bytes()).union for path in old_places())


def old_places() -> list[Path]:
    return [path for path in house.sources() if house.module(path) in OLD_PLACES]


def followed() -> list[Path]:
    """Files that a fingerprint follows: whatever a stage can be made of."""
    return [
        path
        for path in house.sources()
        if house.module(path).split(".")[0] == "engine"
        and house.module(path).split(".")[1:2] in [[name] for name in FOLLOWED]
    ]


def test_what_a_stage_is_made_of_never_imports_what_runs_it():
    files = followed()
    assert len(files) > 150
    wrong = [
        f"{house.shown(path)} imports {name}"
        for path in files
        for name in house.imports(path)
        if name.startswith("engine.") and name.split(".")[1] in STOPS
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
    assert computed == []


def test_every_package_of_the_learning_loads_its_modules_at_first_use():
    """A stub beside each package names all that lies in it; `lazy_loader` reads the same stub."""
    for init in sorted((house.ROOT / "engine" / "learning").rglob("__init__.py")):
        there = {path.stem for path in init.parent.glob("*.py")} - {"__init__"}
        there |= {path.parent.name for path in init.parent.glob("*/__init__.py")}
        stub = ast.parse(init.with_suffix(".pyi").read_text(encoding="utf-8"))
        named = {alias.name for node in stub.body for alias in node.names}
        assert named == there, house.shown(init)
        assert Reading.of(init.read_bytes()).lazy, house.shown(init)


@pytest.mark.parametrize(
    "text", ["x = learning", "getattr(learning, 'heads')", "print(learning)", "f = [learning]"]
)
def test_the_law_of_the_door_sees_a_bare_use(text):
    source = f"from engine import learning\n{text}".encode()
    assert bare(source)
    assert re.search(NAMED, source)
    assert not bare(b"from engine import learning\nlearning.heads.ridge(1)")


NOT_IN_CELLS = ("engine.learning.preload", "engine.learning.metalearning.reference")


def test_modules_that_make_optimizers_lie_where_the_preload_looks_for_them():
    """Torch wraps optimizers at their first use, which would change a warm process."""
    makers = {
        house.module(path)
        for path in house.sources()
        if house.module(path).startswith("engine.learning.")
        and not house.module(path).startswith(NOT_IN_CELLS)
        and "torch.optim." in path.read_text(encoding="utf-8")
    }
    assert makers <= TRAINERS
    assert {house.module(path) for path in house.sources()} >= TRAINERS
