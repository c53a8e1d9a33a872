"""What is written past every log lands in a file of the run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.execution.runner_log import last_lines, stderr_into

EVIL = b"\x1b]52;c;eA==\x07evil\n"


def test_what_this_process_and_its_children_write_goes_to_the_file(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "runner.log"
    code = f"import os; os.write(2, {EVIL!r})"
    with stderr_into(path):
        os.write(2, EVIL)
        subprocess.run([sys.executable, "-c", code], check=True)
    os.write(2, b"back\n")
    assert path.read_bytes() == EVIL * 2
    assert capfdbinary.readouterr().err == b"back\n"


def test_it_comes_back_after_a_fault(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with pytest.raises(ValueError, match="x"), stderr_into(tmp_path / "log"):
        raise ValueError("x")
    os.write(2, b"back\n")
    assert capfdbinary.readouterr().err == b"back\n"


def test_of_a_long_file_the_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert last_lines(path) == []
    path.write_bytes(b"")
    assert last_lines(path) == []
    path.write_bytes(b"".join(b"line %d\n" % at for at in range(100_000)) + b"\xff")
    assert last_lines(path)[-2:] == ["line 99999", "\ufffd"]
    assert len(last_lines(path)) == 20
    assert last_lines(tmp_path) == []
