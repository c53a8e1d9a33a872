"""What the engine itself costs: hubs and fans of stages that do nothing, N = 10, 100, 1000.

    python benchmarks/engine.py [--sizes 10 100 1000] [--rounds 3]

CPU seconds of the whole process tree: first run, everything cached, plan.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from measure import META, cost, spread, table

STAGE = '''"""A stage that does nothing, to measure what the engine adds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from engine.stage_api.run import Run
from pipelines.core.stage import Artifact, Params, stage


@dataclass(frozen=True)
class Number(Artifact):
    """A number."""

    value: int

    def write(self, folder: Path) -> None:
        """Write `number.txt`."""
        (folder / "number.txt").write_text(str(self.value))

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> "Number":
        """Read `number.txt`."""
        return cls(int(files["number.txt"].read_text()))


class Nothing(Params):
    """Parameters of a stage that does nothing."""

    add: int = 0
    """What is added to the sum of the inputs."""


@dataclass(frozen=True)
class Sum:
    """What it returns."""

    number: Number


@stage
def nothing(run: Run, params: Nothing, *, numbers: tuple[Number, ...] = ()) -> Sum:
    """Add up the inputs."""
    return Sum(Number(sum(number.value for number in numbers) + params.add))
'''
FAN = 9


def pipeline(size: int) -> str:
    """A chain of hubs; from each hub a fan of stages, gathered by the next hub."""
    lines = ["version: 1", f"name: hubs-{size}", "stages:"]
    hub, fan = "", []
    for number in range(size):
        name = f"s{number}"
        source = ""
        if number % (FAN + 1) == 0:
            source = f", from: {{numbers: [{', '.join(fan)}]}}" if fan else ""
            hub, fan = name, []
        else:
            source = f", from: {{numbers: [{hub}]}}"
            fan.append(name)
        lines.append(f"  {name}: {{uses: nothing, with: {{add: {number}}}{source}}}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        spent: dict[str, list[float]] = {"first": [], "cached": [], "plan": []}
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                (folder / "stage.py").write_text(STAGE)
                (folder / "hubs.yaml").write_text(pipeline(size))
                given = ["hubs.yaml", "--stages", "stage.py"]
                for what, command in (
                    ("first", ["run", *given, "--plain"]),
                    ("cached", ["run", *given, "--plain"]),
                    ("plan", ["plan", *given]),
                ):
                    found = cost(
                        [*META, *command], folder=folder, environment={"META_HOME": ".meta"}
                    )
                    spent[what].append(found.cpu_seconds)
        each = statistics.median(spent["first"]) / size * 1000
        rows.append(
            [str(size), spread(spent["first"]), f"{each:.1f}", spread(spent["cached"]),
             spread(spent["plan"])]
        )  # fmt: skip
    header = ["N", "first run", "ms a stage", "all cached", "plan"]
    title = f"Engine, CPU seconds of the process tree, median (least - most) of {options.rounds}"
    table(title, header, rows)


if __name__ == "__main__":
    main()
