"""What the light commands cost: CPU seconds, and which heavy modules they load (none may).

    python benchmarks/startup.py [--rounds 7]

Each round runs every command once, so that noise of the machine falls on all alike.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import META, cost, spread, table

HEAVY = ("torch", "numpy", "textual", "scipy", "sklearn")
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "ladder.yaml"
FLOOR = (sys.executable, "-P", "-c", "import yaml, pydantic, typer; pydantic.BaseModel")
"""What no command that reads YAML with these libraries can go below."""
COUNT = """
import json, sys
sys.argv = ["meta", *json.loads(sys.argv[1])]
try:
    from meta_tui.cli import main
    main()
except SystemExit:
    pass
sys.stderr.write("\\n" + json.dumps(sorted(sys.modules)))
"""


def commands() -> dict[str, list[str]]:
    """Name -> arguments of `meta`."""
    file = str(EXAMPLE)
    return {
        "meta --help": ["--help"],
        "meta check": ["check", file],
        "meta plan": ["plan", file],
        "meta status": ["status"],
        "meta run (all cached)": ["run", file, "--plain"],
    }


def modules(arguments: list[str], folder: Path) -> list[str]:
    """All modules that a command has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", COUNT, json.dumps(arguments)],
        cwd=folder, env={**os.environ, "META_HOME": str(folder / "store")}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    found: list[str] = json.loads(done.stderr.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {"META_HOME": str(folder / "store")}
        print(f"first run of {EXAMPLE.name}, to fill the cache ...", flush=True)
        first = cost(
            [*META, "run", str(EXAMPLE), "--plain"], folder=folder, environment=environment
        )
        print(f"{first.wall_seconds:.1f} s wall, {first.cpu_seconds:.1f} s CPU")
        spent: dict[str, list[float]] = {command: [] for command in commands()}
        floor: list[float] = []
        for _ in range(rounds):
            floor.append(cost(FLOOR, folder=folder, environment=environment).cpu_seconds)
            for command, arguments in commands().items():
                found = cost([*META, *arguments], folder=folder, environment=environment)
                spent[command].append(found.cpu_seconds)
        rows = [["floor: python and the libraries", spread(floor), "", "none"]]
        for command, arguments in commands().items():
            loaded = modules(arguments, folder)
            heavy = ", ".join(name for name in HEAVY if name in loaded) or "none"
            rows.append([command, spread(spent[command]), str(len(loaded)), heavy])
        header = ["command", "CPU seconds, median (least - most)", "modules", f"of {HEAVY}"]
        table(f"Start-up on {EXAMPLE.name}, {rounds} rounds", header, rows)


if __name__ == "__main__":
    main()
