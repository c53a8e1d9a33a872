"""The global state of torch in a worker before each cell."""

import torch


def prepare(seed: int, *, threads: int) -> None:
    """Seed torch's global generators, and set how many threads its kernels use.

    Args:
        seed: below 2**63.
        threads: intra-op threads; another count gives other bits.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
