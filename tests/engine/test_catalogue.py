import subprocess
import sys
import textwrap
from importlib import metadata
from pathlib import Path

import pytest

from engine.stage_api.catalogue import Catalogue
from pipelines.core.errors import UsageError
from pipelines.core.stage import Stage

STAGE = """
from dataclasses import dataclass
from pipelines.core.stage import Params, stage
from engine.library.artifacts import Scores
from engine.stage_api.run import Run
{imports}

class Own(Params):
    size: int = 1

@dataclass(frozen=True)
class Made:
    scores: Scores

@stage
def {name}(run: Run, params: Own) -> Made:
    '''Mine.'''
    {body}
"""


def write(path: Path, name: str, imports: str = "", body: str = "...") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(STAGE.format(name=name, imports=imports, body=body))
    return path


def test_the_built_in_types_are_those_of_the_folder_and_are_imported_when_asked_for():
    program = """
import sys
from engine.stage_api.catalogue import Catalogue
stages = Catalogue()
assert "pretrain" in stages and "nothing" not in stages
assert not any(name.startswith("engine.library.stages.") for name in sys.modules)
assert stages["pretrain"].name == "pretrain"
stages = [n for n in sys.modules if n.startswith("engine.library.stages.")]
assert stages == ["engine.library.stages.pretrain"]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_built_in_file_gives_a_stage_of_its_name():
    stages = Catalogue()
    assert {name: stages[name].name for name in stages} == {name: name for name in stages}
    assert len(stages) == len(list(stages)) > 0


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        Catalogue()["no_such_stage"]


def test_a_users_file_adds_its_stages_with_their_types_resolved(tmp_path):
    stages = Catalogue([write(tmp_path / "my file.py", "mine_a")])
    assert isinstance(stages["mine_a"], Stage)
    assert stages["mine_a"].params().size == 1
    assert list(stages["mine_a"].outputs) == ["scores"]
    assert "mine_a" in list(stages)


def test_modules_beside_a_users_file_are_importable_and_shadow_nothing(tmp_path):
    (tmp_path / "beside_cat.py").write_text("VALUE = 7\n")
    for name in ("random", "engine", "pydantic", "colorsys", "typer"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')\n")
    imports = "import random, pydantic, colorsys, typer, beside_cat\nSEEN = beside_cat.VALUE"
    path = write(tmp_path / "mine_beside.py", "mine_b", imports)
    program = f"""
from pathlib import Path
from engine.stage_api.catalogue import Catalogue
kind = Catalogue([Path({str(path)!r})])["mine_b"]
assert kind.function.__globals__["SEEN"] == 7
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"there is no stage file .*gone\.py"):
        Catalogue([tmp_path / "gone.py"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import no_such_module_here", r"No module named 'no_such_module_here' \(.*bad\.py:1\)"),
        ("x = 1\n1 / 0", r"division by zero \(.*bad\.py:2\)"),
        ("def f(:", r"invalid syntax.*bad\.py:1\)"),
        ("raise SystemExit(3)", r"SystemExit: 3"),
        ("raise ValueError('\\x1b[31mred')", r"\\x1b\[31mred"),
        ("x = 1", "defines no stage type"),
        ("from engine.library.stages.pretrain import pretrain", "defines no stage type"),
    ],
)
def test_a_file_that_cannot_serve_is_told_with_its_place_and_safe_text(tmp_path, text, told):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(UsageError, match=told) as raised:
        Catalogue([tmp_path / "bad.py"])
    assert "\x1b" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_name_that_is_taken_is_told(tmp_path):
    with pytest.raises(UsageError, match="pretrain, which already exists"):
        Catalogue([write(tmp_path / "mine_taken.py", "pretrain")])
    files = [write(tmp_path / f"{name}.py", "mine_twice") for name in ("first", "second")]
    with pytest.raises(UsageError, match="mine_twice, which already exists"):
        Catalogue(files)


def test_two_files_of_one_name_are_told_and_one_file_twice_is_fine(tmp_path):
    one, two = (
        write(tmp_path / "a" / "same.py", "mine_x"),
        write(tmp_path / "b" / "same.py", "mine_y"),
    )
    with pytest.raises(UsageError, match="rename one"):
        Catalogue([one, two])
    assert Catalogue([one, one])["mine_x"] is Catalogue([one])["mine_x"]


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """A package that offers stage types as entry points."""
    write(tmp_path / "offering_stages.py", "offered_one")
    info = tmp_path / "offering-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(textwrap.dedent("""
        [meta.stages]
        offered_one = offering_stages:offered_one
        broken = offering_stages:nothing
        misnamed = offering_stages:offered_one
    """))  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path))


def test_installed_packages_offer_stages(offered):
    stages = Catalogue()
    assert stages["offered_one"].name == "offered_one"
    assert {"offered_one", "pretrain"} <= set(stages)


@pytest.mark.parametrize("name", ["broken", "misnamed"])
def test_an_entry_point_that_does_not_serve_is_told(offered, name):
    with pytest.raises(UsageError, match=f"entry point {name}"):
        Catalogue()[name]


def test_entry_points_are_looked_for_only_when_needed(monkeypatch):
    def refuse(**kwargs):
        raise AssertionError("it looked")

    monkeypatch.setattr(metadata, "entry_points", refuse)
    stages = Catalogue()
    assert "pretrain" in stages
    assert stages["pretrain"].name == "pretrain"
    with pytest.raises(AssertionError):
        "unknown" in stages  # noqa: B015
