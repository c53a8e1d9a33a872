"""The commands as a person types them; in a process of its own what only a process can show."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typed

from engine.rundir.events import decode
from engine.rundir.run_folder import find

HERE = Path(__file__).parent
GOOD = """\
version: 1
name: nights
stages:
  first: {uses: nap}
  second: {uses: nap, matrix: {seconds: [0.0, 0.01]}, from: {after: first}, allow: [unread-stage]}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with a pipeline."""
    (tmp_path / "nights.yaml").write_text(GOOD)
    return tmp_path


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which the pipeline ran once; for tests that only read."""
    found = tmp_path_factory.mktemp("fresh")
    (found / "nights.yaml").write_text(GOOD)
    done = meta(found, "run", "nights.yaml")
    (found / "said.txt").write_text(done.out)
    assert done.code == 0, done.err
    return found


@pytest.fixture(scope="module")
def ran(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it, for tests that run the pipeline again: everything is cached."""
    return shutil.copytree(fresh, tmp_path_factory.mktemp("ran") / "place", symlinks=True)


STAGES = ("--stages", str(HERE / "toy_stages.py"))
TAKE_STAGES = ("run", "check", "plan", "stages", "schema")


def meta(place: Path, *words: str, **env: str) -> typed.Said:
    """Call `meta` in a folder; with stages where the verb takes them."""
    return typed.meta(place, *words, *(STAGES if words[0] in TAKE_STAGES else ()), **env)


def process(place: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    env = {**os.environ, "META_HOME": str(place / ".meta")}
    return subprocess.run(
        command, cwd=place, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_names_every_verb_and_loads_none_of_them(place):
    code = (
        "import sys; sys.argv = ['meta', '--help']\n"
        "from meta_tui.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'textual', 'rich', 'pydantic', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy or len(sys.modules) > 500 else 0)"
    )
    done = process(place, [sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    verbs = ("run", "check", "plan", "status", "watch", "ui", "show", "logs", "stop", "retry",
             "stages", "schema")  # fmt: skip
    for verb in verbs:
        assert f"\n  {verb} " in done.stdout


def test_no_verb_in_the_front_process_loads_what_is_heavy(ran):
    verbs = (
        ("check", "nights.yaml", *STAGES), ("plan", "nights.yaml", *STAGES), ("status",),
        ("run", "nights.yaml", *STAGES), ("stages", *STAGES),
    )  # fmt: skip
    code = (
        "import sys\n"
        "from meta_tui.cli import main\n"
        f"for words in {verbs!r}:\n"
        "    sys.argv = ['meta', *words]\n"
        "    try: main()\n"
        "    except SystemExit as ended: assert not ended.code, ended.code\n"
        "    heavy = {'torch', 'numpy', 'textual', 'rich', 'scipy'} & set(sys.modules)\n"
        "    if heavy or len(sys.modules) > 600: sys.exit(f'{words} loaded {heavy}')\n"
    )
    done = process(ran, [sys.executable, "-P", "-c", code])
    assert done.returncode == 0, done.stderr


def test_a_run_prints_its_lines_and_the_second_says_cached_for_every_cell(fresh, ran):
    first = (fresh / "said.txt").read_text()
    assert first.count("✓ done") == 3
    assert "dream/length 1.500" in first
    second = meta(ran, "run", "nights.yaml", "--plain")
    assert second.code == 0
    assert second.out.count("≡ cached") == 3
    assert second.out.rstrip().endswith("3 cached")


def test_json_lines_are_the_events(ran):
    done = meta(ran, "run", "nights.yaml", "--json")
    told = [decode(line) for line in done.out.splitlines()]
    kinds = [event.kind for event in told if event]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended"
    assert kinds.count("cell_cached") == 3


def test_a_failed_stage_ends_with_1_and_without_a_traceback_of_ours(place):
    (place / "bad.yaml").write_text(GOOD.replace("{uses: nap}", "{uses: nap, with: {fail: true}}"))
    done = meta(place, "run", "bad.yaml")
    assert done.code == 1
    assert "✗ failed   first  a bad dream; sleep again" in done.out
    assert done.out.count("⊘ skipped") == 2
    assert done.err == ""


def test_a_bad_file_ends_with_2_and_tells_every_fault_at_its_place(place):
    (place / "bad.yaml").write_text(GOOD.replace("{uses: nap}", "{uses: nab, whit: 1}"))
    for verb in ("check", "plan", "run"):
        done = meta(place, verb, "bad.yaml")
        assert done.code == 2
        assert "bad.yaml:4:" in done.err
        assert "nap" in done.err
        assert "Traceback" not in done.err
        assert done.out == ""
    assert not (place / ".meta").exists()
    found = json.loads(meta(place, "check", "bad.yaml", "--json").out)
    assert found["ok"] is False
    assert {problem["line"] for problem in found["problems"]} == {4}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "nights.yaml", "--cache", "maybe"), "the modes are use, refresh, off, require"),
        (("run", "no.yaml"), "no.yaml"),
        (("run", "nights.yaml", "third"), "third"),
        (("run", "nights.yaml", "--what"), "--what"),
        (("run", "nights.yaml", "-j", "-1"), "--jobs"),
        (("nonsense",), "nonsense"),
        (("status",), "no run yet"),
        (("show", "x"), "no run yet"),
        (("watch", "--size", "x"), "no run yet"),
        (("stages", "napp"), "did you mean `nap`?"),
    ],
)
def test_a_wrong_command_ends_with_2_and_names_what_is_wrong(place, words, said):
    done = meta(place, *words)
    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err


def test_check_and_plan_tell_what_there_is(place, ran):
    done = meta(place, "check", "nights.yaml")
    assert (done.code, done.out) == (0, "nights.yaml: ok, 2 stages, 3 cells\n")
    assert json.loads(meta(place, "check", "nights.yaml", "--json").out)["ok"] is True
    done = meta(place, "plan", "nights.yaml")
    assert done.out.splitlines()[-1] == "3 cells: 1 run, 2 pending"
    lines = meta(ran, "plan", "nights.yaml", "--json").out.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["hit"] * 3


def test_after_a_run_status_logs_show_and_watch_read_its_folder(fresh):
    status = meta(fresh, "status").out
    assert "ended with exit code 0" in status
    assert status.count("✓ done") == 3
    assert len(json.loads(meta(fresh, "status", "--json").out)["cells"]) == 3
    assert meta(fresh, "logs", "first").out == "good night\n"
    shown = meta(fresh, "show", "second@seconds=0.01").out
    assert "dream/length  1.500" in shown
    assert "loss  0.333" in shown
    found = json.loads(meta(fresh, "show", "first", "--json").out)
    assert found["result"]["metrics"] == {"dream/length": 0.5}
    watched = meta(fresh, "watch")
    assert watched.code == 0
    assert watched.out.count("✓ done") == 3


def test_the_curves_of_a_cached_cell_are_shown_too(ran):
    assert meta(ran, "run", "nights.yaml").out.count("≡ cached") == 3
    assert "loss  0.333" in meta(ran, "show", "first").out


def test_a_name_that_is_not_in_the_run_gets_a_proposal(ran):
    done = meta(ran, "show", "secnd")
    assert done.code == 2
    assert "did you mean second?" in done.err
    done = meta(ran, "logs", "second")
    assert done.code == 2
    assert "name one of second@seconds=0, second@seconds=0.01" in done.err


def test_a_detached_run_goes_on_and_can_be_watched(ran):
    done = meta(ran, "run", "nights.yaml", "--detach")
    assert done.code == 0, done.err
    name = find(ran / ".meta").id
    assert done.out == f"the run goes on: meta watch {name}\n"
    watched = meta(ran, "watch", name)
    assert watched.code == 0, watched.out
    assert "3 cached" in watched.out


RUN = f"{sys.executable} -P -m meta_tui run nights.yaml {' '.join(STAGES)}"


def test_a_pipe_that_nobody_reads_does_not_end_the_run(ran):
    done = process(ran, ["bash", "-c", f"set -o pipefail; {RUN} | head -n 1"])
    assert done.stderr == ""
    assert done.returncode == 0
    assert "ended with exit code 0" in meta(ran, "status").out


@pytest.mark.parametrize(("out", "why"), [("/dev/full", "No space left"), ("&-", "it is closed")])
def test_a_run_whose_output_cannot_be_written_goes_on_and_ends_with_3(ran, out, why):
    done = process(ran, ["bash", "-c", f"{RUN} >{out}"])
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert f"cannot write the output: {why}" in done.stderr
    assert decode(find(ran / ".meta").events.read_bytes().splitlines()[-1]).code == 0


def test_it_runs_from_a_folder_full_of_names_like_ours(place):
    for name in ("engine", "pipelines", "textual"):
        (place / name).mkdir()
        (place / name / "__init__.py").write_text("raise SystemExit('the wrong module')")
    for name in ("random.py", "json.py", "typer.py"):
        (place / name).write_text("raise SystemExit('the wrong module')")
    done = process(place, [sys.executable, "-m", "meta_tui", "run", "nights.yaml", *STAGES])
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("✓ done") == 3


def test_a_terminal_that_knows_only_ascii_gets_ascii(ran):
    done = meta(ran, "run", "nights.yaml", encoding="ascii")
    assert done.out.isascii()
    assert done.out.count("= cached") == 3


def test_a_stage_is_described_with_its_ports_and_parameters(place):
    page = meta(place, "stages", "nap").out
    assert "Sleep, report and print." in page
    assert "  after  Scores, any number" in page
    assert "  seconds  number, default 0.0\n      How long it takes." in page
    assert "nap " in meta(place, "stages").out
    schema = json.loads(meta(place, "schema").out)
    assert "nap" in json.dumps(schema)


def test_a_picture_of_a_run_is_an_svg_of_the_dashboard(ran):
    done = meta(ran, "watch", "--screenshot", "a.svg", "--size", "80x24", "--press", "down y")
    assert done.code == 0, done.err
    svg = (ran / "a.svg").read_text()
    assert svg.startswith("<svg")
    assert "nights" in svg
    assert "second" in svg


@pytest.mark.parametrize("words", [("status",), ("show",), ("watch",), ("run", "nights.yaml")])
def test_a_store_that_is_a_file_is_told_with_the_fix(place, words):
    done = meta(place, *words, META_HOME=str(place / "nights.yaml"))
    assert done.code == 3
    assert "nights.yaml is no folder: set META_HOME to a folder" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "words", [("run", "nights.yaml", "--plain"), ("watch", "--plain"), ("show", "first")]
)
def test_ascii_is_all_that_is_written_where_it_is_asked_for(ran, words):
    usual, done = meta(ran, *words), meta(ran, *words, "--ascii")
    assert not usual.out.isascii()
    assert done.code == 0, done.err
    assert done.out.isascii()
    assert "?" not in done.out


def test_json_keeps_every_letter_of_a_value_in_ascii(ran):
    words = ("show", "first", "--json")
    usual, done = meta(ran, *words), meta(ran, *words, "--ascii")
    assert done.out.isascii()
    assert json.loads(done.out) == json.loads(usual.out)


SIZES = ["0x0", "19x40", "401x40", "120x4", "120x201", "99999x99999", "1e2x40", "-20x5", "nan",
         "\u0664x\u0664", "9" * 5000 + "x40", "120x40x1"]  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_has_a_size_that_can_be_drawn(fresh, size):
    done = meta(fresh, "watch", "--screenshot", "sized.svg", "--size", size)
    assert done.code == 2
    assert "write columns x rows as 120x40, from 20x5 to 400x200" in done.err
    assert not (fresh / "sized.svg").exists()


def test_a_picture_may_be_as_small_as_its_bound(ran):
    assert meta(ran, "watch", "--screenshot", "a.svg", "--size", "20x5").code == 0


@pytest.mark.parametrize("key", ["foo", "ctrl+foo", "strg+c", "down+"])
def test_only_keys_that_there_are_can_be_pressed(fresh, key):
    done = meta(fresh, "watch", "--screenshot", "pressed.svg", "--press", f"down {key} y")
    assert done.code == 2
    assert f"--press: no key `{key}`; write a letter, or a name as f2" in done.err
    assert not (fresh / "pressed.svg").exists()


NUMBERS = [("--checkpoint", "604800"), ("--jobs", "1024"), ("--seeds", "10000"),
           ("--seed", str(2**63 - 1))]  # fmt: skip


@pytest.mark.parametrize(("option", "most"), NUMBERS)
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e99", "more than most"])
def test_every_number_of_the_command_line_has_bounds(place, option, most, value):
    asked = str(int(most) + 1) if value.startswith("more") else value
    done = meta(place, "run", "nights.yaml", option, asked)
    assert done.code == 2
    assert option in done.err
    assert not (place / ".meta").exists()
