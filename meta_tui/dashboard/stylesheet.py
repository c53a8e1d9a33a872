"""CSS that is parsed once: Textual parses all of it anew, twice, for each screen that is made."""

from textual.css.stylesheet import Stylesheet


class ParsedOnce(Stylesheet):
    """A style sheet that parses only what was added, or all of it when a variable has changed."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._given = variables

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take the colours of a theme; what was parsed with the same ones stays."""
        if variables != self._given:
            self._given = variables
            super().set_variables(variables)

    def reparse(self) -> None:
        """Parse what was not parsed since the variables have changed.

        Raises:
            StylesheetError: the CSS is not valid.
        """
        self.parse()
