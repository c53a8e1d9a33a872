"""Where the store is, and whether it is one.

`META_HOME`; else the nearest `.meta` of this user that has our marker, from the working directory
up to the project's root or home; else `.meta` in the working directory. In a folder that holds
other things it is `.meta` below. Looking writes nothing; only `adopt`, which a run calls, does.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.store import files, fs, marker, names
from engine.store.results import result_of
from pipelines.core import os_errors
from pipelines.core.errors import EnvironmentFault

FOLDERS = ("runs", "results", "objects", "partial", "locks", "memo", "tmp", "quarantine")
NAME = ".meta"
_ROOT_MARKS = (".git", "pyproject.toml", "meta.toml")
"""A folder with one of these is the root of a project."""
_SHARD = re.compile(r"[0-9a-f]{2}")
_TRIED = 1000
"""Results of an older store that are read at most, to find one that is whole."""


def locate(given: str) -> Path:
    """The folder of the store, which need not exist yet.

    Args:
        given: `META_HOME`, or empty.

    Raises:
        EnvironmentFault: something that is no store of this user's, or cannot be read, is there;
            the working directory is gone.
    """
    if given and Path(given).is_absolute():
        return _settled(Path(given))
    here = os_errors.working_folder()
    if given:
        return _settled(here / given)
    for folder in _way_up(here):
        for place in (folder / NAME, folder / NAME / NAME):
            if _ours(place):
                return _checked(place)
    _refuse_strange(here / NAME)
    return _settled(here / NAME)


def adopt(root: Path) -> None:
    """Make a folder the store of a run: a new one, an empty one, or the store of an older meta.

    Raises:
        EnvironmentFault: it holds other things, or cannot be written.
    """
    disk = fs.Disk(root)
    with files.reading(root):
        unmarked = files.real_folder(root.resolve()) and not marker.marked(root)
        if unmarked and not marker.empty(root) and is_older(root):
            disk.mark()
    disk.folder(root / "memo")


def is_older(root: Path) -> bool:
    """Whether a folder without a marker is the store of an older meta: one result in it parses."""
    for tried, path in enumerate(_sealed(root)):
        if tried == _TRIED:
            break
        try:
            result_of(path.name, files.content(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # Damaged, or not ours: another one may tell.
        return True
    return False


def _sealed(root: Path) -> Iterator[Path]:
    """Files that are named as results are, below a folder."""
    try:
        for shard in _listed(root / "results"):
            if _SHARD.fullmatch(shard.name):
                yield from (path for path in _listed(shard) if names.is_sha256(path.name))
    except OSError:
        return  # What cannot be listed is no store that could be adopted.


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if files.real_folder(folder) else []


def _settled(base: Path) -> Path:
    """The store at a folder that somebody named: the folder itself, or `.meta` in it."""
    found = _checked(base)
    if _may_be_store(found):
        return found
    inner = _checked(base / NAME)
    if _may_be_store(inner):
        return inner
    raise EnvironmentFault(
        f"{base} and {inner} hold other things and are no store of meta: set META_HOME to an "
        "empty folder"
    )


def _may_be_store(root: Path) -> bool:
    """Whether a folder is a store, an older one, or free to become one."""
    with files.reading(root):
        return not root.exists() or marker.marked(root) or marker.empty(root) or is_older(root)


def _checked(root: Path) -> Path:
    """The root, after a look whether who asks may read what is in it.

    Raises:
        EnvironmentFault: it is a file, or cannot be read; a store holds a link.
    """
    first = root / FOLDERS[0]
    try:
        with os.scandir(first):
            pass
        with os.scandir(root):
            pass
    except FileNotFoundError:
        with files.reading(root):
            if not root.exists():
                return root
            with os.scandir(root):
                pass
    except NotADirectoryError as error:
        if not root.is_dir():
            told = f"{root} is no folder: set META_HOME to a folder, where results are kept"
            raise EnvironmentFault(told) from error
    except OSError as error:
        raise os_errors.unreadable(first, error) from error
    if marker.marked(root) or is_older(root):
        for name in FOLDERS:
            with files.reading(root / name):
                files.looks_readable(root / name)
    return root


def _way_up(here: Path) -> list[Path]:
    """The folders from here to the root of the project or home; outside of both only this one."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 (Path.home fails where there is none)
    way: list[Path] = []
    for folder in (here, *here.parents):
        way.append(folder)
        if folder == home or any(os.path.lexists(folder / mark) for mark in _ROOT_MARKS):
            return way
    return way[:1]


def _ours(place: Path) -> bool:
    """Whether a marked store of this user is there."""
    try:
        found = place.stat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    return marker.marked(place)


def _refuse_strange(place: Path) -> None:
    """Refuse a `.meta` that nobody named: one of another user, or a link to something else."""
    try:
        found = os.lstat(place)
    except OSError:
        return  # Nothing is there, or `_checked` tells why it cannot be read.
    if stat.S_ISLNK(found.st_mode):
        told = "is a link to a folder that is no store of yours: remove it, or set META_HOME"
    elif found.st_uid != os.geteuid():
        told = "belongs to another user: set META_HOME to a folder of yours"
    else:
        return
    raise EnvironmentFault(f"{place} {told}")
