"""Which state of a person's own repository a result came from."""

import os
import subprocess
from pathlib import Path
from typing import Any

SECONDS = 5.0


def revision(folder: Path) -> dict[str, Any]:
    """`{"revision": commit, "dirty": bool}` of a folder's git repository; empty without one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {"revision": commit, "dirty": bool(_git(folder, "status", "--porcelain", "-uno"))}


def _git(folder: Path, *arguments: str) -> str:
    """What git says; nothing where there is no git, no repository, or no answer in time."""
    try:
        done = subprocess.run(
            ["git", "-C", os.fspath(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
