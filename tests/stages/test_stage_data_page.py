"""What docs/data.md says works, on a folder and a table such as it describes."""

import re
import textwrap
from pathlib import Path

import pytest
from PIL import Image

from engine.stage_api.catalogue import Catalogue
from pipelines.pipeline import check

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("page")
    for place in range(10):
        (found / "my_images" / f"class{place}").mkdir(parents=True)
        for i in range(10):
            image = Image.new("L", (9, 7), 20 * place + i)
            image.save(found / "my_images" / f"class{place}" / f"{i}.png")
    # No column counts the rows, as an index would, which is warned of.
    rows = "".join(f"wave{i % 10},{7 * i % 300},{i * i}\n" for i in range(300))
    (found / "tasks.csv").write_text("task,x,y\n" + rows)
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=[block.partition(":")[0] for block in BLOCKS])
def test_every_block_of_the_page_passes_the_check(folder, block):
    text = "version: 1\nname: page\nstages:\n" + textwrap.indent(block, "  ")
    pipeline = check(text, file="page.yaml", folder=folder, stages=Catalogue(()))
    assert len(pipeline.cells) >= 2
    # The stand-ins here have few classes and tasks; what a person has is not known.
    assert {warning.code for warning in pipeline.warnings} <= {"few-units"}


def test_the_page_has_blocks():
    assert len(BLOCKS) == 3
