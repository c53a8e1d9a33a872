"""What nets do to shapes, without torch: names of layers, and norms that have too little to see."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from math import gcd
from typing import Any, Literal

from pipelines.core.facts import Facts, Look

BLOCKS = 4
"""Of a conv4."""
GROUP_CHANNELS = 4
"""Channels that a group norm averages over, as `engine.learning.models.backbones` has it."""
IMAGE = 3
"""Dimensions of an image: channels, height, width."""


def layers(net: Mapping[str, Any], shape: Sequence[int]) -> dict[str, Literal["conv", "linear"]]:
    """Names of a net's layers with weights of two dimensions or more -> what they are.

    Empty where that is not known.

    Args:
        net: fields of a value in `engine.library.nets.kinds`.
        shape: of the inputs; an mlp needs none.
    """
    if net.get("kind") == "mlp":
        return {str(2 * place + 1): "linear" for place in range(len(net["hidden"]))}
    if net.get("kind") != "conv4" or len(shape) != IMAGE:
        return {}
    found: dict[str, Literal["conv", "linear"]] = {}
    place = 0
    for _, pooled in _blocks(net, shape):
        found[str(place)] = "conv"
        place += 2 + (net["norm"] != "none") + pooled
    return found


def _blocks(net: Mapping[str, Any], shape: Sequence[int]) -> Iterator[tuple[int, bool]]:
    """Of each block of a conv4: pixels of its norm's maps, and whether a pool follows."""
    _, height, width = shape
    strided = net["downsample"] == "stride"
    for _ in range(BLOCKS):
        halved = min(height, width) >= 2  # noqa: PLR2004 (a pool of two needs two)
        if halved and strided:
            height, width = (height + 1) // 2, (width + 1) // 2
        yield height * width, halved and not strided
        if halved and not strided:
            height, width = height // 2, width // 2


def targets(look: Look, place: str, inner: Any, net: Mapping[str, Any], facts: Facts) -> None:
    """Report a LoRA whose targets are no layers of a net.

    Args:
        look: where to report.
        place: parameter that holds the LoRA.
        inner: what it says; anything without `targets` is no LoRA.
        net: fields of the net that it changes.
        facts: of what gives the shape of the inputs.
    """
    names, wanted = layers(net, facts.shape), getattr(inner, "targets", None)
    if not names or wanted is None:
        return
    if any(_meant(name, kind, text) for name, kind in names.items() for text in wanted):
        return
    has = ", ".join(f"{name} ({kind})" for name, kind in names.items())
    told = f"no layer is among `targets: [{', '.join(wanted)}]`; the net has {has}"
    look.error(f"{place}.targets".lstrip("."), told, "name some of them, or say `all`")


def _meant(name: str, kind: str, target: str) -> bool:
    return target in {"all", f"all-{kind}"} or fnmatchcase(name, target)


def norms(look: Look, net: Any, shape: Sequence[int], batch: int | None = None) -> None:
    """Report a conv4 whose norm sees one number at a time, which makes it 0, or refuses it.

    Args:
        look: where to report, at the parameter `net`.
        net: a value in `engine.library.nets.kinds`, or another that has no such norm.
        shape: of the images.
        batch: images of a step; None where they are not counted.
    """
    if net is None or net.kind != "conv4" or len(shape) != IMAGE:
        return
    fields = net.model_dump()
    if min(pixels for pixels, _ in _blocks(fields, shape)) > 1:
        return
    size = "x".join(map(str, shape[1:]))
    where = f"of images of {size} pixels the last maps have one pixel"
    seen = {"group": gcd(net.width, GROUP_CHANNELS), "layer": net.width}.get(net.norm)
    if seen == 1:
        told = f"{where}, and `norm: {net.norm}` at `width: {net.width}` makes every feature 0"
        look.error("net.width", told, f"take a multiple of {GROUP_CHANNELS}, or another `norm`")
    elif net.norm == "batch" and batch == 1:
        told = f"{where}, and batch norm needs more than one number of each feature"
        look.error("batch", told, "take a batch of 2 or more, or another `norm`")


def takes(look: Look, port: str, facts: Facts, model: Facts, who: str = "the model") -> None:
    """Report inputs of another shape than a net takes, or that are no images for a conv4."""
    wanted, given = model.shape, facts.shape
    if not given:
        return
    if wanted and wanted != given:
        told = f"{facts.task} has inputs of {_sized(given)}, and {who} takes {_sized(wanted)}"
        look.error(f"from.{port}", told, "take inputs of the same shape")
    elif not wanted and model.net.get("kind") == "conv4" and len(given) != IMAGE:
        told = f"conv4 takes images, and the inputs of {facts.task} are numbers"
        look.error(f"from.{port}", told, "take a `net: {kind: mlp, hidden: [40, 40]}`")


def _sized(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
