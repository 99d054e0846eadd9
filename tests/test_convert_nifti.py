"""`mrclass.convert` of NIfTI files: the volumes they hold, turned and split, or one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from mrclass.convert import convert
from mrclass.dicom import Series
from mrclass.errors import ConversionError

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def nifti(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Series:
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return Series(key="nifti:x", kind="nifti", files=(path,))


def test_a_nifti_file_with_a_sidecar_is_turned_so_that_its_slices_come_third(
    tmp_path: Path, out: Path
) -> None:
    array = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    series = nifti(tmp_path / "a.nii", array, np.diag([1.0, 1.0, 1.0, 1.0]))
    (tmp_path / "a.json").write_text(json.dumps({"ImageOrientationPatientDICOM": [0, 1, 0, 0, 0, -1]}))
    (volume,) = convert(series, out)
    assert volume.shape == (5, 6, 4) and volume.path.is_relative_to(out)
    turned = nibabel.load(volume.path)
    assert np.asarray(turned.dataobj)[1, 2, 3] == array[3, 1, 2]
    np.testing.assert_allclose(turned.affine @ [1, 2, 3, 1], [3, 1, 2, 1])


def test_a_3d_nifti_file_is_its_own_volume(tmp_path: Path, out: Path) -> None:
    series = nifti(tmp_path / "a.nii.gz", np.ones((4, 5, 6), np.int16))
    (volume,) = convert(series, out)
    assert volume.path == tmp_path / "a.nii.gz"
    assert (volume.note, volume.shape, volume.spacing) == ("", (4, 5, 6), (2, 2, 3))


def test_a_4d_nifti_file_gives_its_first_time_point_and_says_so(tmp_path: Path, out: Path) -> None:
    array: np.ndarray = np.zeros((4, 5, 6, 7), np.int16)
    array[..., 0] = 3
    (volume,) = convert(nifti(tmp_path / "a.nii", array), out)
    assert volume.note == "time point 1 of 7"
    assert np.unique(np.asarray(nibabel.load(volume.path).dataobj)).tolist() == [3]


def test_b_values_give_one_volume_each_the_first_of_each(tmp_path: Path, out: Path) -> None:
    array: np.ndarray = np.arange(6, dtype=np.int16) * np.ones((2, 2, 2, 1), np.int16)
    series = nifti(tmp_path / "a.nii.gz", array)
    (tmp_path / "a.bval").write_text("0 1005 995 5 2000 1000\n")
    volumes = convert(series, out)
    assert [volume.note for volume in volumes] == ["b 0", "b 1000", "b 2000"]
    assert [volume.sidecar["DiffusionBValue"] for volume in volumes] == [0, 1000, 2000]
    assert [nibabel.load(volume.path).dataobj[0, 0, 0] for volume in volumes] == [0, 1, 4]


def test_a_bval_file_of_another_length_is_not_believed(tmp_path: Path, out: Path) -> None:
    series = nifti(tmp_path / "a.nii", np.ones((2, 2, 2, 3), np.int16))
    (tmp_path / "a.bval").write_text("0 1000")
    assert [volume.note for volume in convert(series, out)] == ["time point 1 of 3"]


@pytest.mark.parametrize("shape", [(4, 5, 6, 1), (4, 5, 6, 1, 1), (4, 5)])
def test_odd_shapes_of_one_volume_become_3d(tmp_path: Path, out: Path, shape: tuple[int, ...]) -> None:
    (volume,) = convert(nifti(tmp_path / "a.nii", np.ones(shape, np.float32)), out)
    assert len(nibabel.load(volume.path).shape) == 3 and volume.note == ""


def test_scaled_integers_keep_their_values(tmp_path: Path, out: Path) -> None:
    picture = nibabel.Nifti1Image(np.full((2, 2, 2, 2), 7, np.int16), AFFINE)
    picture.header.set_slope_inter(0.5, 1)
    nibabel.save(picture, tmp_path / "a.nii")
    wanted = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj[..., 0])
    (volume,) = convert(Series("k", "nifti", (tmp_path / "a.nii",)), out)
    np.testing.assert_allclose(np.asarray(nibabel.load(volume.path).dataobj), wanted)


def test_complex_voxels_become_their_magnitude(tmp_path: Path, out: Path) -> None:
    (volume,) = convert(nifti(tmp_path / "a.nii", np.full((2, 2, 2), 3 + 4j, np.complex64)), out)
    assert volume.note == "magnitude of complex voxels"
    assert nibabel.load(volume.path).dataobj[0, 0, 0] == pytest.approx(5)


def broken(path: Path, kind: str) -> Path:
    whole = path.with_name("whole.nii")
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4, 2), np.int16), AFFINE), whole)
    data = bytearray(whole.read_bytes())
    if kind == "empty":
        data = bytearray()
    elif kind == "text":
        data = bytearray(b"this is no image " * 50)
    elif kind == "cut in the header":
        data = data[:200]
    elif kind == "cut in the voxels":
        data = data[:400]
    elif kind == "huge":
        data[42:48] = (30000).to_bytes(2, "little") * 3
    elif kind == "unknown type":
        data[70:72] = (999).to_bytes(2, "little")
    elif kind == "no geometry":
        data[280:328] = bytes(48)
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize(
    "kind",
    ["empty", "text", "cut in the header", "cut in the voxels", "huge", "unknown type", "no geometry"],
)
def test_a_bad_nifti_file_is_a_clear_error_and_leaves_nothing(tmp_path: Path, out: Path, kind: str) -> None:
    path = broken(tmp_path / "a.nii", kind)
    with pytest.raises(ConversionError, match="a.nii") as told:
        convert(Series("k", "nifti", (path,)), out)
    assert str(tmp_path) not in str(told.value), "a reason names no folder"
    assert list(out.iterdir()) == []


def test_a_gzip_file_that_is_cut_off_is_a_clear_error(tmp_path: Path, out: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 30000, (16, 16, 16, 2)).astype(np.int16)
    series = nifti(tmp_path / "a.nii.gz", noise)
    data = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(data[: len(data) // 4])
    with pytest.raises(ConversionError, match="a.nii.gz"):
        convert(series, out)
