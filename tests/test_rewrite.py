"""Second attempt of the conversion: what dcm2niix does not decode is rewritten; files left out are told."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from dicom_files import SIZE, image, write
from mrclass import _dcm2niix
from mrclass._attempts import choose, left_out
from mrclass._rewrite import decode, plain
from mrclass.convert import convert
from mrclass.dicom import scan
from mrclass.errors import ConversionError
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian


def listing(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*"))


def deflated(folder: Path, count: int) -> None:
    """A compression that dcm2niix does not know."""
    for number in range(1, count + 1):
        write(folder / f"{number}", image(1, number), DeflatedExplicitVRLittleEndian)


def test_what_dcm2niix_does_not_decode_is_rewritten_and_tried_again(tmp_path: Path) -> None:
    deflated(tmp_path / "in", 4)
    before = listing(tmp_path / "in")
    (series,) = scan([tmp_path / "in"]).series
    out = tmp_path / "out"
    out.mkdir()
    (volume,) = convert(series, out)
    assert volume.shape == (SIZE, SIZE, 4)
    assert np.asarray(nibabel.load(volume.path).dataobj)[0, -1, 0] == 100  # the first pixel of the first file
    assert volume.remarks[0].startswith("Rewritten without compression, one frame a file: ")
    assert listing(tmp_path / "in") == before
    assert {path.suffix for path in out.rglob("*") if path.is_file()} <= {".nii", ".json"}


def test_files_that_dcm2niix_left_out_are_counted(tmp_path: Path) -> None:
    for name, slices in {
        "v1.nii": (3,),
        "v1_e2.nii": (3, 2),
        "v1_Eq_1.nii": (9,),
        "v1_ROI1.nii": (9,),
    }.items():
        nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, *slices), np.uint8), np.eye(4)), tmp_path / name)
    written = sorted(tmp_path.iterdir())
    assert left_out(written, 9) == ()
    assert left_out(written, 11) == ("dcm2niix left out 2 of 11 files.",)
    assert [path.name for path in choose(written)] == ["v1_Eq_1.nii", "v1_e2.nii"]


def test_frames_of_an_enhanced_object_become_classic_images(tmp_path: Path) -> None:
    ds = image(1, 1, ImagePositionPatient=None, ImageOrientationPatient=None, NumberOfFrames=3)
    ds.PixelData = np.arange(3 * SIZE * SIZE, dtype="<u2").tobytes()
    ds.SharedFunctionalGroupsSequence = [Dataset()]
    ds.SharedFunctionalGroupsSequence[0].MREchoSequence = [Dataset()]
    ds.SharedFunctionalGroupsSequence[0].MREchoSequence[0].EffectiveEchoTime = 80.0
    ds.PerFrameFunctionalGroupsSequence = []
    for number in range(3):
        frame, place, plane = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient, plane.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
        frame.PlanePositionSequence, frame.PlaneOrientationSequence = [place], [plane]
        ds.PerFrameFunctionalGroupsSequence.append(frame)
    work = tmp_path / "work"
    write(work / "in" / "000000.dcm", ds)
    paths = _dcm2niix.rewrite(work, 60)
    read = [dcmread(path) for path in paths]
    assert [one.ImagePositionPatient[2] for one in read] == [0, 1, 2]
    assert [one.EchoTime for one in read] == [80.0] * 3
    assert [one.pixel_array[0, 0] for one in read] == [0, SIZE * SIZE, 2 * SIZE * SIZE]


@pytest.mark.filterwarnings("ignore:.*(is_little_endian|is_implicit_VR):DeprecationWarning")
def test_frames_are_written_by_a_pydicom_that_knows_no_enforced_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Dataset.save_as
    asked: list[tuple[bool, bool, bool]] = []

    def older(self: Dataset, filename: Path, write_like_original: bool = True) -> None:  # that of pydicom 2.4
        asked.append((write_like_original, self.is_little_endian, self.is_implicit_VR))
        real(self, filename, enforce_file_format=True)

    path = write(tmp_path / "implicit.dcm", image(), ImplicitVRLittleEndian)
    dataset = dcmread(path)
    monkeypatch.setattr(type(dataset), "save_as", older)
    plain(dataset, dataset.pixel_array, tmp_path / "plain.dcm")
    assert asked == [(False, True, False)]
    again = dcmread(tmp_path / "plain.dcm")
    assert again.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert again.pixel_array[0, 0] == 100


def test_a_file_that_nothing_decodes_leaves_the_first_reason_and_no_trace(tmp_path: Path) -> None:
    deflated(tmp_path / "in", 2)
    (series,) = scan([tmp_path / "in"]).series
    for path in series.files:
        path.write_bytes(path.read_bytes()[:-60])
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ConversionError, match=r"does not decode its compression \(deflated\)"):
        convert(series, out)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG"])
def test_stored_values_come_back_whole_from_a_compressed_file_with_slope_and_sign(
    tmp_path: Path, compressor: str
) -> None:
    stored = np.arange(-40, 216, dtype=np.int16).reshape(1, SIZE, SIZE)
    picture = SimpleITK.GetImageFromArray(stored)
    writer = SimpleITK.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "image.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    writer.Execute(picture)
    dataset = dcmread(tmp_path / "image.dcm")
    dataset.RescaleSlope, dataset.RescaleIntercept = "0.25", "-3"
    dataset.save_as(tmp_path / "sloped.dcm")
    assert dataset.file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(decode(dataset, tmp_path / "sloped.dcm"), stored[0])


@pytest.mark.parametrize("missing", [1, 5, 12])
def test_a_time_series_that_was_cut_short_gives_the_first_image_at_each_position(
    tmp_path: Path, missing: int
) -> None:
    for number in set(range(1, 13)) - {missing}:  # 4 time points of 3 slices
        time, place = divmod(number - 1, 3)
        tags = {"SOPInstanceUID": f"1.2.3.{number}", "AcquisitionNumber": time + 1, "InstanceNumber": number}
        write(tmp_path / "in" / f"{number}", image(1, place + 1, **tags))
    (series,) = scan([tmp_path / "in"]).series
    out = tmp_path / "out"
    out.mkdir()
    (volume,) = convert(series, out)
    assert volume.shape == (SIZE, SIZE, 3) and volume.spacing == pytest.approx((2, 2, 3))
    assert volume.remarks == (
        "Images are missing: of 11 files, the first at each of 3 positions is looked at.",
    )
    assert {path.suffix for path in out.rglob("*") if path.is_file()} <= {".nii", ".json"}
