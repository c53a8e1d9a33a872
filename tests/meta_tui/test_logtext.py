import random

import pytest

from meta_tui.model import log_filter
from meta_tui.model.log_filter import LogText, marks, matcher

LINES = ["epoch 1 loss 2.0", "WARNING: slow disk", "epoch 2 loss 1.5", "Epoch 3 LOSS 1.2"]


def test_words_are_found_whatever_their_capitals_unless_they_have_some():
    text = LogText()
    text.add(LINES)
    text.seek("epoch")
    assert text.hits == [0, 2, 3]
    text.seek("Epoch")
    assert text.hits == [3]
    text.seek("")
    assert text.hits == []


def test_words_are_plain_text():
    text = LogText()
    text.add(["a.c", "abc", "[b]x[/b]", "(", "\\d"])
    for words, rows in (("a.c", [0]), ("[b]", [2]), ("(", [3]), ("\\d", [4]), ("*", [])):
        text.seek(words)
        assert text.hits == rows


def test_a_filter_keeps_lines_and_a_search_finds_among_them():
    text = LogText()
    text.add(LINES)
    text.seek("loss 1")
    text.keep("epoch")
    assert [text.row(place) for place in range(len(text))] == [LINES[0], LINES[2], LINES[3]]
    assert text.hits == [1, 2]
    text.add(["nothing", "epoch 4 loss 1.1"])
    assert (len(text), text.row(3), text.hits) == (4, "epoch 4 loss 1.1", [1, 2, 3])
    text.keep("")
    assert (len(text), text.hits) == (6, [2, 3, 5])


def test_words_typed_letter_by_letter_find_what_they_find_at_once():
    text = LogText()
    text.add(LINES * 3)
    for words in ("epoch 2 loss", "Epoch 3", "WARN", "nothing at all"):
        for end in range(1, len(words) + 1):
            text.seek(words[:end])
        typed = text.hits
        text.seek("")
        text.seek(words)
        assert typed == text.hits


def test_of_more_lines_than_are_kept_the_first_go_and_rows_and_hits_with_them(monkeypatch):
    monkeypatch.setattr(log_filter, "MOST_LINES", 50)
    monkeypatch.setattr(log_filter, "_SPARE", 10)
    draw, text, every = random.Random(0), LogText(), []
    text.keep("a")
    text.seek("b")
    for _ in range(100):
        new = ["".join(draw.choices("abc ", k=3)) for _ in range(draw.randrange(9))]
        rows = len(text)
        gone = text.add(new)
        every += new
        assert len(text) == rows - gone + sum("a" in line for line in new)
        assert text.lines == every[text.dropped :]
        kept = [line for line in text.lines if "a" in line]
        assert [text.row(place) for place in range(len(text))] == kept
        assert text.hits == [place for place, line in enumerate(kept) if "b" in line]
    assert text.dropped > 100


@pytest.mark.parametrize(("words", "found"), [
    ("loss", [(0, 4), (8, 12)]), ("Loss", [(8, 12)]), (".", []), ("", []),
])  # fmt: skip
def test_marks_are_where_the_words_are(words, found):
    assert marks(words, "loss 1, Loss") == found
    assert bool(found) == (bool(words) and matcher(words)("loss 1, Loss"))


def test_a_letter_in_the_search_of_a_hundred_thousand_lines_is_two_steps_each(work):
    text = LogText()
    text.add([f"12:00:00 step {place} loss {place / 7:.4f}" for place in range(100_000)])
    with work.counting():
        text.seek("step 99")
    assert work.steps < 210_000
    assert len(text.hits) == 1111
