"""What the scanner adds to an ideal image, effect by effect."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mrclass.phantom.scanner import acquire_slices, receive_bias, shift_along_phase, smooth_field

SIDE = 32


def point() -> torch.Tensor:
    image = torch.zeros(1, SIDE, SIDE)
    image[0, 16, 16] = 1.0
    return image


def scanned(
    image: torch.Tensor, seed: int = 0, noise: float = 0.0, acquired: float = 1.0, **kw: object
) -> torch.Tensor:
    return acquire_slices(image, noise, 1.0, acquired, np.random.default_rng(seed), **kw)  # type: ignore[arg-type]


def width(image: torch.Tensor) -> int:
    """Pixels above half of the largest value."""
    return int((image > 0.5 * image.max()).sum())


def test_low_resolution_blurs() -> None:
    sharp, coarse = scanned(point()), scanned(point(), acquired=4.0)
    assert width(sharp) <= 4
    assert width(coarse) >= 10
    assert coarse.max() < 0.2 * sharp.max()


@pytest.mark.parametrize("seed", range(6))
def test_a_constant_image_without_noise_stays_as_it_is(seed: int) -> None:
    image = torch.full((2, SIDE, SIDE), 3.0)
    assert torch.allclose(scanned(image, seed, motion=1.0), image, atol=1e-4)


def test_twice_the_noise_is_twice_as_bright_in_air() -> None:
    air = torch.zeros(1, SIDE, SIDE)
    assert torch.allclose(scanned(air, noise=2.0), 2 * scanned(air, noise=1.0), rtol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_noise_has_the_deviation_asked_for_at_full_resolution_less_what_filters_take(seed: int) -> None:
    measured = float(scanned(torch.zeros(1, 128, 128), seed, noise=5.0).square().mean().sqrt())
    assert 0.5 * 5.0 < measured < 1.03 * 5.0


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    air = torch.zeros(1, SIDE, SIDE)
    assert torch.equal(scanned(air, 1, 1.0), scanned(air, 1, 1.0))
    assert not torch.equal(scanned(air, 1, 1.0), scanned(air, 2, 1.0))


@pytest.mark.parametrize("phase_axis", [1, 2])
def test_motion_smears_along_the_phase_axis_only(phase_axis: int) -> None:
    stripes = (torch.arange(SIDE) % 8 < 4).float().expand(1, SIDE, SIDE).contiguous()  # vary along columns
    image = stripes if phase_axis == 1 else stripes.transpose(1, 2).contiguous()
    still, moved = (scanned(image, motion=m, phase_axis=phase_axis) for m in (0.0, 1.0))
    assert torch.allclose(still, moved, atol=1e-4)
    across = image.transpose(1, 2).contiguous()
    still, moved = (scanned(across, motion=m, phase_axis=phase_axis) for m in (0.0, 1.0))
    assert not torch.allclose(still, moved, atol=0.05)


def test_an_epi_ghost_lies_half_a_field_of_view_away_along_the_phase_axis() -> None:
    block = torch.zeros(1, SIDE, SIDE)
    block[0, 6:10, 12:20] = 1.0
    ghosted = scanned(block, seed=3, epi=True)
    above, beside = float(ghosted[0, 22:26, 12:20].mean()), float(ghosted[0, 22:26, 0:4].mean())
    assert 0.005 < above < 0.1
    assert beside < 0.3 * above


def test_no_shift_leaves_the_image_and_a_constant_shift_moves_it() -> None:
    image = point()
    assert torch.allclose(shift_along_phase(image, torch.zeros_like(image), 1), image, atol=1e-4)
    for axis, place in ((1, (0, 13, 16)), (2, (0, 16, 13))):
        moved = shift_along_phase(image, torch.full_like(image, 3.0), axis)
        assert moved[place] == pytest.approx(1.0, abs=1e-4)
        assert moved.sum() == pytest.approx(1.0, abs=1e-3)


def test_receive_bias_is_positive_and_brightens_the_rim_when_asked() -> None:
    flat, rim = (receive_bias((2, SIDE, SIDE), np.random.default_rng(0), rim=r) for r in (0.0, 1.0))
    assert flat.shape == (2, SIDE, SIDE) and bool((flat > 0).all())
    gain = rim / flat
    assert gain[0, 0].min() > gain[0, 16, 16]


def test_smooth_noise_has_the_shape_asked_for_and_no_steps() -> None:
    field = smooth_field((3, SIDE, SIDE), 4, np.random.default_rng(0))
    assert field.shape == (3, SIDE, SIDE)
    assert float(field.diff(dim=2).abs().max()) < float(field.max() - field.min()) / 3
