import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import engine
from engine import learning, library
from engine.identity.fingerprint import Code, Fingerprints, explain
from engine.identity.source_digest import Reading
from engine.stage_api.catalogue import Catalogue
from engine.store import location

ENGINE = Path(engine.__file__).parent

BASE = """
    '''Module.'''
    from pipelines.core.stage import Params

    RATE = 0.1

    class Base:
        '''A base.'''
        size: int = 3

    class Net(Base):
        width: int = 4
        '''Its width.'''
        depth: int = 2

        def forward(self, x: int, scale: float = 2.0) -> int:
            '''Doubles.'''
            y: int = x
            return helper(y) * scale

    def helper(x):
        return x + 1  # one more
"""

SAME = {
    "comment": ("# one more", "# another"),
    "whitespace": ("RATE = 0.1", "RATE  =   0.1\n\n"),
    "module docstring": ("'''Module.'''", "'''Another.'''"),
    "class docstring": ("'''A base.'''", ""),
    "attribute docstring": ("'''Its width.'''", "'''Its breadth.'''"),
    "function docstring": ("'''Doubles.'''", "'''Triples.'''"),
    "argument annotation": ("x: int,", "x: float,"),
    "no argument annotation": ("x: int,", "x,"),
    "return annotation": ("-> int", "-> float"),
    "local annotation": ("y: int = x", "y = x"),
    "spelling of a number": ("RATE = 0.1", "RATE = 1e-1"),
    "type checking": ("RATE = 0.1", "RATE = 0.1\n    if TYPE_CHECKING:\n        import torch"),
}

DIFFERENT = {
    "helper body": ("return x + 1", "return x + 2"),
    "constant": ("RATE = 0.1", "RATE = 0.2"),
    "default argument": ("scale: float = 2.0", "scale: float = 3.0"),
    "base class": ("class Net(Base)", "class Net"),
    "class annotation": ("width: int", "width: float"),
    "class default": ("width: int = 4", "width: int = 5"),
    "deleted field": ("depth: int = 2", ""),
    "renamed function": ("def helper", "def helped"),
    "decorator": ("def helper", "@cache\n    def helper"),
    "order of statements": ("depth: int = 2", "depth: int = 2\n        breadth: int = 1"),
}


def digest(text: str) -> str:
    return Reading.of(textwrap.dedent(text).encode()).digest


@pytest.mark.parametrize("edit", SAME)
def test_what_cannot_change_a_result_leaves_a_file_the_same(edit):
    old, new = SAME[edit]
    assert old in BASE
    assert digest(BASE.replace(old, new)) == digest(BASE)


@pytest.mark.parametrize("edit", DIFFERENT)
def test_what_can_change_a_result_makes_a_file_another(edit):
    old, new = DIFFERENT[edit]
    assert old in BASE
    assert digest(BASE.replace(old, new)) != digest(BASE)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A copy of the engine whose files a test may edit, and add to, and a user's folders."""
    copy = tmp_path / "engine"
    shutil.copytree(ENGINE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("engine.identity.module_finder._ENGINE", copy)
    # What a test adds can be imported; all else is still imported from the real house.
    monkeypatch.setattr(engine, "__path__", [*engine.__path__, str(copy)])
    for package in (learning, library):
        place = str(copy / package.__name__.rpartition(".")[2])
        monkeypatch.setattr(package, "__path__", [*package.__path__, place])
    before = set(sys.modules)
    yield House(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith("engine.") and str(tmp_path) in str(sys.modules[name].__file__):
            package, _, child = name.rpartition(".")
            vars(sys.modules.get(package, engine)).pop(child, None)
            del sys.modules[name]


class House:
    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def append(self, path: str, text: str) -> None:
        with (self.root / path).open("a") as file:
            file.write(text)


STAGE = """
    from dataclasses import dataclass
    from pipelines.core.stage import Params, stage
    from engine.library.artifacts import Scores
    from engine.stage_api.run import Run
    {imports}

    class {name}Params(Params):
        size: int = 1

    @dataclass(frozen=True)
    class {name}Made:
        scores: Scores

    @stage
    def {name}(run: Run, params: {name}Params) -> {name}Made:
        {body}
"""


def staged(house: House, name: str, imports: str = "", body: str = "...", user: str = "") -> Path:
    text = textwrap.dedent(STAGE).format(name=name, imports=imports, body=body)
    folder = user or f"user_{name}"
    path = house.root / folder / f"{name}.py"
    house.write(f"{folder}/{name}.py", text)
    return path


def code(path: Path, root: Path | None = None, fingerprints: Fingerprints | None = None) -> Code:
    stages = Catalogue([path])
    found = stages[path.stem]
    return (fingerprints or Fingerprints(root)).of(found, found.params())


def reached(path: Path) -> set[str]:
    return set(code(path).modules)


def learned(path: Path) -> set[str]:
    return {name for name in reached(path) if name.startswith("engine/learning/")}


def test_a_stage_reaches_its_file_the_artifacts_and_run_but_not_the_engine(house):
    found = reached(staged(house, "plain"))
    assert {"plain.py", "engine/stage_api/scores.py", "engine/stage_api/run.py"} <= found
    stopped = {
        "engine/planning/plan.py",
        "engine/identity/key.py",
        "engine/rundir/journal.py",
        "engine/store/fs.py",
    }
    assert not stopped & found
    assert not any(name.startswith(("pipelines", "meta_tui")) for name in found)


def test_a_name_that_a_package_passes_on_reaches_its_own_module_and_not_its_neighbours(house):
    path = staged(house, "passed")
    before = code(path)
    assert "engine/library/artifacts/model.py" not in before.modules
    assert "torch" not in before.packages
    house.append("engine/library/artifacts/model.py", "\nLATER = 1\n")
    assert code(path).digest == before.digest
    # Another class under the same name is other code, though the stage's text is the same.
    text = (house.root / "engine/library/artifacts/__init__.py").read_text()
    other = text.replace("scores import Choice, Scores", "scores import Choice")
    other = f"from engine.library.artifacts.model import Model as Scores\n{other}"
    (house.root / "engine/library/artifacts/__init__.py").write_text(other)
    assert code(path).digest != before.digest


def test_names_from_where_they_lay_before_reach_what_the_new_ones_do(house):
    new = reached(staged(house, "as_now"))
    path = staged(house, "as_before")
    text = path.read_text()
    for old, now in (
        ("engine.run", "engine.stage_api.run"), ("engine.artifacts", "engine.library.artifacts"),
        ("pipelines.stage", "pipelines.core.stage"),
    ):  # fmt: skip
        text = text.replace(f"from {now} import", f"from {old} import")
    path.write_text(text)
    empty = {"engine/library/__init__.py"}
    assert reached(path) - {"as_before.py"} == new - {"as_now.py"} - empty


def test_a_module_of_bare_imports_is_followed_for_what_importing_does(house):
    house.write("user_bare/patches.py", "import effects_of_it\n")
    house.write("user_bare/effects_of_it.py", "x = 1\n")
    path = staged(house, "bare", "import patches", user="user_bare")
    assert any(name.endswith("effects_of_it.py") for name in reached(path))


def test_run_counts_by_its_own_text_only(house):
    house.append("engine/stage_api/run.py", "\nfrom engine.learning import onlyrun\n")
    house.write("engine/learning/onlyrun.py", "x = 1")
    path = staged(house, "textonly")
    before = code(path)
    assert "engine/learning/onlyrun.py" not in before.modules
    house.append("engine/stage_api/run.py", "\nLATER = 1\n")
    assert code(path).digest != before.digest


@pytest.mark.parametrize(
    ("name", "imports", "body"),
    [
        ("chain", "from engine import learning", "learning.deep.ridge(1)"),
        ("direct", "from engine.learning import deep", "deep.ridge(1)"),
        ("name", "from engine.learning.deep import ridge", "ridge(1)"),
        ("renamed", "import engine.learning.deep as d", "d.ridge(1)"),
        ("dotted", "import engine.learning", "engine.learning.deep.ridge(1)"),
        ("top", "import engine", "engine.learning.deep.ridge(1)"),
        ("alias", "from engine import learning as l", "l.deep.ridge(1)"),
        ("inner", "", "from engine.learning import deep; deep.ridge(1)"),
        ("importer", "from importlib import import_module",
         "import_module('engine.learning.deep').ridge(1)"),
        ("through", "from engine.library.nets_of_test import learning", "learning.deep.ridge(1)"),
    ],
)  # fmt: skip
def test_every_way_of_naming_a_module_behind_the_door_reaches_it_and_what_it_imports(
    house, name, imports, body
):
    house.write("engine/learning/deep.py", "from engine.learning.deeper import x as ridge\n")
    house.write("engine/learning/deeper.py", "x = 1\n")
    house.write("engine/learning/aside.py", "x = 1\n")
    house.write("engine/library/nets_of_test.py", "from engine import learning\n")
    found = learned(staged(house, f"way_{name}", imports, body))
    assert {"engine/learning/deep.py", "engine/learning/deeper.py"} <= found
    assert "engine/learning/aside.py" not in found


def test_a_bare_use_of_the_door_reaches_all_behind_it(house):
    uses = {
        "bound": ("from engine import learning", "x = learning"),
        "getattr": ("from engine import learning", "getattr(learning, 'de' + 'ep')"),
        "passed": ("from engine import learning", "print(learning)"),
        "engine": ("import engine", "getattr(engine, 'learning')"),
        "star": ("from engine.learning import *", "..."),
        "computed": ("import importlib", "importlib.import_module('engine.' + 'x')"),
    }
    files = (house.root / "engine" / "learning").rglob("*.py")
    behind = {path.relative_to(house.root).as_posix() for path in files}
    fingerprints = Fingerprints(None)
    for name, (imports, body) in uses.items():
        found = code(staged(house, f"bare_{name}", imports, body), fingerprints=fingerprints)
        assert behind <= set(found.modules), name


def test_a_text_that_stays_is_parsed_once_and_a_new_one_again(house, monkeypatch):
    parsed, real = [], Reading.of
    monkeypatch.setattr(Reading, "of", lambda text: parsed.append(text) or real(text))
    path = staged(house, "parsed")
    fingerprints = Fingerprints(None)
    found = code(path, fingerprints=fingerprints)
    assert parsed.count(path.read_bytes()) == 1
    before = len(parsed)
    assert fingerprints.unchanged(found) == []
    assert code(path).digest == found.digest
    assert len(parsed) == before
    house.append("user_parsed/parsed.py", "LATER = 1\n")
    assert fingerprints.unchanged(found) == ["parsed.py"]
    assert parsed[before:] == [path.read_bytes()]


def test_type_checking_imports_reach_nothing(house):
    house.write("engine/learning/aside.py", "x = 1\n")
    imports = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from engine.learning import aside"
    )
    assert "engine/learning/aside.py" not in reached(staged(house, "checking", imports))


def test_only_stages_that_reach_a_file_change_with_it(house):
    house.write("engine/learning/deep.py", "def f():\n    return 1\n")
    one = staged(house, "reaches", "from engine import learning", "learning.deep.f()")
    other = staged(house, "reaches_not")
    before, aside = code(one), code(other)
    house.write("engine/learning/deep.py", "def f():\n    return 2  # changed\n")
    after = code(one)
    assert after.digest != before.digest
    assert code(other).digest == aside.digest
    told = explain(json.loads(before.data), json.loads(after.data))
    assert told == "code: engine/learning/deep.py changed"


def test_of_a_union_only_the_class_that_was_picked_counts(house):
    for name in ("one", "two"):
        text = f"""
            from typing import Literal
            from engine.learning import for_{name}
            from pipelines.core.stage import Params
            class {name.title()}(Params):
                kind: Literal["{name}"] = "{name}"
        """
        house.write(f"engine/library/unions_of_test/{name}.py", text)
        house.write(f"engine/learning/for_{name}.py", "x = 1\n")
    house.write("engine/library/unions_of_test/__init__.py", """
        from typing import Annotated
        from pydantic import Field
        from engine.library.unions_of_test.one import One
        from engine.library.unions_of_test.two import Two
        Any = Annotated[One | Two, Field(discriminator="kind")]
        __all__ = ["Any"]
    """)  # fmt: skip
    path = staged(house, "picks", "from engine.library.unions_of_test import Any")
    text = path.read_text().replace("size: int = 1", "size: int = 1\n    pick: Any")
    path.write_text(text)
    kind = Catalogue([path])["picks"]
    found = {}
    for name in ("one", "two"):
        params = kind.params.model_validate({"pick": {"kind": name}})
        found[name] = set(Fingerprints(None).of(kind, params).modules)
    assert found["one"] ^ found["two"] == {
        f"engine/{folder}{name}.py"
        for folder in ("library/unions_of_test/", "learning/for_")
        for name in ("one", "two")
    }
    assert "engine/library/unions_of_test/__init__.py" not in found["one"]


def test_the_union_of_the_methods_is_not_followed():
    assert Reading.of((ENGINE / "library" / "methods" / "__init__.py").read_bytes()).union


def test_a_module_with_more_than_a_union_is_followed(house):
    union = "from a import A, B\nAny = A | B\n"
    assert Reading.of(union.encode()).union
    assert not Reading.of(f"{union}LIMIT = 3\n".encode()).union
    assert not Reading.of(f"{union}def f(): return A()\n".encode()).union
    assert not Reading.of(b"from a import A\nx = A\n").union


def test_modules_beside_a_users_file_count_and_their_packages_too(house):
    house.write("mine/beside_fp.py", "from inner_fp.part import y\n")
    house.write("mine/inner_fp/__init__.py", "")
    house.write("mine/inner_fp/part.py", "from .more import y\n")
    house.write("mine/inner_fp/more.py", "y = 1\n")
    path = staged(house, "user_stage", "import beside_fp", user="mine")
    before = code(path)
    assert {"user_stage.py", "beside_fp.py", "inner_fp/part.py", "inner_fp/more.py"} <= set(
        before.modules
    )
    house.write("mine/inner_fp/more.py", "y = 2\n")
    assert code(path).digest != before.digest


def test_packages_from_elsewhere_count_by_name_and_full_version(house):
    from importlib import metadata

    house.write("engine/learning/deep.py", "import torch.nn.functional as F\nimport sklearn\n")
    path = staged(house, "thirds", "from engine import learning", "learning.deep.f()")
    packages = code(path).packages
    assert packages["torch"] == metadata.version("torch")
    assert packages["scikit-learn"] == metadata.version("scikit-learn")
    assert packages["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_another_version_of_a_package_is_other_code(house, monkeypatch):
    house.write("engine/learning/deep.py", "import torch\n")
    path = staged(house, "upgraded", "from engine import learning", "learning.deep.f()")
    before = code(path)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99.0")
    after = code(path)
    assert after.digest != before.digest
    assert "torch" in explain(json.loads(before.data), json.loads(after.data))


def test_files_that_changed_since_are_told(house):
    house.write("engine/learning/deep.py", "x = 1\n")
    path = staged(house, "watched", "from engine import learning", "learning.deep.f()")
    kind = Catalogue([path])["watched"]
    fingerprints = Fingerprints(None)
    taken = fingerprints.of(kind, kind.params())
    assert fingerprints.unchanged(taken) == []
    house.write("engine/learning/deep.py", "x = 1  # a comment\n")
    assert fingerprints.unchanged(taken) == []
    house.write("engine/learning/deep.py", "x = 2\n")
    assert fingerprints.unchanged(taken) == ["engine/learning/deep.py"]
    (house.root / "engine/learning/deep.py").unlink()
    assert fingerprints.unchanged(taken) == ["engine/learning/deep.py"]


def test_the_memo_spares_reading_unchanged_files(house, monkeypatch):
    monkeypatch.setattr("engine.identity.file_memo.SETTLED_NANOSECONDS", -1)
    path, root = staged(house, "memo"), house.root / "store"
    location.adopt(root)
    first = code(path, root)
    reads = []
    original = Reading.of
    monkeypatch.setattr(Reading, "of", lambda source: reads.append(source) or original(source))
    assert code(path, root).digest == first.digest
    assert reads == []
    house.append("engine/stage_api/scores.py", "\nLATER = 1\n")
    assert code(path, root).digest != first.digest
    assert len(reads) == 1


def test_a_fingerprint_loads_neither_torch_nor_numpy():
    program = """
import sys
from engine.stage_api.catalogue import Catalogue
from engine.identity.fingerprint import Fingerprints
kind = Catalogue()["pretrain"]
code = Fingerprints(None).of(kind, kind.params.model_construct())
assert "torch" in code.packages, code.packages
assert not {"torch", "numpy", "textual", "scipy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
