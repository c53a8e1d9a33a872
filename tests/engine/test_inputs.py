import gzip
import hashlib
import os
import time

import pytest

from engine.identity import input_files
from engine.identity.input_files import Inputs
from engine.store import location
from pipelines.core.errors import MissingFiles


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once: a test does not wait two seconds."""
    monkeypatch.setattr("engine.identity.file_memo.SETTLED_NANOSECONDS", -1)


@pytest.fixture
def counted(monkeypatch):
    """How often a file's content was read."""
    reads = []
    original = input_files._digest
    monkeypatch.setattr(input_files, "_digest", lambda path: reads.append(path) or original(path))
    return reads


def test_a_file_is_named_by_the_sha256_of_its_content(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"images")
    assert Inputs(None).digest(file) == hashlib.sha256(b"images").hexdigest()


def test_gzip_wrappers_of_the_same_content_have_one_digest(tmp_path):
    content = b"images" * 1000
    (tmp_path / "plain").write_bytes(content)
    for level in (1, 9):
        (tmp_path / f"{level}.gz").write_bytes(gzip.compress(content, level, mtime=level))
    assert (tmp_path / "1.gz").read_bytes() != (tmp_path / "9.gz").read_bytes()
    found = {Inputs(None).digest(tmp_path / name) for name in ("plain", "1.gz", "9.gz")}
    assert found == {hashlib.sha256(content).hexdigest()}


def test_a_settled_file_is_read_once_even_by_a_later_process(tmp_path, settled, counted):
    root, file = tmp_path / "store", tmp_path / "a.bin"
    location.adopt(root)
    file.write_bytes(b"images")
    first = Inputs(root)
    assert first.digest(file) == first.digest(file) == Inputs(root).digest(file)
    assert len(counted) == 1


@pytest.mark.parametrize(("age_seconds", "reads"), [(0.0, 2), (-3600.0, 2), (60.0, 1)])
def test_a_file_that_changed_a_moment_ago_is_read_again(
    tmp_path, counted, monkeypatch, age_seconds, reads
):
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")
    # The same size and times: what an edit within one tick of the clock looks like.
    changed = time.time_ns() - int(age_seconds * 1e9)
    monkeypatch.setattr(
        "engine.identity.file_memo._stamp", lambda path: [1, 2, 3, changed, changed]
    )
    found = Inputs(None)
    before = found.digest(file)
    file.write_bytes(b"new")
    assert (found.digest(file) != before) == (reads == 2)
    assert len(counted) == reads


@pytest.mark.parametrize("keep_mtime", [True, False])
def test_an_edit_of_a_settled_file_is_seen(tmp_path, settled, keep_mtime):
    root, file = tmp_path / "store", tmp_path / "a.bin"
    location.adopt(root)
    file.write_bytes(b"old")
    before, stat = Inputs(root).digest(file), file.stat()
    file.write_bytes(b"new")
    if keep_mtime:
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert Inputs(root).digest(file) != before


def test_a_damaged_memo_is_ignored(tmp_path, settled):
    root, file = tmp_path / "store", tmp_path / "a.bin"
    location.adopt(root)
    file.write_bytes(b"images")
    right = Inputs(root).digest(file)
    memo = root / "memo" / "files.json"
    memo.write_bytes(memo.read_bytes().replace(right.encode(), b"0" * 64))
    assert Inputs(root).digest(file) == right


def test_no_store_is_made_for_a_memo(tmp_path, settled):
    file = tmp_path / "a.bin"
    file.write_bytes(b"images")
    Inputs(tmp_path / "store").digest(file)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_store_that_cannot_be_written_still_answers(tmp_path, settled, monkeypatch):
    root, file = tmp_path / "store", tmp_path / "a.bin"
    location.adopt(root)
    file.write_bytes(b"images")

    opened = os.open

    def refuse(path, flags, *args, **kwargs):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY):
            raise OSError(30, "Read-only file system")
        return opened(path, flags, *args, **kwargs)

    monkeypatch.setattr("os.open", refuse)
    assert Inputs(root).digest(file) == hashlib.sha256(b"images").hexdigest()
    monkeypatch.undo()
    assert not (root / "memo" / "files.json").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFiles, match=r"a\.bin: No such file"):
        Inputs(None).digest(tmp_path / "a.bin")


@pytest.mark.parametrize("cut", [20, -9])
def test_broken_gzip_is_named(tmp_path, cut):
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(os.urandom(1000))[:cut])
    with pytest.raises(MissingFiles, match=r"a\.gz"):
        Inputs(None).digest(file)
