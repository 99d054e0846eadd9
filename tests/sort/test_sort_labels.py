"""Class folders: every series as a whole under its label, what is doubtful aside, the input as it was."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
import sort_runs
from mrclass import cli
from mrclass.sort import sort
from sort_runs import Done


def table(dest: Path) -> dict[str, dict[str, str]]:
    """sorted.csv by `source`; of several volumes the last."""
    with (dest / "sorted.csv").open(newline="", encoding="utf-8") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def copied(done: Done, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dest = tmp_path_factory.mktemp("copied") / "dest"
    sort(done.out, dest)
    return dest


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("a/t1", "T1w"),
        ("a/gd", "T1ce"),
        ("a/t2", "T2w"),
        ("a/fl", "FLAIR"),
        ("a/adc", "ADC"),
        ("a/swi", "SWI"),
        ("c/scan.nii", "FLAIR"),
        ("a/loc", "aside/other"),
        ("a/odd", "aside/conflict"),
        ("a/dual", "aside/several"),
    ],
)
def test_a_series_goes_as_a_whole_to_the_folder_of_its_label(
    done: Done, copied: Path, source: str, folder: str
) -> None:
    target = table(copied)[source]["target"]
    assert target.startswith(f"{folder}/")
    original = done.export / source
    if original.is_dir():
        assert sort_runs.tree(copied / target) == sort_runs.tree(original)
    else:  # with its sidecar
        assert sort_runs.tree(copied / target) == sort_runs.tree(original.parent)


def test_what_stands_aside_has_its_reason(copied: Path) -> None:
    rows = table(copied)
    assert rows["a/loc"]["why_not"] == "other: no classifier claims it; closest: T1w 0.900"
    assert rows["a/odd"]["why_not"] == "conflict: T2w and FLAIR reach their thresholds"
    assert (
        rows["a/dual"]["why_not"] == "several: its volumes are other, T2w; with --nifti each goes by itself"
    )
    assert rows["a/t1"]["why_not"] == ""


def test_what_could_not_be_read_or_is_not_mr_is_named_and_put_nowhere(copied: Path) -> None:
    rows = table(copied)
    assert rows["b/ct"]["target"] == rows["a/torso/IM1.dcm"]["target"] == ""
    assert rows["b/ct"]["why_not"].startswith("skipped: Modality CT")
    assert rows["a/torso/IM1.dcm"]["why_not"].startswith("unreadable: ")


def test_every_series_has_a_line(copied: Path) -> None:
    assert set(table(copied)) == {*sort_runs.SERIES, "a/dual", "a/torso/IM1.dcm", "c/scan.nii"}


def test_no_header_chooses_where_something_goes(done: Done, tmp_path: Path) -> None:
    dest = tmp_path / "deep" / "dest"
    sort(done.out, dest)
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert {path.name for path in dest.parent.iterdir()} == {"dest"}
    names = {part for path in dest.rglob("*") for part in path.relative_to(dest).parts}
    assert not [
        name for name in names - {".mrclass-sort.jsonl"} if not re.fullmatch(r"\w[\w.+-]*", name, re.A)
    ]


def test_links_lead_to_the_input(done: Done, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    sort(done.out, dest, mode="link")
    target = dest / table(dest)["a/t1"]["target"]
    links = {path.name: path.readlink() for path in target.iterdir()}
    assert links == {f"IM{n}.dcm": done.export / "a" / "t1" / f"IM{n}.dcm" for n in (1, 2, 3)}


def test_nifti_puts_each_volume_by_itself(done: Done, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    sort(done.out, dest, mode="nifti")
    with (dest / "sorted.csv").open(newline="", encoding="utf-8") as file:
        targets = {
            row["volume_note"]: row["target"] for row in csv.DictReader(file) if row["source"] == "a/dual"
        }
    assert targets["echo 1"].startswith("aside/other/") and targets["echo 2"].startswith("T2w/")
    for target in targets.values():
        assert (dest / f"{target}.nii.gz").is_file() and (dest / f"{target}.json").is_file()


def test_a_nifti_volume_keeps_its_voxels_and_loses_its_free_texts(tmp_path: Path) -> None:
    path = sort_runs.nifti(tmp_path / "export" / "scan.nii", "t2w")
    image = nibabel.Nifti1Image(nibabel.load(path).get_fdata(), np.diag([2.0, 2.0, 3.0, 1.0]))
    image.header["descrip"], image.header["aux_file"] = b"Secret^Name 1901", b"seen by Secret"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Secret"))
    nibabel.save(image, path)
    sort(sort_runs.classify(tmp_path / "export", tmp_path / "out"), tmp_path / "dest", mode="nifti")
    (put,) = (tmp_path / "dest" / "T2w").rglob("*.nii.gz")
    found = nibabel.load(put)
    assert np.array_equal(found.get_fdata(), image.get_fdata())
    assert np.array_equal(found.affine, image.affine)
    assert not found.header.extensions
    assert not any(bytes(found.header[name]).strip(b"\0") for name in ("descrip", "aux_file", "db_name"))


@pytest.mark.parametrize(("layout", "mode"), [("labels", "copy"), ("labels", "link"), ("bids", "nifti")])
def test_the_input_and_the_run_are_never_changed(done: Done, tmp_path: Path, layout: str, mode: str) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_mode)
            for root in (done.export, done.out)
            for path in [root, *root.rglob("*")]
        }

    before, content = state(), sort_runs.tree(done.export)
    sort(done.out, tmp_path / "dest", layout, mode)
    assert state() == before
    assert sort_runs.tree(done.export) == content


def test_the_command_says_what_it_did_and_that_something_was_unreadable(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sort", str(done.out), str(tmp_path / "dest")]) == cli.SOME_UNREADABLE
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "3 T1w, 2 T1ce, 1 T2w, 2 FLAIR, 1 ADC, 1 SWI; aside: 1 conflict, 1 other, 1 several;"
        " left out: 1 unreadable, 1 skipped; 13 put now, 0 there already.\n"
    )
