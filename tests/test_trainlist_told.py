"""`mrclass datalist`: what a list is warned of, and the command that writes it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from boxes import Make, eight, maker, volume
from mrclass import cli, datalist, trainlist
from mrclass.gather import Volume


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return maker(tmp_path)


def test_labels_with_few_patients_and_labels_that_are_missing_are_told(make: Make) -> None:
    one = volume(make("one.nii.gz", 90), "flair", "q")
    told = trainlist.make([*eight(make), one]).warnings
    assert "FLAIR comes from 1 patient, which cannot be in both sections." in told
    assert "No volume of T1ce, T2w, ADC, SWI, other." in told
    assert not any(sentence.startswith("T1w") for sentence in told)


def test_one_volume_without_a_patient_is_told_in_the_singular(make: Make) -> None:
    alone = [Volume(make(f"x{n}.nii.gz", 80 + n), "t1w", f"x{n}", "here", guessed=True) for n in (0, 1)]
    assert "1 volume without a patient" in trainlist.make([*eight(make), alone[0]]).warnings[0]
    assert "2 volumes without a patient" in trainlist.make([*eight(make), *alone]).warnings[0]


def test_conflicts_that_keep_a_runs_label_are_told(make: Make) -> None:
    first, *others = eight(make)
    told = trainlist.make([replace(first, doubtful=True), *others]).warnings
    assert "1 of the volumes in conflict still have the run's own label: look at them." in told


# ---- the command


def test_the_command_writes_a_list_that_the_bundles_read(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volumes = [*eight(make), *eight(make, "t2w", 100)]
    lines = [f"{v.image.name},{v.label},{v.patient},{v.source}" for v in volumes]
    lines.append("t1w3.nii.gz,T1w,t1w-p3,s3")
    (tmp_path / "c.csv").write_text("\n".join(["file,label,patient,source", *lines]))
    file = tmp_path / "out" / "list.json"
    code = cli.main(
        ["datalist", "--catalogue", str(tmp_path / "c.csv"), "--relative-to", str(tmp_path), "-o", str(file)]
    )
    out, err = capsys.readouterr()
    assert (code, out) == (0, f"{file}\n")
    sections = datalist.load(str(file), dataset_dir=str(tmp_path), positives=["t2w"])
    assert [len(sections[name]) for name in datalist.SECTIONS] == [12, 4]
    content = json.loads(file.read_text())
    assert content["training"][0].keys() == {"image", "label", "patient", "source"}
    assert (content["made_by"]["by"], content["made_by"]["seed"]) == ("patient", 0)
    table = [" ".join(line.split()) for line in err.splitlines()]
    assert table[:4] == [
        "LABEL TRAINING VALIDATION",
        "T1w 6 of 6 patients 2 of 2 patients",
        "T2w 6 of 6 patients 2 of 2 patients",
        "all 12 of 12 patients 4 of 4 patients",
    ]
    assert "Left out, 1 of 17" in err
    with file.with_name("list-left-out.csv").open(newline="") as aside:
        (row,) = csv.DictReader(aside)
    assert row["reason"].startswith("the same image again: ")


def test_an_unsplit_list_is_a_plain_one(make: Make, tmp_path: Path) -> None:
    for n in range(3):
        make(f"sorted/T1w/p{n}/a.nii.gz", n)
    file = tmp_path / "list.json"
    assert cli.main(["datalist", "--folders", str(tmp_path / "sorted"), "--unsplit", "-o", str(file)]) == 0
    assert [entry["patient"] for entry in json.loads(file.read_text())] == ["p0", "p1", "p2"]
