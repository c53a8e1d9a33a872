"""How good samples are: how like real images, how many kinds, how sharp, and whether copied."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from engine.library.artifacts import Dataset, Judge, Samples, Scores
from engine.library.datasets import parts
from engine.library.generative import sample_metrics
from engine.library.methods.example_counts import loaded
from engine.library.methods.heads import sized
from engine.stage_api.run import Run
from pipelines.core.errors import StageError
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params, stage

LEAST = 6
"""Images on each side; the nearest five neighbours need as many."""
_SHOWN = 5


class EvaluateSamples(Params):
    n: int | None = Field(default=None, ge=LEAST)
    """Images on each side: samples, test images, and training images for the floor. By default as
    many as there are of each. Distances at different n are not comparable."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The output of `evaluate_samples`."""

    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    data, judge, samples = (look.one(port) or Facts() for port in ("data", "judge", "samples"))
    _compared(look, data, judge, samples)
    strangers = sorted(set(samples.classes) - set(judge.classes)) if judge.classes else []
    if strangers:
        told = f"samples are asked for {_said(strangers)}, and the judge knows no such class"
        look.error("from.judge", told, "train the judge on a dataset with all their classes")
    unknown = sorted(set(data.classes) - set(judge.classes)) if judge.classes else []
    if unknown:
        told = f"the judge has never seen {_said(unknown)} of {data.task}: to it they are strange"
        look.warn("from.judge", told, "train the judge on a dataset with all its classes")
    names = [*sample_metrics.ALWAYS, *([sample_metrics.LABELLED] if samples.classes else [])]
    metrics = {f"{data.task}/{name}": () for name in names} if data.task else {}
    return {"scores": Facts(metrics=metrics)}


def _compared(look: Look, data: Facts, judge: Facts, samples: Facts) -> None:
    """Report what cannot be compared, and more images than there are."""
    for port, facts in {"judge": judge, "samples": samples}.items():
        hint = "connect samples, judge and data of one collection"
        if facts.collection and data.collection and facts.collection != data.collection:
            told = f"of {facts.collection}, and the data are of {data.collection}"
            look.error(f"from.{port}", told, hint)
        elif facts.shape and data.shape and facts.shape != data.shape:
            told = f"of images of {sized(facts.shape)}, and the data are of {sized(data.shape)}"
            look.error(f"from.{port}", told, hint)
    for part in ("train", "test"):
        if parts.there(data, part) is False:
            told = f"{data.task} has no {part} examples to compare samples with"
            look.error("from.data", told, "connect a dataset with training and test images")
    n = look.params.n
    there = {f"{part} images": data.sizes.get(part) for part in ("test", "train")}
    for name, count in {"samples": samples.count, **there}.items():
        if n is not None and count is not None and n > count:
            look.error("n", f"there are {count} {name} at most", "take fewer, or leave it out")
        elif count is not None and 0 < count < LEAST:
            told = f"{count} {name}, and judging needs {LEAST} on each side"
            look.error("from.samples" if name == "samples" else "from.data", told, "take more")


def _said(classes: list[int]) -> str:
    more = len(classes) - _SHOWN
    return ", ".join(map(str, classes[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


@stage(facts=_facts)
def evaluate_samples(
    run: Run, params: EvaluateSamples, *, samples: Samples, judge: Judge, data: Dataset
) -> Judged:
    """Compare samples with test images, by a judge that took no part in making them.

    `distance` is the Fréchet distance between them in the features of the plain judge (never
    comparable with FID, which has features of its own), `distance_second` the same by another seed,
    and `floor` that of training images: what a perfect generator would reach at this n. `precision`
    is the share of samples inside the manifold of the test images, `recall` the share of test
    images inside that of the samples, `coverage` the share of test images with a sample nearby.
    `accepted` is the share that a judge with a junk class takes for a real class, `validity` the
    share that is accepted and inside the manifold: each alone is fooled. `grey` (blur) and
    `components` (noise) stand beside the test images' own. `memorising` is 1 where training images
    are no nearer than test images, and 0 for copies. `agreement` is the share of samples that show
    the class that was asked for.

    A judge is an artifact of its own, so that what is judged is never what was attacked.
    """
    if not len(samples):
        run.note(samples.how)
        return Judged(Scores({}, status="diverged", notes=(samples.how,)))
    task = loaded(run, data)
    sample_metrics.check(judge, samples, data)
    n = _count(params.n, {
        "samples": len(samples),
        **{f"{part} images": len(task.parts.get(part, ())) for part in ("test", "train")},
    })  # fmt: skip
    verdict = sample_metrics.measured(judge, samples, task, n, run.device)
    metrics = {f"{data.task}/{name}": value for name, value in verdict.metrics.items()}
    return Judged(Scores(metrics, notes=verdict.notes))


def _count(n: int | None, there: Mapping[str, int]) -> int:
    """Images on each side."""
    name, fewest = min(there.items(), key=lambda item: item[1])
    if fewest < LEAST:
        raise StageError(f"{fewest} {name}: judging needs {LEAST} on each side")
    if n is not None and n > fewest:
        raise StageError(f"`n: {n}` is more than the {fewest} {name} that there are")
    return n or fewest
