"""`mrclass.readable`: one volume that cannot be looked at is an item with a reason."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from mrclass.errors import BundleError, VolumeError
from mrclass.readable import UNREADABLE, ReadableVolumes


def nifti(path: Path, shape: tuple[int, ...] = (4, 4, 2), dtype: Any = np.float32) -> str:
    nib.save(nib.Nifti1Image(np.ones(shape, dtype), np.eye(4)), path)
    return str(path)


def load(item: dict[str, Any]) -> dict[str, Any]:
    """A preprocessing: the file's voxels, slices first."""
    voxels = np.asarray(nib.load(item["image"]).dataobj).transpose(2, 0, 1)  # (slices, H, W)
    return {**item, "image": MetaTensor(torch.from_numpy(voxels.copy()), meta={})}


def reasons(paths: list[str]) -> list[str | None]:
    volumes = ReadableVolumes([{"image": path} for path in paths], load, (1, 3, 3))
    return [volume["image"].meta.get(UNREADABLE) for volume in volumes]


def test_a_good_volume_passes_untouched(tmp_path: Path) -> None:
    (item,) = ReadableVolumes([{"image": nifti(tmp_path / "a.nii"), "label": 1}], load)
    assert item["image"].shape == (2, 4, 4)
    assert UNREADABLE not in item["image"].meta
    assert item["label"] == 1


def test_a_file_that_is_no_nifti_becomes_an_empty_slab_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_text("no image")
    (item,) = ReadableVolumes([{"image": str(tmp_path / "a.nii"), "label": 0}], load, (1, 3, 3))
    assert item["image"].shape == (1, 3, 3) and not item["image"].any()
    assert "cannot be read as a NIfTI file" in item["image"].meta[UNREADABLE]
    assert item["image"].meta["filename_or_obj"] == str(tmp_path / "a.nii")
    assert item["label"] == 0


def test_each_kind_of_damage_has_its_words(tmp_path: Path) -> None:
    whole = Path(nifti(tmp_path / "whole.nii.gz", (40, 40, 9)))
    raw = gzip.decompress(whole.read_bytes())
    (tmp_path / "cut.nii.gz").write_bytes(whole.read_bytes()[:-40])
    (tmp_path / "short.nii").write_bytes(raw[:4000])
    (tmp_path / "empty.nii").touch()
    colours = np.zeros((4, 4, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(colours, np.eye(4)), tmp_path / "rgb.nii")
    found = reasons(
        [
            str(tmp_path / "cut.nii.gz"),
            str(tmp_path / "short.nii"),
            str(tmp_path / "empty.nii"),
            str(tmp_path / "rgb.nii"),
            nifti(tmp_path / "four.nii", (4, 4, 2, 3)),
            str(tmp_path / "gone.nii"),
        ]
    )
    wanted = ["cannot be read", "cannot be read", "Empty file", "colours", "4 dimensions", "No such file"]
    for reason, words in zip(found, wanted, strict=True):
        assert reason is not None and words in reason
        assert "\n" not in reason


def test_a_transform_that_refuses_is_quoted_and_one_that_breaks_is_caught(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii")

    def refuse(item: dict[str, Any]) -> Any:
        raise RuntimeError("applying transform") from VolumeError("The volume is constant.")

    def crash(item: dict[str, Any]) -> Any:
        raise KeyError("nobody foresaw this")

    for transform, words in ((refuse, "The volume is constant."), (crash, "nobody foresaw this")):
        (item,) = ReadableVolumes([{"image": path}], transform)
        assert words in item["image"].meta[UNREADABLE]


def test_a_bundle_that_is_wrong_is_no_reason_to_blame_a_volume(tmp_path: Path) -> None:
    def wrong(item: dict[str, Any]) -> Any:
        raise BundleError("the config is off")

    with pytest.raises(BundleError):
        list(ReadableVolumes([{"image": nifti(tmp_path / "a.nii")}], wrong))
