import math

import pytest
import torch

from engine.learning.data.device_data import SCALINGS, Examples, Task, generator
from engine.learning.generative.models import binarize
from engine.learning.generative.models.autoencoder import Design
from engine.learning.generative.models.generator import begin, pixels
from engine.learning.generative.training.objective import Objective, cost
from engine.learning.generative.training.snapshots import Snapshots, shown
from engine.learning.generative.training.trainer import GenerativeTrainer, Images, Plan, Seeds
from engine.learning.generative.training.validation import SEED, assess, settle
from engine.learning.training.checkpoint import copied
from engine.learning.training.monitor import Watch
from engine.learning.training.trainer import Recipe

MLP = {"kind": "mlp", "hidden": [16], "activation": "relu"}
CONV = {"kind": "conv", "width": 4, "hidden": 8}
SEEDS = Seeds(1, 2, 3)
ADAM = {"kind": "adam", "betas": (0.9, 0.999), "weight_decay": 0.0}


def task(n=50, *, rotate=0.0, quarters=False):
    """Bars on images of 8x8 pixels, in two classes."""
    draws = generator(11)
    x = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    y = torch.arange(n) % 2
    for place, label in enumerate(y.tolist()):
        at = int(torch.randint(1, 6, (1,), generator=draws))
        x[place, 0, at : at + 2] = 16 if label else 7
    examples = Examples(x, y, SCALINGS["digits"])
    parts = {"train": examples, "val": examples, "test": examples}
    return Task("bars", (4, 7), (1, 8, 8), parts, rotate, quarters)


def trainer(
    data=None, *, steps=24, net=MLP, kind="bernoulli", binarise="none", conditional=False,
    spread=True, seeds=SEEDS, likelihood_lr=None, report=None, recipe=(), **objective,
):  # fmt: skip
    data = data or task()
    likelihood = {"kind": "gaussian", "sigma": kind} if kind in ("optimal", "learned") else {}
    design = Design(net, (1, 8, 8), 3, "digits", 2 if conditional else 0, spread)
    pair = begin(design, likelihood or {"kind": kind}, 4)
    lr = {"steps": steps, "lr": 0.01, "optimizer": ADAM, **dict(recipe)}
    plan = Plan(Recipe(**lr), Objective(**objective), 8, likelihood_lr)
    half = steps // 2
    watch = Watch(lambda: assess(pair, data.parts["val"], binarise).metrics, [half, steps])
    shots = Snapshots(pair, data, binarise, [0, half, steps], 5)
    heard = {"report": report} if report else {}
    images = Images(data, binarise, seeds)
    return GenerativeTrainer(pair, images, plan, seeds=seeds, watch=watch, snapshots=shots, **heard)


def go(found, first, last):
    for step in range(first, last + 1):
        found.step(step)
    return found


def same(one, other):
    """Whether two states hold the same bits."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


KINDS = {
    "elbo": {"kl_warmup": 0.5, "free_bits": 0.1, "beta": 2.0},
    "drawn pixels": {"binarise": "dynamic"},
    "iwae": {"draws": 3, "binarise": "threshold"},
    "optimal": {"kind": "optimal"},
    "learned": {"kind": "learned", "likelihood_lr": 0.1},
    "logistic": {"kind": "logistic"},
    "conditional": {"conditional": True},
    "conv": {"net": CONV, "conditional": True},
    "points": {"spread": False, "kind": "optimal"},
    "turned": {"data": task(rotate=30.0)},
    "quarters": {"data": task(quarters=True), "binarise": "dynamic"},
    "clipped": {"recipe": (("clip", 0.5), ("warmup", 0.2), ("schedule", "cosine"))},
}


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_and_resumed_gives_the_bits_of_one_go(kind):
    whole = go(trainer(**KINDS[kind]), 1, 24)
    before = go(trainer(**KINDS[kind]), 1, 15)
    state = copied(before.state_dict())
    go(before, 16, 17)  # what goes on elsewhere must not reach the state
    after = trainer(**KINDS[kind])
    after.load_state_dict(state)
    go(after, 16, 24)
    whole.finish()
    after.finish()
    assert same(whole.state_dict(), after.state_dict())
    assert whole.watch.curves == after.watch.curves


def test_losses_that_were_not_read_before_a_stop_are_reported_after_it():
    heard, again = [], []

    def into(found):
        return lambda step, **values: (
            found.append((step, values["loss"])) if "loss" in values else None
        )

    go(trainer(report=into(heard)), 1, 24)
    first = go(trainer(report=into(again)), 1, 15)
    second = trainer(report=into(again))
    second.load_state_dict(first.state_dict())
    go(second, 16, 24)
    assert [step for step, _ in again] == list(range(1, 25))
    assert again == heard


def test_a_seed_gives_the_same_bits_and_other_noise_others_in_the_same_order():
    one, again = (go(trainer(binarise="dynamic"), 1, 3).state_dict() for _ in range(2))
    assert same(one, again)
    other = go(trainer(binarise="dynamic", seeds=Seeds(1, 2, 8)), 1, 3).state_dict()
    assert not same(one["pair"], other["pair"])
    assert same(one["images"]["batches"], other["images"]["batches"])


def test_training_explains_images_better():
    found = trainer(steps=300)
    before = assess(found.pair, task().parts["test"], "none").metrics
    after = assess(go(found, 1, 300).pair, task().parts["test"], "none").metrics
    assert after["neg_elbo"] < before["neg_elbo"] - 5
    assert after["squared_error"] < before["squared_error"] / 2


def test_the_parts_of_the_loss_are_told_with_the_weight_that_the_step_has():
    heard = {}
    report = lambda step, **values: heard.setdefault(step, {}).update(values)  # noqa: E731
    go(trainer(steps=40, beta=3.0, kl_warmup=0.75, report=report), 1, 40)
    for step, weight in {20: 2.0, 40: 3.0}.items():
        told = heard[step]
        assert told["loss"] == pytest.approx(told["reconstruction"] + weight * told["kl"], rel=1e-5)
    assert len(heard) == 40


def test_a_likelihood_may_learn_at_a_rate_of_its_own():
    rule = (("optimizer", {"kind": "sgd", "momentum": 0.0, "weight_decay": 0.0}), ("warmup", 0.5))
    moved = []
    for rate in (None, 0.05):
        found = trainer(kind="learned", likelihood_lr=rate, recipe=rule)
        before = copied(found.pair.state_dict())
        after = go(found, 1, 1).pair.state_dict()
        moved.append({name: after[name] - before[name] for name in after})
    ratio = moved[1]["likelihood.log_sigma"] / moved[0]["likelihood.log_sigma"]
    assert float(ratio) == pytest.approx(5)
    assert torch.equal(moved[0]["coder.mean.weight"], moved[1]["coder.mean.weight"])


def test_a_loss_that_is_no_number_ends_the_training():
    found = trainer(steps=100)
    with torch.no_grad():
        found.pair.coder.mean.bias.fill_(math.inf)
    go(found, 1, 20)
    assert found.diverged
    assert found.stopped
    found.finish()
    judged = assess(found.pair, task().parts["test"], "none").metrics
    assert not any(math.isfinite(value) for value in judged.values())


def test_the_optimal_sigma_is_settled_on_the_training_part():
    found = trainer(kind="optimal", spread=False)
    go(found, 1, 24)
    found.finish()
    images = pixels(task().parts["train"])
    said = found.pair.images(found.pair.codes(images).mean)
    raw = found.pair.coder.decode(found.pair.codes(images).mean).detach()
    assert not torch.equal(said, raw)  # what is shown is cut, what is scored is not
    best = (raw - images).square().mean().sqrt()
    assert float(found.pair.likelihood.log_sigma.exp()) == pytest.approx(float(best), rel=1e-5)


def test_a_vae_settles_by_noisy_codes_as_it_was_trained():
    found = trainer(kind="optimal")
    data = task().parts["train"]
    errors = []
    for noise in (0.0, 3.0):
        with torch.no_grad():
            found.pair.coder.spread.weight.zero_()
            found.pair.coder.spread.bias.fill_(noise - 3.0)
        settle(found.pair, data)
        errors.append(float(found.pair.likelihood.log_sigma))
    assert errors[1] > errors[0]


def test_what_is_judged_does_not_depend_on_what_was_drawn_before():
    pair = trainer(binarise="dynamic").pair
    part = task().parts["test"]
    first = assess(pair, part, "dynamic")
    torch.manual_seed(5)
    torch.rand(7)
    before = torch.get_rng_state()
    assert assess(pair, part, "dynamic") == first
    assert torch.equal(before, torch.get_rng_state())


def test_the_judged_bound_is_the_plain_elbo():
    pair, part = trainer().pair, task(400).parts["test"]
    found = assess(pair, part, "none")
    images = pixels(part).repeat(50, 1, 1, 1)
    with torch.no_grad():
        many = cost(pair, Objective(), images, part.y.repeat(50), weight=1.0, draws=generator(1))
        codes = pair.codes(pixels(part))
        z = codes.noisy(torch.randn(400, 3, generator=generator(SEED)))
        nats = -pair.likelihood.log_prob(pair.coder.decode(z), pixels(part))
    assert found.metrics["neg_elbo"] == pytest.approx(float(nats.mean() + many.kl), rel=1e-5)
    error = float(nats.std()) / 20
    assert abs(float(many.loss) - found.metrics["neg_elbo"]) < 4 * error
    assert found.metrics["kl"] == pytest.approx(float(many.kl), rel=1e-5)
    assert sum(found.kl) == pytest.approx(found.metrics["kl"])


def test_dimensions_count_as_used_from_a_tenth_of_a_nat():
    pair, part = trainer().pair, task().parts["test"]
    with torch.no_grad():
        for layer in (pair.coder.mean, pair.coder.spread):
            layer.weight.zero_()
        pair.coder.mean.bias.copy_(torch.tensor([0.2**0.5 - 0.01, 0.2**0.5 + 0.01, 0.0]))
    found = assess(pair, part, "none")
    assert found.metrics["active_dims"] == 1
    assert found.kl == pytest.approx([0.0956, 0.1045, 0.0], abs=1e-3)


def test_drawn_pixels_are_on_as_often_as_they_are_bright_and_anew_each_time():
    images = torch.tensor([0.0, 0.1, 7 / 16, 0.999, 1.0]).repeat(40_000, 1, 1, 1)
    draws = generator(3)
    seen = binarize.drawn(images, "dynamic", draws)
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    often = seen.mean((0, 1, 2)).tolist()
    assert (often[0], often[4]) == (0, 1)
    assert often[1:4] == pytest.approx([0.1, 7 / 16, 0.999], abs=0.008)
    assert not torch.equal(seen, binarize.drawn(images, "dynamic", draws))
    # Neighbours have nothing to do with each other.
    both = (seen[:, 0, 0, 1] * seen[:, 0, 0, 2]).mean()
    assert float(both) == pytest.approx(0.1 * 7 / 16, abs=0.005)


def test_judged_pixels_are_drawn_once_and_for_all():
    images = torch.tensor([0.0, 0.3, 1.0]).repeat(10_000, 1, 1, 1)
    one = binarize.fixed(images, "dynamic")
    assert torch.equal(one, binarize.fixed(images, "dynamic"))
    assert one.mean((0, 1, 2)).tolist() == pytest.approx([0, 0.3, 1], abs=0.015)
    assert torch.equal(binarize.fixed(images[:500], "dynamic"), one[:500])


def test_a_threshold_cuts_at_one_half_and_greys_stay_greys():
    images = torch.tensor([[[[0.0, 0.5, 0.51, 1.0]]]])
    for cut in (binarize.fixed(images, "threshold"), binarize.drawn(images, "threshold", None)):
        assert cut.flatten().tolist() == [0, 0, 1, 1]
    assert binarize.fixed(images, "none") is images
    with pytest.raises(ValueError, match="'half' is no way"):
        binarize.fixed(images, "half")


def test_training_images_are_turned_where_the_dataset_asks():
    plain, turned, quarters = (
        Images(data, "none", SEEDS).take(50)[0]
        for data in (task(), task(rotate=40.0), task(quarters=True))
    )
    assert not torch.equal(plain, turned)
    assert float(turned.min()) >= 0
    assert float(turned.max()) <= 1
    # Quarters move pixels and change none.
    assert torch.equal(plain.flatten(1).sort(1).values, quarters.flatten(1).sort(1).values)
    upright = (quarters == plain).flatten(1).all(1)
    assert 0.05 < float(upright.float().mean()) < 0.6


def test_snapshots_show_the_same_images_and_codes_at_their_steps():
    found = go(trainer(conditional=True), 1, 24)
    taken = found.snapshots.taken
    assert [shot.step for shot in taken] == [0, 12, 24]
    originals = {tuple(shot.reconstructions[:10].flatten().tolist()) for shot in taken}
    assert len(originals) == 1
    assert taken[0].reconstructions.shape == (20, 1, 8, 8)
    assert taken[0].samples.shape == (6, 1, 8, 8)  # three rows of two classes
    assert not torch.equal(taken[0].samples, taken[2].samples)
    found.pair.eval()
    again = found.snapshots.shot(24, 5)
    assert torch.equal(again.samples[:6], taken[2].samples)
    z = torch.randn(20, 3, generator=generator(5))[:6]
    classes = torch.tensor([0, 1, 0, 1, 0, 1])
    assert torch.equal(taken[2].samples, shown(found.pair.images(z, classes)))


def test_images_are_shown_as_bytes_and_what_is_no_number_as_grey():
    images = torch.tensor([-1.0, 0.0, 0.2, 1.0, 2.0, math.nan]).view(1, 1, 2, 3)
    assert shown(images).flatten().tolist() == [0, 0, 51, 255, 255, 128]
