"""Screen 3: pictures of cells, scrubbed with arrows."""

import io

import numpy as np
import pytest
from PIL import Image
from rich.style import Style
from test_dashboard_grids import agrees, drawn
from test_dashboard_keys import append

from engine.learning.plotting import image_grid as pictures
from engine.library.artifacts import Gallery, Picture
from engine.rundir.events import RunEnded
from engine.store import Output, Result
from meta_tui.dashboard.app import Dashboard
from meta_tui.dashboard.screens.gallery import GalleryScreen, label, shared_ports
from meta_tui.dashboard.state.run_source import Source
from meta_tui.dashboard.widgets.image_view import PicturePane, tiles
from meta_tui.dashboard.widgets.select_list import Choices
from meta_tui.model.run_view import CellView
from meta_tui.render.images.half_blocks import Tile

RED, BLUE = (200, 0, 0), (0, 0, 200)


def png(colour, size=(40, 20)):
    packed = io.BytesIO()
    Image.new("RGB", size, colour).save(packed, "PNG")
    return packed.getvalue()


def publish(store, cell, *pictures):
    with store.scratch() as folder:
        Gallery(tuple(pictures)).write(folder)
        files = {path.name: store.put(path) for path in folder.iterdir()}
    output = Output("Gallery", Gallery.format, files)
    store.publish(f"{cell:064x}", Result(outputs={"gallery": output}))
    return files


@pytest.fixture
def painted(store, finished):
    """Two cells with pictures: three of the one, one of the other."""
    steps = [
        Picture(f"step-{n}", f"after {n} steps", png(colour))
        for n, colour in ((0, RED), (10, BLUE), (20, RED))
    ]
    publish(store, 5, *steps)
    hostile = Picture("last", "[b]bold[/b] \x1b[31m and long " * 40, png(BLUE))
    publish(store, 7, hostile, Picture("other", "another", png(RED)))
    return Source(finished, store, now=lambda: 1103.0)


def text_of(app):
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in rows)


def colours_of(app):
    """Colours of the half blocks that are on the screen."""
    return {
        tuple(segment.style.color.triplet)
        for strip in app.screen._compositor.render_strips()
        for segment in strip
        if "▀" in segment.text
    }


async def test_3_shows_the_cells_that_have_pictures_and_the_first_picture(painted):
    app = Dashboard(painted, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        shown = text_of(app)
        assert isinstance(app.screen, GalleryScreen)
        assert len(app.screen.query_one(Choices).rows) == 2
        for part in ("tuned@head=random@seed=0", "tuned@head=random@seed=2", "1/3  000-step-0.png",
                     "after 0 steps"):  # fmt: skip
            assert part in shown
        assert colours_of(app) == {RED}


async def test_arrows_scrub_and_stop_at_the_ends(painted):
    app = Dashboard(painted, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "right")
        await pilot.pause()
        assert "after 10 steps" in text_of(app)
        assert colours_of(app) == {BLUE}
        await pilot.press("right", "right", "l")
        assert "3/3" in str(app.screen.query_one(PicturePane).border_title)
        await pilot.press("left", "h", "left", "left")
        assert "1/3" in str(app.screen.query_one(PicturePane).border_title)


async def test_another_cell_begins_with_its_first_picture(painted):
    app = Dashboard(painted, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "right", "right", "down")
        await pilot.pause()
        assert "1/2  000-last.png" in text_of(app)
        await pilot.press("up")
        await pilot.pause()
        assert "1/3" in text_of(app)


async def test_text_of_a_caption_is_neither_markup_nor_control(painted):
    app = Dashboard(painted, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "down")
        await pilot.pause()
        shown = text_of(app)
        assert "[b]bold[/b]" in shown
        assert "\x1b" not in shown
        assert "…" in shown


async def test_z_gives_the_picture_the_whole_width_and_takes_it_back(painted):
    app = Dashboard(painted, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        pane = app.screen.query_one(PicturePane)
        before = pane.size.width
        await pilot.press("z")
        await pilot.pause()
        assert pane.size.width > before + 20
        await pilot.press("z")
        await pilot.pause()
        assert pane.size.width == before


async def test_cells_are_chosen_while_zoomed_and_after(painted):
    app = Dashboard(painted, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3", "z")
        await pilot.pause()
        await pilot.press("down")
        await pilot.pause()
        pane = app.screen.query_one(PicturePane)
        assert pane.border_subtitle == "tuned@head=random@seed=2"
        await pilot.press("k", "z")
        await pilot.pause()
        assert pane.border_subtitle == "tuned@head=random@seed=0"
        await pilot.press("G")
        await pilot.pause()
        assert pane.border_subtitle == "tuned@head=random@seed=2"


async def test_a_caption_is_as_wide_as_the_picture_has_place(painted):
    app = Dashboard(painted, timers=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "down")
        await pilot.pause()
        caption = app.screen.query_one("#caption")
        before = max(len(strip.text.rstrip()) for strip in lines(caption))
        await pilot.press("z")
        await pilot.pause()
        await pilot.pause()
        assert max(len(strip.text.rstrip()) for strip in lines(caption)) > before + 15


def lines(widget):
    return [widget.render_line(y) for y in range(widget.size.height)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("vae@z=2", "vae@z=2"),
        ("walks@likelihood=bern@how=reconstruction", "walks bern reconstr…"),
        ("walks@likelihood=bern@how=interpolation", "walks bern interpol…"),
        ("drawn@generator=ae.generator@how=prior", "drawn ae.gene… prior"),
        ("drawn@generator=vae.generator@how=prior", "drawn vae.gen… prior"),
        ("a-stage-with-a-long-name", "a-stage-with-a-long…"),
        ("s@" + "@".join(f"{letter}=1" for letter in "abcdefghijklmno"), "s 1 1 1 1 1 1 1 1 1 "),
    ],
)
def test_a_name_without_room_keeps_a_little_of_each_of_its_parts(name, shown):
    stage, *axes = name.split("@")
    cell = CellView(0, name, stage, "vae", dict(axis.split("=") for axis in axes), ())
    assert label(cell, 20, {}) == shown


def test_a_port_that_all_values_of_an_axis_name_is_left_out():
    def cells(*values):
        return [
            CellView(
                0,
                f"drawn@generator={v}@lr=0.1",
                "drawn",
                "sample",
                {"generator": v, "lr": "0.1"},
                (),
            )
            for v in values
        ]

    plane = CellView(0, "plane", "plane", "sample", {"generator": "ae"}, ())
    same = [*cells("ae.generator", "vae.generator"), plane]
    assert [label(cell, 20, shared_ports(same)) for cell in same] == [
        "drawn ae 0.1",
        "drawn vae 0.1",
        "plane",
    ]
    other = cells("ae.generator", "vae.encoder")
    assert label(other[0], 30, shared_ports(other)) == "drawn ae.generator 0.1"


async def test_space_shows_more_of_a_picture_of_many_images_and_begins_again(store, finished):
    images = np.arange(64, dtype=np.uint8).repeat(28 * 28).reshape(64, 1, 28, 28) * 4
    content = pictures.png(pictures.Grid(images))
    publish(store, 5, Picture("many", "of many images", content))
    app = Dashboard(Source(finished, store, now=lambda: 1103.0), timers=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        pane = app.screen.query_one(PicturePane)
        seen, shown = [], []
        for _ in range(12):
            seen.append(str(pane.border_title))
            shown.append(colours_of(app))
            await pilot.press("space")
            await pilot.pause()
        assert "images 1-6 of 64, space: more" in seen[0]
        assert "images 7-12 of 64" in seen[1]
        assert shown[0] != shown[1]
        assert "images 61-64 of 64" in seen[10]
        assert seen[11] == seen[0]


async def test_a_picture_that_is_damaged_is_told(store, finished):
    files = publish(store, 5, Picture("a", "a caption", png(RED)))
    path = store.objects.path(files["000-a.png"].sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[::-1])
    app = Dashboard(Source(finished, store, now=lambda: 1103.0), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        assert "tuned@head=random@seed=0:" in text_of(app)
        assert colours_of(app) == set()


async def test_without_colours_a_picture_is_drawn_in_dots(painted, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    packed = io.BytesIO()
    image = Image.new("L", (40, 40), 0)
    image.paste(255, (10, 10, 30, 30))
    image.save(packed, "PNG")
    publish(painted.store, 5, Picture("square", "a square", packed.getvalue()))
    app = Dashboard(painted, timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        assert "▀" not in text_of(app)
        assert "⣿" in text_of(app)


async def test_a_run_without_pictures_says_so(live, store):
    app = Dashboard(Source(live, store, now=lambda: 1103.0), timers=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        assert "no pictures yet" in text_of(app)
        append(live, RunEnded(time=1104, code=0, seconds=104.0))
        app.poll()
        await pilot.press("3")
        await pilot.pause()
        assert "no cell of this run made pictures" in text_of(app)


async def test_the_gallery_is_drawn_as_committed(painted):
    agrees(await drawn(painted, "3 right"), "gallery")


def test_of_a_half_block_the_upper_pixel_is_the_letter_and_the_lower_the_ground():
    found = tiles((Tile(2, RED, BLUE),), 4, Style())
    blocks = [segment for segment in found if "▀" in segment.text]
    assert [tuple(block.style.color.triplet) for block in blocks] == [RED]
    assert [tuple(block.style.bgcolor.triplet) for block in blocks] == [BLUE]
    assert "".join(segment.text for segment in found) == " ▀▀ "
