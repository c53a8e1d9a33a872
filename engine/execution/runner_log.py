"""What is written past every log goes to a file of the run and never to the terminal.

Worker processes, and whatever they start, inherit descriptor 2 of the runner: what C libraries,
crashed interpreters and threads that outlive their cell write there is not ours to trust.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.store import files, fs

_STDERR = 2
_LINES, _BYTES = 20, 1 << 14


@contextmanager
def stderr_into(path: Path) -> Iterator[None]:
    """Point descriptor 2 of this process, and of those that it starts, at the end of a file."""
    log = fs.open_append(path)
    kept = os.dup(_STDERR)
    os.dup2(log, _STDERR)
    os.close(log)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)


def last_lines(path: Path) -> list[str]:
    """The last lines of a file; none of one that is empty or not there. They are not safe yet."""
    try:
        with files.opened(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _BYTES))
            return file.read(_BYTES).decode("utf-8", "replace").splitlines()[-_LINES:]
    except OSError:
        return []
