"""A table into a file: CSV, Markdown, LaTeX, JSON; the same from the dashboard and the commands."""

from meta_tui.export.write import FORMATS, save, save_beside, written

__all__ = ["FORMATS", "save", "save_beside", "written"]
