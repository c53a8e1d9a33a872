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


def instruction_set() -> str:
    """What torch's kernels on the CPU are compiled for here: `AVX512`; another gives other bits."""
    return str(torch.backends.cpu.get_cpu_capability())
