"""Numbers in the documentation are those of `docs/measured.json`, which `make numbers` makes."""

import importlib.util
import json
import math
import re
from types import ModuleType

import house
import pytest

from engine.planning.load import load
from engine.planning.run_request import Request

ROOT = house.ROOT
_PROSE_NUMBER = re.compile(r"(?<![\w.\-/])[+\u2212-]?\d*\.\d+(?![\w./]|\.\d)")
_NOT_PROSE = re.compile(r"```.*?```|`[^`]*`|<!--.*?-->|\(?arXiv:? ?[\d.]+|\]\([^)]*\)", re.DOTALL)
_GIVEN = re.compile(r"<!-- given: (.*?) -->", re.DOTALL)
_BEGIN = re.compile(r"<!-- numbers(?: of)?: (\S+)")
"""Also `<!-- numbers of: ladder -->`, in a section without a table of its own."""


@pytest.fixture(scope="module")
def measured() -> ModuleType:
    """The script, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("measured", ROOT / "docs" / "measured.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rounds_to(value: float, told: str) -> bool:
    """Whether a value is told so, to the digits that stand there; signs and percent are free."""
    text = told.replace("\u2212", "-").lstrip("+-")
    digits = len(text.partition(".")[2])
    half = 0.5000001 * 10**-digits
    return any(abs(abs(value) * unit - float(text)) <= half for unit in (1, 100))


def known(kept: dict, run: str) -> list[float]:
    """Every number that the tables of a run have."""
    found: list[float] = []
    for table in kept[run]["tables"].values():
        intervals = [one for row in table["rows"] for one in row["values"].values()]
        intervals += [contrast["difference"] for contrast in table["contrasts"]]
        for one in intervals:
            ends = [one[name] for name in ("mean", "low", "high") if one[name] is not None]
            found += [value for value in ends if math.isfinite(value)]
            if one["low"] is not None:
                found.append((one["high"] - one["low"]) / 2)
    return found


def sections(text: str) -> list[str]:
    return re.split(r"^(?=## )", text, flags=re.MULTILINE)


def unknown(section: str, kept: dict) -> list[str]:
    """Decimals in a section's sentences that no table of its runs has, and that are not given."""
    runs = dict.fromkeys(match[1] for match in _BEGIN.finditer(section))
    if not runs:
        return []
    values = [value for run in runs for value in known(kept, run)]
    given = " ".join(_GIVEN.findall(section)).split()
    prose = _NOT_PROSE.sub("", section)
    return [
        told
        for told in _PROSE_NUMBER.findall(prose)
        if told not in given and not any(rounds_to(value, told) for value in values)
    ]


def test_every_block_of_numbers_is_what_was_measured(measured):
    assert measured.stale(measured.read()) == []


def test_sentences_tell_no_number_that_was_not_measured(measured):
    kept = measured.read()
    wrong = {
        f"{page.name}: {section.splitlines()[0]}": found
        for page in measured.pages()
        if page.suffix == ".md"
        for section in sections(page.read_text())
        if (found := unknown(section, kept))
    }
    assert wrong == {}


def test_a_number_that_was_not_measured_is_found():
    interval = {"mean": 0.4312, "low": 0.4, "high": 0.4624}
    table = {"rows": [{"values": {"a": interval}}], "contrasts": []}
    kept = {"r": {"tables": {"t": table}}}
    page = "## A\n<!-- numbers: r t -->\nIt is .43, or 43.1 %, ± .03. `x: .9` <!-- given: .05 -->"
    assert unknown(page, kept) == []
    assert unknown(page + " At a rate of .05 it was .44 and 1.43", kept) == [".44", "1.43"]
    assert unknown("## A\nIt is .99.", kept) == []


def test_blocks_are_written_in_pages_and_in_yaml(measured, tmp_path):
    kept = json.loads((ROOT / "tests" / "laws" / "measured.json").read_text())
    page = measured.written(
        "a\n<!-- numbers: r t rows=probe -->\nold\n<!-- end numbers -->\nb\n", kept
    )
    assert page.startswith("a\n<!-- numbers: r t rows=probe -->\n```text\nmeta run x.yaml: 3 cells")
    assert "old" not in page
    assert "probe" in page
    assert "tuned" not in page
    assert page.endswith("```\n<!-- end numbers -->\nb\n")
    assert measured.written(page, kept) == page
    yaml = measured.written(
        "# numbers: r t across=z metrics=a/loss\n# end numbers\nversion: 1\n", kept
    )
    assert "# a/loss, z =" in yaml
    assert re.search(r"# tuned +0\.500 +0\.250", yaml)
    assert yaml.endswith("# end numbers\nversion: 1\n")


def test_a_block_of_a_run_that_was_not_made_says_so(measured):
    with pytest.raises(SystemExit, match="no numbers of `gone`"):
        measured.written("# numbers: gone t\n# end numbers\n", {})


TRAINED_OTHERWISE = """\
version: 1
name: shots
stages:
  lessons: {uses: tasks, with: {kind: sinusoid, task: wave, episode: {shots: 5}, queries: 5}}
  exam: {uses: tasks, with: {kind: sinusoid, task: exam, episode: {shots: 1}, count: 40}}
  learner:
    uses: meta_train
    from: {tasks: lessons}
    with:
      algorithm: {kind: maml, steps: 1}
      net: {kind: mlp, hidden: [16]}
      budget: {tasks: 40}
  judged: {uses: meta_evaluate, from: {learner: learner, tasks: exam}}
"""


def test_the_warning_that_the_lecture_quotes_is_what_check_says(tmp_path):
    quoted = re.findall(
        r"^warning: (.*)$", (ROOT / "docs" / "lecture.md").read_text(), re.MULTILINE
    )
    file = tmp_path / "shots.yaml"
    file.write_text(TRAINED_OTHERWISE)
    told = [warning.message for warning in load(Request(file, tmp_path)).warnings]
    assert quoted
    assert set(quoted) <= set(told)
