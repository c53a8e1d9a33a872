"""Weights as safetensors files without metadata: the same weights give the same bytes."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def portable(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A copy on the CPU that shares no memory with the original or within itself."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in weights.items()
    }


def save(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a safetensors file."""
    save_file(portable(weights), path)


def load(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file onto the CPU, names in order."""
    found = load_file(path)
    return {name: found[name] for name in sorted(found)}
