"""Many subjects: independent streams, resumption, one truth.csv."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import pydicom
import pytest
from mrclass.errors import UsageError
from mrclass.phantom import study
from mrclass.phantom.protocols import MORE_KINDS
from mrclass.phantom.study import TRUTH_COLUMNS, stream, write_subjects

KINDS = ("t2w", "dwi", "t1ce_se")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.mark.usefixtures("small_physics")
class TestBookkeeping:
    def test_one_subject_is_a_prefix_of_two(self, tmp_path: Path) -> None:
        write_subjects(tmp_path / "one", 1, seed=3, kinds=KINDS)
        write_subjects(tmp_path / "two", 2, seed=3, kinds=KINDS)
        assert contents(tmp_path / "one" / "sub-0001") == contents(tmp_path / "two" / "sub-0001")

    def test_a_kind_left_out_changes_no_other(self, tmp_path: Path) -> None:
        write_subjects(tmp_path / "all", 1, seed=3, kinds=KINDS)
        write_subjects(tmp_path / "few", 1, seed=3, kinds=("t1ce_se",))
        (name,) = [p.name for p in (tmp_path / "few" / "sub-0001").glob("*.nii.gz")]
        assert (tmp_path / "few/sub-0001" / name).read_bytes() == (
            tmp_path / "all/sub-0001" / name
        ).read_bytes()

    def test_a_folder_begun_with_realism_1_is_not_continued_with_realism_2(self, tmp_path: Path) -> None:
        write_subjects(tmp_path, 1, seed=3, kinds=KINDS)
        with pytest.raises(UsageError, match="begun with realism 1; asked for now: realism 2"):
            write_subjects(tmp_path, 2, seed=3, kinds=KINDS, realism=2)

    def test_kinds_added_later_are_written_only_when_they_are_named(self, tmp_path: Path) -> None:
        usual = read(write_subjects(tmp_path / "usual", 1))
        named = read(write_subjects(tmp_path / "named", 1, kinds=("quality", "t2w")))
        assert not {row["kind"] for row in usual} & set(MORE_KINDS)
        assert [row["kind"] for row in named] == ["quality", "t2w"]

    def test_truth_has_a_row_for_every_file_and_no_other(self, tmp_path: Path) -> None:
        rows = read(write_subjects(tmp_path, 2, seed=3, kinds=KINDS))
        assert tuple(rows[0]) == TRUTH_COLUMNS
        named = [row["file"] for row in rows]
        assert sorted(named) == sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.nii.gz"))
        assert {row["source"] for row in rows} == {"simulated"}

    def test_labels_of_the_truth_are_those_of_the_kinds(self, tmp_path: Path) -> None:
        rows = read(write_subjects(tmp_path, 1, seed=3, kinds=KINDS))
        assert [(row["kind"], row["label"]) for row in rows] == [
            ("t2w", "t2w"), ("dwi", "other"), ("dwi", "other"), ("t1ce_se", "t1ce"),
        ]  # fmt: skip

    def test_each_b_value_is_a_file_of_its_own(self, tmp_path: Path) -> None:
        rows = read(write_subjects(tmp_path, 1, seed=3, kinds=("dwi",)))
        assert [float(row["b_value"]) for row in rows][0] == 0.0
        assert len(rows) == 2
        low, high = (nib.load(tmp_path / row["file"]).get_fdata().max() for row in rows)
        assert low > high

    def test_asking_for_more_writes_only_what_is_missing(self, tmp_path: Path) -> None:
        write_subjects(tmp_path, 1, seed=3, kinds=KINDS)
        before = {p: p.stat().st_mtime_ns for p in (tmp_path / "sub-0001").iterdir()}
        truth = write_subjects(tmp_path, 2, seed=3, kinds=KINDS)
        assert {p: p.stat().st_mtime_ns for p in (tmp_path / "sub-0001").iterdir()} == before
        assert {row["patient"] for row in read(truth)} == {"sub-0001", "sub-0002"}

    def test_a_subject_cut_short_is_not_taken_for_complete(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(study, "_write_truth", fail)
            with pytest.raises(KeyboardInterrupt):
                write_subjects(tmp_path, 1, seed=3, kinds=KINDS)
        assert not (tmp_path / "sub-0001").exists()
        assert len(read(write_subjects(tmp_path, 1, seed=3, kinds=KINDS))) == 4
        assert not list(tmp_path.glob(".*.part"))

    def test_other_settings_in_the_same_folder_are_refused(self, tmp_path: Path) -> None:
        write_subjects(tmp_path, 1, seed=3, kinds=KINDS)
        with pytest.raises(UsageError, match="begun with seed 3; asked for now: seed 4"):
            write_subjects(tmp_path, 1, seed=4, kinds=KINDS)

    def test_folders_of_another_origin_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "sub-0001").mkdir()
        with pytest.raises(UsageError, match="did not write"):
            write_subjects(tmp_path, 1, kinds=KINDS)

    def test_dicom_rows_name_the_series(self, tmp_path: Path) -> None:
        rows = read(write_subjects(tmp_path, 1, seed=3, format="dicom", kinds=("t2w", "dwi")))
        assert len(rows) == 2
        for row in rows:
            uids = {pydicom.dcmread(p).SeriesInstanceUID for p in (tmp_path / row["file"]).iterdir()}
            assert uids == {row["series_uid"]}
        assert rows[1]["b_value"].split()[0] == "0"

    def test_progress_counts_subjects(self, tmp_path: Path) -> None:
        steps: list[tuple[int, int]] = []
        write_subjects(tmp_path, 2, seed=3, kinds=("t2w",), progress=lambda *step: steps.append(step))
        assert steps == [(0, 2), (1, 2), (2, 2)]


def test_an_unknown_format_lists_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nifti, dicom"):
        write_subjects(tmp_path, 1, format="minc")


def test_an_unknown_kind_lists_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="t1w_mprage"):
        write_subjects(tmp_path, 1, kinds=("t3w",))


def test_no_subject_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ask for 1 or more"):
        write_subjects(tmp_path, 0)


def test_streams_differ_by_seed_subject_and_purpose() -> None:
    draws = {stream(*key).random() for key in ((1, 1, ""), (2, 1, ""), (1, 2, ""), (1, 1, "t2w"))}
    assert len(draws) == 4
