"""Links of the documents lead somewhere, the site has every page, and MkDocs builds it strictly."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import house
import pytest
import yaml

ROOT = house.ROOT
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?![a-z]+:)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Names of a page's headings, as GitHub and MkDocs make them of plain words."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    plain = (re.sub(r"[^\w\s-]", "", title.lower()).strip() for title in _HEADING.findall(text))
    return {re.sub(r"[-\s]+", "-", title) for title in plain}


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links to a file that is not there, or to a heading that its page has not."""
    found = []
    for link in _LINK.findall(_CODE.sub("", text)):
        name, _, anchor = link.partition("#")
        path = (page.parent / name) if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=house.shown)
def test_every_link_leads_to_a_file_and_a_heading(page):
    assert broken_links(page, page.read_text()) == []


def test_a_broken_link_is_found():
    text = "[a](yaml.md) [b](gone.md) [c](yaml.md#values) [d](yaml.md#gone) `[e](f.md)` [g](#h)"
    assert broken_links(DOCS / "start.md", text) == ["gone.md", "yaml.md#gone", "#h"]


def test_the_site_has_every_page_of_the_documentation():
    listed = set(re.findall(r"[\w-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert {page.name for page in DOCS.glob("*.md")} <= listed
    assert yaml.safe_load((ROOT / "mkdocs.yml").read_text())["strict"] is True


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="the extra `docs` is not installed: make docs",
)
def test_the_site_builds_strictly(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "api" / "models" / "index.html").is_file()
    assert (
        "engine.learning.models.linear_heads"
        in (tmp_path / "api" / "models" / "index.html").read_text()
    )
    assert 'href="../decisions/"' in (tmp_path / "architecture" / "index.html").read_text()
