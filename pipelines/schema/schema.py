"""The shape of a file and of its blocks: which keys there are, and what each holds."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticKnownError

from pipelines.core.codes import Code
from pipelines.core.text import shown
from pipelines.schema import habits
from pipelines.schema.validation_messages import Fault, Subject, explain, misspelt
from pipelines.yaml.problem_report import Report
from pipelines.yaml.reader import Path

NAME = r"^[a-z][a-z0-9_-]{0,62}$"
Name = Annotated[str, Field(pattern=NAME)]
Cache = Literal["use", "refresh", "off", "require"]
Seeds = Annotated[int, Field(ge=1, le=10_000)]
Attempts = Annotated[int, Field(ge=0, le=100)]
LONGEST = 1e7
"""Seconds."""
Duration = (
    Annotated[float, Field(gt=0, le=LONGEST)]
    | Annotated[str, Field(pattern=r"^0{0,5}[1-9][0-9]{0,5}[smhd]$")]
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BESIDE = {"timeout", "stall", "retry", "cache", "allow", "description"}
"""Keys of a stage that change nothing of what its cells are, and so hide no other fault."""
LEAST_STALL = 5.0
"""Reports reach a run once a second, and a step may be as long as a report."""


CELLS = 100_000
"""Largest `max_cells`."""


class _Shape(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True
    )


def _whole(value: Any) -> Any:
    """Refuse `true` and `1.0`, which Python takes for 1."""
    if type(value) is int:
        return value
    raise PydanticKnownError("literal_error", {"expected": "1"})


class File(_Shape):
    """The top level of a pipeline file."""

    version: Annotated[Literal[1], BeforeValidator(_whole)]
    """Version of the language."""
    name: Name
    """Name of the pipeline."""
    description: str = Field("", max_length=4000)
    """What the experiment is about."""
    params: dict[str, Any] | None = None
    """Values used as `$params.x`; `--set x=1` replaces one."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Root of every random stream."""
    seeds: Seeds = 1
    """Gives every stage that draws at random an axis `seed` of this many values."""
    stages: dict[str, Any]
    """The stages, by name."""
    max_cells: int = Field(10_000, ge=1, le=CELLS)
    """Refuse a pipeline of more cells than this."""
    cache: Cache = "use"
    """use, refresh (compute anew), off (neither read nor keep), require (fail on a miss)."""


class Retry(_Shape):
    """Further attempts, by the class of the failure."""

    lost: Attempts = 0
    """Its process died, or was ended by `timeout` or `stall`."""
    memory: Attempts = 0
    """Not enough memory; tried again alone on its device."""
    error: Attempts = 0
    """Any other error."""


class Block(_Shape):
    """One stage of a file."""

    uses: str
    """Stage type: `meta stages` lists them."""
    from_: dict[str, Any] | None = Field(None, alias="from")
    """Input port: stage, or stage.port, or stage@axis=value; several in a list."""
    with_: dict[str, Any] | None = Field(None, alias="with")
    """Parameters of the stage type."""
    matrix: dict[str, Any] | None = None
    """Axis: list of values, or mapping of label to value. The stage has a cell for each."""
    exclude: list[dict[str, Any]] | None = None
    """Combinations of axes to leave out."""
    seeds: Seeds | None = None
    """1 opts out of the axis `seed` that the top level gives."""
    resources: dict[str, Any] | None = None
    """What a cell needs: threads."""
    retry: Attempts | Retry | None = None
    """Further attempts of a cell that failed: a number, or one for each of lost, memory, error."""
    timeout: Duration | None = None
    """Longest time of an attempt of a cell: seconds, or 30s, 5m, 2h, 1d."""
    stall: Duration | None = None
    """Longest time without a step, report or line of the log: seconds, or as above; 5 at least."""
    cache: Cache | None = None
    """As at the top level, for this stage."""
    allow: list[Code] = []
    """Codes of warnings to silence, as `lossy-join`; docs/warnings.md lists them."""
    description: str = Field("", max_length=4000)
    """What this stage is for."""


class Resources(_Shape):
    """What a cell needs of the machine."""

    threads: int = Field(1, ge=1, le=1024)
    """Threads for its arithmetic."""


def read_file(report: Report) -> tuple[File, Mapping[str, Any]]:
    """The checked top level and its blocks still raw; ends where nothing more can be checked.

    Raises:
        PipelineError: there are no stages to go on with.
    """
    data = report.document.data
    if not isinstance(data, dict):
        found = "the file is empty" if data is None else f"the file is {shown(data)}"
        report.error((), f"{found}; a pipeline is a mapping with version, name and stages")
        report.refuse()
    raw = data.get("stages")
    kept, faulty = _kept(File, data, (), Subject("a pipeline", "key"), report, _of_file)
    if not isinstance(raw, dict):
        report.refuse()
    if not raw:
        report.error(("stages",), "there are no stages")
    # Of a faulty top level, what is right serves to check the stages; it never leaves the checker.
    return File.model_construct(**kept) if faulty else File.model_validate(kept), raw


def read_block(
    name: str, raw: Any, report: Report, as_from: Callable[[Any], str] = str
) -> tuple[Block | None, bool]:
    """A checked block without its faulty keys, and whether these bear on what its cells are.

    Args:
        name: of the block.
        raw: as it stands in the file.
        report: takes what is wrong.
        as_from: a hint to how `from` is written, for what stands in its place.
    """
    path: Path = ("stages", name)
    check_name(name, path, "stage", report)
    if not isinstance(raw, dict):
        report.error(path, f"stage `{shown(name)}` is a mapping with `uses`, not {shown(raw)}")
        return None, True

    def meant(fault: Fault) -> Fault:
        (key,) = fault.path if len(fault.path) == 1 else ("",)
        if key == "from" or (fault.key and key in habits.INPUTS):
            return replace(fault, hint=as_from(raw[key]), instead="from")
        if key in ("timeout", "stall") and not fault.key:
            return _of_duration(fault, raw[key])
        return _other_word(fault, habits.of_block)

    kept, faulty = _kept(Block, raw, path, Subject("a stage", "key"), report, meant)
    if "uses" not in kept:
        return None, True
    block = Block.model_validate(kept)
    stall = seconds(block.stall)
    if stall is not None and stall < LEAST_STALL:
        message = f"`stall` is {stall:g} s, and must be at least {LEAST_STALL:g}"
        report.error((*path, "stall"), message, "reports reach the run about once a second")
    lacking = raw.keys() - kept.keys()
    return block, faulty and not (lacking and lacking <= _BESIDE)


def _of_duration(fault: Fault, value: Any) -> Fault:
    """A fault of a duration in words, with how one is written."""
    (key,) = fault.path
    told = fault.message
    if "text in quotes" not in told and "empty text" not in told:
        what = f"seconds, more than 0 and at most {LONGEST:.0f}, or text such as 90s, 15m, 2h or 1d"
        told = f"`{key}` must be {what}, not {shown(value)}"
    return replace(fault, message=told, hint="whole numbers before s, m, h or d: 90m for 1.5h")


def seconds(duration: float | str | None) -> float | None:
    """A duration of a file in seconds."""
    if isinstance(duration, str):
        return float(duration[:-1]) * _UNITS[duration[-1]]
    return None if duration is None else float(duration)


def check_name(name: str, path: Path, noun: str, report: Report) -> None:
    """Report a name that could not be one everywhere: in a reference, a shell, a path."""
    model = _Named.model_validate
    try:
        model({"name": name})
    except ValidationError:
        rule = "a lower-case letter, then at most 62 of a-z, 0-9, _ and -"
        message = f"`{shown(name)}` cannot name {'an' if noun == 'axis' else 'a'} {noun}"
        report.error(path, message, f"a name is {rule}", key=True)


class _Named(_Shape):
    name: Name


def _of_file(fault: Fault) -> Fault:
    """A fault of the top level with a better hint, where there is one."""
    if fault.missing and fault.message.endswith("`version`"):
        return replace(fault, hint="write `version: 1` as the first line")
    if fault.path == ("version",):
        return replace(fault, hint="write `version: 1`")
    return _other_word(fault, habits.of_file)


def _other_word(fault: Fault, ours: Callable[[str], str]) -> Fault:
    """A fault of a key that another tool has, with the key that we have for it."""
    if fault.key and not fault.missing and (key := ours(str(fault.path[-1]))):
        return replace(fault, hint=f"here it is `{key}`", instead=key)
    return fault


def _kept(
    shape: type[BaseModel],
    raw: dict[str, Any],
    path: Path,
    of: Subject,
    report: Report,
    meant: Callable[[Fault], Fault],
) -> tuple[dict[str, Any], bool]:
    """What is left of a mapping without its faulty keys, which are reported; and if any were."""
    try:
        shape.model_validate(raw)
    except ValidationError as error:
        faults = [meant(fault) for fault in explain(shape, raw, error, of)]
    else:
        return raw, False
    for fault in faults:
        if not misspelt(fault, faults):
            report.error((*path, *fault.path), fault.message, fault.hint, key=fault.key)
    wrong = {str(fault.path[0]) for fault in faults if fault.path}
    return {name: value for name, value in raw.items() if name not in wrong}, True
