"""The slab's geometry, on grids small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from mrclass import geometry
from mrclass.errors import VolumeError

RAS = np.diag([1.0, 1.0, 5.0, 1.0])  # axial stack: i to the right, j to the front, k up


def turned(degrees: float, spacing: tuple[float, float, float] = (1, 1, 5)) -> np.ndarray:
    """Axial stack tipped around the left-right axis."""
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] *= spacing
    return affine


def test_spacing_is_the_length_of_the_columns() -> None:
    np.testing.assert_allclose(geometry.spacing_of(turned(20, (0.5, 1, 6))), [0.5, 1, 6])


@pytest.mark.parametrize(
    ("shape", "spacing", "axis"),
    [
        ((256, 256, 20), (1, 1, 5), 2),
        ((20, 256, 256), (5, 1, 1), 0),
        ((256, 20, 256), (0.5, 4, 0.5), 1),
        ((256, 256, 160), (1, 1, 1), 2),  # isotropic: the third
        ((160, 256, 256), (1.1, 1, 1), 2),  # nearly
        ((64, 64, 30), (1, 2, 2), 2),  # two coarse axes: no slice direction to be read from them
        ((64, 64, 30), (1, 2, 5), 2),  # anisotropic in-plane
        ((1, 64, 64), (1, 1, 1), 0),  # one slice
        ((64, 1, 64), (1, 0.1, 1), 1),
    ],
)
def test_slices_are_stacked_along_the_coarsest_axis_or_else_the_third(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], axis: int
) -> None:
    assert geometry.acquisition_axis(shape, np.array(spacing, float)) == axis


@pytest.mark.parametrize(
    ("degrees", "plane"),
    [
        (0, "axial"),
        (25, "axial"),
        (-25, "axial"),
        (31, "oblique"),
        (45, "oblique"),
        (59, "oblique"),
        (65, "coronal"),
    ],
)
def test_a_plane_is_oblique_beyond_thirty_degrees_from_each_axis(degrees: float, plane: str) -> None:
    assert geometry.orient((10, 10, 10), turned(degrees)).acquisition_plane == plane


def test_an_axial_stack_shows_anterior_on_top_and_the_patients_right_at_the_left() -> None:
    turn = geometry.orient((4, 6, 3), RAS)
    # slices from k (up); rows from j, counted backwards (to the back); columns from i, backwards (left)
    assert (turn.order, turn.flips, turn.shape) == ((2, 1, 0), (False, True, True), (3, 6, 4))
    np.testing.assert_array_equal(turn.affine @ [0, 0, 0, 1], [3, 5, 0, 1])  # right, front, bottom
    np.testing.assert_array_equal(turn.affine @ [2, 5, 3, 1], [0, 0, 10, 1])  # left, back, top


def test_a_sagittal_stack_shows_superior_on_top_and_anterior_at_the_left() -> None:
    turn = geometry.orient((3, 6, 4), np.diag([5.0, 1.0, 1.0, 1.0]))
    assert (turn.order, turn.flips, turn.acquisition_plane) == ((0, 2, 1), (False, True, True), "sagittal")
    np.testing.assert_array_equal(turn.affine @ [0, 0, 0, 1], [0, 5, 3, 1])  # left slice, front, top


def test_a_coronal_stack_shows_superior_on_top_and_the_patients_right_at_the_left() -> None:
    turn = geometry.orient((6, 3, 4), np.diag([1.0, 5.0, 1.0, 1.0]))
    assert (turn.order, turn.flips, turn.acquisition_plane) == ((1, 2, 0), (False, True, True), "coronal")
    np.testing.assert_array_equal(turn.affine @ [0, 0, 0, 1], [5, 0, 3, 1])  # right, back slice, top


def test_turning_keeps_the_oblique_directions() -> None:
    affine = turned(20)
    turn = geometry.orient((4, 6, 3), affine)
    np.testing.assert_allclose(turn.affine[:3, 0], affine[:3, 2])
    np.testing.assert_allclose(turn.affine[:3, 1], -affine[:3, 1])


@pytest.mark.parametrize(
    ("voxels", "spacing", "count"),
    [
        (20, 5.0, 10),  # 100 mm
        (4, 5.0, 10),  # 20 mm
        (19, 1.0, 9),  # 19 mm hold nine slices of 2 mm
        (3, 5.0, 7),  # 15 mm
        (2, 1.0, 1),
        (2, 0.5, 1),  # 1 mm: at least one
        (1, 8.0, 1),  # a single slice stays single
        (10, 2.0 - 1e-9, 10),  # 20 mm but for rounding
    ],
)
def test_as_many_two_millimetre_slices_as_fit(voxels: int, spacing: float, count: int) -> None:
    assert geometry.slice_count(voxels, spacing, 2.0, 10) == count


def test_positions_lie_evenly_around_their_centre() -> None:
    np.testing.assert_array_equal(geometry.positions(9.5, 4, 2), [6.5, 8.5, 10.5, 12.5])
    np.testing.assert_array_equal(geometry.positions(9.5, 1, 2), [9.5])


@pytest.mark.parametrize(
    ("voxels", "spacing", "factor"),
    [(512, 0.5, 4), (256, 1.0, 2), (256, 1.003, 2), (256, 1.1, 1), (64, 3.4, 1), (3, 0.4, 3), (300, 0.6, 3)],
)
def test_whole_voxels_are_averaged_up_to_the_target_spacing(voxels: int, spacing: float, factor: int) -> None:
    assert geometry.pooling_factor(voxels, spacing, 2.0) == factor


def test_pooled_pairs_fall_on_the_wanted_slices_of_an_even_stack() -> None:
    # 200 slices of 1 mm: the middle is 99.5, the slices at 90.5, 92.5 ... are means of 90 and 91, ...
    wanted = geometry.positions(99.5, 10, 2.0)
    assert geometry.block_range(wanted, 2, 99.5) == (90, 10)


def test_blocks_enclose_the_wanted_slices_where_they_cannot_fall_on_them() -> None:
    # 21 slices of 1 mm: the middle is 10, slices at 1, 3 ... 19; pairs from 1 on have centres 1.5, 3.5
    first, blocks = geometry.block_range(geometry.positions(10, 10, 2.0), 2, 10)
    centres = first + 0.5 + 2 * np.arange(blocks)
    assert centres[0] <= 1 < centres[1] and centres[-2] < 19 <= centres[-1]


def test_a_grid_laid_into_another_keeps_its_millimetres() -> None:
    affine = turned(20)
    grid = geometry.grid_affine(affine, np.array([1.0, 2.0, 0.5]), np.array([2.0, 2.0, 0.4]))
    np.testing.assert_allclose(grid @ [3, 1, 5, 1], affine @ [7, 4, 2.5, 1])


@pytest.mark.parametrize(
    "affine",
    [
        np.zeros((4, 4)),
        np.diag([1.0, 0.0, 1.0, 1.0]),
        np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),  # two axes in one direction
        np.full((4, 4), np.nan),
    ],
)
def test_an_affine_that_spans_no_space_is_refused(affine: np.ndarray) -> None:
    with pytest.raises(VolumeError, match="cannot be inverted"):
        geometry.check_affine(affine)


def test_an_affine_of_another_shape_is_refused() -> None:
    with pytest.raises(VolumeError, match=r"shape \(3, 3\); wanted \(4, 4\)"):
        geometry.check_affine(np.eye(3))


def test_cubes_could_have_been_acquired_along_each_axis_that_leaves_long_slices() -> None:
    cubes = np.diag([1.0, 1.0, 1.0, 1.0])
    assert geometry.slice_axes((180, 200, 160), cubes, 100.0) == (2, 0, 1)
    # slices across the first or second axis would be 20 mm high
    assert geometry.slice_axes((180, 200, 20), cubes, 100.0) == (2,)
    # slices across the first axis are 200 x 160 mm; across the second or third only 20 mm
    assert geometry.slice_axes((20, 200, 160), cubes, 100.0) == (2, 0)
    assert geometry.slice_axes((180, 200, 160), np.diag([1.0, 1.0, 3.0, 1.0]), 100.0) == (2,)
