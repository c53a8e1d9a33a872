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
sys.argv = ["meta", *json.loads(sys.argv[1])]
code = 0
try:
    from meta_tui.cli import main
    code = main()
except SystemExit as end:
    code = end.code or 0
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a pipeline whose every result is in the store."""
    found = tmp_path_factory.mktemp("light")
    (found / "light.yaml").write_text(PIPELINE)
    meta(found, "run", "light.yaml", "--plain")
    return found


def meta(folder: Path, *arguments: str) -> tuple[set[str], str]:
    """What `meta` has loaded when it ends, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", META, json.dumps(arguments)],
        cwd=folder, env={**os.environ, "META_HOME": str(folder / ".meta")}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stdout + done.stderr
    return {name.partition(".")[0] for name in modules}, done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["check", "light.yaml"],
        ["plan", "light.yaml"],
        ["status"],
        ["stages"],
        ["stages", "pretrain"],
        ["schema"],
        ["run", "light.yaml", "--plain"],
        ["run", "light.yaml", "--json"],
    ],
    ids=" ".join,
)
def test_a_light_command_loads_nothing_heavy(folder, arguments):
    loaded, printed = meta(folder, *arguments)
    assert not loaded & HEAVY
    assert printed


def test_the_cached_run_of_this_law_does_no_work(folder):
    _, printed = meta(folder, "run", "light.yaml", "--plain")
    assert "cached" in printed


def test_the_law_sees_a_heavy_library(folder):
    program = META.replace("code = main()", "import numpy; code = main()")
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, json.dumps(["check", "light.yaml"])],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "numpy" in json.loads(done.stderr.splitlines()[-1])[1]


def test_the_dashboard_never_loads_torch(folder):
    loaded, _ = meta(folder, "watch", "--screenshot", str(folder / "screen.svg"))
    assert "textual" in loaded
    assert not loaded & (HEAVY - {"textual"})
    assert "<svg" in (folder / "screen.svg").read_text()
