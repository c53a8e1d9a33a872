"""Factors of matrices that rounding may have made worse than they are."""

import math

import torch
from torch import Tensor


def cholesky(matrix: Tensor) -> Tensor:
    """Lower factors of positive definite matrices (..., n, n), differentiable.

    Of a matrix that rounding has left without one, the factor is nan, so that what is computed from
    it counts as diverged: an error would end the training of all tasks, and name none.
    """
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if bool(failed.any()):
        return factor.masked_fill(failed[..., None, None] > 0, math.nan)
    return factor
