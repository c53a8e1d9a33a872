"""`meta cache verify`: reads all that is stored, and names what is damaged."""

import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from engine.planning.run_request import home
from engine.store import Store, marker
from engine.store.verification import LISTING, Damage, verify
from meta_tui.cli import options
from meta_tui.cli.output import say, say_json
from meta_tui.render.runs.cell_details import file_size
from meta_tui.terminal import warn
from pipelines.core.errors import StageError, UsageError

_TOLD_SECONDS = 2.0
_NAMED = 12
"""Characters of a digest that are shown."""


class Deed(StrEnum):
    """What can be done with the store."""

    VERIFY = "verify"


class _Progress:
    """Says on stderr how far it is, when it takes long."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, objects: int, read: int, whole: int) -> None:
        if time.monotonic() - self._said > _TOLD_SECONDS:
            self._said = time.monotonic()
            warn(f"  {file_size(read)} of {file_size(whole)} read, {objects} objects")


def cache(
    deed: Annotated[Deed, typer.Argument(help="Read all objects and results.", show_default=False)],
    put_aside: Annotated[
        bool,
        typer.Option("--quarantine", help="Put what is damaged aside, with results that need it."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    del deed
    place = home()
    if not marker.marked(place):
        raise UsageError(f"there is no store in {place}; `meta run FILE` makes one")
    found = verify(Store(place, readonly=not put_aside), _Progress(), put_aside=put_aside)
    for damage in found.damage:
        say_json(asdict(damage)) if as_json else say(_told(damage))
    if as_json:
        counts = {"objects": found.objects, "bytes": found.bytes, "results": found.results}
        say_json({**counts, "damaged": len(found.damage)})
    else:
        say(
            f"{found.objects} objects ({file_size(found.bytes)}) and {found.results} results read: "
            f"{len(found.damage) or 'nothing'} damaged"
        )
        if found.damage and put_aside:
            say(f"it was put in {place / 'quarantine'}; {_remedy(found.damage)}")
        elif found.damage:
            say(f"{_remedy(found.damage)}; `--quarantine` puts all of it aside")
    if found.damage:
        raise typer.Exit(StageError.exit_code)


def _remedy(damage: tuple[Damage, ...]) -> str:
    """What mends the damage."""
    listings = [it for it in damage if it.users and it.users[0].where == LISTING]
    told = ["`meta run` computes what it needs again"] if len(listings) < len(damage) else []
    if listings:
        told.append("`meta run` writes the code listings of cells that still have that code")
    return "; ".join(told)


def _told(damage: Damage) -> str:
    if not damage.object:
        return f"damaged  result {damage.users[0].key[:_NAMED]}: {damage.reason}"
    what = f"damaged  object {damage.object[:_NAMED]} {damage.reason}"
    if not damage.users:
        return f"{what}: no result needs it"
    user, more = damage.users[0], len(damage.users) - 1
    others = f", and {more} more result{'s' * (more > 1)}" if more else ""
    use = ", only used to explain why it runs again" if user.where == LISTING else ""
    return (
        f"{what}: {user.where} of {user.cell or 'a cell'}, "
        f"result {user.key[:_NAMED]} of run {user.run or '?'}{others}{use}"
    )
