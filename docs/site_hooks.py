"""Hooks of MkDocs (`mkdocs.yml`): pages from outside of docs/, the decisions, the API of learning.

README, ARCHITECTURE, CONTRIBUTING, SECURITY, CHANGELOG and the examples become files of the site. A
relative link is resolved where the page lies in the repository, and leads to the same file in the
site, so that every link works on both.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Files beside docs/ -> their place in the site."""
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def on_config(config: Any) -> Any:
    """Fill the sections of the navigation that list files."""
    for entry in config["nav"]:
        if "Decisions" in entry:
            entry["Decisions"] = ["decisions/index.md", *_decisions()]
        elif "API of engine.learning" in entry:
            names = [f"api/{name}.md" for name in _packages()]
            entry["API of engine.learning"] = ["api/index.md", *names]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add what does not lie in docs/."""
    for source, target in PAGES.items():
        files.append(File.generated(config, target, content=(ROOT / source).read_text()))
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        target = f"examples/{path.name}"
        files.append(File.generated(config, target, content=path.read_text()))
    for target, content in {**_index_pages(), **_api_pages()}.items():
        files.append(File.generated(config, target, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let the links of a page lead to files of the site."""
    target = PurePosixPath(page.file.src_uri)
    source = next((path for path, uri in PAGES.items() if uri == str(target)), f"docs/{target}")

    def rewrite(match: re.Match[str]) -> str:
        path = os.path.normpath(PurePosixPath(source).parent / match[1])
        return os.path.relpath(_site_path(path), target.parent)

    return _LINK.sub(rewrite, markdown)


def _site_path(path: str) -> str:
    """Return where a file of the repository lies in the site."""
    if path == "docs/decisions":
        return "decisions/index.md"
    return PAGES.get(path, path.removeprefix("docs/"))


def _decisions() -> list[str]:
    return [f"decisions/{path.name}" for path in sorted((ROOT / "docs/decisions").glob("*.md"))]


def _index_pages() -> dict[str, str]:
    """Return the list of decisions."""
    lines = ["# Decisions", "", "Choices that a newcomer would question.", ""]
    for uri in _decisions():
        title = _TITLE.search((ROOT / "docs" / uri).read_text())
        name = PurePosixPath(uri).name
        lines.append(f"- [{title[1] if title else name}]({name})")
    return {"decisions/index.md": "\n".join(lines) + "\n"}


def _packages() -> list[str]:
    """Return the packages of `engine.learning`."""
    folder = ROOT / "engine" / "learning"
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


def _api_pages() -> dict[str, str]:
    """Return a page for each package of `engine.learning`, made from its docstrings."""
    links = "".join(f"- [`engine.learning.{name}`]({name}.md)\n" for name in _packages())
    index = (
        "# API of engine.learning\n\n"
        "For notebooks: the package knows no stage and no file of a run. Its modules are loaded at"
        " first use.\n\n"
        "```python\nfrom engine import learning\n\n"
        "help(learning.models.linear_heads)\n```\n\n" + links
    )
    pages = {f"api/{name}.md": f"::: engine.learning.{name}\n" for name in _packages()}
    return {"api/index.md": index, **pages}
