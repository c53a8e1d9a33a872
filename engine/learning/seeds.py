"""The global state of a worker before each cell: nothing of an earlier cell may reach the next."""

import random

import numpy as np
import torch


def prepare(seed: int, *, threads: int) -> None:
    """Set threads and every global random state.

    The stages of this project draw from generators of their own. A user's stage may draw from the
    global ones, and must get the same numbers whatever ran before on its worker.

    Args:
        seed: below 2**63.
        threads: intra-op threads of torch; other counts give other bits.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    random.seed(seed)
    # Third parties draw from numpy's global generator; it takes 32 bits.
    np.random.seed(seed % 2**32)
