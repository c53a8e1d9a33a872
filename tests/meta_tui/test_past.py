from engine.rundir import events
from engine.rundir.events import CellInfo
from engine.rundir.run_folder import RunFolder
from meta_tui.readers.past_durations import Past


def run_of(store, name: str, *told: events.Event, pipeline: str = "ladder", also: str = ""):
    """A run's folder with cells `a` and `b`, and what became of them."""
    folder = RunFolder(store / "runs" / name)
    folder.path.mkdir(parents=True)
    cells = (CellInfo("a", "a", "t", {}, ()), CellInfo("b", "b", "t", {}, (0,)))
    began = events.RunStarted(
        time=0, run=folder.id, name=pipeline, cells=cells, pid=1, host="h", device="cpu"
    )
    text = "".join(events.encode(event) + "\n" for event in (began, *told))
    folder.events.write_text(text + also, encoding="utf-8")
    return folder


def took(cell: int, seconds: float) -> events.CellFinished:
    return events.CellFinished(time=1, cell=cell, key="ab" * 32, seconds=seconds)


def all_of(past: Past, pipeline: str = "ladder") -> dict[str, float]:
    while not past._over:
        past.read(pipeline)
    return past.seconds


def test_the_newest_earlier_run_tells_and_older_ones_fill_in(tmp_path):
    run_of(tmp_path, "20250101T000000-aa", took(0, 1.0), took(1, 2.0))
    run_of(tmp_path, "20250102T000000-bb", took(0, 10.0))
    ours = run_of(tmp_path, "20250103T000000-cc", took(0, 100.0))
    run_of(tmp_path, "20250104T000000-dd", took(0, 1000.0))
    assert all_of(Past(ours)) == {"a": 10.0, "b": 2.0}


def test_one_run_is_read_a_step(tmp_path):
    run_of(tmp_path, "20250101T000000-aa", took(1, 2.0))
    run_of(tmp_path, "20250102T000000-bb", took(0, 10.0))
    past = Past(run_of(tmp_path, "20250103T000000-cc"))
    assert past.read("ladder")
    assert past.seconds == {"a": 10.0}
    assert past.read("ladder")
    assert past.seconds == {"a": 10.0, "b": 2.0}
    assert not past.read("ladder")


def test_nothing_is_read_before_our_pipeline_is_known(tmp_path):
    run_of(tmp_path, "20250101T000000-aa", took(1, 2.0))
    past = Past(run_of(tmp_path, "20250103T000000-cc"))
    assert not past.read("")
    assert past.read("ladder")


def test_runs_of_other_pipelines_and_what_was_cached_tell_nothing(tmp_path):
    run_of(tmp_path, "20250101T000000-aa", took(0, 1.0), pipeline="other")
    run_of(tmp_path, "20250102T000000-bb", events.CellCached(time=1, cell=0, key="ab" * 32))
    assert all_of(Past(run_of(tmp_path, "20250103T000000-cc"))) == {}


def test_a_damaged_journal_tells_what_stands_before_the_damage(tmp_path):
    torn = '{"kind": "cell_finished", "cell": 1'
    run_of(tmp_path, "20250101T000000-aa", took(0, 1.0), took(7, 3.0), also=torn + "\n")
    (tmp_path / "runs" / "20250101T000001-ee").mkdir()
    run_of(tmp_path, "20250101T000002-ff", also="[]\n")
    (tmp_path / "runs" / "20250101T000002-ff" / "events.jsonl").write_text("\x00\n[1]\n")
    assert all_of(Past(run_of(tmp_path, "20250103T000000-cc"))) == {"a": 1.0}
