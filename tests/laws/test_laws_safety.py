"""What may stand nowhere in this house, and what only in one place."""

import ast

import house
import pytest

FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
FORBIDDEN_CALLS = {
    "torch.load", "torch.save", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec",
    "os.system", "os.popen", "tarfile.open", "shutil.unpack_archive",
}  # fmt: skip
FORBIDDEN_METHODS = {"extractall"}
ENVIRONMENT = {"dict(os.environ)", "os.environ.copy()", "{**os.environ}"}
DISK = {
    "os.rename", "os.replace", "os.link", "os.symlink", "os.fsync", "os.fdatasync", "os.unlink",
    "os.remove", "os.rmdir", "os.mkdir", "os.makedirs", "shutil.rmtree", "shutil.move",
    "shutil.copy", "shutil.copyfile", "shutil.copytree", "tempfile.mkstemp", "tempfile.mkdtemp",
}  # fmt: skip
DISK_METHODS = {
    "rename", "unlink", "rmdir", "mkdir", "symlink_to", "hardlink_to", "touch", "write_text",
    "write_bytes",
}  # fmt: skip
WRITES_WHAT_IT_IS_HANDED = (
    "engine/library/artifacts/",
    "engine/stage_api/artifact_json.py",
    "engine/learning/",
    "engine/library/comparison/",
)
"""Write their files into an empty folder that the store made for them."""


def unsafe(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [name for name in names if name.partition(".")[0] in FORBIDDEN_IMPORTS]
        if isinstance(node, ast.Call):
            name = house.dotted(node.func)
            if name in FORBIDDEN_CALLS or name.rpartition(".")[2] in FORBIDDEN_METHODS:
                found.append(name)
            found += [
                "shell=True"
                for word in node.keywords
                if word.arg == "shell" and getattr(word.value, "value", None) is not False
            ]
        if isinstance(node, ast.Call | ast.Dict) and ast.unparse(node) in ENVIRONMENT:
            found.append("the whole of os.environ")
    return found


def test_nothing_unsafe_stands_anywhere():
    found = {house.shown(path): unsafe(house.tree(path)) for path in house.sources()}
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from pickle import loads", "torch.load(f)", "yaml.load(f, Loader=L)",
        "archive.extractall(p)", "subprocess.run(c, shell=True)", "eval(x)", "dict(os.environ)",
        "os.environ.copy()", "x = {**os.environ}", "import joblib",
    ],
)  # fmt: skip
def test_the_law_sees(text):
    assert unsafe(ast.parse(text))


def touches_disk(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = house.dotted(node.func)
        mode = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "mode")]
        modes = [item.value for item in mode if isinstance(item, ast.Constant)]
        opens = name == "open" or name.endswith(".open")
        if name.endswith(".open") and node.args and isinstance(node.args[0], ast.Constant):
            modes.append(node.args[0].value)
        if name in DISK or (name.rpartition(".")[2] in DISK_METHODS and "." in name):
            found.append(name)
        elif opens and any(set("wax+") & set(str(item)) for item in modes):
            found.append(f"{name} for writing")
        elif name == "os.open" and "O_CREAT" in ast.unparse(node):
            found.append("os.open with O_CREAT")
    return found


def engine_sources() -> list:
    allowed = ("engine/store/fs.py", *WRITES_WHAT_IT_IS_HANDED)
    return [
        path
        for path in house.sources()
        if house.shown(path).startswith("engine/") and not house.shown(path).startswith(allowed)
    ]


def test_only_fs_creates_renames_removes_and_syncs():
    assert len(engine_sources()) > 50
    found = {
        house.shown(path): [
            name
            for name in touches_disk(house.tree(path))
            if not name.startswith(("fs.", "self._disk.", "self.disk."))
        ]
        for path in engine_sources()
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "os.rename(a, b)", "path.rename(b)", "os.fsync(f)", "path.mkdir()", "open(p, 'w')",
        "path.open('ab')", "path.open(mode='x')", "os.open(p, os.O_CREAT)", "path.write_text('')",
        "shutil.rmtree(p)",
    ],
)  # fmt: skip
def test_the_law_of_the_disk_sees(text):
    assert touches_disk(ast.parse(text))


def test_reading_is_free():
    assert touches_disk(ast.parse("open(p, 'rb'); path.open(); path.read_text()")) == []
