"""Volumes as a scanner stores them, of a subject made of balls: contrast, place, noise, kinds, planes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from balls import CENTRE, Point, away, balls
from mrclass.phantom.acquire import Acquired, acquire
from mrclass.phantom.anatomy import Anatomy
from mrclass.phantom.protocols import KINDS, PLANES, Protocol, random_protocol
from mrclass.phantom.tissues import INDEX, tissue_values

LESION: Point = (-24.0, -34.0, 26.0)  # on the patient's left
ARTERY: Point = (30.0, -15.0, 14.0)
VEIN: Point = (-30.0, -15.0, 14.0)


pytestmark = pytest.mark.usefixtures("one_thread")


def protocol(kind: str, plane: str = "axial", **changes: object) -> Protocol:
    """A coarse, nearly noise-free protocol."""
    drawn = random_protocol(kind, np.random.default_rng(0), plane)
    clean: dict[str, object] = {"snr": 1000.0, "spacing": 2.0, "acquired": 2.0, "thickness": 4.0, "gap": 0.0}
    return replace(drawn, **(clean | changes))  # type: ignore[arg-type]


def scan(anatomy: Anatomy, wanted: Protocol, extent: float = 8.0, seed: int = 0) -> list[Acquired]:
    return acquire(anatomy, wanted, np.random.default_rng(seed), extent)


def median(item: Acquired, nearer: float, farther: float = 0.0, centre: Point = CENTRE) -> float:
    """Median in the shell between two distances (mm) of a point."""
    distance = away(item.affine, item.volume.shape, centre)
    return float(np.median(item.volume[(distance < nearer) & (distance >= farther)]))


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_plane_is_a_finite_volume_that_is_not_constant(
    kind: str, plane: str, subject: Anatomy
) -> None:
    rng = np.random.default_rng(5)
    drawn = random_protocol(kind, rng, plane)
    items = acquire(subject, drawn, rng, extent=1.0)
    assert len(items) == (len(drawn.b_values) if kind == "dwi" else 1)
    for item in items:
        assert item.volume.dtype == np.float32 and item.volume.ndim == 3
        assert np.isfinite(item.volume).all() and item.volume.min() >= 0
        assert np.ptp(item.volume) > 0


@pytest.mark.parametrize("plane", PLANES)
def test_a_lesion_on_the_left_lies_on_the_left_in_world_coordinates(plane: str) -> None:
    anatomy = balls(necrosis=(LESION, 9.0))
    (item,) = scan(anatomy, protocol("t2w", plane, te=100.0, fat=0.05), extent=84.0)
    in_white = away(item.affine, item.volume.shape, CENTRE) < 50
    not_csf = away(item.affine, item.volume.shape, CENTRE) > 24
    values = np.where(in_white & not_csf, item.volume, 0)
    bright = np.argwhere(values > 0.7 * values.max())
    found = item.affine[:3, :3] @ bright.mean(0) + item.affine[:3, 3]
    assert np.linalg.norm(found - LESION) < 3.0, found


@pytest.mark.parametrize(
    ("plane", "axis", "across"), [("axial", 2, (0, 1)), ("sagittal", 0, (1, 2)), ("coronal", 1, (0, 2))]
)
def test_slices_are_stacked_along_the_axis_of_the_plane(
    plane: str, axis: int, across: tuple[int, int], subject: Anatomy
) -> None:
    (item,) = scan(subject, protocol("pd", plane, thickness=3.0, gap=1.5), extent=18.0)
    assert item.volume.shape == (128, 128, 4)
    assert np.allclose(np.linalg.norm(item.affine[:3, :3], axis=0), (2.0, 2.0, 4.5))
    step = np.abs(item.affine[:3, 2])
    assert step[axis] > 3 * max(step[list(across)])  # but for a tilt of the head


def test_the_affine_keeps_the_hand_of_the_patient_in_every_plane(subject: Anatomy) -> None:
    for plane in PLANES:
        (item,) = scan(subject, protocol("pd", plane), extent=1.0)
        columns, rows, slices = item.affine[:3, :3].T
        if plane != "sagittal":
            assert columns[0] < 0  # columns run from the patient's right to the left
        assert (rows[1] if plane == "axial" else rows[2]) < 0
        assert np.allclose(columns @ rows, 0) and np.allclose(rows @ slices, 0)


def test_an_adc_map_returns_the_adc_of_white_matter_and_about_three_in_csf(subject: Anatomy) -> None:
    wanted = protocol("adc", b_values=(0.0, 1000.0))
    truth = tissue_values(wanted.field, np.random.default_rng([subject.seed, 11])).adc
    for seed in range(3):
        (item,) = scan(subject, wanted, seed=seed)
        assert median(item, 50, 26) == pytest.approx(1000 * truth[INDEX["white"]], rel=0.1)
        assert median(item, 12) == pytest.approx(3000, rel=0.15)


def test_a_higher_b_value_is_darker_most_of_all_in_csf(subject: Anatomy) -> None:
    low, high = scan(subject, protocol("dwi", b_values=(0.0, 1000.0)))
    assert (low.b_value, high.b_value) == (0.0, 1000.0)
    assert np.array_equal(low.affine, high.affine)
    assert median(high, 12) < 0.2 * median(low, 12)
    assert 0.3 < median(high, 50, 26) / median(low, 50, 26) < 0.7


def test_t2w_shows_csf_brighter_than_grey_and_grey_than_white_matter(subject: Anatomy) -> None:
    (item,) = scan(subject, protocol("t2w"))
    assert median(item, 15) > median(item, 70, 60) > median(item, 50, 26)


def test_t1w_shows_white_brighter_than_grey_matter_and_grey_than_csf(subject: Anatomy) -> None:
    (item,) = scan(subject, protocol("t1w_se"))
    assert median(item, 50, 26) > median(item, 70, 60) > median(item, 15)


def test_contrast_agent_makes_a_tumour_the_brightest_part_of_the_brain() -> None:
    tumour: Point = (-34.0, -15.0, 14.0)
    anatomy = balls(tumour=(tumour, 9.0))
    after = scan(anatomy, protocol("t1ce_se"), extent=40.0)[0]
    before = scan(anatomy, replace(protocol("t1ce_se"), contrast_agent=False), extent=40.0)[0]
    assert median(after, 5, centre=tumour) > 1.1 * median(after, 20, 14, centre=tumour)
    assert median(before, 5, centre=tumour) < median(before, 20, 14, centre=tumour)


def test_swi_shows_veins_darker_and_time_of_flight_shows_arteries_brighter_than_all_else() -> None:
    anatomy = balls(vein=(VEIN, 8.0), artery=(ARTERY, 8.0))
    swi = scan(anatomy, protocol("swi"), extent=44.0)[0]
    assert median(swi, 4, centre=VEIN) < 0.8 * median(swi, 20, 14, centre=VEIN)
    tof = scan(anatomy, protocol("tof"), extent=44.0)[0]
    brain = away(tof.affine, tof.volume.shape, CENTRE) < 70
    brightest = np.argwhere(brain & (tof.volume > 0.8 * tof.volume[brain].max()))
    found = tof.affine[:3, :3] @ brightest.mean(0) + tof.affine[:3, 3]
    assert np.linalg.norm(found - ARTERY) < 4.0


def test_noise_in_air_follows_the_signal_to_noise_ratio(subject: Anatomy) -> None:
    low, high = (scan(subject, protocol("pd", snr=snr))[0].volume for snr in (10.0, 40.0))
    corner = np.s_[:12, :12]
    assert low[corner].mean() / high[corner].mean() == pytest.approx(4.0, rel=0.1)


def test_a_coarse_acquisition_blurs_the_edge_of_the_head(subject: Anatomy) -> None:
    sharp, coarse = (scan(subject, protocol("pd", acquired=mm))[0].volume for mm in (2.0, 8.0))
    steps = [float(np.abs(np.diff(volume, axis=0)).max()) for volume in (sharp, coarse)]
    assert steps[1] < 0.7 * steps[0]


def test_a_minimum_projection_is_nowhere_brighter_and_a_maximum_nowhere_darker(subject: Anatomy) -> None:
    for kind, projected, sign in (("swi", "minip", 1), ("tof", "mip", -1)):
        plain = scan(subject, protocol(kind), extent=20.0)[0].volume
        folded = scan(subject, replace(protocol(kind), kind=projected), extent=20.0)[0].volume
        assert (sign * (plain - folded) > -1e-6).all()
        assert np.abs(plain - folded).max() > 0


def test_a_localizer_has_three_slices(subject: Anatomy) -> None:
    drawn = random_protocol("localizer", np.random.default_rng(0), "axial")
    (item,) = acquire(subject, drawn, np.random.default_rng(0))
    assert item.volume.shape[2] == 3


def test_the_same_seed_gives_the_same_volume_and_another_seed_another(subject: Anatomy) -> None:
    first, again, other = (scan(subject, protocol("t2w"), extent=4.0, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first.volume, again.volume) and np.array_equal(first.affine, again.affine)
    assert not np.allclose(first.affine, other.affine)
    assert not np.allclose(first.volume, other.volume)


def test_a_spine_is_no_head_whatever_the_subject(subject: Anatomy) -> None:
    one, two = (
        scan(anatomy, protocol("spine"), extent=1.0)[0].volume for anatomy in (subject, balls(seed=2))
    )
    same = scan(balls(stroke=(LESION, 9.0)), protocol("spine"), extent=1.0)[0].volume
    assert np.array_equal(one, same)  # the seed makes the spine, the head does not
    assert not np.array_equal(one, two)
