import pytest
import torch
from scipy import ndimage
from sklearn.datasets import load_digits

from engine.learning.generative import surface


def _image(*rows):
    return torch.tensor([[[float(x) for x in row] for row in rows]])


def test_pieces_are_connected_by_corners_and_never_from_one_image_to_the_next():
    diagonal = _image([1, 0, 0], [0, 1, 0], [0, 0, 1])
    two = _image([1, 0, 1], [1, 0, 1], [1, 0, 1])
    assert surface.components(diagonal[None]) == 1
    assert surface.components(two[None]) == 2
    assert surface.components(torch.stack([diagonal, diagonal, two])) == pytest.approx(4 / 3)
    assert surface.components(torch.zeros(3, 1, 3, 3)) == 0


def test_a_piece_begins_at_half_brightness():
    assert surface.components(_image([0.51, 0, 0.49])[None]) == 1


def test_grey_is_counted_among_the_pixels_with_ink_alone():
    sharp, soft = _image([0, 1, 1, 0.05]), _image([0.5, 0.5, 1, 0.0])
    assert surface.grey(sharp[None]) == 0
    assert surface.grey(soft[None]) == pytest.approx(2 / 3)
    assert surface.grey(torch.stack([sharp, soft])) == pytest.approx(1 / 3)


def test_images_without_ink_have_no_share_of_grey():
    blank, soft = torch.zeros(1, 1, 4), _image([0.5, 1, 0, 0])
    assert surface.grey(blank[None]) is None
    assert surface.grey(torch.stack([blank, soft])) == 0.5


def test_blur_is_greyer_than_real_digits_and_noise_falls_into_more_pieces():
    real = torch.from_numpy(load_digits().images[:200]).float()[:, None] / 16
    blurred = torch.from_numpy(ndimage.gaussian_filter(real.numpy(), (0, 0, 1, 1)))
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0))
    assert surface.grey(blurred) > 0.97
    assert surface.grey(real) < 0.8
    assert surface.components(noise) > 2
    assert 1 <= surface.components(real) < 1.1
