import pytest
import torch
from scipy import ndimage
from sklearn.datasets import load_digits

from engine.learning.generative.judging import image_statistics


def _image(*rows):
    return torch.tensor([[[float(x) for x in row] for row in rows]])


def test_pieces_are_connected_by_corners_and_never_from_one_image_to_the_next():
    diagonal = _image([1, 0, 0], [0, 1, 0], [0, 0, 1])
    two = _image([1, 0, 1], [1, 0, 1], [1, 0, 1])
    assert image_statistics.components(diagonal[None]) == 1
    assert image_statistics.components(two[None]) == 2
    assert image_statistics.components(torch.stack([diagonal, diagonal, two])) == pytest.approx(
        4 / 3
    )
    assert image_statistics.components(torch.zeros(3, 1, 3, 3)) == 0


def test_a_piece_begins_at_half_brightness():
    assert image_statistics.components(_image([0.51, 0, 0.49])[None]) == 1


def test_grey_is_counted_among_the_pixels_with_ink_alone():
    sharp, soft = _image([0, 1, 1, 0.05]), _image([0.5, 0.5, 1, 0.0])
    assert image_statistics.grey(sharp[None]) == 0
    assert image_statistics.grey(soft[None]) == pytest.approx(2 / 3)
    assert image_statistics.grey(torch.stack([sharp, soft])) == pytest.approx(1 / 3)


def test_images_without_ink_have_no_share_of_grey():
    blank, soft = torch.zeros(1, 1, 4), _image([0.5, 1, 0, 0])
    assert image_statistics.grey(blank[None]) is None
    assert image_statistics.grey(torch.stack([blank, soft])) == 0.5


def test_blur_is_greyer_than_real_digits_and_noise_falls_into_more_pieces():
    real = torch.from_numpy(load_digits().images[:200]).float()[:, None] / 16
    blurred = torch.from_numpy(ndimage.gaussian_filter(real.numpy(), (0, 0, 1, 1)))
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0))
    assert image_statistics.grey(blurred) > 0.97
    assert image_statistics.grey(real) < 0.8
    assert image_statistics.components(noise) > 2
    assert 1 <= image_statistics.components(real) < 1.1
