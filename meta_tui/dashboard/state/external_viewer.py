"""Hands a picture to the program with which a person's desktop opens such files."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from pipelines.core.text import safe_text


def viewer() -> str:
    """The command that opens files on this desktop; empty where there is none, as over ssh."""
    if sys.platform == "darwin":
        return shutil.which("open") or ""
    if found := shutil.which("wslview"):
        return found
    seen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return (shutil.which("xdg-open") or "") if seen else ""


@dataclass(slots=True)
class Opener:
    """Writes pictures into a folder of its own and opens them: those of the store have no names."""

    _folder: Path | None = field(default=None, init=False)

    def show(self, name: str, content: bytes) -> str:
        """Open a picture; returns what was done, or why not, in words."""
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="meta-"))
            path = self._folder / name
            path.write_bytes(content)
        except OSError as error:
            return f"not opened: {error.strerror}"
        where, command = safe_text(str(path)), viewer()
        if not command:
            return f"no screen to open it on; it is written to {where}"
        try:
            started = subprocess.Popen(
                [command, str(path)], start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            return f"{Path(command).name} did not start ({error.strerror}); see {where}"
        # Somebody has to hear of its end, which may come long after this.
        Thread(target=started.wait, daemon=True).start()
        return f"opened {where}"
