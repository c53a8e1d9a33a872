"""Writes one constraints file per Python version: what `make demo` and `make test` install.

Run by `make lock`, with the standard library and pip alone. The versions are public ones, without
`+cpu` and without hashes, and the CUDA packages are left out: which build of torch is installed is
the choice of the user's package index.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parent / "pyproject.toml"
PYTHONS = ("3.11", "3.12", "3.13")
OF_TORCH_BUILD = ("nvidia-", "cuda-", "triton")
"""Beginnings of the names of packages that come with one build of torch and not with another."""


def read_requirements(project: dict[str, Any]) -> list[str]:
    """All that pyproject.toml names: build tools, dependencies and extras; and pip itself."""
    own = project["project"]["name"]
    extras = project["project"]["optional-dependencies"].values()
    named = [
        "pip",
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(requirement for extra in extras for requirement in extra),
    ]
    return [requirement for requirement in named if not requirement.startswith(f"{own}[")]


def find_python(version: str) -> str | None:
    """An interpreter of this version, on the PATH or among those of pyenv."""
    on_path = shutil.which(f"python{version}")
    in_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for path in (on_path, *map(str, in_pyenv)):
        if path and subprocess.run([path, "-V"], capture_output=True, check=False).returncode == 0:
            return path
    return None


def resolve(version: str, requirements: list[str], folder: Path) -> tuple[dict[str, str], str]:
    """The newest versions that fit together, and how they were found.

    Raises:
        subprocess.CalledProcessError: pip finds none, or cannot be run.
    """
    python = find_python(version)
    how = f"by Python {version}"
    across = []
    if python is None:
        running = f"{sys.version_info.major}.{sys.version_info.minor}"
        python = sys.executable
        how = f"for Python {version} by Python {running}, whose markers count"
        across = ["--python-version", version, "--only-binary=:all:", "--target", str(folder)]
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    report = folder / "report.json"
    command = [folder / "venv/bin/python", "-m", "pip", "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", report, *across, *requirements]
    subprocess.run(command, check=True)
    found = (one["metadata"] for one in json.loads(report.read_text())["install"])
    return {normal(one["name"]): public(one["version"]) for one in found}, how


def public(version: str) -> str:
    """`2.13.0` of `2.13.0+cpu`."""
    return version.partition("+")[0]


def normal(name: str) -> str:
    """A package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked_text(versions: dict[str, str], how: str) -> str:
    """The text of a constraints file."""
    kept = sorted(name for name in versions if not name.startswith(OF_TORCH_BUILD))
    lines = [f"{name}=={versions[name]}\n" for name in kept]
    return "".join([f"# Made by `make lock`; resolved {how}.\n", *lines])


def write(version: str, requirements: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        versions, how = resolve(version, requirements, Path(folder))
    path = FOLDER / f"python{version}.txt"
    path.write_text(locked_text(versions, how))
    print(f"{path.name}: resolved {how}")


def main() -> None:
    requirements = read_requirements(tomllib.loads(PROJECT.read_text()))
    for version in PYTHONS:
        write(version, requirements)


if __name__ == "__main__":
    main()
