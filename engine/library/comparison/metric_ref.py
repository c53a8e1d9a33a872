"""What to read from scores: `task/metric`, or a point of its curve, `task/metric@step=10`.

The metric of the tasks with so many classes is one of its own, `task/metric@ways=10`, not a point.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from engine.library.artifacts import Scores
from pipelines.core.facts import Facts, Look
from pipelines.core.text import suggestion

_FORM = re.compile(r"(?P<name>[^@]+(?:@ways=\d+)?)(?:@(?:step=(?P<step>\d+)|(?P<end>best|last)))?")
_FALLING = re.compile(
    r".*(loss|forgetting|neg_elbo|squared_error|(nll|bits_per_dim)_\d+)|distance(_second)?"
)
_HEADLINES = ("accuracy", "shifted_accuracy", "forgetting")


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric, or a point of its curve.

    Attributes:
        text: as written.
        name: of the metric, `task/metric` or `task/metric@ways=10`.
        step: of the curve; None for the final value, or for `end`.
        end: `best` or `last` point of the curve, or empty.
    """

    text: str
    name: str
    step: int | None = None
    end: str = ""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The measure of a text; None where it has not the form of one."""
        found = _FORM.fullmatch(text)
        if not found:
            return None
        step = found["step"]
        return cls(text, found["name"], int(step) if step else None, found["end"] or "")

    @property
    def falls(self) -> bool:
        """Small values are good."""
        metric = self.name.partition("@")[0].rpartition("/")[2]
        return _FALLING.fullmatch(metric) is not None

    @property
    def of_curve(self) -> bool:
        """It is a point of a curve."""
        return self.step is not None or bool(self.end)

    def value(self, scores: Scores) -> float | None:
        """The number, None where it does not apply."""
        if not self.of_curve:
            return scores.metrics.get(self.name)
        curve = scores.curves.get(self.name, ())
        if self.step is not None:
            return dict(curve).get(self.step)
        if self.end == "last":
            return curve[-1][1] if curve else None
        values = [value for _, value in curve]
        return min(values, default=None) if self.falls else max(values, default=None)

    @property
    def size(self) -> float:
        """The least size of the numbers that it was computed from.

        Forgetting is a difference of shares, and rounded as these are, however small it is itself.
        """
        return 1.0 if self.name.partition("@")[0].endswith("forgetting") else 0.0


def measures(texts: Iterable[str]) -> list[Measure]:
    """The measures of texts that `check` found right."""
    return [measure for text in texts if (measure := Measure.parse(text))]


def headlines(every: Iterable[Scores]) -> list[str]:
    """Names of the metrics that are shown where none are named: all, where none is a headline."""
    names = dict.fromkeys(name for scores in every for name in scores.metrics)
    return [name for name in names if name.rpartition("/")[2] in _HEADLINES] or list(names)


def check(look: Look, place: str, text: str, inputs: Sequence[Facts]) -> None:
    """Report a measure that no input has.

    Args:
        look: where to report.
        place: parameter that holds the text.
        text: as written.
        inputs: facts of the scores; where one says nothing of its metrics, all may be.
    """
    measure = Measure.parse(text)
    if measure is None:
        look.error(
            place,
            f"`{text}` is no metric",
            "write `task/metric`, with `@step=10`, `@best` or `@last` for a point of its curve, "
            "or `@ways=10` for the tasks with so many classes",
        )
        return
    if not all(facts.metrics for facts in inputs):
        return
    known = _curves(inputs)
    if measure.name not in known:
        look.error(place, f"nobody measures `{measure.name}`", suggestion(measure.name, known))
    elif measure.of_curve and not known[measure.name]:
        look.error(place, f"`{measure.name}` has no curve", f"say `{measure.name}`")
    elif measure.step is not None and measure.step not in known[measure.name]:
        look.error(
            place,
            f"no curve of `{measure.name}` is recorded at step {measure.step}",
            f"steps: {', '.join(map(str, sorted(known[measure.name])))}",
        )


def _curves(inputs: Sequence[Facts]) -> Mapping[str, set[int]]:
    found: dict[str, set[int]] = {}
    for facts in inputs:
        for name, steps in facts.metrics.items():
            found.setdefault(name, set()).update(steps)
    return found
