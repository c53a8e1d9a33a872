"""A file that a stage cannot read ends its cell with one line, which names the file from here."""

from pathlib import Path

from PIL import Image

from engine.execution import launch
from engine.learning.data.unreadable import UnreadableError
from engine.planning.run_request import Request
from engine.rundir.events import CellFailed

TEXT = """version: 1
name: broken
stages:
  data: {uses: dataset, with: {name: folder, root: own, size: [4, 4], color: gray}}
  net: {uses: pretrain, from: {data: data}, with: {net: {kind: mlp, hidden: [4]}, steps: 1}}
"""


def test_an_image_that_is_cut_short_fails_the_stage_that_describes_the_folder(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (6, 6), 40 * i).save(tmp_path / "own" / name / f"{i}.png")
    path = tmp_path / "own" / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:45])
    (tmp_path / "p.yaml").write_text(TEXT)
    told = []
    request = Request(file=tmp_path / "p.yaml", store=tmp_path / ".meta")
    assert launch.run(request, told.append) == 1
    (failure,) = [event for event in told if isinstance(event, CellFailed)]
    assert failure.cell == 0
    assert failure.error == (
        "own/dog/3.png cannot be read: it is cut short; get it again, or remove it"
    )
    assert failure.traceback == ""


def test_a_file_elsewhere_is_named_by_its_whole_path():
    error = UnreadableError(Path("/data/x.png"), "is empty", "remove it")
    assert error.seen_from(Path("/home/me")) == "/data/x.png is empty; remove it" == str(error)
    assert error.seen_from(Path("/data")) == "x.png is empty; remove it"
