from dataclasses import dataclass, replace

import pytest
import torch
from sklearn.datasets import load_digits

from engine.learning.data.device_data import Examples, Scaling, Task
from engine.learning.generative.judging import classifiers, corrupted_images
from engine.learning.models import backbones
from engine.learning.training import trainer as train

SEEDS = {"init": 1, "head": 2, "order": 3, "augment": 4, "noise": 5}
NET = {"kind": "mlp", "hidden": (16,)}
ADAM = {"kind": "adam", "betas": (0.9, 0.999), "weight_decay": 0.0}


@pytest.fixture(scope="module")
def digits():
    torch.set_num_threads(1)
    found = load_digits()
    x = torch.from_numpy(found.images).to(torch.uint8)[:, None]
    y = torch.from_numpy(found.target)
    scaling = Scaling(16, 0.3053, 0.3760)
    parts = {
        "train": Examples(x[:300], y[:300], scaling),
        "test": Examples(x[300:400], y[300:400], scaling),
    }
    return Task("digits", tuple(range(10)), (1, 8, 8), parts)


@pytest.fixture(scope="module")
def lessons(digits):
    return classifiers.lessons(digits, "digits", SEEDS)


def _trainer(lesson, steps=3):
    return classifiers.trainer(
        NET, lesson, train.Recipe(steps, 0.01, ADAM), 20, lambda step, **_: None
    )


@dataclass
class Judge:
    net: dict
    data: str
    shape: tuple
    classes: tuple
    weights: dict


def _judge(lessons, steps=3):
    weights = {}
    for name, lesson in lessons.items():
        trainer = _trainer(lesson, steps)
        train.fit(trainer)
        weights |= {f"{name}.{key}": item for key, item in trainer.net.state_dict().items()}
    return Judge(NET, "digits", (1, 8, 8), tuple(range(10)), weights)


def test_a_judge_sees_eight_bits_of_what_other_nets_see(digits, lessons):
    stored, seen = digits.parts["test"], lessons["plain"].task.parts["test"]
    assert seen.x.dtype == torch.uint8
    assert set(seen.x.unique().tolist()) <= {round(255 * level / 16) for level in range(17)}
    difference = seen.pictures(slice(None)) - stored.pictures(slice(None))
    assert difference.abs().max() < 0.5 / 255 / 0.3760 + 1e-6


def test_junk_is_one_more_class_of_the_third_judge_alone(digits, lessons):
    assert [lesson.outputs for lesson in lessons.values()] == [10, 10, 11]
    for part, real, made in [("train", 300, 150), ("test", 100, 50)]:
        found = {name: lesson.task.parts[part] for name, lesson in lessons.items()}
        assert len(found["plain"]) == len(found["second"]) == real
        assert torch.equal(found["junk"].y[:real], digits.parts[part].y)
        assert found["junk"].y[real:].tolist() == [10] * made


def test_held_out_junk_is_made_of_test_images_by_other_draws(digits):
    same = replace(digits, parts=dict.fromkeys(("train", "test"), digits.parts["train"]))
    mixed = classifiers.lessons(same, "digits", SEEDS)["junk"].task.parts
    assert not torch.equal(mixed["train"].x[300:], mixed["test"].x[300:])


def test_no_two_judges_begin_alike_nor_as_a_classifier_of_these_seeds(lessons):
    drawn = [backbones.build(NET, (1, 8, 8), SEEDS["init"])]
    drawn += [_trainer(lesson).net for lesson in lessons.values()]
    first = [net.backbone[1].weight for net in drawn]
    assert not any(torch.equal(a, b) for i, a in enumerate(first) for b in first[:i])
    assert len({lesson.seeds.order for lesson in lessons.values()} | {SEEDS["order"]}) == 4


def test_junk_is_the_same_for_a_seed_and_other_for_another(digits):
    x, y = classifiers.quantised(digits.parts["train"]), digits.parts["train"].y
    first, again, other = (corrupted_images.make(x, y, 70, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.dtype == torch.uint8
    assert first.shape == (70, 1, 8, 8)


def test_more_junk_than_images_can_be_made(digits):
    x, y = classifiers.quantised(digits.parts["train"])[:20], digits.parts["train"].y[:20]
    assert corrupted_images.make(x, y, 70, 0).flatten(1).unique(dim=0).shape[0] > 60


@pytest.fixture(scope="module")
def flat():
    """Two classes on 12 x 9 pixels and 2 channels: one all dark, one all bright."""
    y = torch.arange(40) % 2
    return (60 + 140 * y).to(torch.uint8)[:, None, None, None].expand(40, 2, 12, 9), y


def _kind(name, images, count=140):
    made = corrupted_images.make(*images, count, 3)
    return made[corrupted_images.kinds(count) == list(corrupted_images.KINDS).index(name)]


def test_a_blend_lies_between_two_classes(flat):
    made = _kind("blends", flat)
    assert (made.amax((1, 2, 3)) == made.amin((1, 2, 3))).all()
    assert made.min() > 60 + 140 * 0.34
    assert made.max() < 60 + 140 * 0.66


def test_a_splice_is_one_class_on_one_half_and_another_on_the_other(flat):
    made = _kind("splices", flat)
    corners = made[:, 0, 0, 0], made[:, 0, -1, -1]
    assert (corners[0] != corners[1]).all()
    upright = made[:, 0, 0, -1] == corners[0]
    assert 0 < upright.sum() < len(made)
    assert (made[upright][:, :, :6] == corners[0][upright][:, None, None, None]).all()
    assert (made[~upright][..., :4] == corners[0][~upright][:, None, None, None]).all()
    assert set(made.unique().tolist()) == {60, 200}


def test_shuffling_moves_patches_and_changes_no_pixel():
    x = torch.arange(12 * 13).view(1, 1, 12, 13).expand(30, 1, 12, 13).to(torch.uint8)
    made = _kind("shuffled", (x, torch.arange(30) % 2))
    assert torch.equal(made.flatten(1).sort().values, x[: len(made)].flatten(1).sort().values)
    assert (made[..., :12] != x[: len(made), ..., :12]).any((1, 2, 3)).all()
    assert torch.equal(made[..., 12], x[: len(made), ..., 12])  # left over beside 4 x 4 patches
    corner = made[:, 0, :3, :3] - made[:, 0, :1, :1]
    assert (corner == corner[0]).all()  # a patch is moved whole


def test_noise_has_the_brightnesses_of_real_images_and_nothing_of_their_order(digits):
    x, y = classifiers.quantised(digits.parts["train"]), digits.parts["train"].y
    made = _kind("noise", (x, y), 1400)
    levels = x.unique()
    shares = [
        torch.stack([(some == level).double().mean() for level in levels]) for some in (x, made)
    ]
    assert set(made.unique().tolist()) <= set(levels.tolist())
    assert (shares[0] - shares[1]).abs().max() < 0.02
    means = made.double().mean(0).flatten()
    assert means.std() < 0.3 * x.double().mean(0).flatten().std()


def test_greys_are_plain_and_of_many_brightnesses(flat):
    made = _kind("greys", flat).flatten(1)
    assert (made == made[:, :1]).all()
    assert made[:, 0].unique().numel() > 10


def test_a_blur_keeps_no_edge(digits):
    x, y = classifiers.quantised(digits.parts["train"]), digits.parts["train"].y
    steps = [images.diff(dim=-1).abs().double().amax() for images in (
        x.int(), _kind("blurs", (x, y), 700).int()
    )]  # fmt: skip
    assert steps[1] < 0.7 * steps[0]


def test_a_scribble_is_one_thick_line_the_same_in_all_colours(flat):
    made = _kind("scribbles", flat, 700)
    assert torch.equal(made[:, 0], made[:, 1])
    inked = (made > 127).double().mean((1, 2, 3))
    assert inked.min() > 0.03
    assert inked.max() < 0.95
    assert (made.amax((1, 2, 3)) > 127).all()


def test_restored_judges_say_what_the_trained_ones_did(lessons):
    images = lessons["plain"].task.parts["test"].x
    judge = _judge(lessons)
    seen = classifiers.look(classifiers.restore(judge, "cpu"), images, "digits")
    trainer = _trainer(lessons["junk"])
    train.fit(trainer)
    with torch.no_grad():
        pictures = lessons["junk"].task.parts["test"].pictures(slice(0, 100))
        said = trainer.net(pictures, "judge").argmax(1)
    assert torch.equal(seen.accepted, said != 10)
    assert seen.plain.shape == seen.second.shape == (100, 16)
    assert not torch.equal(seen.plain, seen.second)
    assert seen.labels.max() <= 9


def test_accuracy_is_of_real_images_and_rejection_of_junk_by_kind(lessons):
    lesson = lessons["junk"]
    net = _trainer(lesson).net
    with torch.no_grad():
        net.heads["judge"].weight.zero_()
        net.heads["judge"].bias.zero_()
        net.heads["judge"].bias[10] = 1  # all is junk
    assert classifiers.accuracy(net, lesson) == 0
    assert classifiers.rejected(net, lesson) == dict.fromkeys(corrupted_images.KINDS, 1.0)
    with torch.no_grad():
        net.heads["judge"].bias[3] = 2  # all is a three
    threes = (lessons["plain"].task.parts["test"].y == 3).double().mean()
    assert classifiers.accuracy(net, lesson) == pytest.approx(float(threes))
    assert classifiers.rejected(net, lesson) == dict.fromkeys(corrupted_images.KINDS, 0.0)


def test_a_few_steps_teach_digits_from_junk(lessons):
    trainer = _trainer(lessons["junk"], 200)
    train.fit(trainer)
    assert classifiers.accuracy(trainer.net, lessons["junk"]) > 0.7
    rejected = classifiers.rejected(trainer.net, lessons["junk"])
    assert min(rejected["noise"], rejected["greys"]) > 0.9


def test_half_of_the_real_images_that_the_third_judge_learns_have_soft_edges(digits, lessons):
    x = classifiers.quantised(digits.parts["train"])
    large = torch.nn.functional.interpolate(x.float(), scale_factor=4).round().to(torch.uint8)
    soft = corrupted_images.softened(large, 0)
    changed = (soft != large).flatten(1).any(1)
    # Of the half that the coin chose, the least blurs change nothing.
    assert 0.3 < changed.double().mean() < 0.5
    step, before = (some.int().diff(dim=-1).abs().amax((1, 2, 3)) for some in (soft, large))
    assert (step <= before).all()
    assert step[changed].double().mean() > 0.5 * before[changed].double().mean()  # a digit still
    assert torch.equal(soft, corrupted_images.softened(large, 0))
    assert not torch.equal(soft, corrupted_images.softened(large, 1))
    parts = lessons["junk"].task.parts
    assert torch.equal(parts["train"].x[:300], corrupted_images.softened(x, SEEDS["noise"] + 2))
    assert torch.equal(parts["test"].x[:100], classifiers.quantised(digits.parts["test"]))
