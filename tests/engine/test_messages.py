"""What a cell's process says is taken only in its shape, with its cell and its token."""

import json
from typing import Any

import pytest

from engine.workers import Message
from engine.workers.messages import BadMessage, decode, encode

DIGEST = "0123456789abcdef" * 4
DONE = {
    "outputs": {"number": {"type": "Number", "format": 1, "files": {"number.txt": [DIGEST, 3]}}},
    "scores": {"toy/val_x": float("nan")},
    "status": "ok",
    "curves": [DIGEST, 0],
    "cost": {"seconds": 1.5, "peak_bytes": 10**9},
    "provenance": {"host": "box", "threads": 1},
}
METRICS = {"loop": "", "step": 2, "total": 3, "seconds": 0.5, "steps": [1, 2],
           "values": {"loss": [0.5, None]}}  # fmt: skip
GOOD = {
    "begun": {},
    "metrics": METRICS,
    "note": {"text": "careful"},
    "checkpointed": {"step": 10**30},
    "done": DONE,
    "failed": {"error": "ValueError: 1", "traceback": "", "code": 1, "fault": "error"},
    "interrupted": {"step": 0},
    "unfit": {"changed": "umask"},
    "loaded": {"modules": ["engine.learning.preload"]},
}


@pytest.mark.parametrize("kind", GOOD)
def test_every_message_arrives_as_it_was_sent(kind):
    message = Message(3, kind, GOOD[kind])  # type: ignore[arg-type]
    line = encode(message, "token")
    assert line.endswith(b"\n")
    found = decode(line[:-1], 3, "token")
    assert json.dumps(found.body) == json.dumps(message.body)
    assert (found.cell, found.kind) == (3, kind)


def said(kind: str, body: Any, **changes: Any) -> bytes:
    return json.dumps({"cell": 3, "token": "token", "kind": kind, "body": body, **changes}).encode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "what was sent is no message: "),
        (b"rubbish \x1b[31m", "what was sent is no message: rubbish \\x1b[31m"),
        (b"\xff\xfe", "what was sent is no message"),
        (b"[" * 100_000, "what was sent is no message"),
        (b"null", "what was sent is no message"),
        (b'{"cell": 3}', "what was sent is no message"),
        (said("done", DONE, cell=4), "a message is about cell 4"),
        (said("done", DONE, cell="3"), "what was sent is no message"),
        (said("done", DONE, token=""), "a message `done` has not its token"),
        (said("lost", {"error": "x"}), "there is no message `lost`"),
        (said("nonsense\x1b", {}), "there is no message `nonsense\\x1b`"),
        (said("done", []), "what was sent is no message"),
        (said("done", {}), "a message `done` has not its shape: outputs: Field required"),
        (said("done", {**DONE, "more": 1}), "a message `done` has not its shape: more: "),
        (said("done", {**DONE, "status": "fine"}), "a message `done` has not its shape: status: "),
        (said("done", {**DONE, "scores": {"x": "1"}}), "a message `done` has not its shape: scor"),
        (said("done", {**DONE, "curves": ["../../etc", 1]}), "a message `done` has not its shape"),
        (said("done", {**DONE, "curves": [DIGEST, -1]}), "a message `done` has not its shape"),
        (said("done", {**DONE, "curves": [DIGEST + "\n", 1]}), "a message `done` has not its sha"),
        (said("metrics", {**METRICS, "steps": [1]}), "a message `metrics` has not its shape"),
        (said("metrics", {**METRICS, "step": 1.5}), "a message `metrics` has not its shape: step"),
        (said("note", {"text": "x" * 10**6}), "a message `note` has not its shape: text: "),
        (said("failed", {**GOOD["failed"], "fault": "bad luck"}), "a message `failed` has not"),
        (said("failed", {**GOOD["failed"], "damaged": ["x", "y"]}), "a message `failed` has not"),
        (said("loaded", {"modules": ["os"]}), "a message `loaded` has not its shape"),
    ],
)
def test_anything_else_is_refused_with_why(line, why):
    with pytest.raises(BadMessage) as caught:
        decode(line, 3, "token")
    assert str(caught.value).startswith(why)
    assert str(caught.value).isprintable()
