"""Themes that everybody can tell apart, no colours, and ASCII alone."""

import itertools

import pytest
from rich.color import Color
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color as ScreenColor

from meta_tui.config import THEMES as NAMES
from meta_tui.config import Config
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.themes import _NAMED, TABLES, THEMES, filters
from meta_tui.dashboard.widgets.palette import COLOURS

SIGHTS = {
    # Machado, Oliveira and Fernandes 2009, severity 1.0: what is seen of linear red, green, blue.
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip
PALETTE = {name: COLOURS[style] for name, style in _NAMED.items()}
COLOURFUL = {"dark": PALETTE, **TABLES}
GROUNDS = {"dark": "#121212", "colorblind": "#121212", "light": "#fafafa"}


def linear(colour: str) -> list[float]:
    parts = [part / 255 for part in Color.parse(colour).triplet]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def lab(colour: str, sight: str) -> list[float]:
    """CIE L*a*b* of what is seen of a colour."""
    light = linear(colour)
    seen = [
        min(1.0, max(0.0, sum(m * c for m, c in zip(row, light, strict=True))))
        for row in SIGHTS[sight]
    ]
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.95047, 1.0, 1.08883)
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (
            sum(m * c for m, c in zip(row, seen, strict=True)) / w
            for row, w in zip(to_xyz, white, strict=True)
        )
    )
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


def apart(colours: dict[str, str], sight: str) -> float:
    """The distance of the two colours that are nearest to each other."""
    shown = [lab(colour, sight) for name, colour in colours.items() if name != "grey"]
    return min(
        sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5
        for a, b in itertools.combinations(shown, 2)
    )


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", COLOURFUL)
def test_the_six_colours_are_told_apart_by_everybody(theme, sight):
    assert apart(COLOURFUL[theme], sight) > (30 if theme == "colorblind" else 10)


@pytest.mark.parametrize("theme", COLOURFUL)
def test_every_colour_is_read_on_its_ground(theme):
    def luminance(colour: str) -> float:
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))

    for name, colour in COLOURFUL[theme].items():
        low, high = sorted((luminance(colour), luminance(GROUNDS[theme])))
        assert (high + 0.05) / (low + 0.05) > 4.4, name


def test_every_theme_that_can_be_written_exists():
    assert set(NAMES) == set(THEMES) == {*COLOURFUL, "mono"}


def colours_of(app: Dashboard) -> set[str]:
    """All colours on the screen."""
    found = set()
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            for colour in (segment.style.color, segment.style.bgcolor):
                found.add(colour.triplet.hex if colour and colour.triplet else "default")
    return found


WALK = ("", "d", "d 2", "3", "1 question_mark", "escape X", "escape r", "escape colon",
        "escape tab y")  # fmt: skip
"""Keys that lead through screens, questions and lists, each from where those before it led."""


async def shown(folder, store, config, walk=("",), size=(120, 40)) -> dict[str, tuple[set, str]]:
    """Colours and text of the dashboard with some settings, after each of the keys of a walk."""
    source = Source(folder, store, now=lambda: 1103.0, config=config)
    app = Dashboard(source, timers=False)
    found = {}
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for keys in walk:
            await pilot.press(*keys.split())
            await pilot.pause(0.1 if "colon" in keys else None)
            rows = app.screen._compositor.render_strips()
            found[keys] = (colours_of(app), "\n".join(strip.text for strip in rows))
    return found


@pytest.mark.parametrize("theme", TABLES)
async def test_a_theme_leaves_no_colour_of_the_palette(live, store, theme):
    usual, _ = (await shown(live, store, Config()))[""]
    found, _ = (await shown(live, store, Config(theme=theme)))[""]
    assert usual & set(PALETTE.values())
    assert not found & set(PALETTE.values()) - set(TABLES[theme].values())
    assert found & set(TABLES[theme].values())


async def test_the_light_theme_is_light(live, store):
    found, _ = (await shown(live, store, Config(theme="light")))[""]
    assert GROUNDS["light"] in found
    assert GROUNDS["dark"] not in found


@pytest.mark.parametrize("why", ["theme", "NO_COLOR"])
async def test_without_colours_there_are_none(live, store, monkeypatch, why):
    if why == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    config = Config(theme="mono" if why == "theme" else "dark")
    found = await shown(live, store, config, ("", "question_mark", "escape X", "escape 2"))
    assert all(colours == {"default"} for colours, _ in found.values())
    # The focus is still seen.
    assert "┏━ stages" in found[""][1]


@pytest.mark.parametrize("size", [(60, 18), (120, 40)])
async def test_ascii_leaves_nothing_else_on_the_screen(live, store, size):
    found = await shown(live, store, Config(ascii=True), WALK, size)
    assert len({text for _, text in found.values()}) == len(WALK)
    for keys, (_, text) in found.items():
        assert text.isascii(), keys
        assert len({len(row) for row in text.split("\n")}) == 1, keys


def test_whatever_a_widget_shows_nothing_of_it_acts_on_the_terminal():
    hostile = "a\x1b]52;c;x\x07\x9b31m\u202e\u200b\U000e0041\ud800\rz\x00"
    segments = [Segment(hostile, RichStyle(bold=True)), Segment("\x1b[H", None, [(1,)])]
    for config in (Config(), Config(theme="mono"), Config(ascii=True), Config(theme="light")):
        own = filters(config, colours=config.theme != "mono")
        shown = list(segments)
        for one in own:
            shown = one.apply(shown, ScreenColor(0, 0, 0))
        sign = "?" if config.ascii else "\ufffd"
        assert shown[0].text == f"a{sign}]52;c;x{sign}{sign}31m{sign * 5}z{sign}"
        assert len(shown[0].text) == len(hostile)
        assert shown[1].text == "\x1b[H"
