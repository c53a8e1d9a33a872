import json
import math

import numpy as np
import pytest
import torch

from engine.library.artifacts import Choice, Scores
from engine.stage_api.artifact_json import dump
from pipelines.core.errors import StageError

CURVE = ((1, 0.5), (2, math.inf))


@pytest.mark.parametrize(
    ("scores", "where"),
    [
        (Scores({"d/accuracy": 0.5, "d/loss": math.nan}), "the metric `d/loss` is nan, "),
        (Scores({"d/loss": -math.inf}), "the metric `d/loss` is -inf, "),
        (Scores({}, curves={"d/loss": CURVE}), r"the curve of `d/loss` \(value 1\) is inf, "),
        (Scores({}, each={"d/loss": (0.1, math.nan)}), r"by task of `d/loss` \(value 1\) is nan, "),
        (Scores({"d/loss": np.float32(0.5)}), "the metric `d/loss` is a float32; convert it to a"),
        (Scores({"d/loss": torch.tensor(0.5)}), "the metric `d/loss` is a Tensor; convert it to a"),
        (Scores({"d/\x1b[2J": math.nan}), r"the metric `d/\\x1b\[2J` is nan, "),
        (Choice(0, "lr", "1", means={"0.1": math.nan}), r"choice\.json: `means\.0\.1` is nan, "),
    ],
)
def test_what_cannot_be_kept_is_named_in_one_line_and_nothing_is_written(tmp_path, scores, where):
    with pytest.raises(StageError, match=where) as caught:
        scores.write(tmp_path)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_large_and_small_numbers_are_kept(tmp_path):
    found = {"a": 1e300, "b": 5e-324, "c": [1, None, True, "x"], "d": np.float64(0.5)}
    dump(tmp_path, "x.json", found)
    assert json.loads((tmp_path / "x.json").read_text()) == found
