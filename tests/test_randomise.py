"""What hides a slab's source in training: each does what it says, on numbers that can be checked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Compose, Identityd
from mrclass.brain import stripped
from mrclass.errors import UsageError
from mrclass.randomise import (
    RandFieldOfViewd,
    RandJPEGd,
    RandStrippedd,
    RandThicknessd,
    RandWindowd,
    boxed,
    thickened,
    through_jpeg,
    to_window,
    training,
)
from mrclass.transforms import AcquisitionSlabd, N4BiasFieldCorrectiond, NormalizeForegroundd


def column(*values: float) -> np.ndarray:
    """A slab of one pixel a slice."""
    return np.array(values, np.float32)[:, None, None]


def square(value: float = 100.0, size: int = 64, low: int = 12, high: int = 52) -> np.ndarray:
    """Three slices of zero with a square of `value`, rows and columns `low` to `high` - 1."""
    slab = np.zeros((3, size, size), np.float32)
    slab[:, low:high, low:high] = value
    return slab


def head() -> np.ndarray:
    """Ten slices of 80 x 80: a brain of radius 20, dark skull, a bright scalp from 24 to 27."""
    y, x = np.mgrid[:80, :80] - 39.5
    radius = np.hypot(y, x)
    one = 100.0 * (radius < 20) + 60.0 * (radius < 12) + 150.0 * ((radius > 24) & (radius < 27))
    return np.repeat(one[None], 10, axis=0).astype(np.float32)


# ---- thickness


def test_two_slices_become_their_mean_and_between_means_it_is_linear() -> None:
    # blocks 1 and 5 lie at 0.5 and 2.5: slice 1 is a quarter of the way, slice 2 three quarters
    assert thickened(column(0, 2, 4, 6), 2).ravel().tolist() == [1.0, 2.0, 4.0, 5.0]


def test_a_last_block_may_hold_fewer_slices() -> None:
    # blocks 3 at 0.5 and 9 at 2
    assert thickened(column(2, 4, 9), 2).ravel().tolist() == pytest.approx([3.0, 5.0, 9.0])


def test_a_single_slice_stays() -> None:
    assert thickened(column(7), 3).ravel().tolist() == [7.0]


# ---- stripping


def test_the_scalp_goes_and_the_brain_stays() -> None:
    result = stripped(head())
    y, x = np.mgrid[:80, :80] - 39.5
    radius = np.hypot(y, x)
    assert (result[:, radius > 23] == 0).all()
    assert (result[:, radius < 17] == head()[:, radius < 17]).all()


def test_the_outermost_slices_keep_their_brain() -> None:
    counts = (stripped(head()) > 0).sum(axis=(1, 2))
    assert counts[0] == counts[5] == counts[9]


def test_a_slab_without_anything_in_it_stays() -> None:
    empty = np.zeros((2, 16, 16), np.float32)
    assert stripped(empty) is empty


# ---- field of view


def test_half_of_the_rows_and_a_quarter_of_the_columns_are_left() -> None:
    # the square has rows and columns 12 to 51: 20 rows from the first, 10 columns to the last
    left = np.nonzero(boxed(square(), (0.5, 0.25), (0.0, 1.0))[0])
    assert (left[0].min(), left[0].max()) == (12, 31)
    assert (left[1].min(), left[1].max()) == (42, 51)


def test_outside_the_box_it_is_the_floor() -> None:
    result = boxed(square(), (0.5, 0.5), (0.5, 0.5))
    assert sorted(np.unique(result)) == [0.0, 100.0]
    assert int((result[0] > 0).sum()) == 20 * 20


# ---- window


def test_a_window_has_256_steps_from_its_black_to_its_white() -> None:
    slab = square()
    slab[:, 12:52, 12:52] = np.linspace(100, 200, 40)[None, None, :]
    result = to_window(slab, 0.0, 100.0)
    assert result[0, 20, 12] == 0.0  # the lowest of the foreground is black
    assert result[0, 20, 51] == 255.0
    assert (result == np.round(result)).all()
    assert result[0, 0, 0] == 0.0  # air below black is black


def test_what_is_brighter_than_white_is_white() -> None:
    slab = square()
    slab[:, 30, 30] = 900.0
    result = to_window(slab, None, 95.0)
    assert result[0, 30, 30] == result[0, 20, 20] == 255.0


# ---- JPEG


def test_jpeg_loses_little_at_high_quality_and_more_at_low() -> None:
    draw = np.random.default_rng(0)
    slab = square() * draw.uniform(0.8, 1.2, (3, 64, 64)).astype(np.float32)
    fine, coarse = (np.abs(through_jpeg(slab, q) - slab).mean() for q in (90, 30))
    assert 0 < fine < coarse < 10.0


def test_jpeg_keeps_the_unit() -> None:
    assert through_jpeg(square(4000.0), 90)[0, 30, 30] == pytest.approx(4000.0, rel=0.01)


# ---- now and then

EACH = (RandThicknessd, RandStrippedd, RandFieldOfViewd, RandWindowd, RandJPEGd)


@pytest.mark.parametrize("kind", EACH)
def test_it_happens_as_often_as_asked_and_to_the_named_key_only(kind: Any) -> None:
    transform = kind("image", prob=0.5).set_random_state(0)
    slab = torch.from_numpy(head() * np.linspace(1, 2, 10, dtype=np.float32)[:, None, None])
    results = [transform({"image": slab.clone(), "label": 1}) for _ in range(24)]
    changed = sum(not torch.equal(result["image"], slab) for result in results)
    assert 5 < changed < 19
    assert all(r["label"] == 1 and r["image"].shape == slab.shape for r in results)
    assert all(r["image"].dtype == torch.float32 and float(r["image"].min()) >= 0 for r in results)


@pytest.mark.parametrize("kind", [kind for kind in EACH if kind is not RandStrippedd])
def test_the_same_seed_gives_the_same_slab(kind: Any) -> None:
    slab = torch.from_numpy(head() * np.linspace(1, 2, 10, dtype=np.float32)[:, None, None])
    results = [kind("image", prob=1.0).set_random_state(seed)({"image": slab})["image"] for seed in (3, 3)]
    assert torch.equal(*results)


# ---- where it stands in a training


def steps(on: bool | str) -> list[str]:
    preprocessing = Compose(
        [AcquisitionSlabd("image"), N4BiasFieldCorrectiond("image"), NormalizeForegroundd("image")]
    )
    made = training(preprocessing, Identityd("label"), Compose([RandJPEGd("image")]), on)
    return [type(step).__name__ for step in made.transforms]


def test_the_source_is_hidden_between_slab_and_z_score() -> None:
    assert steps(True) == [
        "AcquisitionSlabd", "N4BiasFieldCorrectiond", "Compose", "NormalizeForegroundd", "Identityd",
    ]  # fmt: skip


@pytest.mark.parametrize("off", [False, "false"])
def test_switched_off_nothing_stands_there(off: bool | str) -> None:
    assert steps(off) == ["AcquisitionSlabd", "N4BiasFieldCorrectiond", "NormalizeForegroundd", "Identityd"]


def test_a_preprocessing_without_a_slab_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="--domain_randomisation false"):
        training(Compose([NormalizeForegroundd("image")]), Identityd("label"), Compose([]))
