"""Mid-stage checkpoints: a tree of state as one JSON file and one safetensors file. No pickle.

In the JSON a tensor is `{"tensor": "<number>"}`, and the kinds that JSON lacks are tagged, so that
optimiser states (integer keys, tuples) and random states come back as they were.

Torch and numpy are used where the stage has loaded them, and loaded only for a checkpoint that
holds tensors: a stage without them saves its state in a process without them.
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
    """Write a state into a folder that exists.

    Args:
        folder: where `state.json` goes and, if there are tensors, `tensors.safetensors`.
        state: a tree of dicts (string or integer keys), lists, tuples, tensors, numbers, strings,
            booleans and None.

    Raises:
        TypeError: the tree holds something else; says what and where.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _encode(state, tensors, "state")
    if tensors:
        import_module("engine.learning.training.weights").save(tensors, folder / TENSORS)
    (folder / TREE).write_text(json.dumps(tree), encoding="utf-8")


def load(folder: Path) -> dict[str, Any]:
    """The state that `save` wrote, its tensors on the CPU."""
    tree = json.loads((folder / TREE).read_bytes())
    tensors: dict[str, torch.Tensor] = {}
    if (folder / TENSORS).exists():
        tensors = import_module("engine.learning.training.weights").load(folder / TENSORS)
    found: dict[str, Any] = _decode(tree, tensors)
    return found


def copied(state: Any) -> Any:
    """A deep copy whose tensors lie on the CPU and share memory with nothing."""
    if _is_tensor(state):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(copied(value) for value in state)
    return state


def random_states() -> dict[str, Any]:
    """The global random states of python, torch and numpy; None for one that is not loaded."""
    torch, np = sys.modules.get("torch"), sys.modules.get("numpy")
    states: dict[str, Any] = {"torch": None, "cuda": [], "numpy": None}
    if torch is not None:
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            states["cuda"] = torch.cuda.get_rng_state_all()
    if np is not None:
        # Its global generator may be drawn from by third parties; we only save and restore it.
        kind, key, position, has_gauss, cached = np.random.get_state()
        words = [int(word) for word in key]
        states["numpy"] = [str(kind), words, position, has_gauss, cached]
    return {**states, "python": random.getstate()}


def restore_random_states(states: dict[str, Any]) -> None:
    """Go back to what `random_states` returned; what was not loaded then had not drawn."""
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
    """What else the bits of a computation depend on."""
    installed = import_module("importlib.metadata").version("torch")
    return {"torch": installed, "processor": platform.machine()}


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")  # What nobody has loaded has made no tensor.
    return torch is not None and isinstance(value, torch.Tensor)


def _encode(value: Any, tensors: "dict[str, torch.Tensor]", place: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if _is_tensor(value):
        name = str(len(tensors))
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str | int):
                raise TypeError(f"{place}: key {key!r} is neither a string nor an integer")
        items = [[k, _encode(v, tensors, f"{place}.{k}")] for k, v in value.items()]
        return {"dict": items}
    if isinstance(value, list | tuple):
        items = [_encode(v, tensors, f"{place}[{i}]") for i, v in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    raise TypeError(f"{place}: a checkpoint cannot hold a {type(value).__name__}")


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
