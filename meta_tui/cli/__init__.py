"""The command `meta`: Typer over the engine, one small file for each group of verbs, no logic."""

from meta_tui.cli.app import main

__all__ = ["main"]
