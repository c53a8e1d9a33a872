"""Options that several verbs take, and the request to the engine that they make."""

import math
from pathlib import Path
from typing import Annotated

import typer

_MOST_JOBS, _LONGEST_CHECKPOINT = 1_024, 604_800


def _finite(value: float) -> float:
    """A number that is one: no bound of an option refuses `nan`.

    Raises:
        typer.BadParameter: it is not finite.
    """
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no finite number")
    return value


File = Annotated[Path, typer.Argument(help="The pipeline file.", show_default=False)]
Targets = Annotated[
    list[str] | None,
    typer.Argument(help="Stages or cells to compute, with all they need.", show_default=False),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set one of the file's params."),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**63 - 1, help="Root seed instead of the file's."),
]
Seeds = Annotated[
    int | None,
    typer.Option("--seeds", min=1, max=10_000, help="How many seeds, instead of the file's."),
]
Jobs = Annotated[
    int,
    typer.Option("-j", "--jobs", min=0, max=_MOST_JOBS, help="Cells at once; 0 chooses."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Stages = Annotated[
    list[Path] | None,
    typer.Option("--stages", metavar="FILE", help="A Python file with stage types of your own."),
]
Checkpoint = Annotated[
    float,
    typer.Option(
        "--checkpoint", metavar="SECONDS", min=0, max=_LONGEST_CHECKPOINT, callback=_finite,
        help="Time between saves.",
    ),
]  # fmt: skip
Detach = Annotated[bool, typer.Option("--detach", help="Start the run and come back at once.")]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of the screen.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="Draw with ASCII characters alone.")]
From = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="STAGE", help="Only this stage and what depends on it."),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="STAGE", help="Run only this; what it needs must be cached."),
]
Until = Annotated[
    list[str] | None,
    typer.Option("--until", metavar="STAGE", help="Only this stage and what it needs."),
]
Force = Annotated[
    list[str] | None,
    typer.Option("--force", metavar="STAGE", help="Run this even where a result is there."),
]
FailFast = Annotated[
    bool, typer.Option("--fail-fast", help="Stop the whole run at the first failure.")
]
AcceptCode = Annotated[
    bool,
    typer.Option("--accept-code", help="Keep results that differ in their code alone."),
]
Cache = Annotated[
    str, typer.Option("--cache", metavar="MODE", help="use, refresh, off or require.")
]
Run = Annotated[str, typer.Option("--run", metavar="ID", help="The run; the latest by default.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="[RUN]", help="The run; the latest by default.")
]
