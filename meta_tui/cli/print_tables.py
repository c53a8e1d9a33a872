"""What a command prints of a run that is over: its tables."""

from engine.store import Store
from meta_tui.cli.output import columns, say, signs
from meta_tui.model.run_reducer import RunView
from meta_tui.readers.results import Missing, tables
from meta_tui.render.tables.table import text


def say_tables(view: RunView, store: Store) -> bool:
    """Print the table of each `compare` cell, under its name; whether none was damaged."""
    whole = True
    for cell, found in tables(view, store):
        say("")
        if isinstance(found, Missing):
            say(found.reason)
            whole &= not found.damaged
            continue
        say(cell.name)
        say(text(found, columns(), signs()))
    return whole
