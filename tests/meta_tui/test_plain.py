from engine.rundir import events
from engine.rundir.events import CellInfo, MetricBatch
from meta_tui.model.run_reducer import RunView, fold, fold_batch
from meta_tui.render.runs import plain_log
from meta_tui.render.text.symbols import ASCII

MIDDLE = """\
run 7f3a of ladder: 12 cells on cpu
[ 1/12] ≡ cached   low  unchanged
[ 2/12] ≡ cached   high  same as low
[ 2/12] ▶ running  backbone@seed=0  no earlier result
[ 2/12] ▶ running  backbone@seed=1  no earlier result
[ 3/12] ✓ done     backbone@seed=0  1:00  low/accuracy 0.981, low/val_loss 0.071
[ 4/12] ✓ done     backbone@seed=1  1:02  low/accuracy 0.981, low/val_loss 0.071
[ 4/12] ▶ running  backbone@seed=2  no earlier result
[ 5/12] ✗ failed   backbone@seed=2  loss is not finite at step 412
    File x
    boom
[ 6/12] ⊘ skipped  tuned@head=random@seed=2  backbone@seed=2 failed
[ 7/12] ⊘ skipped  tuned@head=zero@seed=2  backbone@seed=2 failed
[ 7/12] ▶ running  tuned@head=random@seed=0  params.lr 0.1 -> 0.2
[ 7/12] ▶ running  tuned@head=random@seed=1  no earlier result
  note  tuned@head=random@seed=0: replay is off
[ 7/12] · waiting  tuned@head=zero@seed=0  waiting for run 11aa (pid 4123)
run 7f3a ended with exit code 1 in 1:40: \
2 done, 2 cached, 3 waiting, 1 failed, 2 skipped, 2 stopped"""


def told(all_events, signs=None) -> str:
    view, found = RunView(), []
    for event in all_events:
        view = fold(view, event)
        found += plain_log.lines(view, event, *([signs] if signs else []))
    return "\n".join(found)


def test_each_change_of_state_is_one_line_with_its_reason(middle_events):
    ended = events.RunEnded(time=1100, code=1, seconds=100.0)
    assert told([*middle_events, ended]) == MIDDLE


def test_a_checkpoint_is_no_news(middle_events):
    saved = events.CellCheckpointed(time=1, cell=5, step=3)
    assert told([*middle_events, saved]) == told(middle_events)


def test_a_resumed_and_an_interrupted_cell_name_their_step(middle_events):
    again = events.CellStarted(
        time=1, cell=9, key="ab" * 32, worker=0, why="its checkpoint", step=40
    )
    stopped = events.CellInterrupted(time=1, cell=9, step=44)
    lines = told([*middle_events, again, stopped]).splitlines()
    assert lines[-2].endswith("tuned@head=zero@seed=1  its checkpoint, from step 40")
    assert lines[-1].endswith("‖ stopped  tuned@head=zero@seed=1  saved at step 44")


def test_the_ascii_set_is_ascii(middle_events):
    assert told(middle_events, ASCII).isascii()


def test_hostile_names_reach_no_line(middle_events):
    evil = "\x1b[2J\x9d\u202e"
    infos = (CellInfo(evil, evil, "t", {}, ()),)
    start = events.RunStarted(
        time=0, run="r", name=evil, cells=infos, pid=1, host="h", device=evil, continues=evil
    )
    hostile = [
        start,
        events.Note(time=0, text=evil, cell=0),
        events.CellFinished(time=0, cell=0, key="ab" * 32, seconds=1.0, scores={evil: 1.0}),
    ]
    assert all(letter.isprintable() or letter == "\n" for letter in told(hostile))


def test_a_heartbeat_tells_time_counts_and_what_runs(middle_events):
    view = RunView()
    for event in middle_events:
        view = fold(view, event)
    view = fold_batch(view, 5, MetricBatch("train", 30, 100, 1.0, (30,), {"loss": (0.5,)}))
    told = plain_log.heartbeat(view, 1090.0)
    assert told.startswith("  1:30: 2 done")
    assert "tuned@head=random@seed=0 30% loss 0.50, tuned@head=random@seed=1" in told


def test_the_status_of_a_run_without_runner_says_how_to_go_on(middle_events):
    view = RunView()
    for event in middle_events:
        view = fold(view, event)
    gone = plain_log.status(view, 9999.0, alive=False)
    assert "`meta run` with the same file goes on from there, 1:12" in gone[0]
    assert "‖ stopped  tuned@head=random@seed=0  its runner is gone" in gone
    assert "running, 1:40" in plain_log.status(view, 1100.0, alive=True)[0]
