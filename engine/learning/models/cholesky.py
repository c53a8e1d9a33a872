"""Cholesky factors that are NaN, not an error, where rounding makes them fail."""

import math

import torch
from torch import Tensor


def cholesky(matrix: Tensor) -> Tensor:
    """Return lower Cholesky factors of positive definite matrices (..., n, n), differentiable.

    The factor is NaN where a matrix is not positive definite by rounding, so that its task counts
    as diverged; an error would end the training of all tasks.
    """
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if bool(failed.any()):
        return factor.masked_fill(failed[..., None, None] > 0, math.nan)
    return factor
