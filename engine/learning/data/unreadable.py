"""What is raised where an outside file is not what it should be. Standard library only."""

from pathlib import Path

AGAIN = "a download may have been cut short: get it again"
MOST_BYTES = 1 << 30
"""Of an outside file that is read whole, unpacked: a few kilobytes can unpack to any size."""


class UnreadableError(ValueError):
    """An outside file that cannot be read; ends a stage with one line and no traceback.

    Attributes:
        path: of the file.
        told: what is wrong, as the end of a sentence that begins with the path.
        hint: the remedy.
    """

    def __init__(self, path: Path | str, told: str, hint: str) -> None:
        super().__init__(f"{path} {told}; {hint}")
        self.path = path
        self.told = told
        self.hint = hint

    def seen_from(self, folder: Path) -> str:
        """The message, with the path relative to a folder where the file lies in it."""
        path = Path(self.path)
        shown = path.relative_to(folder) if path.is_relative_to(folder) else path
        return f"{shown} {self.told}; {self.hint}"
