"""Weights as safetensors files without metadata: the same weights give the same bytes."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def portable(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return contiguous copies on the CPU that share no memory."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in weights.items()
    }


def save(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a safetensors file."""
    save_file(portable(weights), path)


def load(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file onto the CPU, sorted by name."""
    weights = load_file(path)
    return {name: weights[name] for name in sorted(weights)}
