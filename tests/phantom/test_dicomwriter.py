"""The DICOM writer: geometry, values and headers survive the way through pydicom and dcm2niix."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from mrclass.phantom import headers
from mrclass.phantom.dicomwriter import Study, derived_uid, hang, save, write_series
from pydicom.uid import ExplicitVRLittleEndian


def protocol(kind: str = "t2w", plane: str = "axial", **values: Any) -> Any:
    defaults: dict[str, Any] = {
        "kind": kind, "label": "t2w", "field": 1.5, "plane": plane, "spacing": 1.0, "thickness": 5.0,
        "gap": 1.0,
        "tr": 4000.0, "te": 90.0, "ti": None, "flip": 90.0, "b_values": (), "contrast_agent": False,
    }  # fmt: skip
    return SimpleNamespace(**{**defaults, **values})


def acquired(
    affine: Any, plane: str = "axial", kind: str = "t2w", b_value: float | None = None, **values: Any
) -> Any:
    """A small volume of noise with one bright voxel at (3, 4, 1)."""
    shape = values.pop("shape", (8, 9, 4))
    volume = np.random.default_rng(0).uniform(1, 100, shape).astype(np.float32)
    volume[3, 4, 1] = 400.0
    return SimpleNamespace(
        volume=volume,
        affine=np.asarray(affine, float),
        protocol=protocol(kind, plane, **values),
        b_value=b_value,
    )


AXIAL = [[-1, 0, 0, 10], [0, 1.5, 0, -20], [0, 0, 6, -5], [0, 0, 0, 1]]
SAGITTAL = [[0, 0, 6, -12], [1, 0, 0, -3], [0, 1.5, 0, 7], [0, 0, 0, 1]]
CORONAL = [[1, 0, 0, -4], [0, 0, -6, 30], [0, 1.5, 0, 2], [0, 0, 0, 1]]
OBLIQUE = (
    np.array([[1, 0, 0, 0], [0, 0.96, -0.28, 0], [0, 0.28, 0.96, 0], [0, 0, 0, 1]]) @ np.array(AXIAL, float)
).tolist()


def read(files: Sequence[Path]) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(path) for path in files]


def converted(folder: Path, out: Path) -> list[nib.Nifti1Image]:
    tool = Path(sys.executable).with_name("dcm2niix")
    command = str(tool) if tool.exists() else shutil.which("dcm2niix")
    if command is None:
        pytest.skip("dcm2niix is not installed")
    out.mkdir()
    subprocess.run([command, "-b", "n", "-z", "n", "-f", "v", "-o", str(out), str(folder)], check=True,
                   capture_output=True)  # fmt: skip
    return [nib.load(path) for path in sorted(out.glob("*.nii"))]


def at_millimetres(image: nib.Nifti1Image, item: Any) -> np.ndarray:
    """The image's values where the voxels of `item` lie; fails unless the grids coincide."""
    indices = np.indices(item.volume.shape).reshape(3, -1)
    world = item.affine @ np.vstack([indices, np.ones(indices.shape[1])])
    there = (np.linalg.inv(image.affine) @ world)[:3]
    assert np.abs(there - np.rint(there)).max() < 1e-3
    return image.get_fdata()[tuple(np.rint(there).astype(int))].reshape(
        (*item.volume.shape, *image.shape[3:])
    )


@pytest.mark.parametrize(
    ("affine", "plane"),
    [(AXIAL, "axial"), (SAGITTAL, "sagittal"), (CORONAL, "coronal"), (OBLIQUE, "axial")],
    ids=["axial", "sagittal", "coronal", "oblique"],
)
def test_affine_and_values_come_back_through_dcm2niix(tmp_path: Path, affine: Any, plane: str) -> None:
    item = acquired(affine, plane)
    write_series([item], tmp_path / "series", Study(1, 1), 3)
    (image,) = converted(tmp_path / "series", tmp_path / "nifti")
    back = at_millimetres(image, item)
    assert np.abs(back - item.volume).max() <= 400.0 / 4095 / 2 + 1e-3


def test_a_marker_on_the_patients_left_has_a_positive_dicom_x(tmp_path: Path) -> None:
    affine = [
        [1, 0, 0, -43],
        [0, 1, 0, 0],
        [0, 0, 5, 0],
        [0, 0, 0, 1],
    ]  # voxel (3, 4, 1) at R -40 = left 40 mm
    files = write_series([acquired(affine)], tmp_path, Study(1, 1), 1).files
    slice_ = next(d for d in read(files) if float(d.ImagePositionPatient[2]) == 5.0)
    row, column = np.unravel_index(np.argmax(slice_.pixel_array), slice_.pixel_array.shape)
    direction = np.array(slice_.ImageOrientationPatient, float)
    height, width = map(float, slice_.PixelSpacing)
    where = (
        np.array(slice_.ImagePositionPatient, float)
        + direction[:3] * width * column
        + direction[3:] * height * row
    )
    assert where.tolist() == pytest.approx([40.0, -4.0, 5.0])


@pytest.mark.parametrize(
    ("affine", "plane", "orientation"),
    [
        (AXIAL, "axial", [1, 0, 0, 0, 1, 0]),
        (SAGITTAL, "sagittal", [0, 1, 0, 0, 0, -1]),
        (CORONAL, "coronal", [1, 0, 0, 0, 0, -1]),
    ],
)
def test_pictures_hang_as_radiologists_expect(
    tmp_path: Path, affine: Any, plane: str, orientation: list[float]
) -> None:
    first = read(write_series([acquired(affine, plane)], tmp_path, Study(1, 1), 1).files)[0]
    assert [float(value) for value in first.ImageOrientationPatient] == pytest.approx(orientation)


def test_pixel_spacing_names_the_distance_of_rows_first(tmp_path: Path) -> None:
    first = read(write_series([acquired(AXIAL)], tmp_path, Study(1, 1), 1).files)[0]
    assert (first.Rows, first.Columns) == (9, 8)
    assert [float(value) for value in first.PixelSpacing] == [1.5, 1.0]
    assert (float(first.SliceThickness), float(first.SpacingBetweenSlices)) == (5.0, 6.0)


def test_hang_moves_no_voxel() -> None:
    item = acquired(OBLIQUE)
    frames, lps = hang(item.volume, item.affine, "axial")
    index = np.argwhere(frames == 400.0)[0]  # (slice, row, column)
    world = lps @ [index[2], index[1], index[0], 1]
    assert (np.diag([-1, -1, 1, 1]) @ world).tolist() == pytest.approx((item.affine @ [3, 4, 1, 1]).tolist())


def test_hang_refuses_four_dimensions() -> None:
    with pytest.raises(ValueError, match=r"4 dimensions \(2, 2, 2, 2\); a volume has 3"):
        hang(np.zeros((2, 2, 2, 2)), np.eye(4), "axial")


def test_hang_lists_the_planes() -> None:
    with pytest.raises(ValueError, match="axial, sagittal, coronal"):
        hang(np.zeros((2, 2, 2)), np.eye(4), "transversal")


def test_two_b_values_share_one_series_and_one_scale(tmp_path: Path) -> None:
    b0 = acquired(AXIAL, kind="dwi", b_value=0.0)
    b1000 = acquired(AXIAL, kind="dwi", b_value=1000.0)
    b1000.volume = b1000.volume / 2
    files = write_series([b0, b1000], tmp_path / "series", Study(1, 1), 1).files
    instances = read(files)
    assert [float(d.DiffusionBValue) for d in instances] == [0.0] * 4 + [1000.0] * 4
    assert (
        len({d.SeriesInstanceUID for d in instances}) == len({float(d.RescaleSlope) for d in instances}) == 1
    )
    (image,) = converted(tmp_path / "series", tmp_path / "nifti")
    back = at_millimetres(image, b0)
    assert np.abs(back[..., 0] - b0.volume).max() < 0.06
    assert np.abs(back[..., 1] - b1000.volume).max() < 0.06


def test_a_localizer_is_one_series_with_three_orientations(tmp_path: Path) -> None:
    planes = [
        acquired(affine, plane, "localizer")
        for affine, plane in ((AXIAL, "axial"), (SAGITTAL, "sagittal"), (CORONAL, "coronal"))
    ]
    instances = read(write_series(planes, tmp_path, Study(1, 1), 1).files)
    assert len({d.SeriesInstanceUID for d in instances}) == 1
    assert len({str(d.ImageOrientationPatient) for d in instances}) == 3
    assert [int(d.InstanceNumber) for d in instances] == list(range(1, 13))


def test_an_adc_map_keeps_its_unit(tmp_path: Path) -> None:
    item = acquired(AXIAL, kind="adc")
    first = read(write_series([item], tmp_path, Study(1, 1), 1).files)[0]
    assert (float(first.RescaleSlope), float(first.RescaleIntercept)) == (1.0, 0.0)
    assert list(first.ImageType) == ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]


def test_a_constant_volume_is_written_without_a_warning(tmp_path: Path) -> None:
    item = acquired(AXIAL)
    item.volume[:] = 0
    first = read(write_series([item], tmp_path, Study(1, 1), 1).files)[0]
    assert first.pixel_array.max() == 0


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_series([acquired(AXIAL)], tmp_path / name, Study(7, 1), 2)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_uids_differ_between_seeds_patients_and_series() -> None:
    uids = {Study(seed, patient).uid("series", n) for seed in (1, 2) for patient in (1, 2) for n in (1, 2)}
    assert len(uids) == 8
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)
    assert derived_uid(1) == derived_uid(1)


def test_nobody_can_take_the_patient_or_the_scanner_for_real(tmp_path: Path) -> None:
    first = read(write_series([acquired(AXIAL)], tmp_path, Study(1, 12), 1).files)[0]
    assert (str(first.PatientName), first.PatientID, first.PatientBirthDate) == (
        "PHANTOM^012",
        "PHANTOM012",
        "",
    )
    assert "simulated" in first.Manufacturer
    assert first.ImageComments == "Simulated by mrclass.phantom"


def test_an_override_lies_and_none_removes(tmp_path: Path) -> None:
    files = write_series(
        [acquired(AXIAL)],
        tmp_path,
        Study(1, 1),
        1,
        overrides={"SeriesDescription": "t1_se_tra", "ProtocolName": None},
    ).files
    for instance in read(files):
        assert instance.SeriesDescription == "t1_se_tra"
        assert "ProtocolName" not in instance


def test_contrast_agent_stands_in_description_and_attribute(tmp_path: Path) -> None:
    item = acquired(AXIAL, kind="t1ce_se", label="t1ce", contrast_agent=True)
    first = read(write_series([item], tmp_path, Study(1, 1, "title"), 1).files)[0]
    assert first.SeriesDescription == "Ax T1 SE +C"
    assert first.ContrastBolusAgent == "GADOLINIUM"


@pytest.mark.parametrize(
    ("style", "expected"),
    [("underscore", "t2_tse_cor"), ("title", "Cor T2 FSE"), ("capitals", "T2W_TSE_COR")],
)
def test_each_style_spells_the_description_its_way(style: str, expected: str) -> None:
    assert headers.description(protocol(plane="coronal"), style) == expected


def test_an_unknown_style_lists_the_choices() -> None:
    with pytest.raises(ValueError, match="underscore, title, capitals"):
        headers.description(protocol(), "shouting")


def test_a_series_without_volume_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one volume"):
        write_series([], tmp_path, Study(1, 1), 1)


def test_series_in_one_folder_keep_their_own_numbers(tmp_path: Path) -> None:
    first = write_series([acquired(AXIAL)], tmp_path, Study(1, 1), 1)
    second = write_series([acquired(AXIAL)], tmp_path, Study(1, 1), 2, first_file=1 + len(first.files))
    assert [path.name for path in second.files] == ["IM000005", "IM000006", "IM000007", "IM000008"]


def test_a_pydicom_below_3_is_asked_for_a_whole_file_by_the_name_it_knows(tmp_path: Path) -> None:
    asked: dict[str, object] = {}

    class Older:
        file_meta = SimpleNamespace(TransferSyntaxUID=ExplicitVRLittleEndian)

        def save_as(self, path: Path, write_like_original: bool = True) -> None:
            asked.update(vars(self), path=path, write_like_original=write_like_original)

    save(Older(), tmp_path / "a.dcm")  # type: ignore[arg-type]
    wanted = {"is_little_endian": True, "is_implicit_VR": False, "write_like_original": False}
    assert asked == {**wanted, "path": tmp_path / "a.dcm"}
