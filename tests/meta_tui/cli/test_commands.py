"""The commands as a person types them, each in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.events import decode
from engine.runs import find

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
    (found / "said.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stderr
    return found


@pytest.fixture(scope="module")
def ran(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it, for tests that run the pipeline again: everything is cached."""
    return shutil.copytree(fresh, tmp_path_factory.mktemp("ran") / "place", symlinks=True)


def meta(place: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `meta` in a directory; with stages where the verb takes them."""
    stages = ["--stages", str(HERE / "toy_stages.py")] if words[0] in TAKE_STAGES else []
    settings = {**os.environ, "COLUMNS": "100", "META_HOME": str(place / ".meta"), **env}
    return subprocess.run(
        [sys.executable, "-P", "-m", "meta_tui", *words, *stages],
        cwd=place, env=settings, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


TAKE_STAGES = ("run", "check", "plan", "stages", "schema")


def test_help_names_every_verb_and_loads_none_of_them():
    code = (
        "import sys; sys.argv = ['meta', '--help']\n"
        "from meta_tui.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'textual', 'rich', 'pydantic', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy or len(sys.modules) > 500 else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    verbs = ("run", "check", "plan", "status", "watch", "ui", "show", "logs", "stop", "retry",
             "stages", "schema")  # fmt: skip
    for verb in verbs:
        assert f"\n  {verb} " in done.stdout


@pytest.mark.parametrize("verb", ["check", "plan", "status", "run", "stages"])
def test_no_verb_in_the_front_process_loads_what_is_heavy(ran, verb):
    words = {"check": ["nights.yaml"], "plan": ["nights.yaml"], "run": ["nights.yaml"]}
    stages = ["--stages", str(HERE / "toy_stages.py")] if verb in TAKE_STAGES else []
    code = (
        f"import sys; sys.argv = ['meta', {verb!r}, *{[*words.get(verb, []), *stages]!r}]\n"
        "from meta_tui.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "heavy = {'torch', 'numpy', 'textual', 'rich', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy or len(sys.modules) > 500 else 0)"
    )
    env = {**os.environ, "META_HOME": str(ran / ".meta")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=ran, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_run_prints_its_lines_and_the_second_says_cached_for_every_cell(fresh, ran):
    first = (fresh / "said.txt").read_text()
    assert first.count("✓ done") == 3
    assert "dream/length 1.500" in first
    second = meta(ran, "run", "nights.yaml", "--plain")
    assert second.returncode == 0
    assert second.stdout.count("≡ cached") == 3
    assert second.stdout.rstrip().endswith("3 cached")


def test_json_lines_are_the_events(ran):
    done = meta(ran, "run", "nights.yaml", "--json")
    told = [decode(line) for line in done.stdout.splitlines()]
    kinds = [event.kind for event in told if event]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended"
    assert kinds.count("cell_cached") == 3


def test_a_failed_stage_ends_with_1_and_without_a_traceback_of_ours(place):
    (place / "bad.yaml").write_text(GOOD.replace("{uses: nap}", "{uses: nap, with: {fail: true}}"))
    done = meta(place, "run", "bad.yaml")
    assert done.returncode == 1
    assert "✗ failed   first  a bad dream; sleep again" in done.stdout
    assert done.stdout.count("⊘ skipped") == 2
    assert done.stderr == ""


def test_a_bad_file_ends_with_2_and_tells_every_fault_at_its_place(place):
    (place / "bad.yaml").write_text(GOOD.replace("{uses: nap}", "{uses: nab, whit: 1}"))
    for verb in ("check", "plan", "run"):
        done = meta(place, verb, "bad.yaml")
        assert done.returncode == 2
        assert "bad.yaml:4:" in done.stderr
        assert "nap" in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert not (place / ".meta").exists()
    found = json.loads(meta(place, "check", "bad.yaml", "--json").stdout)
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
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_check_and_plan_tell_what_there_is(place, ran):
    done = meta(place, "check", "nights.yaml")
    assert (done.returncode, done.stdout) == (0, "nights.yaml: ok, 2 stages, 3 cells\n")
    assert json.loads(meta(place, "check", "nights.yaml", "--json").stdout)["ok"] is True
    done = meta(place, "plan", "nights.yaml")
    assert done.stdout.splitlines()[-1] == "3 cells: 1 run, 2 pending"
    lines = meta(ran, "plan", "nights.yaml", "--json").stdout.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["hit"] * 3


def test_after_a_run_status_logs_show_and_watch_read_its_folder(fresh):
    status = meta(fresh, "status").stdout
    assert "ended with exit code 0" in status
    assert status.count("✓ done") == 3
    assert len(json.loads(meta(fresh, "status", "--json").stdout)["cells"]) == 3
    assert meta(fresh, "logs", "first").stdout == "good night\n"
    shown = meta(fresh, "show", "second@seconds=0.01").stdout
    assert "dream/length  1.500" in shown
    assert "loss  0.333" in shown
    found = json.loads(meta(fresh, "show", "first", "--json").stdout)
    assert found["result"]["metrics"] == {"dream/length": 0.5}
    watched = meta(fresh, "watch")
    assert watched.returncode == 0
    assert watched.stdout.count("✓ done") == 3


def test_the_curves_of_a_cached_cell_are_shown_too(ran):
    assert meta(ran, "run", "nights.yaml").stdout.count("≡ cached") == 3
    assert "loss  0.333" in meta(ran, "show", "first").stdout


def test_a_name_that_is_not_in_the_run_gets_a_proposal(ran):
    done = meta(ran, "show", "secnd")
    assert done.returncode == 2
    assert "did you mean second?" in done.stderr
    done = meta(ran, "logs", "second")
    assert done.returncode == 2
    assert "name one of second@seconds=0, second@seconds=0.01" in done.stderr


def test_a_detached_run_goes_on_and_can_be_watched(ran):
    done = meta(ran, "run", "nights.yaml", "--detach")
    assert done.returncode == 0, done.stderr
    name = find(ran / ".meta").id
    assert done.stdout == f"the run goes on: meta watch {name}\n"
    watched = meta(ran, "watch", name)
    assert watched.returncode == 0, watched.stdout
    assert "3 cached" in watched.stdout


def test_a_pipe_that_nobody_reads_does_not_end_the_run(ran):
    command = f"{sys.executable} -P -m meta_tui run nights.yaml --stages {HERE / 'toy_stages.py'}"
    env = {**os.environ, "META_HOME": str(ran / ".meta")}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -n 1"],
        cwd=ran, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0
    assert "ended with exit code 0" in meta(ran, "status").stdout


@pytest.mark.parametrize(("out", "why"), [("/dev/full", "No space left"), ("&-", "it is closed")])
def test_a_run_whose_output_cannot_be_written_goes_on_and_ends_with_3(ran, out, why):
    command = f"{sys.executable} -P -m meta_tui run nights.yaml --stages {HERE / 'toy_stages.py'}"
    done = subprocess.run(
        ["bash", "-c", f"{command} >{out}"],
        cwd=ran, env={**os.environ, "META_HOME": str(ran / ".meta")}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
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
    done = subprocess.run(
        [
            sys.executable, "-m", "meta_tui", "run", "nights.yaml", "--stages",
            str(HERE / "toy_stages.py"),
        ],
        cwd=place, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "META_HOME": str(place / ".meta")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count("✓ done") == 3


def test_a_terminal_that_knows_only_ascii_gets_ascii(ran):
    done = meta(ran, "run", "nights.yaml", PYTHONIOENCODING="ascii")
    assert done.stdout.isascii()
    assert done.stdout.count("= cached") == 3


def test_a_stage_is_described_with_its_ports_and_parameters(place):
    page = meta(place, "stages", "nap").stdout
    assert "Sleep, report and print." in page
    assert "  after  Scores, any number" in page
    assert "  seconds  number, default 0.0\n      How long it takes." in page
    assert "nap " in meta(place, "stages").stdout
    schema = json.loads(meta(place, "schema").stdout)
    assert "nap" in json.dumps(schema)


def test_a_picture_of_a_run_is_an_svg_of_the_dashboard(ran):
    done = meta(ran, "watch", "--screenshot", "a.svg", "--size", "80x24", "--press", "down y")
    assert done.returncode == 0, done.stderr
    svg = (ran / "a.svg").read_text()
    assert svg.startswith("<svg")
    assert "nights" in svg
    assert "second" in svg


@pytest.mark.parametrize("words", [("status",), ("show",), ("watch",), ("run", "nights.yaml")])
def test_a_store_that_is_a_file_is_told_with_the_fix(place, words):
    done = meta(place, *words, META_HOME=str(place / "nights.yaml"))
    assert done.returncode == 3
    assert "nights.yaml is no folder: set META_HOME to a folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [("run", "nights.yaml", "--plain"), ("watch", "--plain"), ("show", "first")]
)
def test_ascii_is_all_that_is_written_where_it_is_asked_for(ran, words):
    usual, done = meta(ran, *words), meta(ran, *words, "--ascii")
    assert not usual.stdout.isascii()
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "?" not in done.stdout


def test_json_keeps_every_letter_of_a_value_in_ascii(ran):
    words = ("show", "first", "--json")
    usual, done = meta(ran, *words), meta(ran, *words, "--ascii")
    assert done.stdout.isascii()
    assert json.loads(done.stdout) == json.loads(usual.stdout)
