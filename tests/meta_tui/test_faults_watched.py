"""A file is checked again when it, or a file of stage types that it uses, is saved."""

from engine.planning.run_request import Request
from meta_tui.readers.file_check import Watched, check

STAGES = '''\
from dataclasses import dataclass

from engine.library.artifacts import Scores
from engine.stage_api.run import Run
from pipelines.core.stage import Params, stage


class Own(Params):
    {name}: int = 0
    """A number."""


@dataclass(frozen=True, slots=True)
class Made:
    scores: Scores


@stage
def own(run: Run, params: Own) -> Made:
    """A stage of a person's own."""
    return Made(Scores({{}}))
'''


def test_a_stage_that_is_mended_mends_the_file_that_uses_it(tmp_path):
    file, stages = tmp_path / "a.yaml", tmp_path / "mine_watched.py"
    file.write_text("version: 1\nname: a\nstages: {one: {uses: own, with: {depth: 3}}}\n")
    stages.write_text(STAGES.format(name="wide"))
    request, clock = Request(file, tmp_path / "store", stage_files=(stages,)), [0.0]
    watched = Watched(request, lambda: clock[0])
    assert watched.saved()
    assert "`depth` is not a parameter of `own`" in check(request).problems[0].message
    clock[0] += 2
    assert not watched.saved()
    stages.write_text(STAGES.format(name="depth"))
    clock[0] += 2
    assert watched.saved()
    found = check(request)
    assert (found.faults, found.cells) == (0, 1)
    stages.unlink()
    clock[0] += 2
    assert watched.saved()
    assert "there is no stage file" in check(request).problems[0].message
