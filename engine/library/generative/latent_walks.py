"""Walks through the codes of a generator: on purpose, not at random."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from engine import learning
from engine.library.generative import image_grids
from engine.library.generative.generator_session import Images, Scene
from engine.library.generative.sampler import Made, Part, Way, decoded
from pipelines.core.errors import StageError

if TYPE_CHECKING:
    from torch import Tensor

PLANE = 2
"""Numbers of a code that a plane shows."""
_PAIRED = 1000
"""Images among which pairs are looked for."""


class Reconstruction(Way):
    """Images of the test part again, by their codes (of a VAE, the means)."""

    kind: Literal["reconstruction"] = "reconstruction"

    @property
    def counted(self) -> bool:
        """See `Way`."""
        return True

    def part(self, *, points: bool) -> Part:
        """See `Way`."""
        del points
        return "judged"

    def make(self, scene: Scene) -> Made:
        """See `Way`."""
        found = scene.images(scene.count)
        z = scene.pair.codes(found.x, scene.told_classes(found.y)).mean
        pixels = decoded(scene, z, found.y)
        shown = image_grids.reconstructions(scene, found, pixels)
        return Made(pixels, found.y, self.kind, (shown,))


class Interpolation(Way):
    """From an image of the test part to another: of two classes, or of one that is told."""

    kind: Literal["interpolation"] = "interpolation"
    steps: Annotated[int, Field(ge=3, le=21)] = 11
    """Images per interpolation, including both ends."""
    pairs: Annotated[PositiveInt, Field(le=20)] = 8
    """Number of interpolations."""
    path: Literal["linear", "spherical"] | None = None
    """Linear or spherical interpolation; by default `spherical` for a VAE, otherwise `linear`."""

    def part(self, *, points: bool) -> Part:
        """See `Way`."""
        del points
        return "judged"

    def make(self, scene: Scene) -> Made:
        """See `Way`."""
        walks, path = learning.generative.sampling.latent_walks, self.path
        path = path or ("linear" if scene.points else "spherical")
        found = scene.images(_PAIRED)
        same = bool(scene.labels) or bool((found.y == found.y[0]).all())
        left, right = (
            Images(found.part, found.x[places], found.y[places])
            for places in learning.generative.sampling.indexing.partners(
                found.y, self.pairs, same=same
            )
        )
        if not len(left.x):
            raise StageError(f"there are no two {found.part} images to go between")
        told = scene.told_classes
        ends = [scene.pair.codes(end.x, told(end.y)).mean for end in (left, right)]
        ways = walks.between(ends[0], ends[1], self.steps, path)
        y = left.y.repeat_interleave(self.steps)
        pixels = decoded(scene, ways.flatten(0, 1), y)
        rows = learning.generative.sampling.indexing.rows(pixels, len(ways))
        shown = image_grids.interpolations(scene, (left, right), rows, path, same=same)
        return Made(pixels, y, f"{path} interpolation", (shown,))


class Traversal(Way):
    """One dimension at a time, those that say most first.

    It starts from an image of the test part; without `data`, from 0. A VAE's dimensions take values
    of N(0, 1) and stand in the order of their KL, or of what they change where there is no `data`;
    those of an autoencoder, in units of their spread, in the order of these.
    """

    kind: Literal["traversal"] = "traversal"
    dimensions: Annotated[PositiveInt, Field(le=40)] = 10
    """Maximum number of dimensions, one per row."""
    steps: Annotated[int, Field(ge=3, le=21)] = 11
    """Values per dimension."""
    span: PositiveFloat = 3.0
    """Values range from -span to span."""

    def part(self, *, points: bool) -> Part:
        """See `Way`."""
        del points
        return "judged"

    def optional(self, *, points: bool) -> bool:
        """See `Way`."""
        return not points

    def make(self, scene: Scene) -> Made:
        """See `Way`."""
        walks, z = learning.generative.sampling.latent_walks, scene.generator.z
        route = _route(scene, self.span)
        order = route.says.argsort(descending=True, stable=True)[: min(self.dimensions, z)].tolist()
        values = walks.evenly(self.span, self.steps)
        taken = route.middle[order, None] + route.unit[order, None] * values
        ways = walks.along(route.start, order, taken)
        y = route.y.expand(len(order) * self.steps)
        pixels = decoded(scene, ways.flatten(0, 1), y)
        told = image_grids.Journey(
            [f"z{place}: {float(route.says[place]):.3g}{route.nats}" for place in order],
            [f"{value:+.3g}" if value else "0" for value in values.tolist()],
            decoded(scene, route.start[None], route.y)[0],
            route.origin,
            route.measure,
            "spreads from the mean" if scene.points else "(it is N(0, 1) in the prior)",
            next(iter(scene.labels_of(route.y)), None),
        )
        shown = image_grids.traversal(
            scene, learning.generative.sampling.indexing.rows(pixels, len(order)), told
        )
        return Made(pixels, y, self.kind, (shown,))


class Manifold(Way):
    """All codes of two numbers as a sheet: a VAE's by quantiles of N(0, 1), else by their range."""

    kind: Literal["manifold"] = "manifold"
    side: Annotated[int, Field(ge=2, le=40)] = 20
    """Images per row and per column."""

    def part(self, *, points: bool) -> Part:
        """See `Way`."""
        return "train" if points else ""

    def make(self, scene: Scene) -> Made:
        """See `Way`."""
        walks, side = learning.generative.sampling.latent_walks, self.side
        if scene.generator.z != PLANE:
            raise StageError(f"`manifold` needs codes of two dimensions, not {scene.generator.z}")
        if scene.points:
            across, up = walks.reach(scene.codes(), side)
            share = f"{1 - 2 * walks.EDGE:.0%}"
            words = f"evenly over {share} of the training codes"
        else:
            across = up = walks.quantiles(side)
            words = "in steps of equal chance under N(0, I)"
        z = walks.plane(across, up.flip(0)).flatten(0, 1)
        sheets, told, shown = [], [], []
        for label in scene.labels or (None,):
            y = (scene.asked(1) if label is None else scene.one(label)).expand(len(z))
            sheets.append(decoded(scene, z, y))
            told.append(y)
            rows = learning.generative.sampling.indexing.rows(sheets[-1], side)
            shown.append(image_grids.manifold(scene, rows, words, label))
        joined = learning.generative.sampling.indexing.joined
        return Made(joined(sheets), joined(told), self.kind, tuple(shown))


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a traversal goes.

    Attributes:
        start: (z,) code that is changed.
        y: (1,) its class.
        says: (z,) how much each dimension says.
        middle: (z,) value 0 of each.
        unit: (z,) value 1 of each, from there.
        origin: `start` in words.
        measure: `says` in words.
        nats: unit of it, after a number.
    """

    start: "Tensor"
    y: "Tensor"
    says: "Tensor"
    middle: "Tensor"
    unit: "Tensor"
    origin: str
    measure: str
    nats: str = ""


def _route(scene: Scene, span: float) -> _Route:
    walks = learning.generative.sampling.latent_walks
    if scene.task is None:
        if scene.points:
            raise StageError("an autoencoder's codes have no prior: connect its dataset as `data`")
        y = scene.asked(1)
        start, middle, unit = walks.standard(scene.generator.z)
        told = scene.told_classes(y)
        says = walks.effect(scene.pair, start.to(y.device), span, told)
        return _Route(start, y, says, middle, unit, "the code 0", "stands how far it moves pixels")
    found = scene.images()
    codes = scene.pair.codes(found.x, scene.told_classes(found.y))
    start, y, says = codes.mean[0].cpu(), found.y[:1], walks.activity(codes)
    origin = f"the code of a {found.part} image"
    if scene.points:
        spread = f"stands its spread on the {found.part} part"
        middle = codes.mean.double().mean(0).cpu().float()
        return _Route(start, y, says, middle, says.float(), origin, spread)
    _, middle, unit = walks.standard(scene.generator.z)
    nats = f"stands its mean KL on the {found.part} part"
    return _Route(start, y, says, middle, unit, origin, nats, " nats")
