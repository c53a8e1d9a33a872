import shutil

from engine.rundir import events
from meta_tui.model.run_reducer import State
from meta_tui.readers.run_reader import Feed


def test_a_feed_reads_only_what_is_new(middle_run):
    feed = Feed(middle_run)
    assert feed.poll()
    assert not feed.poll()
    with middle_run.events.open("a") as file:
        file.write(events.encode(events.RunEnded(time=2000, code=0, seconds=9.0)) + "\n")
    assert feed.poll()
    assert feed.view.code == 0


def test_any_torn_tail_is_waited_for_and_never_shown(make_run, middle_events):
    folder = make_run(middle_events)
    whole = folder.events.read_bytes()
    start = sum(len(line) for line in whole.splitlines(keepends=True)[:-3])
    for end in range(start, len(whole)):
        folder.events.write_bytes(whole[:end])
        feed = Feed(folder)
        feed.poll()
        assert feed.dropped == 0
        before = feed.view
        assert before.cells[8].state is State.WAITING
        with folder.events.open("ab") as file:
            file.write(whole[end:])
        feed.poll()
        assert feed.dropped == 0
        assert feed.view.cells[8].why == "waiting for run 11aa (pid 4123)"


def test_damaged_lines_are_dropped_and_counted(make_run, middle_events):
    folder = make_run(middle_events)
    lines = folder.events.read_bytes().splitlines()
    for bad in (b"{", b"5", b"[]", b'{"kind": "note"}', b"\xff\xfe", b'{"kind": "run_started"}'):
        lines.insert(3, bad)
    lines.insert(1, lines[0])
    folder.events.write_bytes(b"\n".join(lines) + b"\n")
    feed = Feed(folder)
    feed.poll()
    assert feed.dropped == 6
    assert feed.view.cells[8].why == "waiting for run 11aa (pid 4123)"


def test_an_unknown_kind_of_event_is_no_damage(make_run, middle_events):
    folder = make_run(middle_events)
    with folder.events.open("a") as file:
        file.write('{"kind": "from_the_future", "time": 1}\n')
    feed = Feed(folder)
    feed.poll()
    assert feed.dropped == 0


def test_damaged_metrics_are_dropped_and_the_rest_is_drawn(middle_run):
    with middle_run.metrics(5).open("a") as file:
        file.write('[]\n{"steps": 3}\n{"loop": "x", "values": []}\nnonsense\n')
    feed = Feed(middle_run)
    feed.poll()
    assert feed.poll_metrics(5)
    assert feed.dropped == 4
    assert len(feed.view.cells[5].curves[("train", "loss")].steps) == 93


def test_a_deleted_folder_is_told_and_survived(middle_run):
    feed = Feed(middle_run)
    feed.poll()
    shutil.rmtree(middle_run.path)
    assert not feed.poll()
    assert not feed.poll_metrics(5)
    assert feed.poll_log(5) == []
    assert feed.gone()


def test_a_log_is_made_safe_and_overwritten_lines_are_shown_as_a_terminal_would(middle_run):
    middle_run.log(6).write_bytes(b"a 1%\ra 100%\r\nb\x1b]52;c;x\x07\xff\n\ttab\nno newline")
    lines = Feed(middle_run).poll_log(6)
    assert lines == ["a 100%", "b\\x1b]52;c;x\\x07\ufffd", "    tab"]


def test_one_poll_of_a_long_journal_ends_in_time_and_the_next_goes_on(make_run, middle_events):
    note = events.Note(time=1, text="x" * 2000)
    folder = make_run([*middle_events, *[note] * 500])
    ticks = iter(range(1000))
    feed = Feed(folder, clock=lambda: float(next(ticks)))
    feed.poll(1.0)
    first = len(feed.view.notes)
    assert 0 < first < 400
    feed.poll(1.0)
    assert len(feed.view.notes) > first
