"""JSON that carries its own digest, so that damage is seen at reading."""

from typing import Any

from engine.identity.key import canonical, sha256
from pipelines.core import reading


def seal(value: Any) -> bytes:
    """One line with the digest of the rest, then the value as canonical JSON."""
    body = canonical(value) + b"\n"
    return sha256(body).encode("ascii") + b"\n" + body


def unseal(data: bytes) -> Any:
    """The value of sealed bytes.

    Raises:
        ValueError: it is truncated or changed.
    """
    digest, _, body = data.partition(b"\n")
    if sha256(body).encode("ascii") != digest:
        raise ValueError("its content does not match its own digest")
    return reading.decoded(body)
