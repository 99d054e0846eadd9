"""Where voxels land in the slab: markers at known millimetres, in every plane, order and direction."""

from __future__ import annotations

import itertools
import logging

import numpy as np
import pytest
import torch
from mrclass.errors import VolumeError
from mrclass.slab import Slab, clip_level, foreground_middle, slab


def affine_of(
    spacing: tuple[float, float, float], origin: tuple[float, float, float] = (0, 0, 0)
) -> np.ndarray:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return affine


def head(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> np.ndarray:
    """An ellipsoid of 100 in the middle, that fills 80 % of each axis but the thickest."""
    grid = np.indices(shape).astype(float)
    middle = (np.array(shape) - 1) / 2
    radius = 0.4 * np.array(shape)
    radius[int(np.argmax(spacing))] *= 2
    inside = sum(((grid[axis] - middle[axis]) / radius[axis]) ** 2 for axis in range(3)) < 1
    return np.where(inside, 100, 0).astype(np.float32)


def at(cut: Slab, millimetres: tuple[float, float, float]) -> np.ndarray:
    """Slice, row and column of a point in space."""
    return (np.linalg.inv(cut.affine) @ [*millimetres, 1])[:3]


def brightest(cut: Slab) -> tuple[int, ...]:
    return tuple(int(n) for n in np.unravel_index(np.argmax(cut.slices), cut.slices.shape))


def test_a_marker_lands_at_the_hand_computed_slice_row_and_column() -> None:
    # 40 x 60 x 20 voxels of 2 mm, already at the target spacing; the head's middle is the grid's middle
    # (19.5, 29.5); the slab's middle row and column is 111.5; slices of voxels k = 5 ... 14
    volume = head((40, 60, 20), (2, 2, 2))
    volume[10, 40, 7] = 900
    cut = slab(volume, affine_of((2, 2, 2), (-39, -59, -19)))
    # slice 7 - 5 = 2; j = 40 is 10.5 before the middle, so row 111.5 - 10.5 = 101;
    # i = 10 is 9.5 left of the middle, so column 111.5 + 9.5 = 121
    assert brightest(cut) == (2, 101, 121)
    assert cut.slices[2, 101, 121] == 900
    np.testing.assert_allclose(cut.affine @ [2, 101, 121, 1], [-19, 21, -5, 1])
    assert (cut.slices.shape, cut.slices.dtype, cut.acquisition_plane) == (
        (10, 224, 224),
        np.float32,
        "axial",
    )


@pytest.mark.parametrize(
    ("axis", "plane", "rows", "columns"),
    [
        (0, "sagittal", (0, 0, -1), (0, -1, 0)),
        (1, "coronal", (0, 0, -1), (-1, 0, 0)),
        (2, "axial", (0, -1, 0), (-1, 0, 0)),
    ],
)
def test_rows_and_columns_run_as_a_radiographer_expects(
    axis: int, plane: str, rows: tuple[int, ...], columns: tuple[int, ...]
) -> None:
    spacing = [2.0, 2.0, 2.0]
    spacing[axis] = 5.0
    shape = [60, 60, 60]
    shape[axis] = 12
    cut = slab(head(tuple(shape), tuple(spacing)), np.diag([*spacing, 1]), size=80)
    assert (cut.acquisition_plane, cut.slice_axis, len(cut.slices)) == (plane, axis, 10)
    np.testing.assert_array_equal(cut.affine[:3, 1], 2.0 * np.array(rows))
    np.testing.assert_array_equal(cut.affine[:3, 2], 2.0 * np.array(columns))


def test_left_stays_left() -> None:
    volume = head((60, 60, 12), (2, 2, 5))
    volume[40:, :, :] *= 3  # the patient's right, since i runs to the right
    cut = slab(volume, affine_of((2, 2, 5)), size=80)
    left_of_picture, right_of_picture = cut.slices[:, :, :40].mean(), cut.slices[:, :, 40:].mean()
    assert left_of_picture > 1.2 * right_of_picture  # shown as if looked at from the feet
    mirrored = slab(volume, np.diag([-2.0, 2, 5, 1]), size=80)
    np.testing.assert_allclose(mirrored.slices, cut.slices[:, :, ::-1])


def stored_otherwise(
    volume: np.ndarray, affine: np.ndarray, order: tuple[int, ...], flips: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The same object in space, with its axes stored in another order and direction."""
    volume, affine = volume.transpose(order), affine[:, [*order, 3]].copy()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (volume.shape[axis] - 1)
        affine[:3, axis] *= -1
        volume = np.flip(volume, axis)
    return volume, affine


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_six_orders_and_reversed_axes_give_the_same_slab(
    order: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(1)
    volume = head((41, 50, 9), (0.9, 1.1, 5)) * rng.uniform(0.5, 1.5, (41, 50, 9)).astype(np.float32)
    angle = np.radians(12)
    affine = affine_of((0.9, 1.1, 5), (3, -4, 5))
    affine[:3, :3] = (
        np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
        @ affine[:3, :3]
    )
    expected = slab(volume, affine, size=48)
    cut = slab(*stored_otherwise(volume, affine, order, flips), size=48)
    np.testing.assert_array_equal(cut.slices, expected.slices)
    np.testing.assert_allclose(cut.affine, expected.affine, atol=1e-9)
    assert cut.acquisition_plane == "axial"


def test_an_oblique_stack_keeps_its_grid() -> None:
    angle = np.radians(35)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] *= (2, 2, 5)
    volume = head((40, 40, 10), (2, 2, 5))
    volume[12, 25, 4] = 900
    cut = slab(volume, affine, size=64)
    assert cut.acquisition_plane == "oblique"
    index = at(cut, tuple((affine @ [12, 25, 4, 1])[:3]))
    np.testing.assert_allclose(index[1:], np.round(index[1:]), atol=1e-9)  # in-plane, a voxel is a pixel
    assert brightest(cut)[1:] == tuple(np.round(index[1:]).astype(int))


def test_slices_of_a_thick_stack_are_interpolated_between_their_neighbours() -> None:
    # 8 slices 5 mm apart (thickness and gap), each of its own intensity: 10 x (k + 1) inside the head
    volume = np.zeros((40, 40, 8), np.float32)
    volume[8:32, 8:32] = 10 * (np.arange(8) + 1)
    cut = slab(volume, affine_of((2, 2, 5)), size=40)
    # the middle is k = 3.5, slices lie at k = 3.5 + (n - 4.5) x 2 / 5 = 1.7, 2.1 ... 5.3
    expected = 10 * (3.5 + (np.arange(10) - 4.5) * 0.4 + 1)
    np.testing.assert_allclose(cut.slices[:, 20, 20], expected, rtol=1e-6)


def test_a_thin_stack_gives_the_slices_that_fit_and_repeats_its_outermost() -> None:
    # 2 slices of 6 mm: 12 mm hold six slices, at k = 0.5 + (n - 2.5) / 3 = -0.33, 0, 0.33, 0.67, 1, 1.33
    volume = np.zeros((40, 40, 2), np.float32)
    volume[8:32, 8:32] = [30, 60]
    cut = slab(volume, affine_of((2, 2, 6)), size=40)
    np.testing.assert_allclose(cut.slices[:, 20, 20], [30, 30, 40, 50, 60, 60], rtol=1e-6)
    np.testing.assert_allclose((cut.affine @ [5, 0, 0, 1])[2], 8)  # 6 x 1.33 mm: inside the last slice


@pytest.mark.parametrize("shape", [(40, 40, 1), (40, 1, 40), (1, 40, 40)])
def test_a_single_slice_gives_one_slice(shape: tuple[int, int, int]) -> None:
    volume = np.zeros(shape, np.float32)
    volume[tuple(slice(8, 32) if n > 1 else slice(None) for n in shape)] = 50
    volume.reshape(40, 40)[12, 12] = 70
    cut = slab(volume, affine_of((2, 2, 2)), size=40)
    assert (cut.slices.shape, cut.slices.max()) == ((1, 40, 40), 70)


def test_a_two_dimensional_array_is_a_single_slice() -> None:
    picture = np.zeros((40, 40), np.float32)
    picture[8:32, 8:32] = 50
    assert slab(picture, affine_of((2, 2, 5)), size=40).slices.shape == (1, 40, 40)


def test_an_isotropic_volume_is_cut_along_its_third_axis() -> None:
    cut = slab(
        head((60, 50, 40), (1, 1, 1)), np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    )
    assert (cut.acquisition_plane, cut.slice_axis, len(cut.slices)) == ("sagittal", 2, 10)


def test_anisotropic_pixels_become_square() -> None:
    # a square of 60 x 60 mm, stored as 60 columns of 1 mm and 20 rows of 3 mm
    volume = np.zeros((100, 40, 6), np.float32)
    volume[20:80, 10:30] = 50
    middle = slab(volume, affine_of((1, 3, 5))).slices[5] > 25
    assert (middle.any(axis=0).sum(), middle.any(axis=1).sum()) == (30, 30)


def test_fine_voxels_are_averaged_before_interpolation() -> None:
    # one bright column of 0.5 mm in four is a flat quarter at 2 mm, wherever the grid falls
    volume = np.zeros((400, 400, 5), np.float32)
    volume[120:280:4, 120:280] = 400
    cut = slab(volume, affine_of((0.5, 0.5, 5)), size=60)
    np.testing.assert_allclose(cut.slices[:, 25:35, 25:35], 100, rtol=1e-5)


def test_averaging_moves_nothing() -> None:
    # a block of 4 x 4 voxels of 0.5 mm, far from the middle of a large disc; its centre is at 30.75, 40.75 mm
    i, j = np.indices((200, 200))
    volume = np.repeat((((i - 99.5) ** 2 + (j - 99.5) ** 2) < 90**2).astype(np.float32)[..., None], 5, axis=2)
    volume[60:64, 80:84] = 50
    cut = slab(volume, affine_of((0.5, 0.5, 5)))
    weight = np.clip(cut.slices[5] - 1, 0, None)
    row, column = ((weight * index).sum() / weight.sum() for index in np.indices(weight.shape))
    np.testing.assert_allclose([row, column], at(cut, (30.75, 40.75, 10))[1:], atol=1e-3)


def test_the_grid_is_centred_on_the_foreground_and_not_on_the_field_of_view() -> None:
    volume = np.zeros((100, 100, 6), np.float32)
    volume[10:31, 60:91] = 50
    volume[90, 5] = 4000  # stray bright points do not move it: under 1 % of the foreground
    cut = slab(volume, affine_of((2, 2, 5)))
    np.testing.assert_allclose(at(cut, (2 * 20, 2 * 75, 12.5))[1:], 111.5)


def test_noise_in_the_air_does_not_move_the_centre() -> None:
    rng = np.random.default_rng(0)
    volume = np.abs(rng.normal(0, 5, (100, 100, 6))).astype(np.float32)
    volume[10:41, 60:91] += 60
    cut = slab(volume, affine_of((2, 2, 5)))
    np.testing.assert_allclose(at(cut, (2 * 25, 2 * 75, 12.5))[1:], 111.5, atol=0.5)


def test_an_empty_mask_has_its_middle_in_the_grid() -> None:
    assert foreground_middle(np.zeros((3, 10, 10), bool), 1) == 4.5


def test_the_clip_level_is_half_the_median_of_what_lies_above_it() -> None:
    tissue = np.full(100, 80, np.float32)
    air = np.full(500, 6, np.float32)
    assert clip_level(np.concatenate([tissue, air, np.zeros(1000, np.float32)])) == 40
    assert clip_level(np.zeros(10, np.float32)) == 0


def test_outside_the_volume_is_zero() -> None:
    cut = slab(head((40, 40, 6), (2, 2, 5)) + 7, affine_of((2, 2, 5)))
    assert cut.slices[:, :90].max() == 0
    assert cut.slices[:, 100:120, 100:120].min() > 0


def test_negative_volumes_start_at_zero() -> None:
    volume = head((40, 40, 6), (2, 2, 5)) * 10 - 1000  # air at -1000, head at 0, as in CT
    cut = slab(volume, affine_of((2, 2, 5)))
    assert (cut.slices.min(), cut.slices.max()) == (0, 1000)


def test_one_stray_negative_voxel_does_not_lift_the_air() -> None:
    volume = head((40, 40, 6), (2, 2, 5))
    volume[0, 0, 3] = -30000
    cut = slab(volume, affine_of((2, 2, 5)))
    assert (cut.slices.min(), cut.slices.max()) == (0, 100)


def test_voxels_that_are_no_numbers_become_the_minimum_and_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    volume = head((40, 40, 6), (2, 2, 5)) + 3
    volume[20, 20, 2:4] = [np.nan, np.inf]
    with caplog.at_level(logging.WARNING):
        cut = slab(volume, affine_of((2, 2, 5)), size=64)
    assert np.isfinite(cut.slices).all()
    assert [record.getMessage() for record in caplog.records] == [
        "2 of 9600 voxels around the slab are not finite; set to the minimum, 3."
    ]


def test_a_tensor_gives_what_an_array_gives() -> None:
    volume = head((40, 40, 6), (2, 2, 5))
    given = torch.from_numpy(volume), torch.from_numpy(affine_of((2, 2, 5)))
    np.testing.assert_array_equal(slab(*given).slices, slab(volume, affine_of((2, 2, 5))).slices)


def test_whole_numbers_are_read_as_numbers() -> None:
    volume = head((40, 40, 6), (2, 2, 5))
    np.testing.assert_array_equal(
        slab(volume.astype(np.uint8), affine_of((2, 2, 5))).slices, slab(volume, affine_of((2, 2, 5))).slices
    )


@pytest.mark.parametrize(
    ("volume", "reason"),
    [
        (np.zeros((8, 8, 8)), "constant"),
        (np.full((8, 8, 8), np.nan), "no finite number"),
        (np.zeros((8, 8, 0)), "empty"),
        (np.zeros((8, 8, 8, 3)), "4 dimensions"),
        (np.zeros(8), "1 dimensions"),
        (np.zeros((8, 8, 8), complex), "complex"),
        (np.zeros((8, 8, 8), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "colours"),
        (np.full((8, 8, 8), "a"), "wanted numbers"),
    ],
)
def test_what_no_network_can_see_is_refused_in_words(volume: np.ndarray, reason: str) -> None:
    with pytest.raises(VolumeError, match=reason):
        slab(volume, np.eye(4))


def test_the_input_is_left_as_it_was() -> None:
    volume = head((40, 40, 6), (2, 2, 5)) - 5
    volume[3, 3, 3] = np.nan
    before = volume.copy()
    slab(volume, affine_of((2, 2, 5)))
    np.testing.assert_array_equal(volume, before)
