"""A bench: stage types called directly, on digits, with the real `Run` and nothing else."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
import twin

from engine.identity.input_files import Inputs
from engine.library.artifacts import Dataset, Model
from engine.library.stages.dataset import dataset
from engine.library.stages.finetune import finetune
from engine.library.stages.pretrain import pretrain
from engine.library.stages.subset import subset
from engine.stage_api.channel import Silent
from engine.stage_api.run import Interrupted, Run
from pipelines.core.facts import Facts, Look

NET = {"kind": "conv4", "width": 8, "norm": "group"}


@dataclass
class StopAt(Silent):
    """A channel that asks to stop once so many steps are done."""

    step: int = 0
    done: int = 0

    @property
    def stopping(self):
        self.done += 1
        return self.done >= self.step

    @stopping.setter
    def stopping(self, value):
        pass


@dataclass
class Shelf:
    """A scratch that keeps the last checkpoint in a folder."""

    folder: Path
    count: int = 0

    def save(self, writer, step):
        self.count += 1
        place = self.folder / str(self.count)
        place.mkdir(parents=True)
        writer(place)

    def load(self):
        return self.folder / str(self.count) if self.count else None


@dataclass
class Bench:
    files: dict = field(default_factory=dict)

    def run(self, seed=0, **more):
        return Run(seeds=(0, seed), files=self.files, **more)

    def params(self, kind, /, **fields):
        return kind.params.model_validate_json(json.dumps(fields))

    def dataset(self, **fields):
        params = self.params(dataset, **{"name": "digits", **fields})
        inputs = {}
        for name, path in params.files(Path()).items():
            inputs[name] = Inputs(None).digest(path)
            self.files[inputs[name]] = path
        return dataset(self.run(inputs=inputs), params).data

    def stage(self, kind, fields=None, *, seed=0, run=None, **inputs):
        """Call a stage type with parameters as in a file."""
        return kind(run or self.run(seed), self.params(kind, **(fields or {})), **inputs)

    def tune(self, lesson, *, run=None, **fields):
        """Fine-tune the lesson's backbone for a few steps."""
        fields = {"steps": 12, "batch": 20, "lr": 0.05, "curve": [0, 5], **fields}
        return self.stage(
            finetune, fields, run=run, model=lesson.model, data=lesson.few, retain=(lesson.low,)
        )

    def interrupted(self, folder, step, call):
        """Call a stage, stop it after a step, and call it again: what the second call returns."""
        shelf = Shelf(folder)
        with pytest.raises(Interrupted):
            call(self.run(channel=StopAt(step=step), scratch=shelf))
        assert shelf.count == 1
        torch.manual_seed(step)  # a new process has other random states
        return call(self.run(scratch=shelf))


@dataclass
class Lesson:
    low: Dataset
    high: Dataset
    few: Dataset
    model: Model


@pytest.fixture(scope="session")
def bench():
    torch.set_num_threads(1)
    return Bench()


@pytest.fixture(scope="session")
def lesson(bench):
    """A small backbone trained on 0-4, and few labels of 5-9."""
    low = bench.dataset(task="low", classes=[0, 1, 2, 3, 4], augment={"rotate": 20})
    high = bench.dataset(task="high", classes=[5, 6, 7, 8, 9], shifted={"rotate": [30, 60]})
    few = bench.stage(subset, {"train": 60, "val": 50}, data=high).data
    trained = bench.stage(pretrain, {"net": NET, "steps": 120, "lr": 0.01}, data=low)
    return Lesson(low, high, few, trained.model)


@pytest.fixture(scope="session")
def omniglot_twin(tmp_path_factory):
    """Folder of a twin of Omniglot with 4 / 3 / 3 characters; to be named by `root:`."""
    return twin.draw(tmp_path_factory.mktemp("data") / "omniglot")


@pytest.fixture
def look():
    """Facts of a stage type: what flows out, and the faults it reports."""

    def ask(kind, fields, axes=None, sources=None, **inputs):
        params = kind.params.model_validate_json(json.dumps(fields))
        given = {k: v if isinstance(v, tuple) else (v,) for k, v in inputs.items()}
        seen = Look(params, given, sources or {}, axes or {})
        return kind.facts(seen), seen.faults

    return ask


LOW = Facts(
    task="low",
    classes=(0, 1, 2, 3, 4),
    metrics={f"low/{name}": () for name in ("accuracy", "loss", "val_accuracy", "val_loss")},
)
HIGH = Facts(
    task="high",
    classes=(5, 6, 7, 8, 9),
    metrics={
        f"high/{name}": ()
        for name in ("accuracy", "loss", "val_accuracy", "val_loss", "shifted_accuracy")
    },
)


@pytest.fixture
def known():
    """Facts of the old task, the new task, and a model of the old one."""
    return LOW, HIGH, Facts(heads={"low": (0, 1, 2, 3, 4)})
