"""`meta stages`: what a pipeline file can use."""

from typing import Annotated, Any

import typer

from engine.stage_api.catalogue import Catalogue
from meta_tui.cli import options
from meta_tui.cli.output import columns, say, say_json, say_lines
from meta_tui.readers.stage_docs import stagedoc
from meta_tui.render.runs.stage_docs import markdown, page, wrapped
from pipelines.core.errors import UsageError
from pipelines.core.stage import Stage
from pipelines.core.text import suggestion


def stages(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A stage type to describe.")] = "",
    files: options.Stages = None,
    as_json: options.Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Write a page of Markdown that describes them.")
    ] = False,
) -> None:
    catalogue = Catalogue(files or ())
    if name and name not in catalogue:
        hint = suggestion(name, sorted(catalogue), "stage types")
        raise UsageError(f"no stage type {name!r}; {hint}")
    kinds = [catalogue[name]] if name else [catalogue[each] for each in sorted(catalogue)]
    if as_markdown:
        say(markdown(stagedoc(kind) for kind in kinds).rstrip("\n"))
    elif as_json:
        _json(kinds)
    elif name:
        say_lines(page(stagedoc(kinds[0]), columns()))
    else:
        _list(kinds)


def _list(kinds: list[Stage[..., Any]]) -> None:
    size = max((len(kind.name) for kind in kinds), default=0)
    for kind in kinds:
        head = f"{kind.name:<{size}}  "
        say_lines(wrapped(head, kind.summary, columns(), " " * len(head)))
    say("\n`meta stages NAME` describes one")


def _json(kinds: list[Stage[..., Any]]) -> None:
    """Write each stage type as a line of JSON."""
    for kind in kinds:
        say_json(_described(kind))


def _described(kind: Stage[..., Any]) -> dict[str, Any]:
    return {
        "name": kind.name,
        "summary": kind.summary,
        "draws": kind.draws,
        "inputs": {name: str(port) for name, port in kind.inputs.items()},
        "outputs": {name: output.__name__ for name, output in kind.outputs.items()},
        "params": kind.params.model_json_schema(),
    }
