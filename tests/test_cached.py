"""Slabs are cut once and kept; where a volume allows it, across a random axis."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, RandLambdad
from mrclass.cached import SlabDataset
from mrclass.transforms import AcquisitionSlabd

CUBES = (60, 62, 64)  # at 2 mm: more than 100 mm along each axis


def item(place: Path, spacing: float = 2.0, **more: Any) -> dict[str, Any]:
    """A volume in which each voxel's value is 1 + its index along the first axis."""
    voxels = np.broadcast_to(1 + np.arange(CUBES[0], dtype=np.float32)[:, None, None], CUBES)
    path = place / "volume.nii.gz"
    if not path.exists():
        nibabel.save(nibabel.Nifti1Image(np.array(voxels), np.diag([2.0, 2.0, spacing, 1.0])), path)
    state = path.stat()
    return {"image": str(path), "stamp": f"{state.st_size}-{state.st_mtime_ns}", "label": 1, **more}


def dataset(place: Path, items: list[dict[str, Any]], **more: Any) -> SlabDataset:
    steps = [
        LoadImaged("image", reader="NibabelReader"), EnsureChannelFirstd("image"),
        AcquisitionSlabd("image", size=64), RandLambdad("image", lambda x: x, prob=1.0),
    ]  # fmt: skip
    return SlabDataset(items, Compose(steps), place / "slabs", **more)


def kept(place: Path) -> int:
    return len(list((place / "slabs").glob("*.pt")))


def test_a_slab_is_cut_once_whatever_its_label_becomes(tmp_path: Path) -> None:
    first, second = (dataset(tmp_path, [item(tmp_path, label=label)])[0] for label in (0, 1))
    assert kept(tmp_path) == 1
    assert (first["label"], second["label"]) == (0, 1)
    assert np.array_equal(first["image"], second["image"])


def test_a_changed_file_is_cut_again(tmp_path: Path) -> None:
    one = item(tmp_path)
    dataset(tmp_path, [one])[0]
    os.utime(one["image"], ns=(0, 1))
    dataset(tmp_path, [item(tmp_path)])[0]
    assert kept(tmp_path) == 2


def test_cubes_are_cut_across_each_of_their_axes(tmp_path: Path) -> None:
    cut = dataset(tmp_path, [item(tmp_path)], planes=True)
    cut.set_random_state(0)
    # across the first axis all voxels of a slice are alike, across the two others they are not
    alike = [bool(np.ptp(np.asarray(cut[0]["image"])[0][25:40, 25:40]) < 1e-3) for _ in range(24)]
    assert 2 < sum(alike) < 16
    assert kept(tmp_path) == 3


def test_thick_slices_are_cut_as_they_were_acquired(tmp_path: Path) -> None:
    cut = dataset(tmp_path, [item(tmp_path, spacing=4.0)], planes=True)
    assert cut.axes(item(tmp_path)["image"]) == (2,)


def test_without_planes_the_acquisition_axis_it_is(tmp_path: Path) -> None:
    cut = dataset(tmp_path, [item(tmp_path)])
    for _ in range(4):
        cut[0]
    assert kept(tmp_path) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_draws_the_same_axes(tmp_path: Path, seed: int) -> None:
    cut = dataset(tmp_path, [item(tmp_path)], planes=True)
    drawn = []
    for _ in range(2):
        cut.set_random_state(seed)
        drawn.append([float(np.asarray(cut[0]["image"]).mean()) for _ in range(6)])
    assert drawn[0] == drawn[1]
