"""A user's own folder of images: where it is, and how its classes or examples are divided."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import learning
from pipelines.core.errors import MissingFiles
from pipelines.core.text import listed as named
from pipelines.core.text import safe_text, shown, suggestion

NAME = "folder"
MOST = 10
"""Faults of a folder that are told one by one."""
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
        MissingFiles: it is not there or holds something else; names all that does not belong.
    """
    found, faults = _look(root)
    try:
        wrong = learning.data.image_folder.no_images(root, found)
    except OSError as error:
        raise MissingFiles(f"cannot read {_reason(error)}", GET, "root") from error
    _refuse(root, [*faults, *((safe_text(told), TO_MAKE) for told in wrong)])
    return {NAME: root}


def listed(root: Path) -> Listing:
    """Class -> its files.

    Raises:
        MissingFiles: see `find`.
    """
    found, faults = _look(root)
    _refuse(root, faults)
    return found


def _look(root: Path) -> tuple[Listing, list[tuple[str, str]]]:
    """Class -> its files, and what is out of place: (message, hint)."""
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "is not there"
        raise MissingFiles(f"{safe_text(str(root))} {what}", GET, "root")
    try:
        found, told = learning.data.image_folder.look(root)
    except OSError as error:
        raise MissingFiles(f"cannot read {_reason(error)}", GET, "root") from error
    faults = [(safe_text(fault), GET) for fault in told]
    for name in found:
        if safe_text(name) != name:
            unsafe = f"the class {shown(name)} has a name that cannot be printed"
            faults.append((unsafe, "rename the subfolder"))
    return found, faults


def _refuse(root: Path, faults: Sequence[tuple[str, str]]) -> None:
    """Tell the first faults, and how many more there are."""
    if not faults:
        return
    more = [] if len(faults) <= MOST else [_more(root, faults[MOST:])]
    (message, hint), *others = [*faults[:MOST], *more]
    raise MissingFiles(message, hint, "root", others)


def _more(root: Path, faults: Sequence[tuple[str, str]]) -> tuple[str, str]:
    count = "one more file or folder" if len(faults) == 1 else f"{len(faults):,} more"
    return f"and {count} of {safe_text(str(root))} out of place or no image", faults[0][1]


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
            return self._few({name: len(listing[name]) for name in names})
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

    def _few(self, counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
        """The classes that have too few images for the parts that are asked for, as one fault."""
        few = [name for name, count in counts.items() if self._lacks(count)]
        if not few:
            return []
        least = min(counts[name] for name in few)
        message = f"class `{shown(few[0])}` has {least} images: too few for all parts"
        if len(few) > 1:
            message = f"classes {named(few)} have too few images for all parts, as few as {least}"
        return [("shares", message, "add images, or give other shares")]

    def _lacks(self, count: int) -> bool:
        """Whether a part that is to have a share of so many images gets none."""
        shares = zip(self.shares or SHARES, self._borders(count).values(), strict=True)
        return any(share and start == end for share, (start, end) in shares)

    def _borders(self, count: int) -> dict[str, tuple[int, int]]:
        return borders(count, self.shares or SHARES)


def borders(count: int, shares: tuple[float, float, float]) -> dict[str, tuple[int, int]]:
    """Part -> first and last place (not included) of its share of so many."""
    train, val = (learning.training.exact_counts.exact(share) for share in shares[:2])
    first, second = round(train * count), round((train + val) * count)
    return dict(zip(PARTS, ((0, first), (first, second), (second, count)), strict=True))


def _place(name: str, file: str) -> bytes:
    """A key of a shuffle that no library's version can change."""
    return hashlib.sha256(f"{name}/{file}".encode("utf-8", "surrogateescape")).digest()


def _reason(error: OSError) -> str:
    return safe_text(f"{error.filename}: {error.strerror or type(error).__name__}")
