"""A file is looked at before it is read: what it is, and how large."""

import os
import socket
import threading
from pathlib import Path

import pytest

from pipelines.core import reading

MUCH = 1_610_612_736


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each read; opening is noted as 0."""
    told: list[int] = []
    fdopen = os.fdopen

    def opened(descriptor: int, *args: object) -> object:
        told.append(0)
        inner = fdopen(descriptor, *args)  # type: ignore[arg-type]

        class Counted:
            def read(self, size: int) -> bytes:
                data = inner.read(size)
                told.append(len(data))
                return data

            def fileno(self) -> int:
                return inner.fileno()

            def __enter__(self) -> "Counted":
                return self

            def __exit__(self, *exc: object) -> None:
                inner.close()

        return Counted()

    monkeypatch.setattr(os, "fdopen", opened)
    return told


def test_of_a_file_that_is_too_large_nothing_is_read(tmp_path: Path, counted: list[int]) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(MUCH)
    with pytest.raises(OSError, match="it has 1,610,612,736 bytes; at most 1,000 are read"):
        reading.content(path, 1000)
    assert counted == [0]


def test_a_file_of_the_largest_size_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    assert reading.content(path, 1000) == b"x" * 1000
    with pytest.raises(OSError, match="at most 999"):
        reading.content(path, 999)


def test_a_file_that_tells_no_size_is_read_to_the_limit_and_no_further(counted: list[int]) -> None:
    with pytest.raises(OSError, match="at most 10 are read"):
        reading.content(Path("/proc/self/status"), 10)
    assert sum(counted) == 11


def test_what_is_no_ordinary_file_is_never_opened(tmp_path: Path, counted: list[int]) -> None:
    pipe, folder, name = tmp_path / "pipe", tmp_path / "folder", tmp_path / "socket"
    os.mkfifo(pipe)
    folder.mkdir()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.path.relpath(name))
    (tmp_path / "link").symlink_to(pipe)
    cases = {
        pipe: "a pipe", folder: "a folder", name: "a socket", Path("/dev/zero"): "a device",
        tmp_path / "link": "a pipe",
    }  # fmt: skip
    with listening:
        for path, what in cases.items():
            with pytest.raises(OSError, match=f"it is {what}, not a file"):
                reading.content(path, 1000)
    assert counted == []


def test_a_file_that_becomes_a_pipe_meanwhile_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    opened = os.open

    def swapped(name: Path, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return opened(name, flags)

    monkeypatch.setattr(os, "open", swapped)
    ended: list[str] = []

    def read() -> None:
        try:
            reading.content(path, 1000)
        except OSError as error:
            ended.append(error.strerror or "")

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(20)
    assert ended == ["it is a pipe, not a file"]


@pytest.mark.parametrize("name", ["a\0b", "\0"])
def test_a_nul_in_a_name_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="NUL character"):
        reading.content(tmp_path / name, 1000)


def test_a_name_that_is_too_long_is_told() -> None:
    with pytest.raises(OSError, match="File name too long"):
        reading.content(Path("x" * 6000), 1000)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{", "\ufeff1", "1" * 5000])
def test_json_that_is_none_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of Python, of json, or ours)
        reading.decoded(text)
    with pytest.raises(ValueError):  # noqa: PT011
        reading.decoded(b"\xff\xfe\x00" + text.encode())
