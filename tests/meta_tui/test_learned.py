"""What cells learned, as plots beside a table: over what their steps count."""

from engine.library.artifacts import Scores
from engine.store import Output, Result, Store
from meta_tui.model.run_view import CellView, RunView, State
from meta_tui.readers.learning_curves import learning_curves


def published(store: Store, cell: int) -> None:
    scores = Scores({"t/accuracy": 0.9}, curves={"t/accuracy": ((0, 0.1), (5, 0.5), (10, 0.9))})
    with store.scratch() as folder:
        scores.write(folder)
        files = {path.name: store.put(path) for path in folder.iterdir()}
    output = Output("Scores", Scores.format, files)
    store.publish(f"{cell:064x}", Result(outputs={"out": output}))


def done(at: int, kind: str, *needs: int) -> CellView:
    return CellView(at, f"c{at}", f"c{at}", kind, {}, needs, State.DONE, key=f"{at:064x}")


def test_steps_are_named_by_what_the_stage_counts_and_a_choice_passes_them_on(tmp_path):
    store = Store(tmp_path / "store")
    cells = (
        done(0, "finetune"), done(1, "meta_train"), done(2, "meta_evaluate", 1),
        done(3, "select", 1), done(4, "compare", 0, 1, 2, 3),
    )  # fmt: skip
    for at in range(4):
        published(store, at)
    plots = learning_curves(cells[4], RunView(cells=cells), store)
    told = {plot["x"]: [item["label"] for item in plot["series"]] for plot in plots}
    assert told == {"step": ["c0"], "tasks": ["c1", "c3"], "adaptation_step": ["c2"]}
