"""What can be known of any error: its class may be outside code, of which each attribute may raise.

Attributes are read as `BaseException` has them, whatever a class says in their place.
"""

from collections.abc import Iterator
from types import TracebackType

MOST_CAUSES = 20


def class_name(error: BaseException) -> str:
    """The name that the class of an error was made with."""
    name: str = type.__dict__["__name__"].__get__(type(error))
    return name


def module_name(error: BaseException) -> str:
    """The module that the class of an error names; empty where that is no text."""
    try:
        module = type(error).__module__
    except Exception:  # noqa: BLE001 (a metaclass's code)
        return ""
    return module if isinstance(module, str) else ""


def text(error: BaseException, limit: int = 20_000) -> str:
    """What an error says, cut; where its own code fails at that, which error that raised."""
    try:
        return str(error)[:limit]
    except BaseException as broken:  # noqa: BLE001 (the text is the stage's code)
        return f"(its text cannot be shown: {class_name(broken)})"


def cause(error: BaseException) -> BaseException | None:
    """The error that an error came from."""
    fields = BaseException.__dict__
    found: BaseException | None = fields["__cause__"].__get__(error)
    return found if found is not None else fields["__context__"].__get__(error)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and its newest causes."""
    found: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if found is None:
            return
        yield found
        found = cause(found)


def frames(error: BaseException) -> TracebackType | None:
    """Where an error was raised."""
    found: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    return found


def number(error: BaseException) -> int:
    """The errno of an `OSError`; 0 of any other error, and where a class gives no number."""
    if not issubclass(type(error), OSError):
        return 0
    found = OSError.__dict__["errno"].__get__(error)
    return found if isinstance(found, int) else 0


def file_name(error: BaseException) -> str | bytes | None:
    """The path that an `OSError` names; None where it names none that a path can be."""
    if not issubclass(type(error), OSError):
        return None
    found = OSError.__dict__["filename"].__get__(error)
    if isinstance(found, str):
        return found if "\0" not in found else None
    return found if isinstance(found, bytes) and b"\0" not in found else None
