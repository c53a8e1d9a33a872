"""Help texts: the docstrings under a class's attributes, read from its source only when asked."""

import ast
import inspect
import textwrap
from functools import lru_cache
from itertools import pairwise

_FOREIGN = {"builtins", "abc", "typing", "pydantic"}


def describe(kind: type) -> dict[str, str]:
    """Attribute -> its docstring, those of base classes included; empty where there is no source.

    A docstring of several lines is one text.
    """
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] not in _FOREIGN:
            found.update(_own(base))
    return found


# Parsing takes a millisecond a class, and many parameters have the same bases.
@lru_cache(maxsize=512)
def _own(kind: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except (OSError, TypeError):
        return {}  # a builtin, or a class made in a session: there is nothing to read
    body = ast.parse(source).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    found: dict[str, str] = {}
    for attribute, text in pairwise(statements):
        match attribute, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                if not name.startswith("_"):
                    found[name] = " ".join(words.split())
    return found
