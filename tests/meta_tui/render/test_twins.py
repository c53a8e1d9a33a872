"""ASCII twins: always ASCII, always as wide."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_tui.render.text.ascii import ascii_text, register
from meta_tui.render.text.symbols import ASCII, UNICODE
from pipelines.core.text import safe_text, width


@given(st.text().map(safe_text))
def test_any_text_becomes_ascii_of_the_same_width(text):
    shown = ascii_text(text)
    assert shown.isascii()
    assert len(shown) == width(text)


@given(st.text(st.characters(categories=["Lu", "Ll", "Lo", "Sm", "So", "Pd", "Ps"]), max_size=30))
def test_a_picture_keeps_its_columns(text):
    assert len(ascii_text(text)) == width(text)


def test_what_we_draw_with_has_twins_that_say_the_same():
    assert ascii_text("╭─ DAG ─╮│├▶┤") == "+- DAG -+|+>+"
    assert ascii_text("0.880 ± 0.021") == "0.880 +-0.021"
    assert ascii_text("Zoë … naïve") == "Zoe ~ naive"
    assert ascii_text("日本 x") == "???? x"
    assert ascii_text("⠀⠁⠛⣿") == " .:#"


def test_no_sign_of_a_state_is_taken_for_another():
    twins = [ascii_text(sign) for sign in UNICODE.states.values()]
    assert len(set(twins)) == len(twins)
    assert twins == list(ASCII.states.values())


def test_a_stream_writes_twins():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors=register())
    stream.write("✓ done · 0.88 ± 0.02 · ä\n")
    stream.flush()
    assert raw.getvalue() == b"+ done . 0.88 +-0.02 . a\n"


def test_bytes_that_are_no_text_are_still_an_error():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", register())
