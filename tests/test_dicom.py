"""`mrclass.dicom`: every file of an export ends in a series or in a note, whatever it holds."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from dicom_files import image, stack, uid, write
from mrclass.dicom import Intake, Series, scan
from mrclass.errors import UsageError
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian


def only(intake: Intake) -> Series:
    assert len(intake.series) == 1, [series.key for series in intake.series]
    return intake.series[0]


def note_of(intake: Intake, path: Path) -> str:
    return next(note.note for note in intake.files if note.path == path)


def test_a_series_in_one_folder_is_one_series_in_order_of_instance_number(tmp_path: Path) -> None:
    stack(tmp_path, 11)
    series = only(scan([tmp_path]))
    assert [path.name for path in series.files] == [f"IM{n}.dcm" for n in range(1, 12)]
    assert series.status_hint == "ok" and series.skip_reason is None
    assert series.series_uid == uid(4, 1)


def test_a_series_that_lies_in_two_folders_is_one_series(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(tmp_path / f"part{number % 2}" / f"{number}", image(1, number))
    assert len(only(scan([tmp_path])).files) == 3


def test_two_series_in_one_flat_folder_are_two(tmp_path: Path) -> None:
    for series in (1, 2):
        for number in (1, 2):
            write(tmp_path / f"{series}-{number}.dcm", image(series, number))
    assert [len(series.files) for series in scan([tmp_path]).series] == [2, 2]


def test_the_same_scan_gives_the_same_keys_and_order(tmp_path: Path) -> None:
    for series in (3, 1, 2):
        stack(tmp_path / f"s{series}", 2, series)
    first, second = scan([tmp_path], jobs=1), scan([tmp_path], jobs=3)
    assert [series.key for series in first.series] == [series.key for series in second.series]
    assert first == second


def test_no_name_id_date_is_in_the_header(tmp_path: Path) -> None:
    stack(tmp_path, 1, StudyDate="20010203", InstitutionName="Some Hospital", ReferringPhysicianName="Doctor")
    series = only(scan([tmp_path]))
    text = json.dumps(series.header)
    for secret in ("SECRET", "Secret", "1901", "2001", "Hospital", "Doctor"):
        assert secret not in text
    assert "SECRET" not in series.patient_key and series.patient_id == "SECRET-ID"
    assert "SECRET" not in repr(series)


def test_the_same_patient_has_the_same_pseudonym_in_every_series(tmp_path: Path) -> None:
    stack(tmp_path / "a", 1, 1)
    stack(tmp_path / "b", 1, 2)
    stack(tmp_path / "c", 1, 3, PatientID="OTHER")
    a, b, c = (series.patient_key for series in scan([tmp_path]).series)
    assert a == b != c


def test_a_copy_in_the_same_folder_is_left_out_and_named(tmp_path: Path) -> None:
    first = stack(tmp_path, 3)[0]
    copy = tmp_path / "copy of IM1.dcm"
    shutil.copy(first, copy)
    intake = scan([tmp_path])
    assert len(only(intake).files) == 3
    assert note_of(intake, copy) == "duplicate of IM1.dcm"


def test_a_folder_of_copies_is_a_skipped_series_that_says_where_the_images_are(tmp_path: Path) -> None:
    stack(tmp_path / "a", 3)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first, second = scan([tmp_path]).series
    assert (first.status_hint, len(first.files)) == ("ok", 3)
    assert second.status_hint == "skipped" and second.skip_reason is not None
    assert second.skip_reason == "copy of another series: the same images are in a"
    assert first.key != second.key


def test_one_instance_uid_on_different_images_keeps_them_all(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(tmp_path / f"{number}.dcm", image(1, number, SOPInstanceUID=uid(7)))
    assert len(only(scan([tmp_path])).files) == 3


def test_a_whole_copy_is_taken_rather_than_a_truncated_one(tmp_path: Path) -> None:
    whole = write(tmp_path / "z.dcm", image())
    cut = tmp_path / "a.dcm"
    cut.write_bytes(whole.read_bytes()[:-100])
    intake = scan([tmp_path])
    assert only(intake).files == (whole,)
    assert note_of(intake, cut) == "truncated duplicate of z.dcm"


def test_another_modality_is_a_skipped_series(tmp_path: Path) -> None:
    stack(tmp_path, 2, Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    series = only(scan([tmp_path]))
    assert (series.status_hint, series.skip_reason) == ("skipped", "Modality CT: not MR")


def test_an_image_without_modality_is_taken_for_mr_and_noted(tmp_path: Path) -> None:
    stack(tmp_path, 1, Modality=None)
    series = only(scan([tmp_path]))
    assert series.status_hint == "ok"
    assert series.notes == ("Modality is missing; taken for MR because it is an image",)


def test_modality_in_lower_case_with_blanks_is_still_mr(tmp_path: Path) -> None:
    stack(tmp_path, 1, Modality="mr ")
    assert only(scan([tmp_path])).status_hint == "ok"


@pytest.mark.parametrize(
    ("sop_class", "words"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.33", "a structured report"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "a presentation state"),
        ("1.2.840.10008.5.1.4.1.1.4.2", "MR spectroscopy"),
        ("1.2.840.10008.5.1.4.1.1.66", "raw data"),
        ("1.2.840.10008.1.3.10", "a DICOMDIR"),
    ],
)
def test_an_object_without_pixels_is_skipped_in_plain_words(
    tmp_path: Path, sop_class: str, words: str
) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("PixelData", "Rows", "Columns"))
    write(tmp_path / "object", image(**nothing, SOPClassUID=sop_class))
    series = only(scan([tmp_path]))
    assert series.status_hint == "skipped"
    assert series.skip_reason is not None and series.skip_reason.startswith(words)


def test_raw_data_that_shares_the_uid_of_its_images_does_not_join_them(tmp_path: Path) -> None:
    stack(tmp_path, 2)
    nothing: dict[str, Any] = dict.fromkeys(("PixelData", "Rows", "Columns"))
    write(tmp_path / "XX_1", image(1, 9, **nothing, SOPClassUID="1.2.840.10008.5.1.4.1.1.66"))
    hints = sorted((series.status_hint, len(series.files)) for series in scan([tmp_path]).series)
    assert hints == [("ok", 2), ("skipped", 1)]


def test_an_image_without_pixel_data_is_unreadable(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", image(PixelData=None))
    series = only(scan([tmp_path]))
    assert series.status_hint == "unreadable"
    assert series.skip_reason is not None and "without its pixel data" in series.skip_reason


def test_a_truncated_file_alone_is_unreadable_and_says_how_much_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", image())
    path.write_bytes(path.read_bytes()[:-100])
    series = only(scan([tmp_path]))
    assert series.status_hint == "unreadable"
    assert series.skip_reason == "truncated: the pixel data end after 412 of 512 bytes"


def test_a_truncated_file_among_whole_ones_is_left_out_and_noted(tmp_path: Path) -> None:
    paths = stack(tmp_path, 4)
    paths[3].write_bytes(paths[3].read_bytes()[:-1])
    intake = scan([tmp_path])
    series = only(intake)
    assert len(series.files) == 3 and series.status_hint == "ok"
    assert series.notes[0].startswith("1 of 4 files left out: truncated")
    assert note_of(intake, paths[3]).startswith("truncated")


@pytest.mark.parametrize("keep", [140, 400, 700])
def test_a_file_cut_inside_its_header_becomes_a_row_not_a_crash(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a.dcm", image())
    path.write_bytes(path.read_bytes()[:keep])
    series = only(scan([tmp_path]))
    assert series.status_hint in ("unreadable", "skipped") and series.skip_reason


def test_a_file_without_preamble_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "IM1", image(), ImplicitVRLittleEndian)
    data = path.read_bytes()
    start = data.index(b"\x08\x00\x08\x00")  # ImageType: the first element after the meta information here
    path.write_bytes(data[start:])
    assert only(scan([tmp_path])).header["SeriesDescription"] == "AX T1"


def test_deflated_headers_are_read(tmp_path: Path) -> None:
    write(tmp_path / "a.dcm", image(), DeflatedExplicitVRLittleEndian)
    assert only(scan([tmp_path])).header["SeriesDescription"] == "AX T1"


def test_files_that_are_not_dicom_make_no_series_but_a_note(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello, this is a text that is not an image of anything")
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 200)
    (tmp_path / "all.zip").write_bytes(b"PK\x03\x04" + b"\0" * 200)
    (tmp_path / "nothing").write_bytes(b"")
    intake = scan([tmp_path])
    assert intake.series == []
    assert [(note.path.name, note.note) for note in intake.files] == [
        ("all.zip", "not DICOM or NIfTI (a zip archive: unpack it and name the folder)"),
        ("notes.txt", "not DICOM or NIfTI"),
        ("nothing", "empty file"),
        ("picture.jpg", "not DICOM or NIfTI (a JPEG picture)"),
    ]


def test_garbage_named_dcm_gets_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(bytes(range(256)) * 4)
    series = only(scan([tmp_path]))
    assert series.status_hint == "unreadable"
    assert series.skip_reason == "named like a DICOM file, but it does not begin like one"


def test_nifti_files_are_series_and_their_sidecars_are_named(tmp_path: Path) -> None:
    for name in ("a.nii", "b.NII.GZ", "b.bval", "b.json", "._c.nii"):
        (tmp_path / name).write_bytes(b"not looked into here")
    intake = scan([tmp_path])
    assert [(series.kind, series.files[0].name) for series in intake.series] == [
        ("nifti", "a.nii"),
        ("nifti", "b.NII.GZ"),
    ]
    assert note_of(intake, tmp_path / "b.json") == "sidecar of b.NII.GZ"
    assert note_of(intake, tmp_path / "._c.nii").startswith("not DICOM or NIfTI")


def test_links_to_folders_and_loops_are_not_followed(tmp_path: Path) -> None:
    stack(tmp_path / "a", 2)
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    os.symlink(tmp_path / "nowhere", tmp_path / "dangling")
    os.symlink(tmp_path / "self", tmp_path / "self")
    intake = scan([tmp_path])
    assert len(only(intake).files) == 2
    assert note_of(intake, tmp_path / "a" / "loop").startswith("a link to a folder")
    assert note_of(intake, tmp_path / "dangling").startswith("cannot be opened")
    assert note_of(intake, tmp_path / "self").startswith("cannot be opened")


def test_a_pipe_does_not_hold_up_the_scan(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "pipe" in note_of(scan([tmp_path]), tmp_path / "pipe")


def test_names_with_newlines_and_bytes_that_are_no_text_are_read(tmp_path: Path) -> None:
    good = write(tmp_path / "plain.dcm", image()).read_bytes()
    os.remove(tmp_path / "plain.dcm")
    with open(os.path.join(os.fsencode(tmp_path), b"a\n\xff\xfe.dcm"), "wb") as file:
        file.write(good)
    assert only(scan([tmp_path])).status_hint == "ok"


def test_every_file_has_exactly_one_note(tmp_path: Path) -> None:
    stack(tmp_path / "a", 3)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "x.txt").write_text("x")
    (tmp_path / "v.nii").write_bytes(b"")
    intake = scan([tmp_path, tmp_path / "a"])
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(note.path for note in intake.files) == files
    keys = {series.key for series in intake.series}
    assert all(note.series_key in keys or note.note for note in intake.files)


def test_the_output_folder_inside_the_input_is_left_out(tmp_path: Path) -> None:
    stack(tmp_path / "in", 1)
    stack(tmp_path / "out", 1, 2)
    assert only(scan([tmp_path], exclude=[tmp_path / "out"])).folder == tmp_path / "in"


def test_a_path_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        scan([tmp_path / "nowhere"])


def test_progress_counts_every_file_to_the_end(tmp_path: Path) -> None:
    stack(tmp_path, 5)
    seen: list[tuple[int, int]] = []
    scan([tmp_path], progress=lambda done, total: seen.append((done, total)))
    assert sorted(seen) == [(n, 5) for n in range(1, 6)]
