"""Features and logits of whole parts, in chunks, without gradients.

Under `no_grad` and not `inference_mode`: a head is trained on these features, which tensors of
inference mode forbid.
"""

import torch
from torch import Tensor

from engine.learning.data.device_data import Examples
from engine.learning.models.backbones import Network

CHUNK = 1024
"""Images at a time: enough for speed, little enough for memory."""


@torch.no_grad()
def extract(net: Network, examples: Examples, index: Tensor | None = None) -> Tensor:
    """Features in evaluation mode.

    Args:
        net: is left in the mode it was in.
        examples: any part.
        index: (n,) positions of some of them; all by default.

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
    """Logits (n, classes) of a head, in evaluation mode."""
    return net.heads[task](extract(net, examples))
