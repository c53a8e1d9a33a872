"""`meta show` of a stage with a gallery, through a pipe and in a terminal."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
import toy_painter
from typed import meta

HERE = Path(__file__).parent
PIPELINE = """\
version: 1
name: paints
stages:
  wall: {uses: paint}
  doors: {uses: paint, matrix: {shade: [100, 200]}}
  bed: {uses: rest}
"""


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A working directory in which the pipeline ran."""
    place = tmp_path_factory.mktemp("painted")
    (place / "paints.yaml").write_text(PIPELINE)
    done = meta(place, "run", "paints.yaml", "--stages", str(HERE / "toy_painter.py"))
    assert done.code == 0, done.out + done.err
    return place


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    """Nothing is asked of colours and sizes but what a test asks."""
    for name in ("NO_COLOR", "COLORTERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


TERMINAL = {"terminal": True, "TERM": "xterm-256color", "COLUMNS": "60", "LINES": "20"}


def in_terminal(place, *words, **more):
    """What a terminal of 60 x 20 gets."""
    done = meta(place, *words, **TERMINAL, **more)
    assert done.code == 0, done.err
    return done.out


def in_real_terminal(place, *words, **env):
    """What it gets from a process that asks it for its size."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    env = {**os.environ, "META_HOME": str(place / ".meta"), "TERM": "xterm-256color", **env}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "meta_tui", *words],
        cwd=place, env=env, stdin=subprocess.DEVNULL, stdout=child, stderr=child,
    )  # fmt: skip
    os.close(child)
    got = b""
    while block := read(parent):
        got += block
    os.close(parent)
    assert process.wait(timeout=60) == 0, got
    return got.decode()


def read(descriptor):
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # nobody has the other end open any more
        return b""


def test_a_pipe_gets_captions_and_paths_of_png_files(painted):
    done = meta(painted, "show", "wall")
    assert done.code == 0, done.err
    lines = [line.strip() for line in done.out.splitlines()]
    assert "paint/wet  0.500" in lines
    assert "003-p3.png  64x48" in lines
    place = lines.index("003-p3.png  64x48")
    assert lines[place + 1].endswith("square, number 3")
    assert Path(lines[place + 2]).read_bytes() == toy_painter.square(3)
    assert "▀" not in done.out
    assert "" not in lines  # not drawn in dots either


def test_a_caption_cannot_steer_the_terminal(painted):
    piped = meta(painted, "show", "wall").out
    assert "\x1b" not in piped
    assert "a \\x1b[31mred" in piped
    assert "\x1b[31m" not in in_terminal(painted, "show", "wall")


def test_a_terminal_gets_the_first_pictures_in_colours_within_its_bounds(painted):
    shown = in_real_terminal(painted, "show", "doors@shade=200", COLORTERM="truecolor")
    assert "38;2;200;0;0;48;2;200;0;0m▀" in shown
    assert "38;2;203;0;0" in shown
    assert "38;2;204;0;0" not in shown
    assert "005-p5.png" in shown
    drawn = [line.count("▀") for line in shown.splitlines() if "▀" in line]
    assert len(drawn) <= 4 * 14
    assert max(drawn) <= 60
    plainer = in_terminal(painted, "show", "doors@shade=200")
    assert "38;5;160;48;5;160m▀" in plainer
    assert "38;2;" not in plainer


def test_a_terminal_without_colours_gets_dots_and_one_without_unicode_ascii(painted):
    shown = in_terminal(painted, "show", "wall", NO_COLOR="1")
    assert "\x1b" not in shown
    assert "▀" not in shown
    simple = in_terminal(painted, "show", "wall", encoding="ascii", COLORTERM="truecolor")
    assert "\x1b" not in simple
    assert simple.isascii()


def test_plain_draws_nothing(painted):
    shown = in_terminal(painted, "show", "wall", "--plain", COLORTERM="truecolor")
    assert "003-p3.png" in shown
    assert "\x1b" not in shown


def test_json_tells_what_pictures_there_are(painted):
    found = json.loads(meta(painted, "show", "wall", "--json").out)
    assert found["result"]["metrics"] == {"paint/wet": 0.5}
    assert [item["file"] for item in found["pictures"]] == [f"00{n}-p{n}.png" for n in range(6)]
    assert found["pictures"][0]["size"] == [64, 48]
    assert Path(found["pictures"][2]["path"]).read_bytes() == toy_painter.square(2)
    assert "pictures" not in json.loads(meta(painted, "show", "bed", "--json").out)


def test_pictures_are_copied_to_a_folder_under_the_names_of_their_cells(painted, tmp_path):
    done = meta(painted, "show", "doors", "--save", str(tmp_path / "new" / "out"))
    assert done.code == 0, done.err
    names = {path.name for path in (tmp_path / "new" / "out").iterdir()}
    assert names == {f"doors@shade={s}-00{n}-p{n}.png" for s in (100, 200) for n in range(6)}
    one = tmp_path / "new" / "out" / "doors@shade=200-004-p4.png"
    assert one.read_bytes() == toy_painter.square(204)
    assert str(one) in done.out.splitlines()
    meta(painted, "show", "--save", str(tmp_path / "all"))
    assert len(list((tmp_path / "all").iterdir())) == 18


def test_a_folder_that_cannot_be_written_and_a_stage_without_pictures_are_told(painted, tmp_path):
    (tmp_path / "file").write_text("")
    done = meta(painted, "show", "wall", "--save", str(tmp_path / "file"))
    assert done.code == 3
    assert "cannot write" in done.err
    assert "Traceback" not in done.err
    done = meta(painted, "show", "bed", "--save", str(tmp_path / "out"))
    assert done.code == 2
    assert "no pictures" in done.err
    assert not (tmp_path / "out").exists()


def test_a_damaged_picture_is_told_beside_the_numbers(painted, tmp_path):
    found = json.loads(meta(painted, "show", "doors@shade=100", "--json").out)
    path = Path(found["pictures"][0]["path"])
    content = path.read_bytes()
    path.chmod(0o600)
    try:
        path.write_bytes(content[:-1] + b"x")
        done = meta(painted, "show", "doors@shade=100")
        assert done.code == 1, done.err
        assert "paint/wet" in done.out
        assert "doors@shade=100: its result was damaged (" in done.out
        assert "has other bytes); `meta run` computes it again" in done.out
    finally:
        path.write_bytes(content)
