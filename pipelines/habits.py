"""What people write who know another tool, and how it is written here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.errors import UsageError
from pipelines.members import KIND, kind_of, types_at
from pipelines.stage import Port, Stage
from pipelines.text import listed, shown

Stages = Mapping[str, Stage[..., Any]]

INPUTS = ("needs", "depends_on", "inputs", "input", "requires", "after", "deps", "dependencies")
_SAME: Mapping[str, str] = {
    **dict.fromkeys(("params", "parameters", "args", "config", "options"), "with"),
    **dict.fromkeys(("type", "kind", "stage", "run", "name"), "uses"),
    **dict.fromkeys(("axes", "grid", "sweep", "strategy"), "matrix"),
}
"""Key of a stage in other tools -> ours."""
_SAME_OF_FILE: Mapping[str, str] = {
    **dict.fromkeys(("jobs", "steps", "nodes", "tasks", "pipeline", "stage"), "stages"),
    **dict.fromkeys(("variables", "vars", "parameters", "env"), "params"),
}
_MOST = 8


def of_file(key: str) -> str:
    """The key of a file that another tool's key stands for, or the empty text."""
    return _SAME_OF_FILE.get(key, "")


def of_block(key: str) -> str:
    """The key of a stage that another tool's key stands for, or the empty text."""
    return "from" if key in INPUTS else _SAME.get(key, "")


def as_from(value: Any, block: Mapping[str, Any], raw: Mapping[str, Any], stages: Stages) -> str:
    """How `from` is written for stages that stand without their ports; a hint.

    Args:
        value: what stands in place of the mapping: a name or a list of names.
        block: the stage, raw.
        raw: all stages of the file, raw.
        stages: the catalogue.
    """
    kind = _kind(block, stages)
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if kind is None or not names or len(names) > _MOST:
        return "write `from: {PORT: STAGE}`; `meta stages TYPE` names the ports"
    ports = dict(kind.inputs)
    if not ports:
        return f"leave it out: `{kind.name}` reads no other stage"
    found: dict[str, list[str]] = {}
    for name in names:
        port = _port(str(name), ports, raw, stages)
        found.setdefault(port.name if port else "PORT", []).append(shown(name))
        if port and not port.many:
            del ports[port.name]
    parts = (
        f"{port}: {given[0] if len(given) == 1 else '[' + ', '.join(given) + ']'}"
        for port, given in found.items()
    )
    return f"write `from: {{{', '.join(parts)}}}`"


def _kind(block: Any, stages: Stages) -> Stage[..., Any] | None:
    uses = block.get("uses") if isinstance(block, dict) else None
    try:
        return stages[uses] if isinstance(uses, str) else None
    except (KeyError, UsageError):
        return None  # Told where `uses` is checked.


def _port(
    reference: str, ports: Mapping[str, Port], raw: Mapping[str, Any], stages: Stages
) -> Port | None:
    """The first port that takes an output of a stage; of a stage that is not known, the first."""
    if reference in ports:
        return ports[reference]
    source = _kind(raw.get(reference.partition(".")[0].partition("@")[0]), stages)
    if source is None or source.mirrors is not None:
        return next(iter(ports.values()), None)
    fitting = [port for port in ports.values() if any(map(port.accepts, source.outputs.values()))]
    exact = [port for port in fitting if set(port.types) & set(source.outputs.values())]
    return next(iter(exact or fitting), None)


def as_stage(name: str, stages: Stages) -> str:
    """How something is had that is no stage type but a kind of a value in one; a hint, or empty."""
    found: dict[str, list[str]] = {}
    for each in stages:
        try:
            kind = stages[each]
        except UsageError:
            continue  # An installed package that fails to import is told where it is used.
        for place in _places(kind.params, name):
            found.setdefault(place, []).append(each)
    if not found:
        return ""
    parts = [f"{place} of {listed(owners)}" for place, owners in found.items()]
    return f"`{shown(name)}` is a value of {'; and of '.join(parts)}"


def _places(model: Any, name: str, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Parameters that may be of a kind, or named by it: `algorithm.inner: {kind: lora}`."""
    for field in model.model_fields:
        path = ".".join((*before, field))
        types = types_at(model, {field: None}, (field,))
        models = [kind for kind in types if hasattr(kind, "model_fields")]
        if any(kind_of(kind) == name for kind in models):
            yield f"`{path}: {{{KIND}: {name}}}`"
        elif field == "name" and any(name in _texts(kind) for kind in types):
            yield f"`{path}: {name}`"
        for kind in models if not before else ():
            yield from _places(kind, name, (field,))


def _texts(kind: Any) -> Sequence[Any]:
    return getattr(kind, "__args__", ())
