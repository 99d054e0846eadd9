"""What is gathered for a training list from catalogues and class folders, and what is left out by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mrclass import gather
from mrclass.errors import UsageError
from mrclass.gather import Left
from mrclass.truth import Truth

Make = Callable[[str], Path]
HOSTILE = "=cmd|' /C calc'!A0\x1b[31m\nred"


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes an empty file: nobody looks into it here."""

    def write(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    return write


def test_a_catalogue_gives_label_patient_and_source(make: Make, tmp_path: Path) -> None:
    make("a.nii.gz")
    (tmp_path / "c.csv").write_text("file,label,patient,source\na.nii.gz,T2w,p1,hospital\n")
    (found,), left = gather.catalogue(Truth(tmp_path / "c.csv"))
    assert (found.label, found.patient, found.source, found.guessed) == ("t2w", "p1", "hospital", False)
    assert left == []


def test_a_bids_subject_is_the_patient_of_a_catalogue_that_names_none(make: Make, tmp_path: Path) -> None:
    names = [
        "a/sub-01/anat/sub-01_T2w.nii",
        "a/sub-01/dwi/sub-01_dwi.nii",
        "b/sub-01/sub-01_T2w.nii",
        "c.nii",
    ]
    for name in names:
        make(name)
    lines = "".join(f"{name},T2w,{name[0]}\n" for name in names)
    (tmp_path / "c.csv").write_text(f"file,label,source\n{lines}")
    volumes, _ = gather.catalogue(Truth(tmp_path / "c.csv"))
    assert [v.patient for v in volumes[:3]] == ["a sub-01", "a sub-01", "b sub-01"]
    assert [v.guessed for v in volumes] == [False, False, False, True]


def test_a_file_of_the_catalogue_that_is_not_there_is_left_out_by_name(make: Make, tmp_path: Path) -> None:
    make("a.nii.gz")
    (tmp_path / "c.csv").write_text("file,label,patient\na.nii.gz,T2w,p1\ngone.nii.gz,T1w,p2\n")
    volumes, (gone,) = gather.catalogue(Truth(tmp_path / "c.csv"))
    assert len(volumes) == 1
    assert (gone.image, gone.reason) == ("gone.nii.gz", "the file is not there")


def test_a_section_column_fixes_sections_and_leaves_the_test_set_out(make: Make, tmp_path: Path) -> None:
    for name in "abc":
        make(f"{name}.nii.gz")
    (tmp_path / "c.csv").write_text(
        "file,label,patient,role\na.nii.gz,T2w,p1,train\nb.nii.gz,T2w,p2,validation\nc.nii.gz,T2w,p3,test\n"
    )
    volumes, (third,) = gather.catalogue(Truth(tmp_path / "c.csv"), section_column="role")
    assert [v.section for v in volumes] == ["training", "validation"]
    assert third.reason == "its role is test: neither training nor validation"


def test_a_section_column_that_is_not_there_is_refused_whatever_the_rows_hold(
    make: Make, tmp_path: Path
) -> None:
    make("a.nii.gz")
    (tmp_path / "c.csv").write_text("file,label\na.nii.gz,T2w,one cell more than the header\n")
    with pytest.raises(UsageError, match="has no column 'role'; it has: file, label$"):
        gather.catalogue(Truth(tmp_path / "c.csv"), section_column="role")


def test_the_folder_below_a_labels_is_the_patient(make: Make, tmp_path: Path) -> None:
    make("sorted/T1w/P-1/study-2/x_0.nii.gz")
    make("sorted/FLAIR/alone.nii.gz")
    volumes, left = gather.folders(tmp_path / "sorted")
    assert [(v.label, v.patient, v.guessed) for v in volumes] == [
        ("flair", str(tmp_path / "sorted/FLAIR/alone.nii.gz"), True),
        ("t1w", "P-1", False),
    ]
    assert left == []


def test_a_bids_subject_is_the_patient_of_files_that_a_sort_knew_no_patient_of(
    make: Make, tmp_path: Path
) -> None:
    make("sorted/T1w/F-0123456789/sub-01_T1w-aaaaaaaa_0.nii.gz")
    make("sorted/ADC/F-abcdef0123/sub-01_ADC-bbbbbbbb_0.nii.gz")
    make("sorted/FLAIR/sub-02_FLAIR.nii.gz")
    volumes, _ = gather.folders(tmp_path / "sorted")
    assert [(v.label, v.patient, v.guessed) for v in volumes] == [
        ("adc", "sub-01", False),
        ("flair", "sub-02", False),
        ("t1w", "sub-01", False),
    ]


def test_a_folder_that_a_sort_made_of_files_without_a_patient_is_a_guess(make: Make, tmp_path: Path) -> None:
    make("sorted/T1w/F-0123456789/scan-aaaaaaaa_0.nii.gz")
    make("sorted/T1w/F-Smith/scan.nii.gz")
    volumes, _ = gather.folders(tmp_path / "sorted")
    assert [(v.patient, v.guessed) for v in volumes] == [("F-0123456789", True), ("F-Smith", False)]


def test_other_is_taken_from_aside_where_a_sort_puts_it(make: Make, tmp_path: Path) -> None:
    make("sorted/T1w/P-1/x_0.nii.gz")
    make("sorted/aside/other/P-1/study-2/y_0.nii.gz")
    make("sorted/other/P-2/z_0.nii.gz")
    volumes, _ = gather.folders(tmp_path / "sorted")
    assert sorted((v.label, v.patient) for v in volumes) == [
        ("other", "P-1"),
        ("other", "P-2"),
        ("t1w", "P-1"),
    ]


def test_what_lies_in_no_folder_of_a_label_is_left_out_with_its_folder(make: Make, tmp_path: Path) -> None:
    make("sorted/T1w/P-1/x_0.nii.gz")
    for name in ("aside/conflict/P-1/a", "aside/several/P-1/b", "DWI/P-1/c", "loose", "aside/loose"):
        make(f"sorted/{name}.nii.gz")
    volumes, left = gather.folders(tmp_path / "sorted")
    assert len(volumes) == 1
    assert sorted(one.reason for one in left) == [
        "DWI is not a label",
        "aside/conflict is not a label",
        "aside/several is not a label",
        "it lies in no folder of a label",
        "it lies in no folder of a label",
    ]


def test_a_folder_without_folders_of_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(UsageError, match="holds no folder called T1w"):
        gather.folders(tmp_path)


def test_names_cannot_paint_the_terminal() -> None:
    (line,) = gather.told([Left(HOSTILE, "t1w", "gone")])
    assert line == "  1: gone (=cmd|' /C calc'!A0\ufffd[31m red)"
