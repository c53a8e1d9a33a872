"""Kills at any moment: the same command, again and again, ends in the bits of a straight run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.rundir import run_folder
from engine.rundir.events import (
    CellCheckpointed,
    CellFinished,
    CellStarted,
    Event,
    RunStarted,
    decode,
)
from engine.store import Result, Store

LADDER = """
version: 1
name: killed
seeds: 2
stages:
  old: {uses: dataset, with: {name: digits, task: low, classes: [0, 1, 2, 3, 4]}}
  new: {uses: dataset, with: {name: digits, task: high, classes: [5, 6, 7, 8, 9]}}
  few: {uses: subset, from: {data: new}, with: {train: 100, val: 100}}
  backbone:
    uses: pretrain
    from: {data: old}
    with: {net: {kind: conv4, width: 32}, steps: 300}
  probe: {uses: linear_probe, from: {model: backbone, data: few, retain: old}}
  tuned:
    uses: finetune
    from: {model: backbone, data: few, retain: old}
    with: {head: probe, replay: 0.1, lr: 0.03, steps: 200, optimizer: {kind: sgd, momentum: 0.9}}
  result: {uses: compare, from: {scores: [probe, tuned]}, with: {baseline: probe}}
"""
META = """
version: 1
name: killed
stages:
  old: {uses: dataset, with: {name: digits, task: low, classes: [0, 1, 2, 3, 4]}}
  new: {uses: dataset, with: {name: digits, task: high, classes: [5, 6, 7, 8, 9]}}
  train: {uses: tasks, from: {data: old}, with: {episode: {ways: 3, shots: 2}, queries: 3}}
  test:
    uses: tasks
    from: {data: new}
    with: {episode: {ways: 3, shots: 2}, queries: 3, count: 60}
  backbone:
    uses: pretrain
    from: {data: old}
    with: {net: {kind: conv4, width: 16, norm: batch}, steps: 60}
  learned:
    uses: meta_train
    from: {tasks: train, validate: test, model: backbone, retain: old}
    matrix:
      algorithm:
        maml: {kind: maml, steps: 3, rates: step}
        lora: {kind: maml, steps: 3, inner: {kind: lora}, head: zero, memory: recompute}
        anil: {kind: anil}
        reptile: {kind: reptile, inner_batch: 5}
        ridge: {kind: ridge}
        newton: {kind: newton}
        protonet: {kind: protonet}
    with: {budget: {tasks: 240}, replay: 0.2}
  judged:
    uses: meta_evaluate
    from: {learner: learned, tasks: test}
    with: {curve: [0, 1, 3, 5]}
  result: {uses: compare, from: {scores: judged}}
"""
GENERATIVE = """
version: 1
name: killed
stages:
  images: {uses: dataset, with: {name: digits, task: seen, augment: {rotate: 10}}}
  judge:
    uses: judge
    from: {data: images}
    with: {net: {kind: conv4, width: 8, norm: batch, downsample: stride}, steps: 80}
  classifier:
    uses: pretrain
    from: {data: images}
    with: {net: {kind: conv4, width: 8}, steps: 60}
  points:
    uses: autoencoder
    from: {data: images}
    with: {z: 4, net: {kind: conv, width: 8, hidden: 32}, steps: 200}
  elbo:
    uses: vae
    from: {data: images}
    with: {z: 4, kl_warmup: 0.5, free_bits: 0.1, binarise: dynamic, steps: 400}
  iwae:
    uses: vae
    from: {data: images}
    with: {z: 4, objective: {kind: iwae, k: 5}, conditional: true, steps: 300}
  spread:
    uses: vae
    from: {data: images}
    with:
      z: 4
      net: {kind: conv, width: 8, hidden: 32}
      likelihood: {kind: gaussian, sigma: learned}
      sigma_lr: 0.01
      kl_warmup: 0.3
      steps: 200
  bound:
    uses: likelihood
    from: {generator: [elbo.generator, iwae.generator], data: images}
    with: {k: [1, 50, 5000]}
  drawn:
    uses: sample
    from: {generator: [points.generator, iwae.generator], data: images}
    matrix: {how: [prior, mixture, interpolation]}
  backwards:
    uses: classifier_samples
    from: {model: classifier, data: images}
    with: {count: 300, steps: 60, regularise: {jitter: 1, blur: 0.5}}
  judged:
    uses: evaluate_samples
    from:
      samples: {prior: drawn@how=prior, mixture: drawn@how=mixture, climbed: backwards}
      judge: judge
      data: images
    with: {n: 200}
  result: {uses: compare, from: {scores: judged}}
"""
PIPELINES = {"ladder": LADDER, "meta": META, "generative": GENERATIVE}
PORTS = {
    "ladder": {"model"},
    "meta": {"model", "learner"},
    "generative": {"generator", "encoder", "gallery", "judge", "samples"},
}
LOOPS = ("judge", "points", "elbo", "iwae", "spread", "bound", "backwards")
"""Stages of it that have a checkpoint to go on from."""
AT_ONCE = ("drawn", "judged")
MOST_KILLS = 6


class Place:
    """A folder with the pipeline, and a store."""

    def __init__(self, folder: Path, pipeline: str) -> None:
        self.folder = folder
        self.store = folder / ".meta"
        (folder / "pipeline.yaml").write_text(pipeline)

    def start(self) -> subprocess.Popen[bytes]:
        """The command in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "meta_tui", "run", "pipeline.yaml", "--plain",
             "--checkpoint", "0.1"],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def told(self) -> list[list[Event]]:
        """Events of every run, oldest first; a kill tears at most the last line."""
        return [
            [event for line in lines[:-1] if (event := decode(line))]
            for run in run_folder.every(self.store)
            if run.events.exists() and len(lines := run.events.read_bytes().split(b"\n")) > 1
        ]

    def digests(self) -> dict[tuple[str, str], str]:
        """Cell and output -> digest of its content, for every cell of the last run."""
        store = Store(self.store, readonly=True)
        first, *events = self.told()[-1]
        assert isinstance(first, RunStarted)
        found = {}
        for event in events:
            if hasattr(event, "key") and not isinstance(event, CellStarted):
                result = store.result(event.key)
                assert isinstance(result, Result)
                name = first.cells[event.cell].name
                for port, output in result.outputs.items():
                    store.files(output)
                    found[name, port] = output.digest
                found[name, "curves"] = result.curves.sha256 if result.curves else ""
        return found


def straight(folder: Path, pipeline: str) -> dict[tuple[str, str], str]:
    place = Place(folder, pipeline)
    out, err = place.start().communicate(timeout=300)
    assert not err, out
    return place.digests()


def told_until(process: subprocess.Popen[bytes], place: Place, run: int, *kinds: type) -> None:
    """Wait until run number `run` tells events of these kinds, or the process ends."""
    left = list(kinds)
    while left and process.poll() is None:
        time.sleep(0.01)
        told = place.told()[run:]
        left = list(kinds)
        for event in told[0] if told else ():
            if left and isinstance(event, left[0]):
                left.pop(0)


def kill_often(place: Place, seed: int) -> int:
    """Start and kill, and at last let it end; returns the number of kills.

    Each start may promise something before it is killed, so that every speed of machine gets on.
    """
    chance = random.Random(seed)
    for kills in range(MOST_KILLS):
        process = place.start()
        if kills % 2:
            told_until(process, place, kills, CellCheckpointed)
        else:
            promise = CellFinished | CellCheckpointed
            told_until(process, place, kills, *[promise] * chance.randint(1, 3))
            time.sleep(chance.uniform(0.0, 0.5))
        if process.poll() is not None:
            _, err = process.communicate()
            assert process.returncode == 0, err
            return kills
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    process = place.start()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return MOST_KILLS


def kill_once_in_each(place: Place, stages: dict[str, type]) -> dict[str, int]:
    """Kill whenever a stage tells its event for the first time, until all did; stage -> run."""
    found: dict[str, int] = {}
    for run in range(len(stages)):
        process = place.start()
        met = None
        while process.poll() is None and met is None:
            time.sleep(0.01)
            told = place.told()[run:]
            if told:
                first, *events = told[0]
                names = [(event, first.cells[event.cell].stage) for event in events if cell(event)]
                left = [(e, stage) for e, stage in names if stage in stages and stage not in found]
                met = next((stage for e, stage in left if isinstance(e, stages[stage])), None)
        if met is None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        found[met] = run
    process = place.start()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return found


def cell(event: Event) -> bool:
    """Whether an event is of a cell."""
    return getattr(event, "cell", None) is not None


def went_on(place: Place, run: int, stage: str) -> list[int]:
    """Steps from which the cells of a stage went on in a run."""
    first, *events = place.told()[run]
    assert isinstance(first, RunStarted)
    return [
        event.step
        for event in events
        if isinstance(event, CellStarted) and first.cells[event.cell].stage == stage
    ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a straight run of a pipeline gives."""
    known: dict[str, dict[tuple[str, str], str]] = {}

    def ask(name: str) -> dict[tuple[str, str], str]:
        if name not in known:
            known[name] = straight(tmp_path_factory.mktemp("straight"), PIPELINES[name])
            assert {"scores", "table", "curves", *PORTS[name]} <= {port for _, port in known[name]}
        return known[name]

    return ask


@pytest.mark.slow
@pytest.mark.parametrize("name", PIPELINES)
def test_kills_at_any_moment_change_no_bit_and_lose_nothing_acknowledged(
    tmp_path_factory, expected, name
):
    place = Place(tmp_path_factory.mktemp("killed"), PIPELINES[name])
    assert kill_often(place, seed=20) >= 3

    acknowledged: set[str] = set()
    resumed_at = []
    for first, *events in place.told():
        assert isinstance(first, RunStarted)
        names = [cell.name for cell in first.cells]
        assert not acknowledged & {names[e.cell] for e in events if isinstance(e, CellStarted)}
        resumed_at += [e.step for e in events if isinstance(e, CellStarted) and e.step]
        acknowledged |= {names[e.cell] for e in events if isinstance(e, CellFinished)}
    assert resumed_at, "no cell went on from a checkpoint"

    assert not any(run.alive() for run in run_folder.every(place.store))
    # A kill between publishing and tidying leaves checkpoints, but only where nobody needs them.
    for partial in (place.store / "partial").iterdir():
        assert isinstance(Store(place.store).result(partial.name), Result)
    # A lock's file may outlive a kill; the lock itself may not.
    for lock in (place.store / "locks").iterdir():
        assert Store(place.store).lease(lock.name, "test") is not None

    assert place.digests() == expected(name)


@pytest.mark.slow
def test_a_kill_within_any_generative_stage_changes_no_bit(tmp_path_factory, expected):
    place = Place(tmp_path_factory.mktemp("killed"), GENERATIVE)
    stages = dict.fromkeys(LOOPS, CellCheckpointed) | dict.fromkeys(AT_ONCE, CellStarted)
    killed = kill_once_in_each(place, stages)
    assert killed.keys() == stages.keys()
    for stage in LOOPS:
        assert max(went_on(place, killed[stage] + 1, stage)) > 0, stage
    assert place.digests() == expected("generative")
