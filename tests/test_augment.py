"""Motion during the acquisition of a slice."""

from __future__ import annotations

import pytest
import torch
from mrclass.augment import RandSliceMotiond, move, moved_meanwhile


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
