"""Every pipeline that we print parses with a stock loader and passes our own check."""

import re
import zipfile
from pathlib import Path

import house
import pytest
import yaml

from engine.learning.data import omniglot_index
from engine.library.datasets.builtin import MNIST_FILES
from engine.stage_api.catalogue import Catalogue
from pipelines.pipeline import check

FENCE = re.compile(r"^```ya?ml[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Place and text of every YAML block of the documents, and every example."""
    pages = [*house.ROOT.glob("*.md"), *(house.ROOT / "docs").rglob("*.md")]
    found = []
    for page in sorted(pages):
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text[: match.start()].count("\n") + 2
            found.append((f"{house.shown(page)}:{line}", match.group(1)))
    examples = sorted((house.ROOT / "examples").rglob("*.yaml"))
    return found + [(house.shown(path), path.read_text(encoding="utf-8")) for path in examples]


def whole(text: str) -> bool:
    data = yaml.safe_load(text)
    return isinstance(data, dict) and "stages" in data


BLOCKS = blocks()
PLACES = [place for place, _ in BLOCKS]


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    """A folder like META_DATA: a check reads names alone, so no file in it holds an image."""
    folder: Path = tmp_path_factory.mktemp("data")
    (folder / "mnist").mkdir()
    for name in (*MNIST_FILES["train"], *MNIST_FILES["test"]):
        (folder / "mnist" / name).touch()
    (folder / "omniglot" / "splits").mkdir(parents=True)
    archives = {
        name: zipfile.ZipFile(folder / "omniglot" / name, "w") for name in omniglot_index.ARCHIVES
    }
    for character in omniglot_index.folders():
        archive = archives[f"{character.partition('/')[0]}.zip"]
        for drawer in range(1, omniglot_index.DRAWERS + 1):
            archive.writestr(f"{character}/0000_{drawer:02}.png", b"")
    for archive in archives.values():
        archive.close()
    names = omniglot_index.characters()
    for part, first, last in (("train", 0, 1028), ("val", 1028, 1200), ("test", 1200, 1623)):
        listed = "\n".join(f"{name}/rot000" for name in names[first:last])
        (folder / "omniglot" / "splits" / f"vinyals_{part}.txt").write_text(listed + "\n")
    return folder


@pytest.mark.parametrize(("place", "text"), BLOCKS, ids=PLACES)
def test_a_block_parses_with_a_stock_loader(place, text):
    assert yaml.safe_load(text) is not None


@pytest.mark.parametrize(
    ("place", "text"), [block for block in BLOCKS if whole(block[1])],
    ids=[place for place, text in BLOCKS if whole(text)],
)  # fmt: skip
def test_a_whole_pipeline_passes_the_check(place, text, collections, monkeypatch):
    monkeypatch.setenv("META_DATA", str(collections))
    own = sorted((house.ROOT / "examples").glob("*.py"))
    pipeline = check(text, file=place, folder=house.ROOT / "examples", stages=Catalogue(own))
    assert pipeline.cells
    assert [warning.render() for warning in pipeline.warnings] == []


def test_the_pipeline_of_the_readme_is_an_example_of_15_lines():
    (shown,) = (text for place, text in BLOCKS if place.startswith("README.md") and whole(text))
    example = (house.ROOT / "examples" / "forgetting.yaml").read_text(encoding="utf-8")
    assert shown == example[example.index("version:") :]
    assert len(shown.splitlines()) == 15


def test_there_are_examples_and_pages_to_check():
    assert any(place.startswith("examples/") for place in PLACES)
    assert any(place.startswith("docs/") for place in PLACES)


def test_blocks_are_found_with_their_line():
    text = "one\n```yaml\na: 1\n```\nthree\n"
    assert [match.group(1) for match in FENCE.finditer(text)] == ["a: 1\n"]
