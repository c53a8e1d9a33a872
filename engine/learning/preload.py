"""Loads what torch itself loads at its first optimiser: a second or two, once and not in each cell.

Imported by processes from which others are forked (`engine.workers.keeper`). Nothing is computed.
"""

import torch

OPTIMISERS = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.LBFGS)
"""Torch puts its own wrapper around the `step` of each of these classes when the first is made."""

for kind in OPTIMISERS:
    kind([torch.nn.Parameter(torch.empty(0))])
