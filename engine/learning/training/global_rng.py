"""Seeding of numpy's global random state in a worker before each cell.

The stages of this project use generators of their own. A user's stage may use the global one, and
must get the same numbers whatever ran before on its worker.
"""

import numpy as np


def prepare(seed: int) -> None:
    """Seed numpy's global generator.

    Args:
        seed: below 2**63; numpy uses 32 bits of it.
    """
    np.random.seed(seed % 2**32)
