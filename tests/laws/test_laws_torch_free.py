"""The light commands load none of the heavy libraries: not even to say that all is cached."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "numpy", "scipy", "sklearn", "safetensors", "PIL", "textual"}
META = """
import json, sys
for arguments in json.loads(sys.argv[1]):
    code, sys.argv = 0, ["meta", *arguments]
    try:
        from meta_tui.cli import main
        code = main()
    except SystemExit as end:
        code = end.code or 0
    print(END, flush=True)
    print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
END = "-- end of a command --"
PIPELINE = """
version: 1
name: light
stages:
  source:
    uses: dataset
    with: {name: digits}
  few:
    uses: subset
    from: {data: source}
    with: {train: 20, val: 20}
"""


LIGHT = [
    ["--help"],
    ["check", "light.yaml"],
    ["plan", "light.yaml"],
    ["status"],
    ["stages"],
    ["stages", "pretrain"],
    ["schema"],
    ["run", "light.yaml", "--json"],
    ["run", "light.yaml", "--plain"],
]
WATCH = ["watch", "--screenshot", "screen.svg"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a pipeline whose every result is in the store."""
    found = tmp_path_factory.mktemp("light")
    (found / "light.yaml").write_text(PIPELINE)
    meta(found, [["run", "light.yaml", "--plain"]])
    return found


@pytest.fixture(scope="module")
def told(folder) -> dict[str, tuple[set[str], str]]:
    """Command -> what is loaded when it ends, and what it printed: all in one process.

    What one command loads the later ones are blamed for, too; the dashboard is the last.
    """
    commands = [*LIGHT, WATCH]
    return dict(zip(map(" ".join, commands), meta(folder, commands), strict=True))


def meta(folder: Path, commands: list[list[str]], before: str = "") -> list[tuple[set[str], str]]:
    """For each command, what is loaded when it ends, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", before + META.replace("END", repr(END)), json.dumps(commands)],
        cwd=folder, env={**os.environ, "META_HOME": str(folder / ".meta")}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    ends = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[")]
    assert [code for code, _ in ends] == [0] * len(commands), done.stdout + done.stderr
    loaded = [{name.partition(".")[0] for name in modules} for _, modules in ends]
    return list(zip(loaded, done.stdout.split(END + "\n")[:-1], strict=True))


@pytest.mark.parametrize("command", [" ".join(arguments) for arguments in LIGHT])
def test_a_light_command_loads_nothing_heavy(told, command):
    loaded, printed = told[command]
    assert not loaded & HEAVY
    assert printed


def test_the_cached_run_of_this_law_does_no_work(told):
    assert "cached" in told["run light.yaml --plain"][1]


def test_the_law_sees_a_heavy_library(folder):
    ((loaded, _),) = meta(folder, [["check", "light.yaml"]], "import numpy")
    assert "numpy" in loaded


def test_the_dashboard_never_loads_torch(folder, told):
    loaded, _ = told[" ".join(WATCH)]
    assert "textual" in loaded
    assert not loaded & (HEAVY - {"textual"})
    assert "<svg" in (folder / "screen.svg").read_text()
