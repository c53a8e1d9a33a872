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
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def environment(place, **env):
    set_here = {"NO_COLOR", "COLORTERM", "COLUMNS", "LINES"}
    kept = {name: value for name, value in os.environ.items() if name not in set_here}
    return {**kept, "META_HOME": str(place / ".meta"), **env}


def command(*words):
    return [sys.executable, "-P", "-m", "meta_tui", *words]


def meta(place, *words, **env):
    env = environment(place, COLUMNS="100", **env)
    return subprocess.run(
        command(*words), cwd=place, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def in_terminal(place, *words, **env):
    """What a terminal of 60 x 20 gets."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    process = subprocess.Popen(
        command(*words), cwd=place, env=environment(place, TERM="xterm-256color", **env),
        stdin=subprocess.DEVNULL, stdout=child, stderr=child,
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
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "paint/wet  0.500" in lines
    assert "003-p3.png  64x48" in lines
    place = lines.index("003-p3.png  64x48")
    assert lines[place + 1].endswith("square, number 3")
    assert Path(lines[place + 2]).read_bytes() == toy_painter.square(3)
    assert "▀" not in done.stdout
    assert "" not in lines  # not drawn in dots either


def test_a_caption_cannot_steer_the_terminal(painted):
    assert "\x1b" not in meta(painted, "show", "wall").stdout
    assert "a \\x1b[31mred" in meta(painted, "show", "wall").stdout
    assert "\x1b[31m" not in in_terminal(painted, "show", "wall")


def test_a_terminal_gets_the_first_pictures_in_colours_within_its_bounds(painted):
    shown = in_terminal(painted, "show", "doors@shade=200", COLORTERM="truecolor")
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
    simple = in_terminal(painted, "show", "wall", PYTHONIOENCODING="ascii", COLORTERM="truecolor")
    assert "\x1b" not in simple
    assert simple.isascii()


def test_plain_draws_nothing(painted):
    shown = in_terminal(painted, "show", "wall", "--plain", COLORTERM="truecolor")
    assert "003-p3.png" in shown
    assert "\x1b" not in shown


def test_json_tells_what_pictures_there_are(painted):
    found = json.loads(meta(painted, "show", "wall", "--json").stdout)
    assert found["result"]["metrics"] == {"paint/wet": 0.5}
    assert [item["file"] for item in found["pictures"]] == [f"00{n}-p{n}.png" for n in range(6)]
    assert found["pictures"][0]["size"] == [64, 48]
    assert Path(found["pictures"][2]["path"]).read_bytes() == toy_painter.square(2)
    assert "pictures" not in json.loads(meta(painted, "show", "bed", "--json").stdout)


def test_pictures_are_copied_to_a_folder_under_the_names_of_their_cells(painted, tmp_path):
    done = meta(painted, "show", "doors", "--save", str(tmp_path / "new" / "out"))
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "new" / "out").iterdir()}
    assert names == {f"doors@shade={s}-00{n}-p{n}.png" for s in (100, 200) for n in range(6)}
    one = tmp_path / "new" / "out" / "doors@shade=200-004-p4.png"
    assert one.read_bytes() == toy_painter.square(204)
    assert str(one) in done.stdout.splitlines()
    meta(painted, "show", "--save", str(tmp_path / "all"))
    assert len(list((tmp_path / "all").iterdir())) == 18


def test_a_folder_that_cannot_be_written_and_a_stage_without_pictures_are_told(painted, tmp_path):
    (tmp_path / "file").write_text("")
    done = meta(painted, "show", "wall", "--save", str(tmp_path / "file"))
    assert done.returncode == 3
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    done = meta(painted, "show", "bed", "--save", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "no pictures" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_damaged_picture_is_told_beside_the_numbers(painted, tmp_path):
    found = json.loads(meta(painted, "show", "doors@shade=100", "--json").stdout)
    path = Path(found["pictures"][0]["path"])
    content = path.read_bytes()
    path.chmod(0o600)
    try:
        path.write_bytes(content[:-1] + b"x")
        done = meta(painted, "show", "doors@shade=100")
        assert done.returncode == 1, done.stderr
        assert "paint/wet" in done.stdout
        assert "doors@shade=100: its result was damaged (" in done.stdout
        assert "has other bytes); `meta run` computes it again" in done.stdout
    finally:
        path.write_bytes(content)
