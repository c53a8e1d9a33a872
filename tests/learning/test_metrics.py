import pytest

from engine.learning.evaluation import metrics


def test_the_kinds_of_forgetting_add_up():
    found = metrics.forgetting(
        {"accuracy": 0.9, "reprobed": 0.95}, {"accuracy": 0.5, "reprobed": 0.92}
    )
    assert found["forgetting"] == pytest.approx(0.4)
    assert found["representation_forgetting"] == pytest.approx(0.03)
    assert found["head_forgetting"] == pytest.approx(0.37)


def test_without_a_kept_head_only_the_representation_can_forget():
    found = metrics.forgetting({"accuracy": 0.9, "reprobed": 0.95}, {"reprobed": 0.9})
    assert found.keys() == {"representation_forgetting"}
