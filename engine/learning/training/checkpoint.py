"""Checkpoints of nested state as one JSON file and one safetensors file, without pickle.

In the JSON a tensor is `{"tensor": "<number>"}`, and types that JSON lacks are tagged, so that
optimiser states (integer keys, tuples) and random states are restored exactly.

Torch is imported only if the state has tensors: a stage without torch saves its state without it.
"""

import json
import platform
import random
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TREE, TENSORS = "state.json", "tensors.safetensors"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write a state into an existing folder.

    Args:
        folder: gets `state.json` and, if there are tensors, `tensors.safetensors`.
        state: a tree of dicts (string or integer keys), lists, tuples, tensors, numbers, strings,
            booleans and None.

    Raises:
        TypeError: the tree contains another type; the message names its path and type.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _encode(state, tensors, "state")
    if tensors:
        import_module("engine.learning.training.weights").save(tensors, folder / TENSORS)
    (folder / TREE).write_text(json.dumps(tree), encoding="utf-8")


def load(folder: Path) -> dict[str, Any]:
    """Read a state that `save` wrote, with tensors on the CPU."""
    tree = json.loads((folder / TREE).read_bytes())
    tensors: dict[str, torch.Tensor] = {}
    if (folder / TENSORS).exists():
        tensors = import_module("engine.learning.training.weights").load(folder / TENSORS)
    state: dict[str, Any] = _decode(tree, tensors)
    return state


def copied(state: Any) -> Any:
    """Return a deep copy with tensors on the CPU that share no memory."""
    if _is_tensor(state):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(copied(value) for value in state)
    return state


def random_states() -> dict[str, Any]:
    """Return the global random states of python, torch and numpy; None for one not imported."""
    torch, np = sys.modules.get("torch"), sys.modules.get("numpy")
    states: dict[str, Any] = {"torch": None, "cuda": [], "numpy": None}
    if torch is not None:
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            states["cuda"] = torch.cuda.get_rng_state_all()
    if np is not None:
        # Third-party code may use the global generator; here it is only saved and restored.
        kind, key, position, has_gauss, cached = np.random.get_state()
        words = [int(word) for word in key]
        states["numpy"] = [str(kind), words, position, has_gauss, cached]
    return {**states, "python": random.getstate()}


def restore_random_states(states: dict[str, Any]) -> None:
    """Restore states of `random_states`; a library not imported then is left alone."""
    if states["torch"] is not None:
        torch = import_module("torch")
        torch.set_rng_state(states["torch"])
        if states["cuda"] and torch.cuda.device_count() == len(states["cuda"]):
            torch.cuda.set_rng_state_all(states["cuda"])
    if states["numpy"] is not None:
        np = import_module("numpy")
        kind, key, position, has_gauss, cached = states["numpy"]
        words = np.array(key, dtype=np.uint32)
        np.random.set_state((kind, words, position, has_gauss, cached))
    random.setstate(states["python"])


def versions() -> dict[str, str]:
    """Return the torch version and processor, on which the bits of a result depend."""
    installed = import_module("importlib.metadata").version("torch")
    return {"torch": installed, "processor": platform.machine()}


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")  # Not imported: no value can be a tensor.
    return torch is not None and isinstance(value, torch.Tensor)


def _encode(value: Any, tensors: "dict[str, torch.Tensor]", path: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if _is_tensor(value):
        name = str(len(tensors))
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str | int):
                raise TypeError(f"{path}: key {key!r} must be a string or an integer")
        items = [[k, _encode(v, tensors, f"{path}.{k}")] for k, v in value.items()]
        return {"dict": items}
    if isinstance(value, list | tuple):
        items = [_encode(v, tensors, f"{path}[{i}]") for i, v in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    raise TypeError(f"{path}: type {type(value).__name__} is not supported in a checkpoint")


def _decode(value: Any, tensors: "dict[str, torch.Tensor]") -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, body),) = value.items()
    if kind == "tensor":
        return tensors[body]
    if kind == "dict":
        return {key: _decode(item, tensors) for key, item in body}
    items = [_decode(item, tensors) for item in body]
    return tuple(items) if kind == "tuple" else items
