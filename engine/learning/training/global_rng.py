"""numpy's global random state in a worker before each cell: no earlier one may reach it.

The stages of this project draw from generators of their own. A user's stage may draw from the
global ones, and must get the same numbers whatever ran before on its worker.
"""

import numpy as np


def prepare(seed: int) -> None:
    """Seed numpy's global generator.

    Args:
        seed: below 2**63; numpy takes 32 bits of it.
    """
    np.random.seed(seed % 2**32)
