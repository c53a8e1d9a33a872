"""Stage `init`: a model with random weights, as a baseline."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import PositiveInt

from engine import learning
from engine.library.artifacts import Dataset, Model
from engine.library.nets import shapes
from engine.library.nets.kinds import Net
from engine.stage_api.run import Run
from pipelines.core.facts import Facts, Look
from pipelines.core.stage import Params, stage


class Init(Params):
    net: Net
    """The backbone."""
    shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None = None
    """(channels, height, width) of its images; by default those of `data`, or of the first dataset
    that the model is used on."""


@dataclass(frozen=True, slots=True)
class Untrained:
    """The output of `init`."""

    model: Model


def _facts(look: Look) -> Mapping[str, Facts]:
    if look.params.shape and look.one("data"):
        look.error("shape", "`data` gives the shape already", "leave one of them out")
    data = look.one("data") or Facts()
    shape = look.params.shape or data.shape
    shapes.norms(look, look.params.net, shape)
    return {"model": Facts(headless=True, shape=shape, net=look.params.net.model_dump())}


@stage(draws=True, facts=_facts)
def init(run: Run, params: Init, *, data: Dataset | None = None) -> Untrained:
    """Initialise a backbone without heads.

    Without `shape` and `data` the model has only the seed, and the first stage that uses it on
    images initialises the same weights.
    """
    net = params.net.model_dump()
    seed = run.seed("init")
    shape = data.shape if data else params.shape
    if shape is None:
        return Untrained(Model(net, None, {}, {}, seed))
    drawn = learning.models.backbones.build(net, shape, seed)
    return Untrained(Model(net, shape, {}, learning.training.weights.portable(drawn.state_dict())))
