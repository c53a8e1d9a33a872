"""Every verb, its arguments and all that it reads hold text that would act on a terminal.

The verbs and their options are taken from the application, so that a new one is tried by itself.
"""

import gc
import json
import os
import signal
import sys
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import typer

from engine.library.artifacts import Contrast, Gallery, Interval, Picture, Row, Scores, Table
from engine.planning.run_request import Request
from engine.rundir import events
from engine.rundir.events import CellInfo, MetricBatch
from engine.rundir.run_folder import RunFolder
from engine.store import Output, Result, Store
from engine.store.location import adopt
from meta_tui.cli.app import VERBS, application, main
from pipelines.core.text import safe_text

H = "e\x1b]52;c;eA==\x07\x1b[2J\x9b31m\u202eg\u2066h\u200bi\U000e0041\u2028\r\x7f\xad\udcffz"
"""OSC 52, C0, C1, bidi, zero width, a tag, a separator, a return, and a byte that is no UTF-8."""
SAFE = r"e\x1b]52;c;eA==\x07"
FORMS = (SAFE, SAFE.replace("\\x", "\\u00"), SAFE.replace("\\", "\\\\"))
"""In lines, in JSON, and in JSON of what was made safe before."""
BLOCKING = {"--web", "--served", "--press"}
"""Would wait for a browser, or need keys that exist."""
STAGES = '''
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.library.artifacts import Scores
from engine.stage_api.run import Run
from pipelines.core.stage import Params, stage

H = {hostile!r}
sys.stderr.write(H)


@dataclass(frozen=True, slots=True)
class Made:
    """Scores."""

    scores: Scores


class How(Params):
    """How."""

    fail: bool = False
    """Whether it fails."""


@stage
def shout(run: Run, params: How) -> Made:
    """Say it everywhere."""
    print(H.encode("utf-8", "replace").decode())
    sys.stderr.write(H.encode("utf-8", "replace").decode() + "\\n")
    run.note("note " + H)
    run.report(1, **{{"loss " + H: 0.5}})
    if params.fail:
        raise ValueError("failed " + H)
    return Made(Scores({{"low/" + H: 0.5}}, notes=("a note " + H,)))
'''


def acts(data: bytes) -> list[str]:
    """What in some output would act on a terminal."""
    text = data.decode("utf-8", "surrogateescape")
    return [
        f"{letter!r} after {text[max(0, at - 60) : at]!r}"
        for at, letter in enumerate(text)
        if letter not in "\n\t"
        and (
            unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
            or 0xE0000 <= ord(letter) <= 0xE0FFF
        )
    ]


@pytest.fixture
def meta(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Callable[..., tuple[Any, bytes, bytes]]]:
    """Runs a command in this process; returns its exit code and what it wrote."""
    thresholds, handler = gc.get_threshold(), signal.getsignal(signal.SIGINT)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: str) -> tuple[Any, bytes, bytes]:
        before = sys.stdout, sys.stderr
        sys.argv = ["meta", *words]
        try:
            code = main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            sys.stdout, sys.stderr = before
        out, err = capfdbinary.readouterr()
        assert acts(out) == [], words
        assert acts(err) == [], words
        assert b"Traceback" not in err, words
        assert code in (0, 1, 2, 3), words
        return code, out, err

    argv = sys.argv
    yield run
    sys.argv = argv
    gc.set_threshold(*thresholds)
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory, files and a store of hostile names, with a run in it."""
    found = tmp_path_factory.mktemp("hostile") / f"w{H}"
    found.mkdir()
    head = "version: 1\nname: ok\nstages:\n"
    (found / f"good{H}.yaml").write_text(f"{head}  d: {{uses: dataset, with: {{name: digits}}}}\n")
    (found / f"bad{H}.yaml").write_bytes(
        f'{head}  "{H}": {{uses: {H}}}\n'.encode("utf-8", "surrogateescape")
    )
    (found / f"wrong{H}.yaml").write_text(f"{head}  d: {{uses: dataset, with: {{name: nope}}}}\n")
    images = found / "images" / f"class{H}"
    images.mkdir(parents=True)
    (images / f"a{H}.png").write_bytes(b"no image")
    (found / "folder.yaml").write_text(
        f"{head}  d: {{uses: dataset, with: {{name: folder, root: images, size: [8, 8]}}}}\n"
    )
    (found / f"table{H}.csv").write_bytes(
        f"task,x{H},y\n{H},1,{H}\n".encode("utf-8", "surrogateescape")
    )
    (found / "table.csv").write_bytes(f"task,x{H}\n{H},1\n".encode("utf-8", "surrogateescape"))
    (found / "table.yaml").write_text(
        f"{head}  t: {{uses: tasks, with: {{kind: table, file: table.csv, episode: {{shots: 2}}, "
        "queries: 2, count: 5}}\n"
    )
    (found / f"stages{H}.py").write_text(f"raise ValueError({H!r})\n")
    store = found / f"store{H}"
    settings = found / "config" / "meta"
    settings.mkdir(parents=True)
    (settings / "config.yaml").write_bytes(f"theme: {H}\n".encode("utf-8", "surrogateescape"))
    hostile_run(store)
    patch = pytest.MonkeyPatch()
    patch.setenv("META_HOME", os.fspath(store))
    patch.setenv("XDG_CONFIG_HOME", os.fspath(found / "config"))
    with chdir(found):
        yield found
    patch.undo()


def key(cell: int) -> str:
    return f"{cell:064x}"


def named(cell: int) -> str:
    """The name of a cell as it is shown, by which it is asked for."""
    return safe_text(f"c{cell}{H}")


def hostile_run(root: Path) -> RunFolder:
    """A run in whose every text there is what would act on a terminal."""
    store = Store(root)
    adopt(root)
    folder = RunFolder(root / "runs" / "20250101T000000-abcd")
    for name in ("metrics", "logs", "control"):
        (folder.path / name).mkdir(parents=True)
    types = ("compare", "fits", H, "pretrain")
    infos = tuple(
        CellInfo(f"c{at}{H}", f"c{at}{H}", kind, {f"axis{H}": f"label{H}"}, ())
        for at, kind in enumerate(types)
    )
    now = 1000.0
    told = [
        events.RunStarted(
            time=now, run=f"abcd{H}", name=f"name{H}", cells=infos, pid=1, host=H, device=H,
            gpu=H, continues=H,
        ),
        events.CellFinished(time=now, cell=0, key=key(0), seconds=1.0, scores={f"m{H}": 0.5}),
        events.CellCached(time=now, cell=1, key=key(1)),
        events.CellStarted(time=now, cell=2, key=key(2), worker=0, why=f"why {H}"),
        events.CellFailed(time=now, cell=2, error=f"error {H}", traceback=f"a\n{H}\nb"),
        events.CellWaiting(time=now, cell=3, owner=f"owner {H}"),
        events.CellCached(time=now, cell=3, key=key(3)),
        events.Note(time=now, text=f"note {H}", cell=2),
        events.RequestRefused(time=now, cell=None, request=H, text=f"refused {H}"),
        events.CellRetried(time=now, cell=2, request=H, attempt=2, by=f"by {H}"),
        events.CellCancelled(time=now, cell=2, request=H, by=f"by {H}"),
        events.CellFailed(time=now, cell=2, error=f"error {H}", traceback=f"a\n{H}\nb"),
    ]  # fmt: skip
    lines = [json.dumps({"kind": it.kind, **_plain(it)}) for it in told]
    folder.events.write_bytes("\n".join([*lines, f"torn {H}"]).encode("utf-8", "surrogateescape"))
    batch = MetricBatch(f"loop{H}", 1, 2, 0.1, (1,), {f"loss{H}": (0.5,)})
    folder.metrics(2).write_text(json.dumps(_plain(batch)) + "\n")
    raw = f"{H}\nplain\n{H}".encode("utf-8", "surrogateescape")
    folder.log(2).write_bytes(raw)
    (folder.path / "runner.log").write_bytes(raw)
    (folder.path / "control" / f"{H}.json").write_bytes(raw)
    folder.pipeline.write_bytes(raw)
    request = Request(Path(H), root, overrides=(f"{H}=1",), device=H, targets=(H,))
    folder.request.write_bytes(request.encode())
    interval = Interval(0.5, 0.4, 0.6, 5, {}, 0)
    rows = (Row(f"row{H}", H, {f"axis{H}": H}, {f"m{H}": interval}, {H: H}, (f"note {H}",)),
            Row("base", H, {f"axis{H}": "x"}, {f"m{H}": interval}, {}, ()))  # fmt: skip
    contrast = Contrast(f"m{H}", f"row{H}", "base", interval, 0.01, f"verdict {H}")
    series = {"label": H, "points": [[0.1, 0.8], [0.2, 0.9]]}
    plot = {"kind": "frontier", "x": f"m{H}", "y": f"m{H}", "series": [series]}
    table = Table((f"m{H}",), rows, (contrast,), "base", f"unit {H}", plot, (f"footnote {H}",))
    picture = Picture("fits", f"caption {H}", _png())
    for cell, artifact in ((0, table), (1, Gallery((picture,))), (3, Scores({f"m{H}": 0.5}))):
        # As others can write a store: ours refuses text that is not Unicode.
        with store.scratch() as scratch, pytest.MonkeyPatch.context() as patch:
            patch.setattr("engine.stage_api.artifact_json.is_unicode", lambda text: True)
            artifact.write(scratch)
            files = {path.name: store.put(path) for path in scratch.iterdir()}
        output = Output(type(artifact).__name__, artifact.format, files)
        curves = store.put(json.dumps({f"loop{H}": {f"loss{H}": [[1, 0.5]]}}).encode())
        result = Result(
            outputs={"out": output}, curves=curves, scores={f"m{H}": 0.5},
            provenance={"host": H, "cell": H, "run": H, "pipeline": H, "device": H, H: H},
            components={H: H},
        )  # fmt: skip
        store.publish(key(cell), result)
    store.checkpoint_save(key(2), lambda f: (f / "a").write_text("x"), {"step": 1, "note": H})
    return folder


def _plain(value: Any) -> Any:
    from dataclasses import asdict

    return asdict(value)


def _png() -> bytes:
    import io

    from PIL import Image

    kept = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(kept, "PNG")
    return kept.getvalue()


def parameters(verb: str) -> list[Any]:
    """Arguments and options of a verb, as the application declares them."""
    group = typer.main.get_command(application(verb))
    return list(group.commands[verb].params)  # type: ignore[attr-defined]


def invocations(verb: str) -> Iterator[list[str]]:
    """A hostile value for each argument and each option of a verb, alone and with the others."""
    found = parameters(verb)
    needed = [f"good{H}.yaml" for it in found if it.param_type_name == "argument" and it.required]
    yield [verb, *needed]
    yield [verb, "-h"]
    yield [verb, f"--{H}"]
    for it in found:
        if it.param_type_name == "argument":
            files = (f"bad{H}.yaml", f"wrong{H}.yaml", "folder.yaml", "table.yaml")
            yield from ([verb, text] for text in (H, f"c0{H}", *files))
        elif BLOCKING.isdisjoint(it.opts) and verb != "run":
            yield [verb, *needed, it.opts[0], *([] if it.is_flag else [H])]
        elif verb == "run" and not it.is_flag:
            yield [verb, f"wrong{H}.yaml", it.opts[0], H]


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_lets_hostile_text_through(meta, place, verb):
    tried = 0
    for words in invocations(verb):
        if verb == "run" and words == ["run", f"good{H}.yaml"]:
            continue  # It is run below.
        meta(*words)
        tried += 1
    assert tried >= 4


def test_what_is_no_verb_is_told(meta, place):
    for words in ([H], [f"--{H}"], ["-h"], []):
        meta(*words)


def test_each_place_is_shown_and_made_visible(meta, place):
    seen = {
        ("status",): ["name~", "c0~", "error ~"],
        ("status", "--json"): ["abcd~"],
        ("logs", named(2)): ["plain"],
        ("show",): ["row~", "footnote ~"],
        ("show", named(1)): ["caption ~"],
        ("show", named(3)): ["m~"],
        ("show", named(0), "--json"): ["row~"],
        ("watch", "--plain"): ["note ~", "refused ~", "why ~"],
        ("check", f"bad{H}.yaml", "--json"): ["bad~"],
        ("stages", "--stages", f"stages{H}.py"): ["stages~"],
    }
    for words, texts in seen.items():
        _, out, err = meta(*words)
        written = (out + err).decode()
        for text in texts:
            assert any(text.replace("~", form) in written for form in FORMS), (words, text)
        if "--json" in words:
            assert all(json.loads(line) for line in out.splitlines())


def test_the_value_in_json_is_the_one_that_was_read(meta, place):
    _, out, _ = meta("check", f"bad{H}.yaml", "--json")
    assert json.loads(out)["problems"][0]["file"] == f"bad{H}.yaml"


@pytest.mark.parametrize("ending", ["csv", "md", "tex", "json"])
def test_what_is_exported_holds_no_such_text(meta, place, ending):
    code, out, _ = meta("show", "--export", f"export{H}.{ending}")
    assert code == 0
    assert b"export" + SAFE.encode() in out
    data = (place / f"export{H}.{ending}").read_bytes()
    assert acts(data.replace(b"\r\n", b"\n")) == []
    (place / f"export{H}.{ending}").unlink()


def test_a_picture_of_the_screen_holds_no_such_text(meta, place):
    target = place / f"screen{H}.svg"
    for keys in ("", "2", "3", "4", "5", "enter"):
        code, out, _ = meta("watch", "--screenshot", target.name, "--press", keys)
        assert code == 0
        data = target.read_bytes()
        assert acts(data) == []
        ET.fromstring(data)
        target.unlink()
    assert b"screen" + SAFE.encode() in out


def test_a_run_lets_no_text_of_its_cells_through(meta, place, tmp_path):
    file, stages = tmp_path / f"p{H}.yaml", tmp_path / f"own{H}.py".replace("\udcff", "")
    cells = "  a: {uses: shout}\n  b: {uses: shout, with: {fail: true}}\n"
    file.write_text(f"version: 1\nname: ok\nstages:\n{cells}")
    stages.write_text(STAGES.format(hostile=H.replace("\udcff", "")))
    patch = pytest.MonkeyPatch()
    patch.setenv("META_HOME", os.fspath(tmp_path / f"home{H}"))
    try:
        for form in ("--plain", "--json"):
            code, out, _ = meta("run", os.fspath(file), "--stages", os.fspath(stages), form)
            assert code == 1
            assert b"failed e\\" in out
        for words in (["status"], ["logs", "a"], ["logs", "b"], ["show", "a"], ["plan", str(file)]):
            meta(*words)
    finally:
        patch.undo()
