"""`mrclass.convert`: a series becomes its volumes, each with what distinguishes it, or one clear error."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from dicom_files import SIZE, image, stack, write
from mrclass import _dcm2niix
from mrclass._dcm2niix import reason
from mrclass.convert import Volume, convert
from mrclass.dicom import Series, scan
from mrclass.errors import ConversionError, ConversionTimeoutError
from pydicom.uid import JPEGExtended12Bit


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def converted(folder: Path, out: Path) -> list[Volume]:
    (series,) = scan([folder]).series
    return convert(series, out)


def listing(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*"))


def test_a_stack_becomes_one_volume_with_its_geometry(tmp_path: Path, out: Path) -> None:
    stack(tmp_path / "in", 4)
    (volume,) = converted(tmp_path / "in", out)
    assert volume.note == "" and volume.index == 0
    assert volume.shape == (SIZE, SIZE, 4) and volume.spacing == pytest.approx((2, 2, 3))
    loaded = nibabel.load(volume.path)
    assert loaded.shape == volume.shape
    # RAS: the patient's left (DICOM +x) is -x, and slice 1 lies at z = 3.
    assert loaded.affine[:3, 3][2] == pytest.approx(3)
    np.testing.assert_allclose(loaded.affine, volume.affine)


def test_the_input_is_untouched_and_links_are_removed(tmp_path: Path, out: Path) -> None:
    stack(tmp_path / "in", 4)
    before = listing(tmp_path / "in")
    (volume,) = converted(tmp_path / "in", out)
    assert listing(tmp_path / "in") == before
    assert not [path for path in out.rglob("*") if path.is_symlink()]
    assert volume.path.is_relative_to(out)


def test_the_sidecar_holds_times_but_no_identity(tmp_path: Path, out: Path) -> None:
    stack(tmp_path / "in", 2, InstitutionName="Some Hospital", StudyDate="20010203", AcquisitionTime="101112")
    (volume,) = converted(tmp_path / "in", out)
    assert volume.sidecar["EchoTime"] == pytest.approx(0.012)
    text = json.dumps(volume.sidecar)
    for secret in ("SECRET", "Secret", "1901", "2001", "Hospital", "10:11"):
        assert secret not in text


def test_two_echoes_in_one_series_are_two_volumes(tmp_path: Path, out: Path) -> None:
    for echo, te in ((1, 10.0), (2, 80.0)):
        for number in range(4):
            tags = {"EchoTime": te, "EchoNumbers": echo, "ImagePositionPatient": [-16, -16, 3 * number]}
            write(tmp_path / "in" / f"{echo}-{number}", image(1, echo * 10 + number, **tags))
    volumes = converted(tmp_path / "in", out)
    assert [volume.note for volume in volumes] == ["echo 1", "echo 2"]
    assert [volume.index for volume in volumes] == [0, 1]
    assert [volume.sidecar["EchoTime"] for volume in volumes] == pytest.approx([0.01, 0.08])


def test_a_localizer_in_three_planes_gives_a_volume_per_plane(tmp_path: Path, out: Path) -> None:
    planes = {"axial": [1, 0, 0, 0, 1, 0], "coronal": [1, 0, 0, 0, 0, -1], "sagittal": [0, 1, 0, 0, 0, -1]}
    for number, orientation in enumerate(planes.values(), 1):
        write(tmp_path / "in" / f"{number}", image(1, number, ImageOrientationPatient=orientation))
    volumes = converted(tmp_path / "in", out)
    assert sorted(volume.note for volume in volumes) == sorted(planes)
    assert all(volume.shape[2] == 1 for volume in volumes)


def test_a_3d_acquisition_keeps_its_slices_along_the_third_axis(tmp_path: Path, out: Path) -> None:
    for number in range(SIZE):
        place = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1], "ImagePositionPatient": [2 * number, 0, 0]}
        grid = {"SliceThickness": 2, "SpacingBetweenSlices": 2, "MRAcquisitionType": "3D"}
        write(tmp_path / "in" / f"{number}", image(1, number, **place, **grid))
    (volume,) = converted(tmp_path / "in", out)
    # isotropic: nothing but the header tells that it was acquired in sagittal slices
    assert volume.spacing == pytest.approx((2, 2, 2))
    assert np.abs(volume.affine[:3, 2]) == pytest.approx((2, 0, 0))
    assert volume.orientation == (0, 1, 0, 0, 0, -1) and volume.remarks == ()


def test_slices_that_are_missing_are_a_remark(tmp_path: Path, out: Path) -> None:
    for number in (0, 1, 2, 5):
        write(tmp_path / "in" / f"{number}", image(1, number, ImagePositionPatient=[-16, -16, 3 * number]))
    (volume,) = converted(tmp_path / "in", out)
    assert volume.note == "resampled to even slice distances" and volume.shape[2] == 6
    assert "The header's slices lie 3 to 9 mm apart." in volume.remarks


def test_colour_images_are_read_as_luminance_and_say_so(tmp_path: Path, out: Path) -> None:
    pixels: np.ndarray = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[..., 1] = 100  # green
    tags: dict[str, Any] = {
        "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0,
        "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": pixels.tobytes(),
    }  # fmt: skip
    write(tmp_path / "in" / "1", image(**tags))
    (volume,) = converted(tmp_path / "in", out)
    assert volume.note == "colour, read as luminance"
    assert np.asarray(nibabel.load(volume.path).dataobj).max() == pytest.approx(58.7)


def test_a_compression_that_cannot_be_decoded_is_named_with_the_way_out(tmp_path: Path, out: Path) -> None:
    from pydicom.encaps import encapsulate

    ds = image(PixelData=encapsulate([b"\xff\xd8\xff\xd9" * 8]))
    ds["PixelData"].is_undefined_length = True
    write(tmp_path / "in" / "1", ds, JPEGExtended12Bit)
    with pytest.raises(ConversionError, match="JPEG with 12 bits.*decompress it with gdcmconv"):
        converted(tmp_path / "in", out)
    assert list(out.iterdir()) == []


def test_a_series_with_a_reason_is_not_converted(tmp_path: Path, out: Path) -> None:
    stack(tmp_path / "in", 1, Modality="CT")
    with pytest.raises(ConversionError, match="Modality CT: not MR"):
        converted(tmp_path / "in", out)


def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Series:
    """A series, and a stand-in for dcm2niix that runs a shell script."""
    program = tmp_path / "dcm2niix"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(_dcm2niix, "binary", lambda: str(program))
    stack(tmp_path / "in", 1)
    return scan([tmp_path / "in"]).series[0]


def until(come: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for something to come true, no longer than it takes; fails where it does not."""
    deadline = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(status: Path) -> bool:
    """Whether a process has ended, by its status below /proc."""
    try:
        return "zombie" in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_converter_that_hangs_is_ended_with_its_children(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    series = fake(tmp_path, monkeypatch, f"sleep 600 & echo $! > {pid}.part; mv {pid}.part {pid}; wait")

    class Begun(subprocess.Popen[bytes]):
        """Its time begins once it has a child of its own, however long a busy machine takes for that."""

        def wait(self, timeout: float | None = None) -> int:
            until(pid.exists)
            return super().wait(timeout)

    monkeypatch.setattr(_dcm2niix.subprocess, "Popen", Begun)
    with pytest.raises(ConversionTimeoutError, match="did not end within 0.5 s"):
        convert(series, out, timeout_s=0.5)
    status = Path(f"/proc/{int(pid.read_text())}/status")
    until(lambda: gone(status))
    assert list(out.iterdir()) == []


def test_a_converter_that_crashes_is_said_to_have(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = fake(tmp_path, monkeypatch, "kill -SEGV $$")
    with pytest.raises(ConversionError, match="ended by SIGSEGV"):
        convert(series, out)
    assert list(out.iterdir()) == []


def test_a_converter_cannot_fill_the_disk(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dcm2niix, "FILE_MB", 1)
    series = fake(
        tmp_path, monkeypatch, "head -c 50000000 /dev/zero > ../v1.nii; ls -l ../v1.nii >&2; rm ../v1.nii"
    )
    with pytest.raises(ConversionError):
        convert(series, out)


def test_the_environment_of_the_user_does_not_reach_the_converter(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    series = fake(tmp_path, monkeypatch, 'echo "Error: secret=$SECRET home=$HOME"')
    with pytest.raises(ConversionError, match="secret= home=") as error:
        convert(series, out)
    assert str(Path.home()) + " " not in str(error.value)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Warning: File not large enough to store image data: a.dcm", "the file is shorter than its image"),
        ("Warning: Unsupported transfer syntax '1.2.840.10008.1.2.1.99' (inflate", "(deflated)"),
        ("Error: OpenJPEG failed to read the header a.dcm", "its JPEG 2000 image cannot be decoded"),
        ("No valid DICOM images were found", "dcm2niix finds no image in it"),
        ("", "dcm2niix wrote no image"),
    ],
)
def test_the_converters_words_are_put_plainly(words: str, wanted: str) -> None:
    assert wanted in reason(2, words.splitlines())


def test_an_output_folder_that_cannot_be_written_is_a_conversion_error(tmp_path: Path) -> None:
    stack(tmp_path / "in", 1)
    with pytest.raises(ConversionError, match="nowhere could not be written to"):
        converted(tmp_path / "in", tmp_path / "nowhere")


def test_file_names_with_odd_characters_are_converted(tmp_path: Path, out: Path) -> None:
    data = write(tmp_path / "x", image()).read_bytes()
    os.remove(tmp_path / "x")
    (tmp_path / "in").mkdir()
    with open(os.path.join(os.fsencode(tmp_path / "in"), b"a b\n\xff'$(x).dcm"), "wb") as file:
        file.write(data)
    assert len(converted(tmp_path / "in", out)) == 1
