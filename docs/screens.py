"""Makes the README's pictures of the dashboard, from real runs in a store of their own.

`make screens`: two minutes, nothing to download.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples"
LADDER = str(EXAMPLES / "ladder.yaml")
GENERATE = (
    str(EXAMPLES / "generate.yaml"),
    *("--set", "data=digits", "--set", "images=1000", "--set", "epochs=60", "--set", "n=300"),
)
TRAINING, TRAINED = "tuned", 12
"""The run is shown while this stage runs, when so many of its cells are done."""
PATIENCE = 600.0


def meta(store: Path, *words: str) -> str:
    """Run a command in a store; returns what it prints."""
    command = [sys.executable, "-P", "-m", "meta_tui", *words]
    env = {**os.environ, "META_HOME": str(store)}
    env.pop("NO_COLOR", None)
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def wait(store: Path, wanted: int) -> None:
    """Wait until so many cells of the stage are done."""
    until = time.monotonic() + PATIENCE
    done = 0
    while done < wanted:
        cells = json.loads(meta(store, "status", "--json"))["cells"]
        done = sum(c["state"] == "done" and c["cell"].split("@")[0] == TRAINING for c in cells)
        if time.monotonic() > until:
            raise SystemExit(f"after {PATIENCE:.0f} s only {done} cells of `{TRAINING}` are done")


def show(store: Path, name: str, size: str, *keys: str) -> None:
    """Draw a screen after some keys."""
    press = ("--press", " ".join(keys)) if keys else ()
    print(meta(store, "watch", "--screenshot", str(DOCS / name), "--size", size, *press).strip())


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        ladder, generate = Path(folder) / "ladder", Path(folder) / "generate"
        meta(ladder, "run", LADDER, "--detach")
        wait(ladder, TRAINED)
        show(ladder, "dashboard.svg", "120x34")
        meta(ladder, "run", LADDER, "--plain")
        show(ladder, "results.svg", "120x40", "2")
        meta(generate, "run", *GENERATE, "--plain")
        # The prior's draws of the VAE with eight numbers to a code.
        show(generate, "gallery.svg", "120x36", "3", *["j"] * 28)


if __name__ == "__main__":
    main()
