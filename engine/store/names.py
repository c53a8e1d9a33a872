"""Names that become paths. What came from a file, a pipe or a journal passes here before it does.

A key and a digest are a sha256 in hex; a file of an output has a plain name; the folder of a run
is named as we name them. So no text that somebody else wrote can lead out of the store.
"""

import re

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN = re.compile(r"[^/\0]{1,255}")
_RUN = re.compile(r"[0-9]{8}T[0-9]{6}(\.[0-9]{1,9})?-[0-9a-f]{2,64}")
_SCRATCH = re.compile(r"[0-9a-f]{32}")
MOST_CELLS = 10_000_000


def sha256_name(text: object) -> str:
    """A key or a digest: 64 hex digits.

    Raises:
        ValueError: it is anything else.
    """
    if isinstance(text, str) and _SHA256.fullmatch(text):
        return text
    raise ValueError(f"{str(text)[:80]!r} is not a sha256")


def is_sha256(text: object) -> bool:
    """Whether it is a key or a digest."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def file_name(text: object) -> str:
    """The name of a file of an output: no path, nothing that stands for a folder.

    Raises:
        ValueError: it is anything else.
    """
    if isinstance(text, str) and _PLAIN.fullmatch(text) and text not in (".", ".."):
        return text
    raise ValueError(f"{str(text)[:80]!r} is no name of a file")


def ordinal(number: object) -> int:
    """The place of a cell in its run, counted from 0.

    Raises:
        ValueError: it is anything else.
    """
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < MOST_CELLS:
        return number
    raise ValueError(f"{str(number)[:80]!r} is no number of a cell")


def is_run(name: str) -> bool:
    """Whether a folder is named as we name those of runs."""
    return _RUN.fullmatch(name) is not None


def is_scratch(name: str) -> bool:
    """Whether it is a name that we make under `tmp/`."""
    return _SCRATCH.fullmatch(name) is not None
