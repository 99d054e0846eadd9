"""Labels that a person gave to a run: the volumes are made, named by row or by folder, and listed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
import pytest
import sort_runs
from mrclass import cli, gather
from mrclass.errors import UsageError
from mrclass.gather import Left
from mrclass.truth import Truth
from sort_runs import Done


def by_folder(done: Done, tmp_path: Path, *lines: str) -> Truth:
    path = tmp_path / "review.csv"
    path.write_text("\n".join(["file,label", *lines]))
    return Truth(path, root=done.export)


def row_of(done: Done, source: str) -> str:
    with (done.out / "results.csv").open(newline="", encoding="utf-8") as file:
        return next(row["row_id"] for row in csv.DictReader(file) if row["source"] == source)


def test_the_labels_are_the_persons_and_the_volumes_are_made(done: Done, tmp_path: Path) -> None:
    # the run took a/t1 for T1w, a/odd for a conflict, a/loc for other
    truth = by_folder(done, tmp_path, "a/t1,T1ce", "a/odd,FLAIR", "a/loc,other")
    volumes, left = gather.reviewed(done.out, truth, tmp_path / "volumes")
    assert sorted(v.label for v in volumes) == ["flair", "other", "t1ce"]
    assert all(nibabel.load(v.image).ndim == 3 for v in volumes)
    assert left == []


def test_a_conflict_that_keeps_the_runs_label_is_doubtful(done: Done, tmp_path: Path) -> None:
    truth = by_folder(done, tmp_path, "a/t1,T1w", "a/odd,T2w")
    volumes, _ = gather.reviewed(done.out, truth, tmp_path / "volumes")
    assert [volume.label for volume in volumes if volume.doubtful] == ["t2w"]
    mended = by_folder(done, tmp_path, "a/t1,T1w", "a/odd,FLAIR")
    assert not any(volume.doubtful for volume in gather.reviewed(done.out, mended, tmp_path / "again")[0])


def test_only_series_with_a_label_are_converted(done: Done, tmp_path: Path) -> None:
    gather.reviewed(done.out, by_folder(done, tmp_path, "a/t2,T2w"), tmp_path / "volumes")
    assert len(list((tmp_path / "volumes").rglob("*.nii.gz"))) == 1


def test_patients_are_the_runs_pseudonyms(done: Done, tmp_path: Path) -> None:
    truth = by_folder(done, tmp_path, "a/t1,T1w", "a/t2,T2w", "b/t1,T1w")
    volumes, _ = gather.reviewed(done.out, truth, tmp_path / "volumes")
    assert len({v.patient for v in volumes}) == 2
    assert all(v.patient.startswith("P-") for v in volumes)


def test_files_of_one_bids_subject_are_one_patient_whatever_their_folders(tmp_path: Path) -> None:
    export = tmp_path / "export"
    for name, kind in [("01/anat", "t1w"), ("01/dwi", "adc"), ("02/dwi", "adc")]:
        sort_runs.nifti(export / f"sub-{name}" / "scan.nii", kind)
    out = sort_runs.classify(export, tmp_path / "out")
    path = tmp_path / "review.csv"
    path.write_text("file,label\nsub-01/anat,T1w\nsub-01/dwi,ADC\nsub-02/dwi,ADC\n")
    volumes, _ = gather.reviewed(out, Truth(path, root=export), tmp_path / "volumes")
    assert sorted((v.label, v.patient, v.guessed) for v in volumes) == [
        ("adc", "sub-01", False),
        ("adc", "sub-02", False),
        ("t1w", "sub-01", False),
    ]


def test_a_folder_of_files_without_a_patient_is_told_to_be_a_guess(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = by_folder(done, tmp_path, "a/t1,T1w", "c,FLAIR")
    volumes, _ = gather.reviewed(done.out, truth, tmp_path / "volumes")
    assert [v.guessed for v in volumes if v.label == "flair"] == [True]
    code = cli.main(
        ["datalist", "--run", str(done.out), str(truth.path), "--root", str(done.export), "--volumes",
         str(tmp_path), "--min-pixels", "0", "--unsplit", "-o", str(tmp_path / "list.json")]
    )  # fmt: skip
    assert code == 0
    assert "Warning: 1 volume without a patient" in capsys.readouterr().err


def test_two_runs_of_one_person_are_listed_with_a_warning_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = []
    for number, kind in ((1, "t1w"), (2, "flair")):  # baseline and follow-up of one person
        sort_runs.series(tmp_path / f"export{number}" / "s", number, kind, PatientID="one")
        out = sort_runs.classify(tmp_path / f"export{number}", tmp_path / f"out{number}")
        review = tmp_path / f"review{number}.csv"
        review.write_text(f"file,label\n{tmp_path}/export{number}/s,{kind}\n")
        words += ["--run", str(out), str(review)]
    command = ["datalist", *words, "--volumes", str(tmp_path / "volumes"), "--min-pixels", "0", "--unsplit"]
    assert cli.main([*command, "-o", str(tmp_path / "list.json")]) == 0
    assert len({entry["patient"] for entry in json.loads((tmp_path / "list.json").read_text())}) == 2
    warning = capsys.readouterr().err.partition("Warning: ")[2]
    assert warning.startswith("Each run has pseudonyms of its own")
    assert "classify all exports into one run" in warning


def test_a_label_changed_later_converts_nothing_again(done: Done, tmp_path: Path) -> None:
    (first,), _ = gather.reviewed(done.out, by_folder(done, tmp_path, "a/t1,T1w"), tmp_path / "volumes")
    before = first.image.stat().st_mtime_ns
    again, _ = gather.reviewed(
        done.out, by_folder(done, tmp_path, "a/t1,T1ce", "a/t2,T2w"), tmp_path / "volumes"
    )
    assert [v.label for v in again if v.image == first.image] == ["t1ce"]
    assert first.image.stat().st_mtime_ns == before
    assert len(again) == 2


def test_by_row_the_volumes_of_one_series_may_differ(done: Done, tmp_path: Path) -> None:
    with (done.out / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    echoes = [row for row in rows if row["source"] == "a/dual"]
    assert len(echoes) == 2
    path = tmp_path / "review.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row, label in zip(echoes, ("other", "T2w"), strict=True):
            writer.writerow({**row, "label": label})  # a copy of results.csv with its labels mended
        writer.writerow({**rows[0], "label": ""})  # nobody named this one
    volumes, _ = gather.reviewed(done.out, Truth(path), tmp_path / "volumes")
    assert [v.label for v in volumes] == ["other", "t2w"]
    assert [v.source for v in volumes] == [done.out.name] * 2


def test_a_series_that_could_not_be_read_is_left_out_with_its_reason(done: Done, tmp_path: Path) -> None:
    truth = by_folder(done, tmp_path, "a/t1,T1w", "a/torso,T1w")
    volumes, (torso,) = gather.reviewed(done.out, truth, tmp_path / "volumes")
    assert len(volumes) == 1
    assert torso.image.startswith("a/torso")
    assert torso.reason.startswith("unreadable: ")


def test_lines_about_no_row_of_the_run_are_left_out_by_name(done: Done, tmp_path: Path) -> None:
    truth = by_folder(done, tmp_path, "a/t1,T1w", "z/none,FLAIR")
    _, left = gather.reviewed(done.out, truth, tmp_path / "volumes")
    assert left == [Left("z/none", "flair", "no row of the run")]


def test_row_ids_that_the_run_has_not_are_left_out_by_number(done: Done, tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    path.write_text(f"row_id,label\n{row_of(done, 'a/t1')},T1w\n4711,FLAIR\n")
    volumes, left = gather.reviewed(done.out, Truth(path), tmp_path / "volumes")
    assert len(volumes) == 1
    assert left == [Left("row_id 4711", "flair", "no row of the run")]


@pytest.mark.parametrize("lines", [("a/t1,T1w", "a/t1,FLAIR"), ("a/t1,FLAIR", "b/../a/t1,T1w")])
def test_one_series_cannot_have_two_labels(done: Done, tmp_path: Path, lines: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="in the truth and .* but both lines are about one"):
        gather.reviewed(done.out, by_folder(done, tmp_path, *lines), tmp_path / "volumes")


def test_one_row_cannot_have_two_labels_but_the_same_twice(done: Done, tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    row = row_of(done, "a/t1")
    path.write_text(f"row_id,label\n{row},T1w\n{row},T1w\n")
    assert len(gather.reviewed(done.out, Truth(path), tmp_path / "volumes")[0]) == 1
    path.write_text(f"row_id,label\n{row},T1w\n4711,T2w\n{row},FLAIR\n")
    with pytest.raises(UsageError, match=f"row_id {row} is T1w in one line and FLAIR in another"):
        gather.reviewed(done.out, Truth(path), tmp_path / "volumes")


def test_where_chooses_among_the_lines_of_a_run_too(done: Done, tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    path.write_text("file,label,role\na/t1,T1w,train\na/t2,T2w,test\n")
    code = cli.main(
        ["datalist", "--run", str(done.out), str(path), "--root", str(done.export), "--volumes",
         str(tmp_path / "volumes"), "--min-pixels", "0", "--unsplit", "--where", "role=train", "-o",
         str(tmp_path / "list.json")]
    )  # fmt: skip
    assert code == 0
    assert [entry["label"] for entry in json.loads((tmp_path / "list.json").read_text())] == ["t1w"]


def test_where_is_not_passed_over_in_a_csv_without_its_column(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = by_folder(done, tmp_path, "a/t1,T1w")
    code = cli.main(
        ["datalist", "--run", str(done.out), str(truth.path), "--root", str(done.export), "--volumes",
         str(tmp_path / "volumes"), "--where", "role=train", "-o", str(tmp_path / "list.json")]
    )  # fmt: skip
    assert code == 2
    assert f"{truth.path} has no column 'role'; it has: file, label" in capsys.readouterr().err


def test_a_csv_about_nothing_in_the_run_is_refused(done: Done, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="None of the 1 lines"):
        gather.reviewed(done.out, by_folder(done, tmp_path, "z/none,T1w"), tmp_path / "volumes")


def test_the_command_makes_volumes_and_list_of_a_reviewed_run(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = by_folder(done, tmp_path, "a/t1,T1w", "a/t2,T2w", "b/t1,T1w")
    code = cli.main(
        ["datalist", "--run", str(done.out), str(truth.path), "--root", str(done.export), "--volumes",
         str(tmp_path / "volumes"), "--min-pixels", "0", "--unsplit", "-o", str(tmp_path / "list.json")]
    )  # fmt: skip
    assert code == 0, capsys.readouterr().err
    listed = json.loads((tmp_path / "list.json").read_text())
    assert sorted(entry["label"] for entry in listed) == ["t1w", "t2w"]  # a/t1 and b/t1 are one image
    assert "1: the same image again" in capsys.readouterr().err
