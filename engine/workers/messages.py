"""What a cell's process tells the runner: lines of JSON on a socket, each checked by its type.

The runner takes nothing on trust: a stage runs in the process that answers, and can write to every
descriptor there. A line has a bound, a kind, the shape of that kind, the number of the cell and the
token that came with its task.
"""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from engine.workers import Message
from pipelines.core.text import safe_text

MOST_LINE_BYTES = 64 << 20
"""A longer line is no message. Notes and errors are cut, metrics are split long before."""
MOST_TEXT = 21_000
MOST_TRACEBACK = 110_000
_SHOWN = 60

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Size = Annotated[int, Field(ge=0)]
_Reference = Annotated[tuple[_Digest, _Size], Field(strict=False)]
_Text = Annotated[str, Field(max_length=MOST_TEXT)]


class BadMessage(Exception):  # noqa: N818 (what it is, not what went wrong here)
    """A line is no message of this cell; says why, in safe words."""


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class _Begun(_Shape):
    pass


class _Metrics(_Shape):
    loop: _Text
    step: int
    total: int
    seconds: float
    steps: list[int]
    values: dict[str, list[float | None]]

    @model_validator(mode="after")
    def _even(self) -> Self:
        if any(len(column) != len(self.steps) for column in self.values.values()):
            raise ValueError("the columns of metrics differ in length")
        return self


class _Note(_Shape):
    text: _Text


class _Step(_Shape):
    step: int


class _Output(_Shape):
    type: _Text
    format: int
    files: dict[str, _Reference]


class _Done(_Shape):
    outputs: dict[str, _Output]
    scores: dict[str, float]
    status: Literal["ok", "diverged"]
    curves: _Reference | None
    cost: dict[str, float]
    provenance: dict[str, Any]


class _Failed(_Shape):
    error: _Text
    traceback: Annotated[str, Field(max_length=MOST_TRACEBACK)]
    code: int
    fault: Literal["error", "memory"]
    damaged: Annotated[tuple[_Digest, _Text, bool], Field(strict=False)] | None = None
    """An object that it could not read, why, and whether it was whole when the cell began."""


class _Unfit(_Shape):
    changed: _Text


class _Loaded(_Shape):
    modules: list[Literal["engine.learning.preload"]]


_KINDS: dict[str, type[_Shape]] = {
    "begun": _Begun, "metrics": _Metrics, "note": _Note, "checkpointed": _Step, "done": _Done,
    "failed": _Failed, "interrupted": _Step, "unfit": _Unfit,
    "loaded": _Loaded,
}  # fmt: skip


class _Line(_Shape):
    cell: int
    token: str
    kind: str
    body: dict[str, Any]


_LINE: TypeAdapter[_Line] = TypeAdapter(_Line)


def encode(message: Message, token: str) -> bytes:
    """One line, with its newline."""
    line = {"cell": message.cell, "token": token, "kind": message.kind, "body": message.body}
    return json.dumps(line).encode() + b"\n"


def decode(line: bytes, cell: int, token: str) -> Message:
    """The message in a line that the process of a cell sent.

    Raises:
        BadMessage: it is none.
    """
    try:
        found = _LINE.validate_json(line)
    except ValidationError:
        # What a stage wrote may stand before a message of ours, whose token is nobody's to read.
        bare = line.replace(token.encode(), b"...") if token else line
        shown = safe_text(bare[:_SHOWN].decode(errors="replace"))
        raise BadMessage(f"what was sent is no message: {shown}") from None
    if found.token != token:
        raise BadMessage(f"a message `{safe_text(found.kind, limit=_SHOWN)}` has not its token")
    if found.cell != cell:
        raise BadMessage(f"a message is about cell {found.cell}")
    kind = _KINDS.get(found.kind)
    if kind is None:
        raise BadMessage(f"there is no message `{safe_text(found.kind, limit=_SHOWN)}`")
    try:
        # From its JSON, in which a list serves as a tuple.
        kind.model_validate_json(json.dumps(found.body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        told = safe_text(f"{where}: {first['msg']}", limit=300)
        raise BadMessage(f"a message `{found.kind}` has not its shape: {told}") from None
    return Message(cell, found.kind, found.body)  # type: ignore[arg-type]
