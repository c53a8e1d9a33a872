"""What libyaml says of a file that is not YAML, with the way to mend it."""

import re

import yaml

from pipelines.core.text import safe_text

_HINTS = {
    "mapping values are not allowed": "quote a value that contains `: `, or mend the indentation",
    "could not find expected ':'": "a key ends with `:` and a space; lines of a block align",
    "cannot start any token": "indent with spaces; quote a value that begins with a tab, @, ` or %",
    "did not find expected ',' or": "close the bracket, or put a comma between two items",
    "did not find expected key": "check the indentation, and quotes inside a value",
    "did not find expected '-' indicator": "items of one list are indented alike",
    "unexpected end of stream": "a quote is not closed",
}


_BRACES = re.compile(r"\$?\{\{?\s*(?P<name>[A-Za-z][A-Za-z0-9_.-]*)\s*\}\}?")


def in_braces(text: str) -> str:
    """A hint to how `${{ params.x }}`, `${x}` and `{{ x }}` of other tools are written, if any."""
    found = next((each for each in _BRACES.finditer(text) if _foreign(each[0])), None)
    if found is None:
        return ""
    name = found["name"]
    rooted = name if name.startswith(("params.", "matrix.")) or name == "seed" else f"params.{name}"
    return f"write `${safe_text(rooted)}`, without braces; `$$` is a dollar"


def _foreign(text: str) -> bool:
    return text.startswith(("$", "{{"))


def explained(error: yaml.MarkedYAMLError, line: int, text: str = "") -> tuple[str, str]:
    """Message and hint.

    Args:
        error: of libyaml.
        line: where the message will stand, counted from 0.
        text: of that line.
    """
    problem = error.problem or "cannot be read"
    hint = next((words for part, words in _HINTS.items() if part in problem), "")
    hint = in_braces(text) or hint
    if error.context and error.context_mark and error.context_mark.line != line:
        problem += f", {error.context} that begins in line {error.context_mark.line + 1}"
    return f"this is not YAML: {safe_text(problem)}", hint
