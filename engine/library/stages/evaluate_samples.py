"""Stage `evaluate_samples`: quality, diversity, sharpness and memorisation of samples."""

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
    """Number of samples, of test images, and of training images for the floor; by default as many
    as all of them have. Distances at different n are not comparable."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The output of `evaluate_samples`."""

    scores: Scores


def _facts(look: Look) -> Mapping[str, Facts]:
    data, judge, samples = (look.one(port) or Facts() for port in ("data", "judge", "samples"))
    _compared(look, data, judge, samples)
    strangers = sorted(set(samples.classes) - set(judge.classes)) if judge.classes else []
    if strangers:
        message = f"samples have the classes {_said(strangers)}, which the judge does not know"
        look.error("from.judge", message, "train the judge on a dataset with all their classes")
    unknown = sorted(set(data.classes) - set(judge.classes)) if judge.classes else []
    if unknown:
        message = f"the judge was not trained on the classes {_said(unknown)} of {data.task}"
        look.warn("from.judge", message, "train the judge on a dataset with all its classes")
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
    """Compare samples with test images, with evaluation classifiers independent of the generator.

    `distance` is the Fréchet distance between them in the features of the plain classifier (not
    comparable with FID, which uses other features), `distance_second` the same with another seed,
    and `floor` that of training images: what a perfect generator would reach at this n. `precision`
    is the fraction of samples inside the manifold of the test images, `recall` the fraction of test
    images inside that of the samples, `coverage` the fraction of test images with a sample nearby.
    `accepted` is the fraction that the classifier with a class for corrupted images assigns to a
    real class, `validity` the fraction accepted and inside the manifold, as each criterion alone
    can be fooled. `grey` (blur) and `components` (noise) are reported with their values on test
    images. `memorising` is 1 if training images are no closer than test images, and 0 for copies.
    `agreement` is the fraction of samples classified as the class that they are conditioned on.
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
