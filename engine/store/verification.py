"""Reads every object and every manifest of a store, and names what is damaged and whose it is."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from engine.store import Miss, Result, Store, files

MOST_THREADS = 4
LISTING = "the code listing"
"""What an object is of a result where it lists its code: used to say why a cell runs again."""
_CHUNK = 1 << 20
_SHARD = re.compile(r"[0-9a-f]{2}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[int, int, int], None]
"""Called with objects read so far, bytes read so far, and bytes of all objects together."""


@dataclass(frozen=True, slots=True)
class User:
    """A result that names an object.

    Attributes:
        key: the result.
        cell: name of the cell that computed it, as its provenance tells.
        run: the run in which it did.
        where: what the object is of it: `model/weights.safetensors`.
    """

    key: str
    cell: str
    run: str
    where: str


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of the store that is not what it was.

    Attributes:
        object: sha256 of the object; empty where a manifest is damaged.
        reason: what is wrong with it: "has other bytes".
        users: results that name it, or the one whose manifest it is; none of an object that no
            result needs.
    """

    object: str
    reason: str
    users: tuple[User, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at a whole store found."""

    objects: int
    bytes: int
    results: int
    damage: tuple[Damage, ...]


def verify(store: Store, progress: Progress, *, put_aside: bool = False) -> Verified:
    """Read everything in a store.

    What is found is remembered for the next run, which computes damaged results again.

    Args:
        store: the store; nothing of it is changed unless `put_aside`.
        progress: told now and then.
        put_aside: put what is damaged into quarantine: objects, and the results that need them.

    Raises:
        EnvironmentFault: it cannot be read.
    """
    users: dict[str, list[User]] = {}
    found: list[Damage] = []
    keys = list(_names(store.root / "results"))
    for key in keys:
        result = store.manifest(key)
        if result is None:
            miss = store.result(key)
            reason = miss.reason if isinstance(miss, Miss) else "its manifest is damaged"
            found.append(Damage("", reason, (User(key, "", "", "its manifest"),)))
            continue
        cell, run = (str(result.provenance.get(name, "")) for name in ("cell", "run"))
        for digest, where in _named(result):
            users.setdefault(digest, []).append(User(key, cell, run, where))
    there = list(_names(store.root / "objects"))
    damaged = dict.fromkeys(sorted(users.keys() - set(there)), "is missing")
    damaged |= _read(store, there, progress)
    for digest, why in damaged.items():
        # Those that cannot do without it come first.
        ordered = sorted(users.get(digest, ()), key=lambda user: user.where == LISTING)
        found.append(Damage(digest, why, tuple(ordered)))
    if put_aside:
        _put_aside(store, found)
    read = sum(_size(store.objects.path(digest)) for digest in there)
    return Verified(len(there), read, len(keys), tuple(found))


def _named(result: Result) -> Iterator[tuple[str, str]]:
    """Digests of all objects that a result names, each with what it is of the result."""
    for where, ref in result.files:
        yield ref.sha256, where
    code = result.components.get("code")
    if isinstance(code, str) and _SHA256.fullmatch(code):
        yield code, LISTING


def _names(folder: Path) -> Iterator[str]:
    """Names of all files of a folder of shards that are a sha256."""
    try:
        shards = sorted(it.name for it in os.scandir(folder) if _SHARD.fullmatch(it.name))
    except FileNotFoundError:
        return
    for shard in shards:
        if (folder / shard).is_dir():
            with os.scandir(folder / shard) as entries:
                yield from sorted(it.name for it in entries if _SHA256.fullmatch(it.name))


def _read(store: Store, digests: list[str], progress: Progress) -> dict[str, str]:
    """Digest -> what is wrong, of the objects that are damaged. Several are read at once."""
    whole = sum(_size(store.objects.path(digest)) for digest in digests)
    damaged: dict[str, str] = {}
    read = 0
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        paths = map(store.objects.path, digests)
        for number, (digest, held) in enumerate(
            zip(digests, pool.map(_content, paths), strict=True)
        ):
            read += held[1]
            if held[0] != digest and (reason := store.objects.damage(digest)):
                damaged[digest] = reason
            progress(number + 1, read, whole)
    return damaged


def _content(path: Path) -> tuple[str, int]:
    """The sha256 of a file and its size; nothing of one that cannot be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with files.opened(path) as stream:
            while block := stream.read(_CHUNK):
                digest.update(block)
                size += len(block)
    except OSError:
        return "", 0  # The object is looked at once more, by who can say what is wrong with it.
    return digest.hexdigest(), size


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _put_aside(store: Store, found: list[Damage]) -> None:
    for damage in found:
        if damage.object:
            store.objects.quarantine(store.objects.path(damage.object), damage.reason)
        for user in damage.users:
            if user.where == LISTING:
                continue  # The result is whole without it.
            store.objects.quarantine(store.results.path(user.key), damage.reason)
