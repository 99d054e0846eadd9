"""Tissues on the grid of an acquisition: sides, directions, averages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from balls import CENTRE, balls
from mrclass.phantom.anatomy import Anatomy, rotation
from mrclass.phantom.sampling import DIRECTIONS, Sampled, sample, slice_profile
from mrclass.phantom.tissues import COUNT, INDEX

GRID = {"count": 3, "step": 8.0, "size": (24, 24), "pixel": 8.0}
MARKER = (-32.0, 17.0, 22.0)  # left, anterior of the middle, superior of it: CENTRE + (-32, 32, 8)


@pytest.fixture(scope="module")
def marked() -> Anatomy:
    return balls(stroke=(MARKER, 12.0))


def marker(sampled: Sampled) -> tuple[float, ...]:
    """Mean slice, row and column of the marker."""
    found = torch.nonzero(sampled.labels == INDEX["stroke"]).double()
    assert len(found) > 0
    return tuple(found.mean(0).tolist())


def test_axial_columns_run_to_the_left_rows_to_the_back_slices_up(marked: Anatomy) -> None:
    _, row, column = marker(sample(marked, "axial", (CENTRE[0], CENTRE[1], 22.0), **GRID))
    assert row == pytest.approx(11.5 - 32 / 8, abs=0.6)
    assert column == pytest.approx(11.5 + 32 / 8, abs=0.6)


def test_sagittal_columns_run_to_the_back_and_rows_down(marked: Anatomy) -> None:
    slice_, row, column = marker(sample(marked, "sagittal", (-24.0, CENTRE[1], CENTRE[2]), **GRID))
    assert slice_ < 1  # slices run to the right: the left comes first
    assert row == pytest.approx(11.5 - 8 / 8, abs=0.6)
    assert column == pytest.approx(11.5 - 32 / 8, abs=0.6)


def test_coronal_columns_run_to_the_left_and_rows_down(marked: Anatomy) -> None:
    slice_, row, column = marker(sample(marked, "coronal", (0.0, 9.0, CENTRE[2]), **GRID))
    assert slice_ > 1  # slices run to the front
    assert row == pytest.approx(11.5 - 8 / 8, abs=0.6)
    assert column == pytest.approx(11.5 + 32 / 8, abs=0.6)


def test_directions_of_every_plane_are_at_right_angles() -> None:
    for directions in DIRECTIONS.values():
        assert np.allclose(directions @ directions.T, np.eye(3))


def test_the_origin_is_the_first_voxel_of_the_grid(marked: Anatomy) -> None:
    sampled = sample(marked, "axial", (0.0, 0.0, 0.0), **GRID)
    assert np.allclose(sampled.origin, (92.0, 92.0, -8.0))  # 11.5 pixels and one slice from the middle


def test_a_tilt_of_a_quarter_turn_about_the_slice_axis_turns_the_picture(marked: Anatomy) -> None:
    centre = (CENTRE[0], CENTRE[1], 22.0)
    turned = sample(marked, "axial", centre, **GRID, tilt=rotation(np.deg2rad([0, 0, 90])))
    straight = sample(marked, "axial", centre, **GRID)
    assert torch.equal(turned.labels, torch.rot90(straight.labels, 1, (1, 2)))


def test_a_scaled_subject_is_smaller(marked: Anatomy) -> None:
    half = Anatomy(marked.labels, marked.soft, 2 * np.eye(3), marked.shifts, 1)
    full_size, half_size = (
        int(sample(a, "axial", (0, 0, 0), **GRID).inside()[1].sum()) for a in (marked, half)
    )
    assert half_size == pytest.approx(full_size / 4, rel=0.2)


def test_what_lies_off_the_grid_is_air(marked: Anatomy) -> None:
    assert not sample(marked, "axial", (0.0, 0.0, 1000.0), **GRID).inside().any()


def test_the_ideal_image_mixes_soft_tissues_by_their_share() -> None:
    labels = torch.tensor([[[255, INDEX["fat"], INDEX["air"]]]], dtype=torch.uint8)
    soft = torch.zeros(3, 1, 1, 3)
    soft[:, 0, 0, 0] = torch.tensor([0.0, 0.25, 0.75])
    signal = np.zeros(COUNT)
    signal[[INDEX["grey"], INDEX["white"], INDEX["fat"]]] = 4.0, 8.0, 5.0
    sampled = Sampled(labels, soft, torch.zeros(1, 1, 3), 1.0, 1.0, np.zeros(3), np.eye(3))
    assert sampled.ideal(signal).flatten().tolist() == [7.0, 5.0, 0.0]


def test_air_inside_the_head_is_close_to_air_and_air_around_it_is_not() -> None:
    hollow = balls(air=((0.0, -15.0, 14.0), 24.0))
    air = sample(hollow, "axial", CENTRE, 1, 1.0, (128, 128), 2.0).air[0]
    assert air[64, 64] > 0.15
    assert air[64, 34] < 0.05 and air[2, 2] == 0


def test_rows_of_a_slice_profile_sum_to_one() -> None:
    profile = slice_profile(40, 1.0, np.array([5.0, 12.3, 19.7, 33.0]), thickness=4.4)
    assert profile.shape == (4, 40)
    assert torch.allclose(profile.sum(1), torch.ones(4))


def test_a_slice_of_two_millimetres_averages_the_two_thin_ones_it_covers() -> None:
    assert slice_profile(5, 1.0, np.array([1.5]), thickness=2.0).tolist() == [[0, 0.5, 0.5, 0, 0]]


def test_a_thick_slice_takes_half_of_the_thin_ones_at_its_edges() -> None:
    profile = slice_profile(5, 1.0, np.array([2.0]), thickness=2.0)
    assert profile.tolist() == [[0, 0.25, 0.5, 0.25, 0]]


def test_a_slice_outside_the_thin_ones_takes_the_nearest() -> None:
    assert slice_profile(3, 1.0, np.array([9.0]), thickness=1.0).tolist() == [[0, 0, 1]]
