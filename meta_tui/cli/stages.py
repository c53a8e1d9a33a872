"""`meta stages`: what a pipeline file can use."""

import inspect
from typing import Annotated, Any

import typer

from engine.catalogue import Catalogue
from meta_tui.cli import options
from meta_tui.cli.output import columns, say, say_json, say_lines
from meta_tui.render.spans import wrap
from pipelines.describe import describe
from pipelines.errors import UsageError
from pipelines.stage import Stage
from pipelines.text import suggestion


def stages(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A stage type to describe.")] = "",
    files: options.Stages = None,
    as_json: options.Json = False,
) -> None:
    catalogue = Catalogue(files or ())
    if not name:
        _list(catalogue, as_json=as_json)
        return
    if name not in catalogue:
        hint = suggestion(name, sorted(catalogue), "stage types")
        raise UsageError(f"no stage type {name!r}; {hint}")
    if as_json:
        say_json(_described(catalogue[name]))
    else:
        say_lines(_page(catalogue[name]))


def _list(catalogue: Catalogue, *, as_json: bool) -> None:
    names = sorted(catalogue)
    if as_json:
        for name in names:
            say_json(_described(catalogue[name]))
        return
    size = max((len(name) for name in names), default=0)
    for name in names:
        say(f"{name:<{size}}  {catalogue[name].summary}")


def _described(kind: Stage[..., Any]) -> dict[str, Any]:
    return {
        "name": kind.name,
        "summary": kind.summary,
        "draws": kind.draws,
        "inputs": {name: str(port) for name, port in kind.inputs.items()},
        "outputs": {name: output.__name__ for name, output in kind.outputs.items()},
        "params": kind.params.model_json_schema(),
    }


def _page(kind: Stage[..., Any]) -> list[str]:
    lines = [kind.name, "", *inspect.cleandoc(kind.function.__doc__ or "").split("\n"), ""]
    lines += _section("inputs (from:)", {n: str(port) for n, port in kind.inputs.items()})
    lines += _section("outputs", {n: output.__name__ for n, output in kind.outputs.items()})
    lines += ["parameters (with:)"]
    schema = kind.params.model_json_schema()
    texts = describe(kind.params)
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else f"default {field.get('default')}"
        lines.append(f"  {name}: {_type(field)}, {default}")
        lines += [f"      {part}" for part in wrap(texts.get(name, ""), columns() - 6, indent="")]
    return lines


def _section(title: str, entries: dict[str, str]) -> list[str]:
    return [title, *(f"  {name}: {text}" for name, text in entries.items()), ""] if entries else []


def _type(field: dict[str, Any]) -> str:
    several = field.get("anyOf") or field.get("oneOf")
    if several:
        return " | ".join(_type(part) for part in several)
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    return str(field.get("type", field.get("const", "any")))
