"""Motion during the acquisition of a slice, elastic deformation, and one draw for each slice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchio
from monai.transforms import Compose, RandGaussianNoised
from mrclass.augment import EachSliced, RandElasticd, RandSliceMotiond, move, moved_meanwhile, warped


def dot(row: int, column: int, size: int = 16) -> torch.Tensor:
    """One slice of -1 with a bright pixel."""
    slices = torch.full((1, size, size), -1.0)
    slices[0, row, column] = 9.0
    return slices


def test_a_shift_moves_a_pixel_down_and_right() -> None:
    assert torch.allclose(move(dot(5, 6), 0.0, 3.0, 1.0), dot(8, 7), atol=1e-4)


def test_a_quarter_turn_about_the_centre() -> None:
    # one to the right of the centre and none above it comes to stand above: anticlockwise
    assert torch.allclose(move(dot(7, 12), 90.0, 0.0, 0.0), dot(3, 7), atol=1e-3)


def test_what_comes_in_from_outside_has_the_lowest_value() -> None:
    assert torch.allclose(move(dot(15, 3), 0.0, 4.0, 0.0), torch.full((1, 16, 16), -1.0), atol=1e-4)


@pytest.mark.parametrize("along_rows", [True, False])
def test_a_head_that_stays_still_leaves_the_slices_alone(along_rows: bool) -> None:
    slices = torch.randn(2, 16, 12)
    still = moved_meanwhile(slices, [0.3, 0.8], [(0.0, 0.0, 0.0)] * 2, along_rows)
    assert torch.allclose(still, slices, atol=1e-5)


def test_the_mean_stays_where_the_centre_of_k_space_was_acquired() -> None:
    slices = torch.randn(2, 16, 16)
    result = moved_meanwhile(slices, [0.75], [(8.0, 3.0, 2.0)], along_rows=True)
    assert not torch.allclose(result, slices, atol=0.05)
    assert torch.allclose(result.mean(dim=(1, 2)), slices.mean(dim=(1, 2)), atol=1e-4)


def test_it_happens_as_often_as_asked_and_to_the_named_key_only() -> None:
    transform = RandSliceMotiond("image", prob=0.5).set_random_state(0)
    slab, label = torch.randn(3, 32, 32), 1
    results = [transform({"image": slab, "label": label}) for _ in range(40)]
    changed = sum(not torch.equal(result["image"], slab) for result in results)
    assert 10 < changed < 30
    assert all(result["label"] == 1 and result["image"].shape == slab.shape for result in results)


def test_each_slice_draws_its_own() -> None:
    slab = torch.zeros(6, 8, 8)
    transform = EachSliced("image", RandGaussianNoised("image", prob=0.5)).set_random_state(1)
    result = transform({"image": slab, "label": 1})
    touched = [bool(one.abs().sum() > 0) for one in result["image"]]
    assert 0 < sum(touched) < 6
    assert (result["image"].shape, result["image"].dtype, result["label"]) == (slab.shape, slab.dtype, 1)
    changed = result["image"][torch.tensor(touched)]
    assert not torch.equal(changed[0], changed[1])


def test_the_same_seed_gives_the_same_slices() -> None:
    slab = torch.randn(4, 32, 32)
    inner = [RandSliceMotiond("image", prob=0.5), RandElasticd("image", prob=0.5)]
    results = [
        EachSliced("image", Compose(inner)).set_random_state(seed)({"image": slab})["image"]
        for seed in (3, 3, 4)
    ]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_equal_control_points_shift_a_slice_whole() -> None:
    # the weights of a cubic B-spline add up to one: 3 pixels everywhere; a pixel comes from 3 rows below
    points = torch.zeros(1, 7, 7, 2)
    points[..., 0] = 3.0
    assert torch.allclose(warped(dot(8, 7), points), dot(5, 7), atol=1e-4)


def test_an_elastic_deformation_is_torchios() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.zeros(1, 7, 7, 2)
    points[:, 2:-2, 2:-2] = (torch.rand(1, 3, 3, 2, generator=generator) - 0.5) * 10
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(40.0), indexing="ij")
    picture = torch.sin(rows / 7) + torch.cos(columns / 5)
    # TorchIO's axes are (rows, columns, 1), its millimetres pixels here, but SimpleITK counts both axes, and
    # lays the grid, the other way round (LPS)
    turned = -points[0].flip(0, 1).numpy()
    field = np.concatenate([turned, np.zeros((7, 7, 1), np.float32)], axis=-1)
    elastic = torchio.ElasticDeformation(np.repeat(field[:, :, None], 7, axis=2), (5, 5, 0))
    theirs = elastic(picture[None, ..., None])[0, ..., 0]
    ours = warped(picture[None], points)[0]
    inside = (slice(8, -8), slice(8, -8))  # at the border TorchIO fills with the picture's minimum
    assert torch.allclose(ours[inside], theirs[inside], atol=0.01)
    assert float((picture - theirs)[inside].abs().max()) > 0.3


def test_an_elastic_deformation_is_smallest_at_the_border_and_differs_from_slice_to_slice() -> None:
    ramp = torch.arange(64.0).expand(3, 64, 64)  # a value is its column: what changes is the displacement
    elastic = RandElasticd("image", prob=1.0, max_displacement=6.0).set_random_state(0)
    moved = (elastic({"image": ramp})["image"] - ramp)[:, :, 8:-8]
    # row 2 lies 0.16 grid steps inside: the outermost point that moves counts a quarter there
    assert float(moved[:, 2].abs().max()) < 6.0 * 0.26
    assert float(moved[:, 32].abs().max()) > 6.0 * 0.3
    assert not torch.allclose(moved[0, 32], moved[1, 32], atol=0.5)
