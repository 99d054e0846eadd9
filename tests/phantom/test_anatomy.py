"""Subjects: what is in a head, what a seed decides, and which volumes cannot serve as a brain."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from mrclass.errors import VolumeError
from mrclass.phantom import anatomy as module
from mrclass.phantom.anatomy import Anatomy, make_anatomy, rotation
from mrclass.phantom.head import BRAIN, ORIGIN, SHAPE
from mrclass.phantom.tissues import INDEX


@pytest.fixture(scope="module")
def subject() -> Anatomy:
    return make_anatomy(3, lesions=("tumour",))


@pytest.fixture(scope="module")
def stripped() -> Anatomy:
    return make_anatomy(4, lesions=(), stripped=True)


def places(anatomy: Anatomy, name: str) -> np.ndarray:
    """MNI mm of the voxels of a tissue: float64 (n, 3)."""
    return np.argwhere(anatomy.labels == INDEX[name]) + np.asarray(ORIGIN)


def test_the_same_seed_gives_the_same_subject(subject: Anatomy) -> None:
    again = make_anatomy(3, lesions=("tumour",))
    for name in ("labels", "soft", "linear", "shifts"):
        assert np.array_equal(getattr(subject, name), getattr(again, name)), name


def test_another_seed_gives_another_subject(subject: Anatomy, stripped: Anatomy) -> None:
    assert not np.allclose(subject.linear, stripped.linear)
    assert not np.allclose(subject.shifts, stripped.shifts)
    assert not np.array_equal(subject.labels == INDEX["vein"], stripped.labels == INDEX["vein"])


def test_maps_have_the_grid_and_the_types_that_sampling_wants(subject: Anatomy) -> None:
    assert (subject.labels.shape, subject.labels.dtype) == (SHAPE, np.uint8)
    assert (subject.soft.shape, subject.soft.dtype) == ((3, *SHAPE), np.uint8)


def test_csf_grey_and_white_matter_share_every_voxel_of_the_brain(subject: Anatomy) -> None:
    brain = subject.labels == BRAIN
    assert 0.9e6 < brain.sum() < 2.2e6  # mm3
    total = subject.soft[:, brain].astype(int).sum(0)
    assert np.abs(total - 255).max() <= 2


def test_a_head_has_every_tissue_outside_the_brain(subject: Anatomy) -> None:
    there = set(np.unique(subject.labels))
    for name in (
        "air",
        "fat",
        "muscle",
        "bone",
        "marrow",
        "skin",
        "vein",
        "artery",
        "dura",
        "mucosa",
        "vitreous",
    ):
        assert INDEX[name] in there, name


def test_skin_lies_outside_bone_and_bone_outside_the_brain(subject: Anatomy) -> None:
    x = np.abs(np.arange(SHAPE[0]) + ORIGIN[0])
    row = subject.labels[:, round(-20 - ORIGIN[1]), round(40 - ORIGIN[2])]
    skin, bone, brain = (x[row == k].max() for k in (INDEX["skin"], INDEX["bone"], BRAIN))
    assert skin > bone > brain


def test_eyes_lie_in_front_on_both_sides(subject: Anatomy) -> None:
    eyes = places(subject, "vitreous")
    assert (eyes[:, 1] > 30).all()
    left, right = (eyes[:, 0] < -15).sum(), (eyes[:, 0] > 15).sum()
    assert left == pytest.approx(right, rel=0.2) and left > 1000


def test_deep_grey_matter_lies_on_both_sides(subject: Anatomy) -> None:
    x = places(subject, "deep_grey")[:, 0]
    assert (x < -5).sum() > 1000 and (x > 5).sum() > 1000


def test_a_lesion_that_is_named_is_there_and_no_other(subject: Anatomy, stripped: Anatomy) -> None:
    assert subject.lesions == ("tumour",) and len(places(subject, "tumour")) > 100
    for name in ("stroke", "wm_lesion"):
        assert len(places(subject, name)) == 0
    assert stripped.lesions == () and len(places(stripped, "tumour")) == 0


def test_a_stripped_subject_keeps_the_brain_and_loses_the_head(stripped: Anatomy) -> None:
    assert (stripped.labels == BRAIN).sum() > 0.9e6
    for name in ("skin", "fat", "vitreous"):
        assert len(places(stripped, name)) == 0, name


@pytest.mark.parametrize("rim", [0, 1])
def test_stripping_keeps_no_more_than_a_rim_around_the_brain(
    rim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = np.full(SHAPE, INDEX["fat"], dtype=np.uint8)
    brain = np.zeros(SHAPE, dtype=bool)
    brain[100, 100, 100] = True
    seed = next(s for s in range(99) if first_draw(s) == rim)
    soft = np.zeros((3, *SHAPE), dtype=np.uint8)
    monkeypatch.setattr(module, "_base", lambda source, realism: (brain, soft))
    monkeypatch.setattr(module, "dress", lambda brain, rng, rim: whole.copy())
    for name in ("_write_deep_grey", "add_vessels", "add_lesions"):
        monkeypatch.setattr(module, name, lambda *_, **__: None)
    kept = make_anatomy(seed, lesions=(), stripped=True).labels > 0
    assert kept.sum() == 1 + 6 * rim  # the voxel and its neighbours


def first_draw(seed: int) -> int:
    """What a subject of this seed draws for its rim where nothing is drawn before."""
    return int(np.random.default_rng([seed, 7]).integers(0, 3))


def test_a_rotation_by_a_quarter_turn_about_z_takes_x_to_y() -> None:
    assert np.allclose(rotation(np.deg2rad([0, 0, 90])) @ [1, 0, 0], [0, 1, 0])


def test_a_rotation_keeps_lengths_and_hands() -> None:
    turned = rotation(np.array([0.3, -0.2, 0.9]))
    assert np.allclose(turned @ turned.T, np.eye(3)) and np.linalg.det(turned) == pytest.approx(1)


def write(path: Path, data: np.ndarray, spacing: float = 4.0) -> str:
    nib.save(nib.Nifti1Image(data.astype(np.float32), np.diag([spacing, spacing, spacing, 1.0])), path)
    return str(path)


def egg(radii: tuple[float, float, float], spacing: float = 4.0) -> np.ndarray:
    """CSF, grey and white matter in shells, radii in mm: a stripped T1w brain of sorts."""
    axes = [np.arange(64) * spacing - 126.0] * 3
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    depth = np.sqrt(sum((g / r) ** 2 for g, r in zip(grid, radii, strict=True)))
    return np.select([depth < 0.7, depth < 0.93, depth < 1.0], [100.0, 70.0, 25.0], 0.0)


def test_a_volume_of_four_dimensions_is_no_anatomy(tmp_path: Path) -> None:
    source = write(tmp_path / "four.nii", np.ones((8, 8, 8, 3)))
    with pytest.raises(VolumeError, match="has 4 dimensions; an anatomy needs a 3-D T1w volume"):
        make_anatomy(1, source)


def test_an_empty_volume_is_no_anatomy(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="holds no foreground"):
        make_anatomy(1, write(tmp_path / "empty.nii", np.zeros((8, 8, 8))))


@pytest.mark.parametrize("radii", [(20.0, 25.0, 20.0), (90.0, 122.0, 110.0)])
def test_a_volume_that_is_no_stripped_brain_is_refused_with_its_size(
    radii: tuple[float, float, float], tmp_path: Path
) -> None:
    with pytest.raises(VolumeError, match=r"foreground of \[.*\] mm; a stripped brain spans 85 to 230 mm"):
        make_anatomy(1, write(tmp_path / "odd.nii", egg(radii)))


def test_a_stripped_volume_is_scaled_to_the_brain_and_its_tissues_are_told_apart(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "egg.nii", egg((66.0, 84.0, 64.0))))
    grey, white, brain = module._volume_maps(path)
    voxels = np.argwhere(brain)
    assert np.allclose(np.ptp(voxels, axis=0), (146, 182, 150), atol=14)  # about the MNI brain
    middle = tuple(np.round(voxels.mean(0)).astype(int))
    rim = (middle[0] + 60, middle[1], middle[2] + 20)
    assert white[middle] > grey[middle]
    assert grey[rim] > white[rim]
