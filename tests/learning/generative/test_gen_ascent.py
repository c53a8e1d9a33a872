import numpy as np
import pytest
import torch
from scipy import ndimage

from engine.learning.data.device_data import SCALINGS
from engine.learning.generative.sampling import activation_maximization
from engine.learning.generative.sampling.activation_maximization import Ascent, Attacked, Climb
from engine.learning.models import backbones, linear_heads

SHAPE, CLASSES = (1, 8, 8), 4
ASKED = [place % CLASSES for place in range(40)]


@pytest.fixture(scope="module")
def attacked():
    """A net with random weights: it too can be climbed."""
    torch.set_num_threads(1)
    net = backbones.build({"kind": "mlp", "hidden": [32]}, SHAPE, 1)
    head = linear_heads.random(net.width, CLASSES, 2)
    net.heads["four"] = linear_heads.Linear(4 * head.weight, head.bias).module()
    return Attacked(net, "four", SCALINGS["digits"])


def climbed(attacked, steps=40, *, marks=None, seed=0, asked=ASKED, **fields):
    climb = Climb(steps, fields.pop("lr", 0.05), **fields)
    marks = [0, steps] if marks is None else marks
    found = Ascent(attacked, asked, shape=SHAPE, climb=climb, seed=seed, marks=marks)
    for step in range(1, steps + 1):
        found.step(step)
    return found


def numbers(pixels):
    return pixels.double() / 255


@pytest.mark.parametrize("objective", ["logit", "log_probability"])
@pytest.mark.parametrize("start", ["noise", "grey"])
def test_confidence_rises_from_chance_to_certainty(attacked, objective, start):
    found = climbed(attacked, steps=100, objective=objective, start=start)
    (_, chance), (_, end) = found.curve
    assert chance == pytest.approx(1 / CLASSES, abs=0.1)
    assert end > 0.85


def test_each_image_climbs_toward_its_own_class(attacked):
    found = climbed(attacked, objective="log_probability")
    asked = torch.tensor(ASKED)
    assert (attacked.logits(numbers(found.seen[-1]).float()).argmax(1) == asked).all()
    others = attacked.confidences(found.seen[-1], (asked + 1) % CLASSES)
    assert float(others.max()) < 0.2


def test_the_first_step_goes_along_the_slope_by_finite_differences(attacked):
    """Adam's first step is the sign of the slope times its rate."""
    found = climbed(attacked, steps=1, lr=0.01, start="grey", l2=0.3, tv=0.05)
    start, end = climbed(attacked, steps=0, start="grey").seen[0], found.seen[-1]
    start = numbers(start)
    net = attacked._net.double()
    try:
        for y, x in ((0, 0), (3, 4), (7, 2), (5, 5)):
            values = []
            for nudge in (1e-6, -1e-6):
                moved = start[:CLASSES].clone()
                moved[:, 0, y, x] += nudge
                scores = attacked.logits(moved)[range(CLASSES), range(CLASSES)]
                square = moved.square().flatten(1).sum(1)
                values.append(
                    scores - 0.3 * square - 0.05 * activation_maximization.variation(moved)
                )
            slope = values[0] - values[1]
            taken = numbers(end)[:CLASSES, 0, y, x] - start[:CLASSES, 0, y, x]
            assert (slope.sign() == taken.sign()).all()
    finally:
        net.float()


def test_an_image_climbs_alone(attacked, monkeypatch):
    together = climbed(attacked).seen[-1]
    monkeypatch.setattr(activation_maximization, "CHUNK", 7)
    apart = climbed(attacked).seen[-1]
    assert int((together.int() - apart.int()).abs().max()) <= 1


def test_pixels_stay_between_black_and_white(attacked):
    found = climbed(attacked, lr=5.0, steps=10)
    images = found.state_dict()["images"]
    assert (images.min(), images.max()) == (0, 1)
    assert ((images == 0) | (images == 1)).double().mean() > 0.9


@pytest.mark.parametrize(("start", "low", "high"), [("noise", 0.0, 1.0), ("grey", 0.45, 0.55)])
def test_a_start_is_noise_or_grey_with_a_trace_of_it(attacked, start, low, high):
    images = numbers(climbed(attacked, steps=0, start=start).seen[0])
    assert low - 0.01 <= images.min() < low + 0.02
    assert high - 0.02 < images.max() <= high + 0.01
    assert images.mean() == pytest.approx(0.5, abs=0.02)
    assert not torch.equal(images[0], images[CLASSES])


def test_the_penalty_of_variation_makes_images_smoother(attacked):
    rough, smooth = (
        activation_maximization.variation(numbers(climbed(attacked, tv=weight).seen[-1])).mean()
        for weight in (0.0, 0.5)
    )
    assert smooth < rough / 2


def test_the_penalty_of_squares_makes_images_darker(attacked):
    bright, dark = (
        numbers(climbed(attacked, l2=weight).seen[-1]).square().mean() for weight in (0.0, 1.0)
    )
    assert dark < bright / 2


def test_variation_counts_each_pair_of_neighbours_once():
    image = torch.zeros(2, 1, 3, 3)
    image[0, 0, 1, 1] = 2.0  # four neighbours
    image[1, 0, :, 0] = 1.0  # an edge from top to bottom
    assert activation_maximization.variation(image).tolist() == [8.0, 3.0]


def test_a_blur_is_a_gaussian_blur():
    images = torch.rand(3, 2, 9, 7, generator=torch.Generator().manual_seed(0)).double()
    found = activation_maximization.blurred(images, 1.3)
    wanted = ndimage.gaussian_filter(
        images.numpy(), (0, 0, 1.3, 1.3), mode="nearest", truncate=4 / 1.3
    )
    assert np.allclose(found, wanted, atol=1e-12)


def test_images_are_blurred_every_so_many_steps(attacked):
    often, sometimes, never = (
        climbed(attacked, steps=12, marks=[11, 12], **fields).seen
        for fields in ({"blur": 1.0, "blur_every": 1}, {"blur": 1.0, "blur_every": 12}, {})
    )
    assert torch.equal(sometimes[0], never[0])
    rough = [
        float(activation_maximization.variation(numbers(seen[1])).mean())
        for seen in (often, sometimes, never)
    ]
    assert rough[1] < rough[2] * 0.6
    assert rough[0] < rough[2] * 0.6


def test_a_shift_moves_each_image_by_its_own_pixels():
    images = torch.arange(2 * 2 * 3 * 4.0).view(2, 2, 3, 4)
    found = activation_maximization.shifted(images, torch.tensor([[1, 0], [-1, 2]]))
    assert torch.equal(found[0], images[0].roll(1, 1))
    assert torch.equal(found[1], images[1].roll((-1, 2), (1, 2)))


def test_jitter_takes_the_slope_where_the_image_then_is(attacked, monkeypatch):
    """Shifted by a whole image nothing moves; shifted by one pixel a step is another."""
    plain = climbed(attacked, steps=3).seen[-1]
    jittered = climbed(attacked, steps=3, jitter=1).seen[-1]
    assert not torch.equal(plain, jittered)
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.full((len(ASKED), 2), 8))
    assert torch.equal(climbed(attacked, steps=3, jitter=8).seen[-1], plain)


def test_shifts_reach_as_far_as_they_are_told_and_differ_by_image(attacked):
    found = climbed(attacked, steps=0, jitter=2)
    every = [found._shifts() for _ in range(20)]
    assert set(torch.cat(every).flatten().tolist()) == {-2, -1, 0, 1, 2}
    assert len({tuple(pair) for pair in every[0].tolist()}) > 5


def test_jitter_makes_a_classifier_sure_of_the_shifted_image_too(attacked):
    kept = []
    for jitter in (0, 2):
        pixels = climbed(attacked, steps=100, jitter=jitter).seen[-1]
        moved = activation_maximization.shifted(
            pixels, torch.tensor([[1, 1]]).expand(len(ASKED), 2)
        )
        kept.append(float(attacked.confidences(moved, torch.tensor(ASKED)).mean()))
    assert kept[1] > kept[0] + 0.1


ALL = {"tv": 0.05, "l2": 0.02, "blur": 0.5, "blur_every": 3, "jitter": 1}


def test_a_seed_gives_the_same_images_and_another_one_others(attacked):
    first, again, other = (climbed(attacked, seed=seed, **ALL).seen[-1] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_climb_goes_on_to_the_same_bits(attacked):
    whole = climbed(attacked, steps=20, marks=[0, 5, 20], **ALL)
    half = climbed(attacked, steps=10, marks=[0, 5, 20], **ALL)
    state = half.state_dict()
    on = climbed(attacked, steps=0, marks=[0, 5, 20], seed=9, **ALL)
    on.load_state_dict(state)
    for step in range(11, 21):
        on.step(step)
    assert torch.equal(on.state_dict()["images"], whole.state_dict()["images"])
    assert on.curve == whole.curve
    assert torch.equal(on.film(range(4)), whole.film(range(4)))
    assert torch.equal(on.sure, whole.sure)


def test_what_is_kept_is_what_the_classifier_was_asked_about(attacked):
    found = climbed(attacked, steps=4, marks=[0, 2, 4])
    assert [step for step, _ in found.curve] == [0, 2, 4]
    for pixels, (_, sure) in zip(found.seen, found.curve, strict=True):
        logits = attacked.logits(pixels.float() / 255)
        wanted = logits.softmax(1)[range(len(ASKED)), ASKED].mean()
        assert sure == pytest.approx(float(wanted), abs=1e-6)
    film = found.film([1, 3])
    assert torch.equal(film, torch.stack([seen[i] for i in (1, 3) for seen in found.seen]))


def test_a_climb_leaves_the_classifier_as_it_was(attacked):
    before = {name: item.clone() for name, item in attacked._net.state_dict().items()}
    climbed(attacked, steps=3)
    for name, item in attacked._net.state_dict().items():
        assert torch.equal(item, before[name])
    assert all(item.grad is None for item in attacked._net.parameters())


def test_every_step_reports_how_sure_the_classifier_is(attacked):
    heard = {}
    climb = Climb(5, 0.05)
    found = Ascent(
        attacked, ASKED, shape=SHAPE, climb=climb, seed=0, marks=[0],
        report=lambda step, **values: heard.update({step: values["confidence"]}),
    )  # fmt: skip
    for step in range(1, 6):
        found.step(step)
    assert list(heard) == [1, 2, 3, 4, 5]
    assert heard[1] == pytest.approx(found.curve[0][1], abs=0.003)  # but for the bytes
    assert heard[5] > heard[1]
