"""Tiny stage types: stand-ins for the artifacts and stages of the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Literal, Self

import pytest
from pydantic import Field, PositiveFloat, PositiveInt

from pipelines.core.errors import MissingFiles, PipelineError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Artifact, Params, Stage, stage
from pipelines.pipeline import Pipeline, check


class Thing(Artifact):
    def write(self, folder: Path) -> None: ...

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> Self:
        return cls()


class Dataset(Thing): ...


class Model(Thing): ...


class Generator(Thing): ...


class Scores(Thing): ...


class Table(Thing): ...


@dataclass(frozen=True)
class Data:
    data: Dataset


@dataclass(frozen=True)
class Trained:
    model: Model


@dataclass(frozen=True)
class Adapted:
    model: Model
    scores: Scores


@dataclass(frozen=True)
class Coder:
    generator: Generator
    encoder: Model


@dataclass(frozen=True)
class Twins:
    first: Model
    second: Model


@dataclass(frozen=True)
class Compared:
    table: Table


class DatasetParams(Params):
    name: str
    """Collection."""
    task: str = ""
    classes: tuple[int, ...] = ()
    root: str = ""

    def files(self, folder: Path) -> Mapping[str, Path]:
        if self.root:
            raise MissingFiles(f"{self.root} has no train-images.gz", "fetch it with `meta data`")
        return {}


class Conv(Params):
    kind: Literal["conv4"] = "conv4"
    width: PositiveInt = 32
    """Channels of each block."""
    norm: Literal["group", "batch"] = "group"


class Mlp(Params):
    kind: Literal["mlp"] = "mlp"
    hidden: tuple[int, ...] = (100,)


Net = Annotated[Conv | Mlp, Field(discriminator="kind")]


class PretrainParams(Params):
    net: Net = Conv()
    epochs: PositiveInt = 10
    """Passes over the data."""
    lr: PositiveFloat = 0.1


class TuneParams(Params):
    lr: PositiveFloat = 0.03
    """Learning rate."""
    head: Literal["random", "zero", "probe"] = "random"
    replay: Annotated[float, Field(ge=0, le=1)] = 0.0
    steps: PositiveInt | Literal["auto"] = "auto"
    method: Net | None = None


class CompareParams(Params):
    show: tuple[str, ...] = ()
    baseline: str = ""
    contrasts: tuple[tuple[str, str], ...] = ()


class SubsetParams(Params):
    train: PositiveInt = 10


class SelectParams(Params):
    over: str
    by: str = "high/val_loss"
    goal: Literal["min", "max"] = "min"
    pool: tuple[str, ...] = ()


class NoneParams(Params): ...


def _dataset_facts(look: Look) -> Mapping[str, Facts]:
    name = look.params.task or look.params.name
    if 99 in look.params.classes:
        look.error("classes", f"{look.params.name} has no class 99", "it has 0 to 9")
    sources = frozenset((f"{look.params.name}/{c}", "test") for c in look.params.classes)
    return {"data": Facts(task=name, classes=look.params.classes, sources=sources)}


def _tune_facts(look: Look) -> Mapping[str, Facts]:
    if look.params.replay > 0 and not look.inputs.get("retain"):
        look.error("replay", "replay has no source", "connect `retain`")
    if look.params.lr > 10:
        look.warn("lr", "this rate is very high")
    data = look.one("data")
    task = data.task if data else ""
    return {"scores": Facts(metrics={f"{task}/accuracy": (1, 10)})}


def _cheat_facts(look: Look) -> Mapping[str, Facts]:
    data = look.one("data")
    return {"model": Facts(sources=data.sources if data else frozenset())}


@stage(facts=_dataset_facts)
def dataset(run: object, params: DatasetParams) -> Data:
    """Images."""
    return Data(Dataset())


@stage(draws=True)
def subset(run: object, params: SubsetParams, *, data: Dataset) -> Data:
    """Few."""
    return Data(data)


@stage(draws=True)
def init(run: object, params: PretrainParams) -> Trained:
    """Untrained."""
    return Trained(Model())


@stage(draws=True)
def pretrain(run: object, params: PretrainParams, *, data: Dataset) -> Trained:
    """Trained."""
    return Trained(Model())


@stage(facts=_cheat_facts)
def cheat(run: object, params: NoneParams, *, data: Dataset) -> Trained:
    """Trained on the test part."""
    return Trained(Model())


@stage(draws=True)
def vae(run: object, params: PretrainParams, *, data: Dataset) -> Coder:
    """Codes."""
    return Coder(Generator(), Model())


@stage
def twins(run: object, params: NoneParams) -> Twins:
    """Two models."""
    return Twins(Model(), Model())


@stage(draws=True, facts=_tune_facts)
def finetune(
    run: object,
    params: TuneParams,
    *,
    model: Model,
    data: Dataset,
    retain: tuple[Dataset, ...] = (),
) -> Adapted:
    """Adapted."""
    return Adapted(model, Scores())


@stage(mirrors="candidates")
def select(run: object, params: SelectParams, *, candidates: tuple[Scores, ...]) -> Data:
    """Chosen."""
    return Data(Dataset())


@stage
def compare(run: object, params: CompareParams, *, scores: tuple[Scores, ...]) -> Compared:
    """A table."""
    return Compared(Table())


CATALOGUE: Mapping[str, Stage] = {
    each.name: each
    for each in (
        dataset, subset, init, pretrain, cheat, vae, twins, finetune, select, compare,
    )
}  # fmt: skip

Check = Callable[..., Pipeline]


def checked(
    text: str,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    seeds: int | None = None,
) -> Pipeline:
    """Check dedented stages under a standard head, unless the text has its own."""
    text = dedent(text)
    if not text.startswith("version"):
        text = f"version: 1\nname: test\n{text}"
    folder = Path("/nowhere")
    return check(
        text,
        file="p.yaml",
        folder=folder,
        stages=CATALOGUE,
        overrides=overrides,
        seed=seed,
        seeds=seeds,
    )


def told(text: str, overrides: Sequence[str] = ()) -> str:
    """The text of the error that a file gets."""
    with pytest.raises(PipelineError) as caught:
        checked(text, overrides)
    return str(caught.value)
