"""Tasks belong to their number: whatever the batch, and whatever was drawn before."""

import math

import pytest
import torch

from engine.learning.data.device_data import Scaling
from engine.learning.metalearning.tasks import batches, episodes, streams
from engine.learning.metalearning.tasks.episodes import Episodes, Pool, Range


def pool(classes: int = 12, each: int = 6, rotations=1, side: int = 3) -> Pool:
    """Image number i is filled with i, but for a corner that shows how it is turned."""
    n = classes * each
    x = torch.arange(n, dtype=torch.float64)[:, None, None, None].repeat(1, 1, side, side)
    x[:, :, 0, 0] = -1
    y = torch.arange(n) // each
    return Pool.of(x, y, range(classes), rotations=rotations)


FAMILIES = {
    "sinusoids": streams.Sinusoids(seed=1, shots=3, queries=4),
    "linear": streams.LinearFunctions(seed=1, shots=3, queries=4, noise=0.1),
    "episodes": Episodes(pool(), seed=1, ways=Range(3, 3), queries=Range(2, 2)),
}


def equal(one: batches.Examples, other: batches.Examples) -> bool:
    return torch.equal(one.x, other.x) and torch.equal(one.y, other.y)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_task_is_a_function_of_its_number(name):
    family = FAMILIES[name]
    whole = family.batch(range(10, 16))
    for place, number in enumerate(range(10, 16)):
        alone = family.batch([number])
        assert equal(alone.support, whole.support.tasks(slice(place, place + 1)))
        assert equal(alone.query, whole.query.tasks(slice(place, place + 1)))
    assert whole.numbers == tuple(range(10, 16))
    assert not equal(family.batch([0]).support, family.batch([1]).support)


def test_another_seed_is_another_stream_and_a_stream_stays_what_it_was():
    one, other = streams.Sinusoids(seed=1).batch([0]), streams.Sinusoids(seed=2).batch([0])
    assert not equal(one.support, other.support)
    found = streams.Sinusoids(seed=0).batch([7]).support.x[0, :2, 0]
    torch.testing.assert_close(found, torch.tensor([0.3792377, 1.3774467]), rtol=1e-5, atol=1e-6)


def test_sinusoids_are_those_of_the_paper():
    batch = streams.Sinusoids(seed=0, shots=200, queries=1, dtype=torch.float64).batch(range(400))
    x, y = batch.support.x, batch.support.y
    assert x.shape == y.shape == (400, 200, 1)
    assert -5 <= x.min() < -4.9
    assert 4.9 < x.max() <= 5
    # y = a cos b · sin x - a sin b · cos x: least squares gives a and b of each task.
    design = torch.cat([x.sin(), -x.cos()], 2)
    found = torch.linalg.lstsq(design, y).solution[..., 0]  # (T, 2)
    torch.testing.assert_close(design @ found[..., None], y)
    a, b = found.norm(dim=1), torch.atan2(found[:, 1], found[:, 0])
    assert 0.1 <= a.min() < 0.3
    assert 4.8 < a.max() <= 5
    assert 0 <= b.min() < 0.1
    assert math.pi - 0.1 < b.max() <= math.pi


@pytest.mark.parametrize(
    "family",
    [
        streams.Sinusoids(seed=3, shots=5, queries=6, amplitude=(1, 2)),
        streams.LinearFunctions(seed=3, inputs=1, shots=5, queries=6),
        streams.LinearFunctions(seed=3, inputs=2, shots=5, queries=6),
    ],
)
def test_the_true_functions_go_through_the_points_of_their_tasks(family):
    numbers = [4, 9, 11]
    batch = family.batch(numbers)
    torch.testing.assert_close(family.truth(numbers, batch.query.x), batch.query.y)
    wide = family.truth(numbers, batch.query.x[:1])
    assert wide.shape == (3, 6, 1)
    torch.testing.assert_close(wide[0], batch.query.y[0])
    assert not torch.allclose(wide[1], batch.query.y[1])


def test_the_truth_has_no_noise():
    family = streams.LinearFunctions(seed=3, inputs=1, shots=50, queries=1, noise=0.5)
    x = torch.tensor([[[0.0], [1.0], [2.0]]])
    y = family.truth([7], x)[0, :, 0]
    torch.testing.assert_close(y, y[1] * torch.tensor([0.0, 1.0, 2.0]))


def test_linear_functions_are_linear_up_to_their_noise():
    family = streams.LinearFunctions(seed=0, inputs=3, shots=500, queries=2, noise=0.5,
                                     dtype=torch.float64)  # fmt: skip
    batch = family.batch([0, 1])
    solved = torch.linalg.lstsq(batch.support.x, batch.support.y)
    rest = batch.support.y - batch.support.x @ solved.solution
    assert rest.std().item() == pytest.approx(0.5, rel=0.05)
    clean = streams.LinearFunctions(seed=0, shots=5, dtype=torch.float64).batch([0])
    w = torch.linalg.lstsq(clean.support.x, clean.support.y).solution
    torch.testing.assert_close(clean.query.x @ w, clean.query.y)


def shown(batch: batches.TaskBatch, place: int) -> tuple[list[int], list[int]]:
    """Image numbers of a task's support and query set, without padding."""
    found = []
    for part in (batch.support, batch.query):
        kept = slice(None) if part.kept is None else part.kept[place]
        found.append(part.x[place][kept][:, 0, 1, 1].long().tolist())
    return found[0], found[1]


def test_an_episode_has_its_ways_shots_and_queries_and_no_image_twice():
    family = Episodes(pool(), seed=0, ways=Range(4, 4), shots=Range(2, 2), queries=Range(3, 3))
    batch = family.batch(range(20))
    assert batch.support.x.shape == (20, 8, 1, 3, 3)
    assert batch.query.y.shape == (20, 12)
    assert batch.ways is None
    assert batch.support.kept is None
    for place in range(20):
        support, query = shown(batch, place)
        assert len({*support, *query}) == 20
        names = batch.support.y[place].tolist()
        classes = {label: {i // 6 for i, y in zip(support, names, strict=True) if y == label}
                   for label in range(4)}  # fmt: skip
        assert all(len(found) == 1 for found in classes.values())
        assert len(set.union(*classes.values())) == 4
        for image, label in zip(query, batch.query.y[place].tolist(), strict=True):
            assert classes[label] == {image // 6}


def test_shuffled_labels_have_no_fixed_meaning_and_global_ones_do():
    shuffled = Episodes(pool(), seed=0, queries=Range(1, 1)).batch(range(40))
    meanings = {shown(shuffled, t)[0][0] // 6 for t in range(40)}
    assert len(meanings) > 6
    whole = Episodes(pool(), seed=0, queries=Range(1, 1), labels="global")
    batch = whole.batch(range(40))
    assert batch.outputs == whole.outputs == 12
    for place in range(40):
        support, _ = shown(batch, place)
        assert [image // 6 for image in support] == batch.support.y[place].tolist()
        assert batch.ways[place].nonzero()[:, 0].tolist() == sorted(batch.support.y[place].tolist())


def test_ranges_are_padded_and_masked():
    family = Episodes(pool(), seed=0, ways=Range(2, 5), shots=Range(1, 3), queries=Range(1, 2))
    batch = family.batch(range(60))
    assert batch.outputs == 5
    counts = batch.ways.sum(1)
    assert set(counts.tolist()) == {2, 3, 4, 5}
    for place in range(60):
        ways = int(counts[place])
        assert batch.ways[place, :ways].all()
        labels = batch.support.y[place][batch.support.kept[place]]
        shots = len(labels) // ways
        assert torch.bincount(labels).tolist() == [shots] * ways
        assert batch.support.x[place][~batch.support.kept[place]].abs().sum() == 0
    shots = {int(k) for k in batch.support.kept.sum(1) // counts}
    assert shots == {1, 2, 3}


def test_each_quarter_turn_is_a_class_of_its_own():
    family = Episodes(pool(classes=3, rotations=4), seed=0, ways=Range(12, 12), shots=Range(2, 2),
                      queries=Range(1, 1))  # fmt: skip
    batch = family.batch([0])
    seen = set()
    for label in range(12):
        images = batch.support.x[0][batch.support.y[0] == label][:, 0]
        corners = {(int(i[1, 1]) // 6, *(i == -1).nonzero()[0].tolist()) for i in images}
        assert len(corners) == 1
        seen |= corners
    assert len(seen) == 12


def test_stored_pixels_are_scaled_and_padding_is_not():
    x = torch.full((6, 1, 2, 2), 128, dtype=torch.uint8)
    found = Pool.of(x, torch.arange(6) // 3, [0, 1], scaling=Scaling(256, 0.1, 2.0))
    family = Episodes(found, seed=0, ways=Range(1, 2), queries=Range(1, 1))
    batch = family.batch(range(8))
    assert batch.support.x.dtype == torch.float32
    kept = batch.support.x[batch.support.kept]
    torch.testing.assert_close(kept, torch.full_like(kept, 0.2))
    assert batch.support.x[~batch.support.kept].abs().sum() == 0


def test_parts_of_classes_share_none():
    parts = episodes.split(20, [10, 4, 6], seed=0)
    assert sorted(item for part in parts for item in part) == list(range(20))
    assert [len(part) for part in parts] == [10, 4, 6]
    assert parts != episodes.split(20, [10, 4, 6], seed=1)
    with pytest.raises(ValueError, match="there are only 20"):
        episodes.split(20, [15, 6], seed=0)


def test_more_ways_or_examples_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="13 ways, but there are only 12 classes"):
        Episodes(pool(), seed=0, ways=Range(5, 13), queries=Range(1, 1))
    with pytest.raises(ValueError, match=r"2 shots \+ 5 queries = 7.*one class has only 6"):
        Episodes(pool(), seed=0, shots=Range(1, 2), queries=Range(5, 5))
