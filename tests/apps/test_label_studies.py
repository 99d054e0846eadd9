"""A study folder laid out as images of MONAI Label's local store."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicom_files import image, stack, uid, write
from lib.studies import lay_out, nifti_patient, patients
from mrclass.errors import UsageError
from tiny_volumes import write_volume


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    folder = tmp_path / "studies"
    stack(folder / "a" / "deep", 3, series=1)
    write_volume(folder / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    (folder / "sub-01" / "anat" / "sub-01_T1w.json").write_text("{}")
    write(folder / "ct" / "IM1.dcm", image(7, 1, Modality="CT"))
    (folder / "notes.txt").write_text("nothing")
    return folder


def test_each_series_is_an_image_and_what_is_not_offered_has_a_reason(studies: Path, tmp_path: Path) -> None:
    laid = lay_out(studies, tmp_path / "work" / "images")
    assert {one.image for one in laid} == {uid(4, 1), "sub-01--anat--sub-01_T1w", ""}
    assert [one.reason for one in laid if not one.image] == ["Modality CT: not MR"]


def test_links_lead_to_the_files_and_the_study_folder_stays_as_it_was(studies: Path, tmp_path: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in studies.rglob("*"))
    images = tmp_path / "work" / "images"
    lay_out(studies, images)
    series = images / f"{uid(4, 1)}.series"
    assert [file.resolve().name for file in sorted(series.iterdir())] == ["IM1.dcm", "IM2.dcm", "IM3.dcm"]
    nifti = images / "sub-01--anat--sub-01_T1w.nii.gz"
    assert nifti.resolve() == (studies / "sub-01/anat/sub-01_T1w.nii.gz").resolve()
    assert (images / "sub-01--anat--sub-01_T1w.json").is_symlink()
    assert sorted((path, path.stat().st_mtime_ns) for path in studies.rglob("*")) == before


def test_a_later_start_replaces_links_and_keeps_uploads(studies: Path, tmp_path: Path) -> None:
    images = tmp_path / "work" / "images"
    lay_out(studies, images)
    upload = write_volume(images / "uploaded.nii.gz")
    (studies / "sub-01/anat/sub-01_T1w.nii.gz").rename(studies / "moved.nii.gz")
    lay_out(studies, images)
    assert {path.name for path in images.iterdir()} == {upload.name, "moved.nii.gz", f"{uid(4, 1)}.series"}


def test_what_is_right_already_is_not_touched(studies: Path, tmp_path: Path) -> None:
    images = tmp_path / "work" / "images"
    lay_out(studies, images)
    before = {path: path.lstat().st_ino for path in images.rglob("*")}
    (studies / "a" / "deep" / "IM3.dcm").unlink()
    lay_out(studies, images)
    after = {path: path.lstat().st_ino for path in images.rglob("*")}
    assert {path.name for path in set(before) - set(after)} == {"000002.dcm"}
    assert after == {path: inode for path, inode in before.items() if path in after}


def test_two_series_of_one_uid_get_two_names(studies: Path, tmp_path: Path) -> None:
    stack(studies / "b", 2, series=1, StudyInstanceUID=uid(3, 99), SOPInstanceUID=None)
    laid = lay_out(studies, tmp_path / "work" / "images")
    names = [one.image for one in laid if one.image.startswith(uid(4, 1))]
    assert len(names) == len(set(names)) == 2


def test_a_hostile_uid_stays_inside_the_folder(studies: Path, tmp_path: Path) -> None:
    stack(studies / "c", 2, series=3, SeriesInstanceUID="../../../../evil")
    images = tmp_path / "work" / "images"
    lay_out(studies, images)
    assert (images / "_.._.._.._evil.series").is_dir()
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("source", "patient"),
    [
        ("sub-07/ses-1/anat/sub-07_T1w.nii.gz", "sub-07"),
        ("sub-07_T1w.nii.gz", "sub-07"),
        ("smith/scans/t2.nii", "smith"),
        ("alone.nii.gz", "alone"),
    ],
)
def test_the_patient_of_a_nifti_file_is_told_by_its_path(source: str, patient: str) -> None:
    assert nifti_patient(source) == patient


def test_the_table_gives_the_patients_back(studies: Path, tmp_path: Path) -> None:
    laid = lay_out(studies, tmp_path / "work" / "images")
    known = patients(tmp_path / "work" / "series.csv")
    assert known == {one.image: one.patient for one in laid if one.image}
    assert known["sub-01--anat--sub-01_T1w"] == "sub-01"
    assert "SECRET" not in (tmp_path / "work" / "series.csv").read_text()


def test_a_study_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        lay_out(tmp_path / "nowhere", tmp_path / "work" / "images")
