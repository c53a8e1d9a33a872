"""The palette of commands: all that keys do now, and every stage by its name."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, cast

from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from meta_tui.dashboard.screens.base import RunScreenBase
from meta_tui.dashboard.state.keymap import entries
from meta_tui.render.graph.items import Item

_KEYS_ALONE = ("command_palette", "move", "aside", "end", "scroll_", "page_", "app.focus_")
"""What actions begin with that are of use only as keys."""


class Command(NamedTuple):
    """Something to do; `name` is plain text, never markup."""

    name: str
    beside: str
    run: Callable[[], Awaitable[Any] | Any]


class Commands(Provider):
    """What is offered over the screen that was shown."""

    def _commands(self) -> Iterator[Command]:
        for group in entries(self.app, self.screen.active_bindings).values():
            for entry in group:
                if not entry.action.startswith(_KEYS_ALONE):
                    run = partial(self.app.run_action, entry.action, entry.node)
                    yield Command(entry.told, " ".join(dict.fromkeys(entry.keys)), run)
        shown = cast("object", self.screen)
        if isinstance(shown, RunScreenBase):
            for stage in shown.source.stages:
                beside = f"{stage.type}, {stage.state.value}"
                yield Command(f"go to {stage.name}", beside, partial(_goto, self.app, stage.name))

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for command in self._commands():
            yield DiscoveryHit(_shown(Content(command.name), command), command.run, command.name)

    async def search(self, query: str) -> Hits:
        """What has the letters of the query, in their order."""
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.name)
            if score > 0:
                name = Content(command.name)
                for at in matcher.fuzzy_search.match(query, command.name)[1]:
                    name = name.stylize("underline", at, at + 1)
                yield Hit(score, _shown(name, command), command.run, command.name)


def _shown(name: Content, command: Command) -> Content:
    return Content.assemble(name, "  ", (command.beside, "$text-muted"))


async def _goto(app: App[object], stage: str) -> None:
    """Show the run, with the cursor on a stage."""
    await app.switch_mode("run")
    shown = cast("object", app.screen)
    if isinstance(shown, RunScreenBase):
        shown.goto(Item(stage))
