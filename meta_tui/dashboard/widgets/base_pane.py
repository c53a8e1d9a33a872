"""A pane that draws its own rows, and is painted again only where it changed."""

from collections.abc import Iterable

from rich.style import Style
from textual.content import Content
from textual.scroll_view import ScrollView


class Pane(ScrollView):
    """Textual makes a style anew for every row, and paints a widget whose title is set as a whole.

    Here a style is kept until the look of the pane changes, and a title is set when it is another.
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(id=id)
        self._under: Style | None = None
        self._titles: tuple[str, str] | None = None

    @property
    def under(self) -> Style:
        """What rows are drawn on."""
        if self._under is None:
            self._under = self.rich_style
        return self._under

    def notify_style_update(self) -> None:
        """The pane looks different: it has the focus, or there is another theme."""
        self._under = None
        super().notify_style_update()

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Words in its border, at the top and at the bottom: plain text, never markup."""
        if (title, subtitle) != self._titles:
            self._titles = title, subtitle
            self.border_title, self.border_subtitle = Content(title), Content(subtitle)

    def paint(self, rows: Iterable[int]) -> None:
        """Paint some rows again, those of them that are seen."""
        top = self.scroll_offset.y
        for row in rows:
            if top <= row < top + self.size.height:
                self.refresh_line(row)
