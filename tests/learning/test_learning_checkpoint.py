import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from engine.learning.training import checkpoint, weights


def test_a_state_comes_back_as_it_was(tmp_path):
    shared = torch.arange(3.0)
    state = {
        "none": None,
        "numbers": [1, 0.1, float("inf"), True, "text"],
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "betas": (0.9, 0.999)},
        "views": [shared, shared[1:], torch.ones(2, 2, dtype=torch.bool), torch.zeros(0)],
        "empty": [{}, [], ()],
    }
    checkpoint.save(tmp_path, state)
    found = checkpoint.load(tmp_path)
    assert found["numbers"] == state["numbers"]
    assert found["numbers"][3] is True
    assert found["optimizer"]["betas"] == (0.9, 0.999)
    assert torch.equal(found["optimizer"]["state"][0]["step"], torch.tensor(3.0))
    assert found["empty"] == [{}, [], ()]
    for left, right in zip(found["views"], state["views"], strict=True):
        assert torch.equal(left, right)
        assert left.dtype == right.dtype


def test_what_a_checkpoint_cannot_hold_is_named_with_its_place(tmp_path):
    with pytest.raises(TypeError, match=r"state\.inner\[1\].*set"):
        checkpoint.save(tmp_path, {"inner": [1, {2}]})


def test_random_states_bring_every_generator_back(tmp_path):
    checkpoint.save(tmp_path, checkpoint.random_states())
    first = (torch.rand(3).tolist(), np.random.rand(), random.random(), np.random.randn())
    checkpoint.restore_random_states(checkpoint.load(tmp_path))
    assert first == (torch.rand(3).tolist(), np.random.rand(), random.random(), np.random.randn())


BARE = """
import random, sys
from pathlib import Path
from engine.learning.training import checkpoint
folder = Path(sys.argv[1])
state = {"random": checkpoint.random_states(), "own": checkpoint.copied({"a": [1, (2.5, "b")]})}
drawn = random.random()
checkpoint.save(folder, {**state, **checkpoint.versions()})
found = checkpoint.load(folder)
assert found["own"] == {"a": [1, (2.5, "b")]}, found
checkpoint.restore_random_states(found["random"])
assert random.random() == drawn
sys.exit(str({"torch", "numpy", "safetensors"} & set(sys.modules)))
"""


def test_a_state_without_tensors_is_saved_and_read_without_torch_or_numpy(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-c", BARE, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.stderr == "set()\n"
    # Read where torch is loaded, too: what was not loaded then had not drawn.
    found = checkpoint.load(tmp_path)
    assert (found["random"]["torch"], found["random"]["numpy"]) == (None, None)
    assert found["torch"] == torch.__version__
    before = torch.get_rng_state()
    checkpoint.restore_random_states(found["random"])
    assert torch.equal(before, torch.get_rng_state())


def test_a_copy_shares_nothing():
    tensor = torch.zeros(2)
    found = checkpoint.copied({"a": [tensor], "b": (tensor,)})
    tensor += 1
    assert torch.equal(found["a"][0], torch.zeros(2))
    assert torch.equal(found["b"][0], torch.zeros(2))


def test_the_same_weights_give_the_same_bytes_without_metadata(tmp_path):
    one = {"b": torch.ones(2, 3).T, "a": torch.zeros(1)}
    other = {"a": torch.zeros(1), "b": torch.ones(3, 2)}
    weights.save(one, tmp_path / "one")
    weights.save(other, tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert b"__metadata__" not in (tmp_path / "one").read_bytes()
    assert list(weights.load(tmp_path / "one")) == ["a", "b"]
