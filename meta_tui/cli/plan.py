"""`meta plan`: what a run would do, and why."""

from engine.planning.preview import preview
from meta_tui.cli import options
from meta_tui.cli.output import say, say_json, say_lines
from meta_tui.cli.run_options import request


def plan(  # noqa: PLR0913 (Typer makes an option of each argument)
    file: options.File,
    targets: options.Targets = None,
    *,
    overrides: options.Set = None,
    seed: options.Seed = None,
    seeds: options.Seeds = None,
    device: options.Device = "auto",
    stages: options.Stages = None,
    since: options.From = None,
    only: options.Only = None,
    until: options.Until = None,
    force: options.Force = None,
    cache: options.Cache = "",
    accept_code: options.AcceptCode = False,
    as_json: options.Json = False,
) -> None:
    asked = request(
        file,
        overrides=overrides,
        seed=seed,
        seeds=seeds,
        device=device,
        stages=stages,
        targets=[*(targets or ()), *(until or ())],
        since=since,
        only=only,
        force=force,
        cache=cache,
        accept_code=accept_code,
    )
    pipeline, found = preview(asked)
    if as_json:
        for cell in found.cells:
            say_json(
                {"cell": cell.name, "state": cell.state, "why": cell.why, "key": cell.key or None}
            )
        return
    say_lines(item.render() for item in pipeline.warnings)
    say_lines(f"{cell.state:<8} {cell.name}  {cell.why}" for cell in found.cells)
    counts = ", ".join(f"{count} {state}" for state, count in found.counts.items())
    say(f"{len(found.cells)} cells: {counts or 'none'}")
