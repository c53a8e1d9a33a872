"""References of `from`: `stage`, `stage.port`, with picks `@axis=value`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.core.stage import Artifact, Port, Stage
from pipelines.core.text import listed, shown, suggestion
from pipelines.schema.schema import Block
from pipelines.yaml.problem_report import Report
from pipelines.yaml.reader import Path

_REFERENCE = re.compile(
    r"(?P<stage>[A-Za-z0-9_-]+)(?:\.(?P<output>[A-Za-z0-9_]+))?"
    r"(?P<picks>(?:@[A-Za-z0-9_-]+=[A-Za-z0-9._+-]{1,40})*)"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """What one text of `from` asks for."""

    text: str
    path: Path
    stage: str
    output: str | None
    picks: tuple[tuple[str, str], ...]
    label: str | None = None
    """Label on the axis named by the port, where a single-valued port has several references."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that `from` gives one port."""

    port: str
    path: Path
    references: tuple[Reference, ...]
    several: bool
    """Written as a list or mapping."""
    labelled: bool
    """Written as a mapping of labels."""


def read_from(name: str, block: Block, known: Mapping[str, Any], report: Report) -> list[Wanted]:
    """The references of a block whose syntax and stages are right; the others are reported."""
    wanted: list[Wanted] = []
    for port, value in (block.from_ or {}).items():
        path: Path = ("stages", name, "from", port)
        found = list(_references(value, path, known, report))
        if found and all(found):
            kept = tuple(reference for reference in found if reference)
            labelled = isinstance(value, dict)
            wanted.append(Wanted(port, path, kept, labelled or isinstance(value, list), labelled))
    return wanted


def _references(
    value: Any, path: Path, known: Mapping[str, Any], report: Report
) -> Iterator[Reference | None]:
    if isinstance(value, dict):
        for label, text in value.items():
            yield _reference(text, (*path, label), label, known, report)
    elif isinstance(value, list):
        for index, text in enumerate(value):
            yield _reference(text, (*path, index), str(text), known, report)
    else:
        yield _reference(value, path, None, known, report)
    if value in ({}, []):
        report.error(path, f"`from.{shown(path[-1])}` names no stage")


def _reference(
    text: Any, path: Path, label: str | None, known: Mapping[str, Any], report: Report
) -> Reference | None:
    found = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        hint = "a reference is `stage`, `stage.port` or `stage@axis=value`"
        if isinstance(text, str) and "$" in text:
            hint = "nothing is substituted in `from`; a pick is `stage@axis=value`"
        report.error(path, f"`{shown(text)}` is not a reference to a stage", hint)
        return None
    if found["stage"] not in known:
        hint = suggestion(found["stage"], known, "stages")
        report.error(path, f"there is no stage `{shown(found['stage'])}`", hint)
        return None
    picks = [pick.partition("=") for pick in found["picks"].split("@")[1:]]
    pairs = tuple((axis, chosen) for axis, _, chosen in picks)
    if len(dict(pairs)) < len(pairs):
        report.error(path, f"`{shown(text)}` picks one axis twice")
        return None
    return Reference(text, path, found["stage"], found["output"], pairs, label)


def check_ports(
    name: str, kind: Stage[..., Any], wanted: list[Wanted], report: Report
) -> list[Wanted]:
    """The connections to ports that exist; the others are reported."""
    ports = kind.inputs
    kept: list[Wanted] = []
    for each in wanted:
        port = ports.get(each.port)
        if port is None:
            hint = suggestion(each.port, ports, "its ports") or "it has no ports"
            report.error(
                each.path, f"`{kind.name}` has no port `{shown(each.port)}`", hint, key=True
            )
        elif port.many and each.labelled:
            message = f"`{name}.{port.name}` takes a list of references, not a mapping"
            report.error(each.path, message)
        else:
            kept.append(each)
    return kept


def missing(name: str, kind: Stage[..., Any], block: Block, report: Report) -> bool:
    """Report the required ports that nothing is connected to."""
    given = block.from_ or {}
    ports = kind.inputs.values()
    lacking = [port for port in ports if not port.optional and port.name not in given]
    for port in lacking:
        path: Path = ("stages", name, "from") if given else ("stages", name)
        message = (
            f"`{name}` has nothing on the port `{port.name}`: `{kind.name}` needs {_wants(port)}"
        )
        report.error(path, message, f"write `from: {{{port.name}: <stage>}}`", key=True)
    return bool(lacking)


def resolve(
    reference: Reference,
    port: Port,
    owner: str,
    outputs: Mapping[str, type[Artifact]],
    report: Report,
) -> str | None:
    """The output that a reference means, or None after reporting that there is none, or several.

    It is the one named; else the only one of exactly the type, else the only subtype; of several
    the one with the port's name.
    """
    has = _has(outputs)
    place = f"`{owner}.{port.name}` takes {_wants(port)}"
    if reference.output is not None:
        if reference.output not in outputs:
            hint = suggestion(reference.output, outputs, "its outputs")
            message = f"`{reference.stage}` has no output `{shown(reference.output)}`"
            report.error(reference.path, message, hint)
            return None
        given = outputs[reference.output]
        if port.accepts(given):
            return reference.output
        message = f"{place}, but `{reference.stage}.{reference.output}` is a {given.__name__}"
        report.error(reference.path, message, f"`{reference.stage}` gives {has}")
        return None
    exact = [output for output, given in outputs.items() if given in port.types]
    fitting = exact or [output for output, given in outputs.items() if port.accepts(given)]
    if port.name in fitting or len(fitting) == 1:
        return port.name if port.name in fitting else fitting[0]
    if not fitting:
        report.error(reference.path, f"{place}, but `{reference.stage}` gives {has}")
        return None
    options = listed((f"{reference.stage}.{output}" for output in fitting), "or")
    message = f"{place}, and `{reference.stage}` has several: {has}"
    report.error(reference.path, message, f"write {options}")
    return None


def _wants(port: Port) -> str:
    text = " | ".join(kind.__name__ for kind in port.types)
    return f"several {text}" if port.many else f"a {text}"


def _has(outputs: Mapping[str, type[Artifact]]) -> str:
    return ", ".join(f"{name}: {kind.__name__}" for name, kind in outputs.items()) or "nothing"
