"""The lock: a version of all that pyproject.toml names, for each Python; and make installs it."""

import os
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest
from house import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCK = runpy.run_path(str(ROOT / "constraints" / "lock.py"))
PYTHONS = LOCK["PYTHONS"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(python: str) -> dict[str, str]:
    lines = (ROOT / "constraints" / f"python{python}.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_there_is_a_lock_for_each_python_and_no_other() -> None:
    assert PYTHONS == ("3.11", "3.12", "3.13")
    found = sorted(path.name for path in (ROOT / "constraints").glob("*.txt"))
    assert found == [f"python{python}.txt" for python in PYTHONS]


@pytest.mark.parametrize("python", PYTHONS)
def test_all_that_pyproject_names_is_locked_within_its_bounds(python: str) -> None:
    locked = pins(python)
    requirements = [Requirement(text) for text in LOCK["read_requirements"](PROJECT)]
    names = {requirement.name for requirement in requirements}
    assert {"pip", "setuptools", "torch", "pytest", "ruff", "textual-serve"} <= names
    for requirement in requirements:
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=False), requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_a_lock_holds_public_versions_without_hashes_and_no_part_of_a_build_of_torch(
    python: str,
) -> None:
    text = (ROOT / "constraints" / f"python{python}.txt").read_text()
    first, *lines = text.splitlines()
    assert first.startswith("# Made by `make lock`; resolved")
    assert f"Python {python}" in first
    assert lines == sorted(set(lines), key=lambda line: line.split("==")[0])
    for line in lines:
        name, version = line.split("==")
        assert name == canonicalize_name(name)
        assert str(Version(version)) == version
        assert Version(version).local is None
        assert not name.startswith(("nvidia", "cuda", "triton"))


def make(folder: Path, python: str, *words: str) -> tuple[list[str], str]:
    """What make asks pip for in an environment whose Python is a script, and what it says."""
    asked = folder / "asked"
    program = folder / "venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then echo {python}; else echo "$@" >> {asked}; fi\n'
    )
    program.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "LOCK"))}
    done = subprocess.run(
        ["make", "--silent", f"{folder}/venv/installed-dev", f"VENV={folder}/venv", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return asked.read_text().splitlines(), done.stdout


@pytest.mark.parametrize("python", PYTHONS)
def test_make_installs_what_the_lock_of_its_python_names(tmp_path: Path, python: str) -> None:
    asked, said = make(tmp_path, python)
    tool, package = asked
    assert said == ""
    for line in asked:
        assert f"--constraint constraints/python{python}.txt " in line
        assert "--upgrade" not in line
    assert tool.endswith(" pip")
    assert package.endswith(f" --build-constraint constraints/python{python}.txt --editable .[dev]")


def test_make_says_that_a_python_has_no_lock_and_goes_on(tmp_path: Path) -> None:
    asked, said = make(tmp_path, "3.14")
    assert len(asked) == 2
    assert not any("constraint" in line for line in asked)
    assert said == (
        "no lock for Python 3.14 (constraints/): installing the newest versions that"
        " pyproject.toml admits\n"
    )


def test_the_latest_are_asked_for_on_demand(tmp_path: Path) -> None:
    asked, said = make(tmp_path, "3.11", "LOCK=no")
    assert said == ""
    for line in asked:
        assert "--upgrade --upgrade-strategy eager" in line
        assert "constraint" not in line


def test_ci_tests_by_make_and_test_latest_has_an_environment_of_its_own() -> None:
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    recipe = (ROOT / "Makefile").read_text().split("\ntest-latest:\n")[1].split("\n\n")[0]
    assert "$(MAKE) test VENV=.venv-latest LOCK=no" in recipe


def test_the_versions_that_pip_reports_become_public_ones_without_cuda(tmp_path: Path) -> None:
    found = {"torch": "2.13.0+cpu", "nvidia-nccl-cu13": "1", "cuda-bindings": "2", "triton": "3"}
    text = LOCK["locked_text"]({name: LOCK["public"](found[name]) for name in found}, "by hand")
    assert text == "# Made by `make lock`; resolved by hand.\ntorch==2.13.0\n"


def test_an_extra_that_names_the_package_itself_is_left_out() -> None:
    project = {
        "build-system": {"requires": ["b>=1"]},
        "project": {
            "name": "p",
            "dependencies": ["d"],
            "optional-dependencies": {"w": ["e"], "dev": ["p[w]", "f<2"]},
        },
    }
    assert LOCK["read_requirements"](project) == ["pip", "b>=1", "d", "e", "f<2"]
