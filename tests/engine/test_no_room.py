"""A disk that is full, or a limit on files, under whatever library writes: exit code 3 and why."""

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import save_file

from conftest import Workshop
from engine import learning
from engine.store import Store, fs
from pipelines.core.errors import EnvironmentFault

BYTES = 20_000
PIXELS = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
WRITERS: dict[str, Callable[[Path], object]] = {
    "safetensors": lambda folder: save_file({"a": torch.zeros(50_000)}, folder / "a"),
    "npy": lambda folder: np.save(folder / "a.npy", np.zeros(50_000)),
    "npz": lambda folder: np.savez(folder / "a.npz", np.zeros(50_000)),
    "tofile": lambda folder: np.zeros(50_000).tofile(folder / "a"),
    "png": lambda folder: Image.fromarray(PIXELS).save(folder / "a.png"),
    "bmp": lambda folder: Image.fromarray(PIXELS).save(folder / "a.bmp"),
    "tiff": lambda folder: Image.fromarray(PIXELS).save(folder / "a.tiff"),
    "text": lambda folder: (folder / "a").write_text("x" * 50_000),
    "torch": lambda folder: torch.save(torch.zeros(50_000), folder / "a"),
}


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file of this process may grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", WRITERS)
def test_a_limit_on_files_is_told_whoever_writes(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(EnvironmentFault, match=r"limit on the size of files.*ulimit -f") as caught,
        limited(BYTES),
        fs.room(tmp_path),
    ):
        WRITERS[name](tmp_path)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value.__cause__, EnvironmentFault)


@pytest.mark.parametrize("name", WRITERS)
def test_with_room_everything_is_written(tmp_path: Path, name: str) -> None:
    with fs.room(tmp_path):
        WRITERS[name](tmp_path)


def faulty(name: str, number: int) -> Exception:
    """What a library raises where a write fails for want of room."""
    text = os.strerror(number)
    return {
        "safetensors": SafetensorError(f"Error: I/O error: {text} (os error {number})"),
        "python": OSError(number, text),
        "numpy": OSError("100000 requested and 1234 written"),
        "Pillow": OSError("encoder error -2 when writing image file"),
        "torch": RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 5 vs 3"),
        "old torch": RuntimeError(f"write(): fd 3 failed with {text}"),
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", ["safetensors", "python", "numpy", "Pillow", "torch", "old torch"])
def test_a_full_disk_is_told_whoever_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    found = os.statvfs(tmp_path)
    full = os.statvfs_result([0 if at == 4 else value for at, value in enumerate(found)])
    monkeypatch.setattr(os, "statvfs", lambda _path: full)
    error, other = faulty(name, errno.ENOSPC), ValueError("what a stage makes of it")
    other.__cause__ = error
    for raised in (error, other):
        with pytest.raises(EnvironmentFault, match=r"the disk is full: free"), fs.room(tmp_path):
            raise raised


def test_of_a_stage_only_what_is_of_the_store_counts(tmp_path, monkeypatch) -> None:
    def told(*named: str) -> bool:
        raised = OSError(errno.ENOSPC, "No space left on device", *named)
        try:
            with fs.room(tmp_path, anywhere=True):
                raise raised
        except (EnvironmentFault, OSError) as error:
            return isinstance(error, EnvironmentFault)

    assert not told()
    assert not told("/elsewhere/a")
    assert told(str(tmp_path / "a"))
    found = os.statvfs(tmp_path)
    full = os.statvfs_result([0 if at == 4 else value for at, value in enumerate(found)])
    monkeypatch.setattr(os, "statvfs", lambda _path: full)
    assert told()
    assert not told("/elsewhere/a")


class Odd(Exception):  # noqa: N818
    """An error whose text is the stage's code."""

    def __str__(self) -> str:
        raise RuntimeError("no text (os error 28)")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bad value"), OSError(errno.ENOENT, "No such file"), KeyError("x"),
        SafetensorError("Error while deserializing header: invalid header"), Odd(),
        SafetensorError("I/O error: no such file (os error 2)"), OSError("of no number"),
        RuntimeError("unexpected pos"), OSError("100 requested and 12 written"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_every_other_error_passes_as_it_is(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, fs.room(tmp_path):
        raise error
    assert caught.value is error


def test_a_checkpoint_without_room_leaves_those_before_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    key = "a" * 64
    store.checkpoint_save(
        key, lambda f: learning.training.checkpoint.save(f, {"step": 1}), {"step": 1}
    )
    large = {"step": 2, "weights": torch.zeros(50_000)}
    with pytest.raises(EnvironmentFault, match="limit on the size of files"), limited(BYTES):
        store.checkpoint_save(
            key, lambda f: learning.training.checkpoint.save(f, large), {"step": 2}
        )
    assert store.checkpoint_note(key) == {"step": 1}
    assert store.checkpoint_load(key) is not None


STAGE = '''
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.stage_api.run import Run
from pipelines.core.stage import Artifact, Params, stage


@dataclass(frozen=True, slots=True)
class Big(Artifact):
    """A large file."""

    size: int

    def write(self, folder: Path) -> None:
        """Write it."""
        import torch
        from safetensors.torch import save_file
        save_file({"a": torch.zeros(self.size)}, folder / "a")

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        """Nothing."""
        return cls(0)


@dataclass(frozen=True, slots=True)
class Made:
    """It."""

    big: Big


class Size(Params):
    """How much."""


@stage
def fill(run: Run, params: Size) -> Made:
    """Fill the disk."""
    return Made(Big(100_000))
'''


def test_a_run_without_room_ends_with_3_and_one_line(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    (tmp_path / "toys.py").write_text(STAGE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        told = shop.run("stages:\n  a: {uses: fill}\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.code == 3
    (failure,) = told.failures().values()
    assert "ulimit -f" in failure
    assert "\n" not in failure
    assert list((shop.store / "objects").glob("*/*")) == []


@pytest.mark.slow
def test_a_disk_that_is_full_ends_a_run_with_3(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], check=False, capture_output=True
    )
    if not done or done.returncode:
        pytest.skip("no file system can be mounted here: the twin above is run always")
    try:
        shop = Workshop(tmp_path / "work")
        shop.store = disk / "store"
        (shop.folder / "toys.py").write_text(STAGE)
        told = shop.run("stages:\n  a: {uses: fill}\n")
        assert told.code == 3
        assert "the disk is full: free some space" in next(iter(told.failures().values()))
    finally:
        subprocess.run([shutil.which("umount") or "umount", disk], check=True)
