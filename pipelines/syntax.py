"""What libyaml says of a file that is not YAML, with the way to mend it."""

import yaml

from pipelines.text import safe_text

_HINTS = {
    "mapping values are not allowed": "quote a value that contains `: `, or mend the indentation",
    "could not find expected ':'": "a key ends with `:` and a space; lines of a block align",
    "cannot start any token": "indent with spaces; quote a value that begins with a tab, @, ` or %",
    "did not find expected ',' or": "close the bracket, or put a comma between two items",
    "did not find expected key": "check the indentation, and quotes inside a value",
    "did not find expected '-' indicator": "items of one list are indented alike",
    "unexpected end of stream": "a quote is not closed",
}


def explained(error: yaml.MarkedYAMLError, line: int) -> tuple[str, str]:
    """Message and hint.

    Args:
        error: of libyaml.
        line: where the message will stand, counted from 0.
    """
    problem = error.problem or "cannot be read"
    hint = next((text for part, text in _HINTS.items() if part in problem), "")
    if error.context and error.context_mark and error.context_mark.line != line:
        problem += f", {error.context} that begins in line {error.context_mark.line + 1}"
    return f"this is not YAML: {safe_text(problem)}", hint
