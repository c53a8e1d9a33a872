import json
from dataclasses import fields, replace

import pytest
import torch

from engine.library.artifacts import Generator, Judge, Samples


def _back(artifact, folder):
    folder.mkdir(exist_ok=True)
    artifact.write(folder)
    return type(artifact).read({path.name: path for path in folder.iterdir()})


def _same(one, other):
    """All fields, with tensors by their bits and their kind."""
    for item in fields(one):
        left, right = getattr(one, item.name), getattr(other, item.name)
        if isinstance(left, torch.Tensor):
            assert left.equal(right), item.name
            assert left.dtype == right.dtype
        elif item.name == "weights":
            assert left.keys() == right.keys()
            assert all(left[name].equal(right[name]) for name in left)
        else:
            assert left == right, item.name
            assert type(left) is type(right), item.name


def samples(n=6, **more):
    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (n, 3, 4, 5), generator=draws, dtype=torch.uint8)
    return Samples("folder", (3, 4, 5), "mixture of 10", pixels, **more)


WEIGHTS = {
    "coder.mean.weight": torch.linspace(-1, 1, 6).view(2, 3), "coder.mean.bias": torch.zeros(2),
}  # fmt: skip
GENERATOR = Generator(
    "vae", {"kind": "mlp", "hidden": [12], "activation": "relu"}, 2,
    {"kind": "gaussian", "sigma": 0.25}, "digits", (1, 8, 8), (7, 1, 1_600_000),
    {"objective": {"kind": "iwae", "k": 5}, "beta": 1.0, "epochs": 0.59, "note": "λ ± 1"}, WEIGHTS,
)  # fmt: skip
JUDGE = Judge(
    {"kind": "conv4", "width": 8}, "digits", "seen", (1, 8, 8), (3, 1),
    {"plain": 0.9, "second": 0.91, "junk": 0.875}, WEIGHTS,
)  # fmt: skip


@pytest.mark.parametrize(
    "artifact",
    [samples(), samples(labels=(3, 1, 2, 3, 1, 2)), samples(0), GENERATOR,
     replace(GENERATOR, kind="autoencoder", classes=(), trained={}), JUDGE],
)  # fmt: skip
def test_it_comes_back_from_its_files_as_it_was(artifact, tmp_path):
    _same(_back(artifact, tmp_path / "files"), artifact)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for place, artifact in enumerate((samples(labels=(1,) * 6), GENERATOR, JUDGE)):
        found = []
        for name in ("one", "two"):
            folder = tmp_path / f"{place}-{name}"
            _back(artifact, folder)
            found.append({path.name: path.read_bytes() for path in folder.iterdir()})
        assert found[0] == found[1]
        assert len(found[0]) == 2


def test_samples_know_how_many_they_are():
    assert len(samples(4)) == 4
    assert len(samples(0)) == 0


def test_samples_lie_open_for_other_tools(tmp_path):
    _back(samples(labels=(1, 0, 1, 0, 1, 0)), tmp_path)
    described = json.loads((tmp_path / "samples.json").read_text())
    assert described == {
        "data": "folder", "shape": [3, 4, 5], "how": "mixture of 10", "labels": [1, 0, 1, 0, 1, 0],
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"samples.json", "samples.safetensors"}


def test_a_file_of_samples_that_is_cut_off_is_not_read(tmp_path):
    _back(samples(), tmp_path)
    place = tmp_path / "samples.safetensors"
    place.write_bytes(place.read_bytes()[:-10])
    with pytest.raises(Exception, match=r"(?i)header|incomplete|length|size"):
        Samples.read({path.name: path for path in tmp_path.iterdir()})


def test_pixels_and_weights_stay_out_of_what_is_printed():
    assert "tensor" not in repr(samples()) + repr(GENERATOR) + repr(JUDGE)
