"""What is seen on samples without any judge: blur and crumbs. Compare it with real images' own.

grey         of the pixels with ink, the share that is not full ink. Sharp strokes are full ink with
             a thin grey edge, and blur is grey all over. Images without ink have no share.
components   connected pieces of ink an image, 8-connected. Noise falls into many.
"""

import numpy as np
from scipy import ndimage
from torch import Tensor

INK = 0.1
"""Brightness from which a pixel has ink."""
FULL = 0.9
"""Brightness from which a pixel is full of ink."""
PIECE = 0.5
"""Brightness from which a pixel belongs to a piece."""


def grey(images: Tensor) -> float | None:
    """Share of the pixels with ink that are grey: the mean over the images that have ink.

    Args:
        images: (n, channels, height, width) from 0 to 1.

    Returns:
        None where no image has ink.
    """
    x = images.double().flatten(1)
    ink = (x > INK).sum(1)
    share = ((x > INK) & (x < FULL)).sum(1)[ink > 0] / ink[ink > 0]
    return float(share.mean()) if len(share) else None


def components(images: Tensor) -> float:
    """Connected pieces of an image, on average; of colours the mean counts.

    Args:
        images: (n, channels, height, width) from 0 to 1.
    """
    shown = images.mean(1).cpu().numpy() > PIECE
    # Neighbours in a row, a column or a diagonal of one image; never in the image before or after.
    touching = np.zeros((3, 3, 3), dtype=bool)
    touching[1] = True
    _, count = ndimage.label(shown, structure=touching)
    return float(count) / len(images)
