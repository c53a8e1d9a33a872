"""`examples/choose.yaml` is right as it stands; its numbers are measured, not tested."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "choose.yaml"


def test_the_example_of_choosing_is_checked_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "meta_tui", "check", "--json", str(EXAMPLE)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert json.loads(done.stdout) == {"ok": True, "cells": 203, "problems": []}
    assert list(tmp_path.iterdir()) == []
