"""Collections of images outside this program: where their files are and how they are split."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from pipelines.core.errors import MissingFiles

PARTS = ("train", "val", "test")
JUDGED: Mapping[str, tuple[str, ...]] = {
    "train": (),
    "val": ("val_accuracy", "val_loss"),
    "test": ("accuracy", "loss"),
}
"""Part -> metrics that are measured on it."""
SHAPES: Mapping[str, tuple[int, int, int]] = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "omniglot": (1, 28, 28),
}
COUNTS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "digits": {
        "train": (107, 109, 106, 110, 109, 109, 109, 107, 104, 108),
        "val": (35, 37, 36, 36, 36, 37, 36, 36, 35, 36),
        "test": (36, 36, 35, 37, 36, 36, 36, 36, 35, 36),
    },
    "mnist": {
        "train": (5434, 6212, 5465, 5622, 5343, 4963, 5436, 5702, 5357, 5466),
        "val": (489, 530, 493, 509, 499, 458, 482, 563, 494, 483),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
}
"""Examples of each class: known before any file is read."""
DIGITS = "digits.csv"
MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
MNIST_VALIDATES = 5000
"""The last images of the training file."""
GET_MNIST = (
    "download them from https://storage.googleapis.com/cvdf-datasets/mnist/ and name their folder "
    "by `root:`, or set META_DATA to a folder that holds `mnist/`"
)


def find(name: str, root: Path | None) -> dict[str, Path]:
    """The files of a collection: logical name -> path.

    Args:
        name: of the collection.
        root: where to look; by default digits come with scikit-learn, and MNIST is looked for in
            the folder META_DATA.

    Raises:
        MissingFiles: says which, where they were looked for, and how to get them.
    """
    if name == "digits":
        return {DIGITS: _digits()}
    wanted = {
        file: [f"{file}{end}" for end in ("", ".gz")]
        for files in MNIST_FILES.values()
        for file in files
    }
    return located(name, root, wanted, GET_MNIST, "root")


def located(
    name: str, root: Path | None, wanted: Mapping[str, Sequence[str]], hint: str, place: str
) -> dict[str, Path]:
    """Files of a collection: logical name -> path.

    Args:
        name: of the collection.
        root: folder of the files; by default a folder of the collection's name in META_DATA.
        wanted: logical name -> where it may lie in that folder.
        hint: how to get the files.
        place: parameter that asks for them.

    Raises:
        MissingFiles: says which, and where they were looked for.
    """
    places = [root, root / name] if root else _data_folders(name)
    found = {
        file: path
        for file, candidates in wanted.items()
        if (path := _first(place / item for place in places for item in candidates))
    }
    missing = [file for file in wanted if file not in found]
    if missing:
        searched = " and ".join(str(place) for place in places) or "no folder: META_DATA is not set"
        raise MissingFiles(f"{name} lacks {', '.join(missing)}; looked in {searched}", hint, place)
    return found


def levels(name: str) -> int:
    """Values that a stored pixel of a collection may have."""
    return {"digits": 17, "omniglot": 226}.get(name, 256)


def source(name: str, part: str) -> tuple[str, str]:
    """Logical names of the files that hold a part's images and labels."""
    if name == "digits":
        return DIGITS, DIGITS
    if name != "mnist":
        return name, name
    return MNIST_FILES["test" if part == "test" else "train"]


def positions(name: str, part: str, labels: Sequence[int]) -> Sequence[int]:
    """Positions of a part's examples in its files, ascending.

    Digits are split 60/20/20 within each class by a fixed shuffle. MNIST's test part is its test
    file.

    Args:
        name: of the collection.
        part: train, val or test.
        labels: of all examples in the part's files.
    """
    if name == "digits":
        return _digits_part(part, labels)
    if part == "test":
        return range(len(labels))
    border = len(labels) - MNIST_VALIDATES
    return range(border) if part == "train" else range(border, len(labels))


def shuffled(name: str, indices: Iterable[int]) -> list[int]:
    """A fixed shuffle that no library's version can change."""
    return sorted(indices, key=lambda i: hashlib.sha256(f"{name}/{i}".encode()).digest())


def _digits_part(part: str, labels: Sequence[int]) -> list[int]:
    chosen: list[int] = []
    for label in sorted(set(labels)):
        members = shuffled("digits", (i for i, found in enumerate(labels) if found == label))
        first, second = round(0.6 * len(members)), round(0.8 * len(members))
        borders = {"train": (0, first), "val": (first, second), "test": (second, len(members))}
        chosen += members[slice(*borders[part])]
    return sorted(chosen)


def _digits() -> Path:
    """Scikit-learn's file, found without importing scikit-learn."""
    spec = find_spec("sklearn")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return path
    raise MissingFiles("digits.csv.gz of scikit-learn is missing", "pip install scikit-learn")


def _data_folders(name: str) -> list[Path]:
    folder = os.environ.get("META_DATA")
    return [Path(folder) / name, Path(folder)] if folder else []


def _first(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)
