"""`mrclass.balance`: files in = files in volumes + files explained, whatever the input holds."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import doubles
import pytest
from dicom_files import image, stack, write
from mrclass import balance, run
from mrclass.dicom import scan
from mrclass.errors import UsageError
from mrclass.ledger import Ledger


def classify(export: Path, out: Path, **more: Any) -> run.Result:
    options: dict[str, Any] = {"jobs": 1, "rooms": doubles.ROOMS, "say": lambda text: None}
    return run.classify([export], out, **{**options, **more})


def lines(out: Path) -> dict[str, dict[str, str]]:
    with (out / balance.FILES).open(newline="", encoding="utf-8") as file:
        return {line["file"]: line for line in csv.DictReader(file)}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A finished run over a good series, one that the converter gives up, a CT, and a PDF."""
    export = tmp_path / "export"
    export.mkdir()
    for name, words in {"a": "t1w", "b": "broken", "c": "ct"}.items():
        (export / f"{name}.txt").write_text(words)
    (export / "notes.pdf").write_text("no image")
    classify(export, tmp_path / "out", scan=doubles.scan)
    return tmp_path / "out"


def test_every_file_is_in_a_volume_or_has_its_reason(out: Path) -> None:
    found = lines(out)
    assert {name: line["state"] for name, line in found.items()} == {
        "a.txt": "in a volume", "b.txt": "explained", "c.txt": "explained", "notes.pdf": "explained",
    }  # fmt: skip
    assert found["b.txt"]["note"] == "dcm2niix made no volume: it said so"
    assert found["c.txt"]["note"] == "Modality CT is not MR"
    assert found["notes.pdf"]["note"] == "not an image"
    assert found["a.txt"]["series"] == "t1w" and found["a.txt"]["series_key"].startswith("S-")


def test_the_run_ends_with_the_balance(out: Path) -> None:
    found = json.loads((out / "run.json").read_text())["balance"]
    assert (found["files"], found["in_volumes"], found["explained"], found["unexplained"]) == (4, 1, 3, 0)
    assert sum(found["reasons"].values()) == 3
    assert balance.sentence(found).startswith("4 files in = 1 in volumes + 3 explained (")


def test_counting_again_from_the_folders_gives_the_same(out: Path, tmp_path: Path) -> None:
    found = balance.recount(out)
    assert balance.balanced(found) and found["on_disk"] == 4
    assert balance.main([f"test={out}", "-o", str(tmp_path / "balance.json")]) == 0
    assert json.loads((tmp_path / "balance.json").read_text())["runs"]["test"] == found


def test_a_file_that_the_table_lost_is_named(out: Path) -> None:
    table = (out / balance.FILES).read_text().splitlines(keepends=True)
    (out / balance.FILES).write_text("".join(line for line in table if not line.startswith("b.txt")))
    found = balance.recount(out)
    assert found["not_in_table"] == ["b.txt"] and not balance.balanced(found)
    assert balance.main([f"test={out}"]) == 1


def test_a_file_without_a_reason_is_not_explained() -> None:
    found = balance.count({("in a volume", ""): 2, ("waiting", ""): 1})
    assert found["unexplained"] == 1
    assert "1 NOT EXPLAINED" in balance.sentence(found)


def test_a_folder_without_a_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no finished run"):
        balance.recount(tmp_path)


def test_copies_and_cut_files_of_a_good_series_are_explained_not_counted_in(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    stack(folder, 3)
    (folder / "copy.dcm").write_bytes((folder / "IM1.dcm").read_bytes())
    whole = write(folder / "cut.dcm", image(1, 4))
    os.truncate(whole, whole.stat().st_size - 100)
    (folder / "empty.dcm").touch()
    intake = scan([folder])
    (series,) = [one for one in intake.series if one.skip_reason is None]
    with Ledger(tmp_path / "mrclass.sqlite") as book:
        head = {"series_key": book.series_key(series.key), "root": str(folder), "fingerprint": "x"}
        book.finish({**head, "status": "done", "reason": "1 of 4 files left out"}, [{"label": "t1w"}])
        found = balance.write_files(intake.files, [folder], book, tmp_path / balance.FILES)
    assert found == {
        "files": 6, "in_volumes": 3, "explained": 3, "unexplained": 0,
        "reasons": {"duplicate": 1, "truncated or without pixels": 1, "not DICOM or NIfTI": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("duplicate of IM1.dcm", "duplicate"),
        ("Modality CT: not MR", "not MR"),
        ("truncated: the pixel data end after 3 of 9 bytes", "truncated or without pixels"),
        ("a structured report, no image to look at (Basic Text SR Storage)", "no image in it"),
        ("not DICOM or NIfTI (a PDF)", "not DICOM or NIfTI"),
        ("No volume could be made: the disk is full.", "not converted"),
        ("its header cannot be read (ValueError: x)", "damaged header"),
        ("something new", "other reasons"),
    ],
)
def test_reasons_are_counted_by_kind(reason: str, kind: str) -> None:
    assert balance.kind(reason) == kind
