import pytest

from meta_tui.readers import log_reader
from meta_tui.readers.log_reader import LogTail


def whole(tail: LogTail) -> list[str]:
    lines = tail.read()
    while tail.behind:
        lines += tail.read()
    return lines


def test_lines_come_once_and_an_unfinished_one_when_it_is_finished(tmp_path):
    path = tmp_path / "log"
    tail = LogTail(path)
    assert (tail.read(), tail.behind) == ([], False)
    path.write_text("a\nb")
    assert tail.behind
    assert (tail.read(), tail.unfinished, tail.behind) == (["a"], "b", False)
    with path.open("a") as file:
        file.write("c\n")
    assert (tail.read(), tail.unfinished) == (["bc"], "")


def test_every_way_to_cut_a_log_in_two_gives_the_same_lines(tmp_path):
    text = "one\r\n 5%\r 10%\r100%\nüber \u4e2d\n\ttab\n\x1b[31mred\x1b[0m\n\nend\n".encode()
    path = tmp_path / "log"
    path.write_bytes(text)
    expected = LogTail(path).read()
    assert expected == ["one", "100%", "über \u4e2d", "    tab", r"\x1b[31mred\x1b[0m", "", "end"]
    for cut in range(len(text) + 1):
        path.write_bytes(text[:cut])
        tail = LogTail(path)
        lines = tail.read()
        with path.open("ab") as file:
            file.write(text[cut:])
        assert lines + tail.read() == expected


def test_a_long_log_is_read_in_pieces_that_end_in_time(tmp_path):
    path = tmp_path / "log"
    path.write_text("".join(f"line {place} of a log\n" for place in range(100_000)))
    ticks = iter(range(10_000))
    tail = LogTail(path, clock=lambda: float(next(ticks)))
    first = tail.read(2.0)
    assert 0 < len(first) < 60_000
    assert tail.behind
    assert (first + whole(tail))[-1] == "line 99999 of a log"


def test_of_a_very_long_log_only_whole_lines_of_the_end_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(log_reader, "_MOST_BYTES", 1000)
    path = tmp_path / "log"
    path.write_text("".join(f"line {place}\n" for place in range(1000)))
    tail = LogTail(path)
    lines = whole(tail)
    assert lines == [f"line {place}" for place in range(1000 - len(lines), 1000)]
    assert 90 < len(lines) < 130
    assert tail.skipped > 0


def test_a_log_that_begins_anew_is_read_anew(tmp_path):
    path = tmp_path / "log"
    path.write_text("first attempt\nfailed\n")
    tail = LogTail(path)
    tail.read()
    path.write_text("again\n")
    assert tail.read() == ["again"]


def test_a_log_that_is_deleted_is_no_error_and_nothing_to_wait_for(tmp_path):
    path = tmp_path / "log"
    path.write_text("a\n")
    tail = LogTail(path)
    tail.read()
    path.unlink()
    assert tail.read() == []
    assert not tail.behind


def test_a_bar_that_only_returns_takes_no_memory_and_shows_its_last_state(tmp_path):
    path = tmp_path / "log"
    path.write_text("".join(f"{place:>9} of 100000\r" for place in range(100_000)))
    tail = LogTail(path)
    whole(tail)
    assert tail.unfinished.strip() == "99999 of 100000"
    assert len(tail._torn) < 1 << 17


@pytest.mark.parametrize("length", [4000, 4001, 300_000])
def test_a_line_is_cut_where_nobody_reads_on(tmp_path, length):
    path = tmp_path / "log"
    path.write_text("x" * length + "\ny\n")
    long, short = whole(LogTail(path))
    assert short == "y"
    assert ("more characters" in long) == (length > 4000)
    assert len(long) < 4100
