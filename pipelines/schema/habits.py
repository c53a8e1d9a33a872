"""What people write who know another tool, and how it is written here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.core.errors import UsageError
from pipelines.core.stage import Port, Stage
from pipelines.core.text import listed, shown
from pipelines.schema.type_lookup import KIND, kind_of, types_at

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


class Kinds:
    """The values that stage types take: whoever takes one for a stage type is told where it goes.

    They are gathered once, however many names are asked for.
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._found: dict[str, dict[str, list[str]]] | None = None

    def as_stage(self, name: str) -> str:
        """How something is had that is no stage type but a value in one; a hint, or empty."""
        if self._found is None:
            self._found = self._gathered()
        owners = self._found.get(name, {})
        parts = [f"{place} of {listed(stages)}" for place, stages in owners.items()]
        return f"`{shown(name)}` is a value of {'; and of '.join(parts)}" if parts else ""

    def _gathered(self) -> dict[str, dict[str, list[str]]]:
        """Value -> parameter that takes it, as it is written -> stage types that have it."""
        found: dict[str, dict[str, list[str]]] = {}
        for each in self._stages:
            try:
                kind = self._stages[each]
            except UsageError:
                continue  # An installed package that fails to import is told where it is used.
            for name, place in _places(kind.params):
                owners = found.setdefault(name, {}).setdefault(place, [])
                if each not in owners:
                    owners.append(each)
        return found


def _places(model: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Values, and parameters that are of such a kind: `lora`, `algorithm.inner: {kind: lora}`."""
    for field in model.model_fields:
        path = ".".join((*before, field))
        types = types_at(model, {field: None}, (field,))
        models = [kind for kind in types if hasattr(kind, "model_fields")]
        for name in filter(None, map(kind_of, models)):
            yield str(name), f"`{path}: {{{KIND}: {name}}}`"
        if field == "name":
            for name in (text for kind in types for text in _texts(kind)):
                yield str(name), f"`{path}: {name}`"
        for kind in models if not before else ():
            yield from _places(kind, (field,))


def _texts(kind: Any) -> Sequence[Any]:
    return getattr(kind, "__args__", ())
