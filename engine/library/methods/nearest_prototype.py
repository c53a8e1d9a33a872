"""Nearest prototype: the mean of a class's features, without any training."""

from typing import ClassVar, Literal

from engine import learning
from engine.library.methods.method import FewShot


class Prototype(FewShot):
    """Answer with the class whose mean of support features is the nearest."""

    stepwise: ClassVar[bool] = False
    classes_only: ClassVar[bool] = True

    kind: Literal["prototype"] = "prototype"
    distance: Literal["euclidean", "cosine"] = "euclidean"
    """Distance measure."""

    def few_shot(self, seed: int = 0) -> "learning.metalearning.algorithms.base.Algorithm":
        """See `FewShot`."""
        del seed
        return learning.metalearning.algorithms.nearest_prototype.Nearest(self.distance)
