from meta_tui.render.text.spans import Span, crop, fit, line, plain, right, wrap
from pipelines.core.text import width


def test_text_is_fitted_by_columns_not_letters():
    assert fit("abc", 5) == "abc  "
    assert fit("abcdef", 4) == "abc…"
    assert fit("日本語", 4) == "日… "
    assert width(fit("日本語", 5)) == 5
    assert fit("abc", 0) == ""
    assert right("ab", 4) == "  ab"
    assert right("abcdef", 4) == "abc…"


def test_a_line_is_cropped_across_its_spans():
    row = line("ab", Span("cdef", "good"), "gh")
    assert plain([crop(row, 5)]) == "abcd…"
    assert crop(row, 20) == row
    assert [width(plain([crop(row, n)])) for n in range(4)] == [0, 1, 2, 3]


def test_words_are_wrapped_and_none_is_lost():
    text = "one two three four five"
    rows = wrap(text, 10)
    assert rows == ["one two", "  three", "  four", "  five"]
    assert wrap("", 10) == []


def test_a_word_that_is_longer_than_a_line_is_broken():
    assert wrap("abcdefghij kl", 6) == ["abcd", "  efgh", "  ij", "  kl"]


def test_a_long_word_of_wide_letters_is_broken_by_columns_and_none_of_it_is_lost():
    lines = wrap("深層学習の実験" * 4, 20)
    assert max(map(width, lines)) <= 20
    assert "".join(text.strip() for text in lines) == "深層学習の実験" * 4
