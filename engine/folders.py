"""A user's own folder of images: where it is, and how its classes or examples are divided."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import learning
from pipelines.errors import MissingFiles
from pipelines.text import safe_text, shown, suggestion

NAME = "folder"
PARTS = ("train", "val", "test")
SHARES = (0.6, 0.2, 0.2)
GET = "a folder with one subfolder for each class, its images directly in it"
TO_MAKE = "remove the file or make it an image: PNG, JPEG, BMP, GIF, WebP, TIFF or PPM"

FOREIGN: Mapping[str, Mapping[str, str]] = {
    "examples": {
        "part": "for a folder it goes with `split: classes` or `split: none`: `split: examples`, "
        "the default, makes all three parts"
    },
    "classes": {
        "classes": "`split: classes` chooses them; to name those of a part, say `split: none`",
        "take": "`split: classes` gives a part all images of its classes",
        "labels": "a dataset of one part, as `split: classes` makes, has no test labels that stay",
        "shifted": "a dataset of one part, as `split: classes` makes, has no shifted test set",
    },
    "none": {
        "shares": "`split: none` divides nothing",
        "take": "`split: none` gives a part all images",
        "labels": "a dataset of one part, as `split: none` makes, has no test labels that stay",
        "shifted": "a dataset of one part, as `split: none` makes, has no shifted test set",
    },
}
"""Split -> parameters that mean nothing with it, and why."""

Listing = Mapping[str, tuple[str, ...]]
Parts = dict[str, tuple[int, ...]]


def find(root: Path) -> dict[str, Path]:
    """The folder by its logical name.

    Raises:
        MissingFiles: it is not there or holds something else; names what.
    """
    listed(root)
    try:
        wrong = learning.folders.no_image(root)
    except OSError as error:
        raise MissingFiles(f"cannot read {_reason(error)}", GET, "root") from error
    if wrong is not None:
        what = "is no image" if wrong.stat().st_size else "is empty"
        raise MissingFiles(f"{safe_text(str(wrong))} {what}", TO_MAKE, "root")
    return {NAME: root}


def listed(root: Path) -> Listing:
    """Class -> its files.

    Raises:
        MissingFiles: see `find`.
    """
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "is not there"
        raise MissingFiles(f"{safe_text(str(root))} {what}", GET, "root")
    try:
        found = learning.folders.listing(root)
    except ValueError as error:
        raise MissingFiles(safe_text(str(error)), GET, "root") from error
    except OSError as error:
        raise MissingFiles(f"cannot read {_reason(error)}", GET, "root") from error
    for name in found:
        if safe_text(name) != name:
            unsafe = f"the class {shown(name)} has a name that cannot be printed"
            raise MissingFiles(unsafe, "rename the subfolder", "root")
    return found


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a folder is chosen.

    Attributes:
        split: `examples`, `classes` or `none`.
        part: that all images are of; None for `examples`.
        classes: their names; all where there are none.
        shares: of train, val and test.
    """

    split: str
    part: str | None = None
    classes: tuple[str, ...] = ()
    shares: tuple[float, float, float] | None = None

    def faults(self, listing: Listing) -> list[tuple[str, str, str]]:
        """(parameter, message, hint) of what the folder cannot give."""
        found = [
            ("classes", f"there is no class `{shown(name)}`", suggestion(name, listing, "there"))
            for name in self.classes
            if name not in listing
        ]
        if found:
            return found
        names = self.names(listing)
        if len(names) < 2:  # noqa: PLR2004 (a choice)
            whose = f"the {self.part} part has" if self.split == "classes" else "there"
            count = f"{len(names)} of {len(listing)} classes"
            return [("shares", f"{whose} is {count}" if whose == "there" else f"{whose} {count}",
                     "a part needs two; with `split: none`, name its `classes`")]  # fmt: skip
        if self.split == "examples":
            return [fault for name in names for fault in self._few(name, len(listing[name]))][:1]
        return []

    def names(self, listing: Listing) -> tuple[str, ...]:
        """The classes, in the order of a head's outputs."""
        if self.split != "classes":
            return self.classes or tuple(listing)
        order = sorted(listing, key=lambda name: _place(name, ""))
        return tuple(sorted(order[slice(*self._borders(len(order))[self.part or ""])]))

    def parts(self, listing: Listing) -> Parts:
        """Part -> positions of its examples.

        The place of an image, or of a class, in the shuffle depends on its names alone.
        """
        found: dict[str, list[int]] = {part: [] for part in PARTS}
        start = 0
        names = set(self.names(listing))
        for name, files in listing.items():
            places = range(start, start + len(files))
            start += len(files)
            if name not in names:
                continue
            if self.split != "examples":
                found[self.part or ""] += places
                continue
            order = sorted(places, key=lambda i: _place(name, files[i - places.start]))
            for part, ends in self._borders(len(files)).items():
                found[part] += order[slice(*ends)]
        return {part: tuple(sorted(positions)) for part, positions in found.items()}

    def fewest(self, listing: Listing) -> dict[str, int]:
        """Part -> how many examples its smallest class has."""
        least = min(len(listing[name]) for name in self.names(listing))
        if self.split != "examples":
            return {self.part or "": least}
        return {part: end - start for part, (start, end) in self._borders(least).items()}

    def spans(self, count: int) -> dict[str, tuple[int, int]]:
        """Part -> first and last place (not included) of a class's images, in their shuffle."""
        return {self.part or "": (0, count)} if self.split != "examples" else self._borders(count)

    def _few(self, name: str, count: int) -> list[tuple[str, str, str]]:
        for share, (start, end) in zip(
            self.shares or SHARES, self._borders(count).values(), strict=True
        ):
            if share and start == end:
                message = f"class `{shown(name)}` has {count} images: too few for all parts"
                return [("shares", message, "add images, or give other shares")]
        return []

    def _borders(self, count: int) -> dict[str, tuple[int, int]]:
        return borders(count, self.shares or SHARES)


def borders(count: int, shares: tuple[float, float, float]) -> dict[str, tuple[int, int]]:
    """Part -> first and last place (not included) of its share of so many."""
    train, val = (learning.counts.exact(share) for share in shares[:2])
    first, second = round(train * count), round((train + val) * count)
    return dict(zip(PARTS, ((0, first), (first, second), (second, count)), strict=True))


def _place(name: str, file: str) -> bytes:
    """A key of a shuffle that no library's version can change."""
    return hashlib.sha256(f"{name}/{file}".encode("utf-8", "surrogateescape")).digest()


def _reason(error: OSError) -> str:
    return safe_text(f"{error.filename}: {error.strerror or type(error).__name__}")
