"""`mrclass._stacks`: the header's own geometry decides the axis, and disagreements are put into words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mrclass._stacks import Stack, match, merge, stated

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
CUBE = np.diag([-1.0, -1.0, 1.0, 1.0])  # voxel axes along x, y, z; 1 mm


def files(orientation: tuple[float, ...], places: list[float], **header: object) -> tuple[Stack, ...]:
    facts = {"Rows": 8, "Columns": 6, "PixelSpacing": [1.0, 1.0], **header}
    return merge(([[list(orientation), [place], None]], facts) for place in places)


def test_files_of_one_orientation_are_one_stack_of_their_positions() -> None:
    (stack,) = files(AXIAL, [3.0, 0.0, 6.0, 3.0])
    assert (stack.positions, stack.slices, stack.matrix) == ((0.0, 3.0, 6.0), 3, (6, 8))


def test_orientations_that_differ_by_rounding_are_one() -> None:
    turned = (1.0, 0.0001, 0.0, -0.0001, 1.0, 0.0)
    assert len(merge([([[list(AXIAL), [0.0], None]], {}), ([[list(turned), [1.0], None]], {})])) == 1


@pytest.mark.parametrize(("orientation", "axis"), [(SAGITTAL, 0), (CORONAL, 1), (AXIAL, 2)])
def test_the_header_decides_the_axis_of_a_cube(orientation: tuple[float, ...], axis: int) -> None:
    assert match((8, 8, 8), CUBE, (Stack(orientation),)).axis == axis


def test_a_volume_that_agrees_has_no_remark() -> None:
    found = match((6, 8, 3), np.diag([-1.0, -1.0, 3.0, 1.0]), files(AXIAL, [0.0, 3.0, 6.0]))
    assert (found.axis, found.orientation, found.remarks) == (2, AXIAL, ())


def test_each_disagreement_is_one_sentence() -> None:
    stack = files(AXIAL, [0.0, 3.0, 6.0])
    fewer = match((6, 8, 2), np.diag([-1.0, -1.0, 3.0, 1.0]), stack)
    assert fewer.remarks == ("The header has 3 slice positions, the volume 2 slices.",)
    closer = match((6, 8, 3), np.diag([-1.0, -1.0, 2.5, 1.0]), stack)
    assert closer.remarks == ("The header's slices lie 3 mm apart, the volume's 2.5 mm.",)
    other = match((8, 8, 3), np.diag([-1.0, -1.0, 3.0, 1.0]), stack)
    assert other.remarks == ("The header has 6 x 8 pixels, the volume 8 x 8.",)
    finer = match((6, 8, 3), np.diag([-0.5, -1.0, 3.0, 1.0]), stack)
    assert finer.remarks == ("The header has pixels of 1 x 1 mm, the volume 0.5 x 1 mm.",)


def test_uneven_slices_are_named_and_resampled_ones_are_not_counted() -> None:
    stack = files(AXIAL, [0.0, 3.0, 6.0, 12.0])
    grid = np.diag([-1.0, -1.0, 3.0, 1.0])
    uneven = ("The header's slices lie 3 to 6 mm apart.",)
    assert match((6, 8, 4), grid, stack).remarks == uneven
    assert match((6, 8, 5), grid, stack, resampled=True).remarks == uneven


def test_a_turned_volume_says_by_how_many_degrees() -> None:
    half = math.radians(45)
    oblique = (1.0, 0.0, 0.0, 0.0, math.cos(half), math.sin(half))
    found = match((8, 8, 8), CUBE, (Stack(oblique),))
    assert found.axis is None and "turned 45 degrees" in found.remarks[0]


def test_a_volume_of_a_localizer_is_compared_with_the_stack_of_its_plane() -> None:
    stacks = (*files(AXIAL, [0.0, 1.0]), *files(SAGITTAL, [0.0, 1.0, 2.0]))
    sagittal = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)
    found = match((6, 8, 3), sagittal, stacks)
    assert (found.axis, found.orientation, found.remarks) == (2, SAGITTAL, ())


def test_a_mosaic_is_compared_by_its_number_of_images() -> None:
    (stack,) = merge([([[list(AXIAL), [], 36]], {"Rows": 384, "Columns": 384})])
    assert (stack.slices, stack.matrix) == (36, None)
    assert "36 slice positions" in match((64, 64, 35), CUBE, (stack,)).remarks[0]


def test_the_matrix_of_a_mosaic_whose_number_of_images_is_not_told_is_no_disagreement() -> None:
    header = {"Rows": 384, "Columns": 384, "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]}
    (stack,) = merge([([[list(AXIAL), [], None]], header)])
    assert match((64, 64, 35), CUBE, (stack,)).remarks == ()


@pytest.mark.parametrize("value", [None, [], [1, 2, 3], [0, 0, 0, 0, 0, 0], ["a"] * 6, "1\\0\\0\\0\\1\\0"])
def test_an_orientation_that_is_none_states_nothing(value: object) -> None:
    assert stated(value) == ()
    assert match((2, 2, 2), CUBE, ()).axis is None
