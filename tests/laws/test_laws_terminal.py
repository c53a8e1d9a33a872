"""All text to a terminal goes through `meta_tui/terminal.py`; nothing else writes there."""

import ast

import house
import pytest

STREAMS = {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__", "sys.displayhook"}
CALLS = {
    "print", "pprint", "pprint.pprint", "input", "breakpoint", "typer.echo", "typer.secho",
    "typer.prompt", "typer.confirm", "click.echo", "click.secho", "rich.print", "Console",
    "rich.console.Console", "logging.StreamHandler", "logging.basicConfig", "getpass.getpass",
    "traceback.print_exc", "traceback.print_exception", "traceback.print_stack",
    "traceback.print_last", "ast.dump_to_terminal", "faulthandler.enable", "warnings.showwarning",
}  # fmt: skip
NUMBERED = {"os.write", "os.writev", "os.pwrite", "os.fdopen", "open", "os.dup", "os.sendfile"}
"""With 1 or 2 as the first argument they write to, or hand out, a standard stream."""
FROM = {
    ("sys", "stdout"), ("sys", "stderr"), ("rich", "print"), ("rich.console", "Console"),
    ("typer", "echo"), ("typer", "secho"), ("click", "echo"), ("builtins", "print"),
}  # fmt: skip
DEVICES = ("/dev/tty", "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "/proc/self/fd")
ESCAPES = ("\x1b", "\x9b")
ALLOWED = {
    "meta_tui/terminal.py": "the door itself",
    "engine/execution/runner.py": "its stderr is the file `runner.log`, which the door shows",
    "engine/workers/global_state.py": "it only looks whether a stage has replaced them",
    "engine/workers/worker.py": "its streams are a pipe to the runner and the log of a cell",
}
"""File -> why it may."""


def writes(tree: ast.Module) -> list[str]:
    """What in a module could write to a terminal."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and house.dotted(node) in STREAMS:
            found.append(house.dotted(node))
        if isinstance(node, ast.ImportFrom):
            found += [
                f"{node.module}.{alias.name}"
                for alias in node.names
                if (node.module, alias.name) in FROM
            ]
        if isinstance(node, ast.Call):
            name = house.dotted(node.func)
            first = node.args[0] if node.args else None
            to = getattr(first, "value", None)
            if name in CALLS or (name in NUMBERED and type(to) is int and to in (1, 2)):
                found.append(name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [device for device in DEVICES if node.value.startswith(device)]
    return found


def escapes(tree: ast.Module) -> list[str]:
    """Escape characters in the strings of a module."""
    return [
        repr(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str | bytes)
        and any(
            sign in node.value if isinstance(node.value, str) else sign.encode() in node.value
            for sign in ESCAPES
        )
    ]


@pytest.mark.parametrize("path", house.sources(), ids=house.shown)
def test_only_the_door_writes_to_a_terminal(path):
    found = writes(house.tree(path))
    assert found == [] or house.shown(path) in ALLOWED


@pytest.mark.parametrize("path", house.sources(), ids=house.shown)
def test_only_the_renderer_of_colours_has_escape_characters(path):
    assert escapes(house.tree(path)) == [] or house.shown(path) == "meta_tui/render/text/escapes.py"


def test_every_exception_is_there_and_needed():
    for name in ALLOWED:
        assert writes(house.tree(house.ROOT / name)), name
    assert escapes(house.tree(house.ROOT / "meta_tui/render/text/escapes.py"))


@pytest.mark.parametrize(
    "text",
    [
        "print(x)", "sys.stdout.write(x)", "out = sys.stderr", "os.write(1, x)", "os.write(2, x)",
        "typer.echo(x)", "Console()", "rich.console.Console(stderr=True)", "from sys import stdout",
        "from rich import print", "traceback.print_exc()", "open('/dev/tty', 'w')", "os.fdopen(2)",
        "input('?')", "sys.__stderr__.write(x)", "os.dup(1)", "open(1, 'w')",
    ],
)  # fmt: skip
def test_the_law_sees(text):
    assert writes(ast.parse(text))


@pytest.mark.parametrize("text", [r"'\x1b[0m'", r"b'\x1b]52'", r"f'\x1b[{x}m'", r"'\x9b31m'"])
def test_the_law_sees_an_escape(text):
    assert escapes(ast.parse(text))


def test_other_writing_is_free():
    assert writes(ast.parse("os.write(log, x); file.write(x); os.dup(log); say(x)")) == []
