import pytest

from meta_tui.render.runs.log_line import level, logline
from meta_tui.render.text.spans import Span


@pytest.mark.parametrize("text", [
    "ERROR could not read", "2025-01-01 12:00 CRITICAL x", "ValueError: bad", "error: no such file",
    "Traceback (most recent call last):", "[error] x", "time=1 level=error msg=x",
    "torch.cuda.OutOfMemoryError: CUDA", "KeyException: x",
])  # fmt: skip
def test_a_line_that_names_an_error_is_bad(text):
    assert level(text) == "bad"


@pytest.mark.parametrize("text", [
    "WARNING slow", "UserWarning: x", "warning: y", "[warn] z", "level=warn x", "WARN x",
])  # fmt: skip
def test_a_line_that_names_a_warning_is_a_warning(text):
    assert level(text) == "warn"


@pytest.mark.parametrize("text", [
    "step 3 test error 0.12", "error 0.5", "no warnings", "errors 0", "mirror: x y", "terror",
    "standard error of the mean 0.1", "val error: 0.12", "",
])  # fmt: skip
def test_a_metric_called_error_is_no_failure(text):
    assert level(text) == ""


def test_words_are_marked_and_the_rest_keeps_its_level():
    assert logline("WARNING: Loss is loss", "loss") == (
        Span("WARNING: ", "warn"), Span("Loss", "hit"), Span(" is ", "warn"), Span("loss", "hit"),
    )  # fmt: skip


def test_the_text_of_a_line_is_never_changed():
    for words in ("", "a", "aa", "[", "b"):
        assert "".join(span.text for span in logline("aaa[b]aa", words)) == "aaa[b]aa"
