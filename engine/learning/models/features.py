"""Features and logits of whole dataset splits, in chunks, without gradients.

`no_grad`, not `inference_mode`: heads are trained on these features, which inference tensors do
not allow.
"""

import torch
from torch import Tensor

from engine.learning.data.device_data import Examples
from engine.learning.models.backbones import Network

CHUNK = 1024
"""Images in a chunk, a balance of speed and memory."""


@torch.no_grad()
def extract(net: Network, examples: Examples, index: Tensor | None = None) -> Tensor:
    """Return features in eval mode.

    Args:
        net: its train or eval mode is restored.
        examples: a dataset split.
        index: (n,) positions of a subset; all examples by default.

    Returns:
        (n, net.width) float32.
    """
    training = net.training
    net.eval()
    count = len(examples) if index is None else len(index)
    chunks = []
    for start in range(0, count, CHUNK):
        chunk = slice(start, min(start + CHUNK, count))
        chunks.append(net.features(examples.pictures(chunk if index is None else index[chunk])))
    net.train(training)
    return torch.cat(chunks)


@torch.no_grad()
def logits(net: Network, task: str, examples: Examples) -> Tensor:
    """Return logits (n, classes) of a head, in eval mode."""
    return net.heads[task](extract(net, examples))
