"""Omniglot: where its files are, and which characters a part of a split has.

A split divides characters, not drawings: nobody draws a test character in training.
"""

import hashlib
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from engine import learning
from engine.library.datasets import builtin
from pipelines.core import reading
from pipelines.core.errors import MissingFiles
from pipelines.core.text import safe_text

NAME = "omniglot"
TEST, VALIDATES, ALL = 423, 172, 1623
"""Characters of the parts, the same in both splits; the others train."""
LIST_BYTES = 1_000_000
MOST = 10
"""Faults of a list that are told one by one."""
GET = (
    "download images_background.zip and images_evaluation.zip from "
    "https://github.com/brendenlake/omniglot (folder python), and name their folder by `root:`, or "
    "set META_DATA to a folder that holds `omniglot/`"
)
GET_LISTS = (
    "the lists of the Vinyals split go into a folder `splits` beside the archives; "
    "`split: random` needs none"
)


def find(split: str, part: str, root: Path | None) -> dict[str, Path]:
    """The files of a part: logical name -> path.

    Raises:
        MissingFiles: one is not there or is broken; says which, and how to get it.
    """
    archives = learning.data.omniglot_index.ARCHIVES
    found = builtin.located(NAME, root, {name: [name] for name in archives}, GET, "root")
    again = "a download may have been cut short: get it again"
    broken = [path for path in found.values() if not zipfile.is_zipfile(path)]
    if broken:
        told = [(f"{safe_text(str(path))} is not a whole zip archive", again) for path in broken]
        raise MissingFiles(*told[0], "root", told[1:])
    if split == "vinyals":
        name = _list_name(part)
        places = [f"splits/{name}", name]
        found |= builtin.located(NAME, root, {name: places}, GET_LISTS, "split")
        _all_drawn(found, found[name])
    return found


def characters(split: str, part: str, files: Mapping[str, Path]) -> tuple[int, ...]:
    """Numbers of the characters of a part, ascending.

    Args:
        split: `vinyals` reads the part's list; `random` shuffles all characters, always alike.
        part: train, val or test.
        files: what `find` found.

    Raises:
        MissingFiles: the list names what Omniglot does not have.
    """
    if split == "vinyals":
        return tuple(sorted(_listed(*_state(files[_list_name(part)]))))
    names = learning.data.omniglot_index.characters()
    order = sorted(range(ALL), key=lambda i: hashlib.sha256(names[i].encode()).digest())
    test, val = TEST, TEST + VALIDATES
    chosen = {"test": order[:test], "val": order[test:val], "train": order[val:]}[part]
    return tuple(sorted(chosen))


def examples(chosen: tuple[int, ...], *, turned: bool) -> tuple[int, ...]:
    """Numbers of all drawings of some characters, see `engine.learning.data.omniglot_images`."""
    drawers, turns = learning.data.omniglot_index.DRAWERS, learning.data.omniglot_index.TURNS
    every = (
        (character * drawers + drawer) * turns + turn
        for character in chosen
        for drawer in range(drawers)
        for turn in range(turns if turned else 1)
    )
    return tuple(every)


def classes(chosen: tuple[int, ...], *, turned: bool) -> tuple[int, ...]:
    """Numbers of the classes of some characters, each turn being one where `turned`."""
    turns = learning.data.omniglot_index.TURNS
    return tuple(c * turns + turn for c in chosen for turn in range(turns if turned else 1))


def drawn_once(collection: str, classes: Sequence[int]) -> tuple[int, ...]:
    """What was drawn independently of each class: of Omniglot its character, with all its turns.

    Args:
        collection: name of the images.
        classes: their numbers; those of any other collection are told as they are.
    """
    if collection != NAME:
        return tuple(classes)
    return tuple(label // learning.data.omniglot_index.TURNS for label in classes)


def _list_name(part: str) -> str:
    return f"vinyals_{part}.txt"


def _state(path: Path) -> tuple[Path, int, int]:
    state = path.stat()
    return path, state.st_size, state.st_mtime_ns


def _all_drawn(found: Mapping[str, Path], listed: Path) -> None:
    """Refuse a list with a character of which the archives have not all drawings."""
    drawn: Counter[str] = Counter()
    for archive in learning.data.omniglot_index.ARCHIVES:
        drawn += _drawn(*_state(found[archive]))
    folders = learning.data.omniglot_index.folders()
    for number, line in _listed(*_state(listed)).items():
        there = drawn[folders[number]]
        if there < learning.data.omniglot_index.DRAWERS:
            archive, _, name = folders[number].partition("/")
            lacks = (
                f"{archive}.zip has {there} of the {learning.data.omniglot_index.DRAWERS} drawings"
            )
            shown = safe_text(str(listed))
            raise MissingFiles(f"{shown}, line {line}: {lacks} of {name}", GET, "root")


@lru_cache(maxsize=4)
def _drawn(path: Path, _size: int, _changed: int) -> Counter[str]:
    """Folder -> its drawings, by an archive's table of contents."""
    return Counter(learning.data.omniglot_index.drawn(path))


@lru_cache(maxsize=16)
def _listed(path: Path, size: int, _changed: int) -> dict[int, int]:
    """Characters in a list of lines as `Greek/character01/rot090`, each there in all rotations.

    Returns:
        Number of the character -> the first line that names it.
    """
    shown = safe_text(str(path))
    if size > LIST_BYTES:
        large = f"{shown} has {size:,} bytes; a list of characters has at most {LIST_BYTES:,}"
        raise MissingFiles(large, GET_LISTS, "split")
    numbers = learning.data.omniglot_index.numbers()
    found: dict[int, int] = {}
    unknown: list[str] = []
    lines = reading.content(path, LIST_BYTES).decode("utf-8", "replace").splitlines()
    for place, line in enumerate(map(str.strip, lines), 1):
        name = line.rpartition("/rot")[0]
        if name in numbers:
            found.setdefault(numbers[name], place)
        elif line:
            named = safe_text(line[:80])
            unknown.append(f"{shown}, line {place}: Omniglot has no character {named!r}")
    if unknown:
        _refuse(shown, unknown)
    if not found:
        raise MissingFiles(f"{shown} is empty", GET_LISTS, "split")
    return found


def _refuse(shown: str, unknown: Sequence[str]) -> NoReturn:
    """Tell the first lines that name no character, and how many more there are."""
    hint = "lines read as `Greek/character01/rot090`"
    told = [*unknown[:MOST]]
    if more := len(unknown) - len(told):
        lines = "one more line" if more == 1 else f"{more:,} more lines"
        told.append(f"and {lines} of {shown} that {'names' if more == 1 else 'name'} no character")
    raise MissingFiles(told[0], hint, "split", [(message, hint) for message in told[1:]])
