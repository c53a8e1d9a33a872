"""Global torch state (seed, threads) of a worker before each cell."""

import torch


def prepare(seed: int, *, threads: int) -> None:
    """Seed torch's global generators, and set how many threads its kernels use.

    Args:
        seed: below 2**63.
        threads: intra-op threads; the bits of results depend on their number.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)


def instruction_set() -> str:
    """Return the CPU capability of torch, e.g. `AVX512`, on which the bits of results depend."""
    return str(torch.backends.cpu.get_cpu_capability())
