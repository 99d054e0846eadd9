"""The small demo through the real intake, converter and ledger: nothing is lost and every lie stands out."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mrclass.balance import balanced, recount
from mrclass.cli import main
from mrclass.phantom.demo import Demo, write_demo

sys.path.insert(0, str(Path(__file__).parents[1]))
from tiny_bundles import make_bundle  # noqa: E402

VOLUMES = {"localizer": 3, "dwi": 2}  # planes, b-values; every other series holds one


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, small_physics: None) -> Demo:
    return write_demo(tmp_path_factory.mktemp("demo"), seed=5, jobs=1)


@pytest.fixture(scope="module")
def out(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of members that refuse everything: its labels say nothing, its bookkeeping does."""
    folder = tmp_path_factory.mktemp("run")
    for label in ("t1w", "t2w", "flair", "adc", "swi"):
        make_bundle(folder / "bundles" / f"mrclass_{label}", label, offset=-5.0)
    make_bundle(folder / "bundles" / "mrclass_t1ce", "t1ce", refines="t1w", threshold=0.5)
    arguments = [str(demo.export), "-o", str(folder / "out"), "--bundles", str(folder / "bundles")]
    assert main(["classify", *arguments, "--jobs", "1", "--keep-identifiers"]) == 3  # one file is cut off
    return folder / "out"


@pytest.fixture(scope="module")
def rows(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of the run by SeriesInstanceUID."""
    found: dict[str, list[dict[str, Any]]] = {}
    content = json.loads((out / "results.json").read_text(encoding="utf-8"))
    for row in content["rows"] if isinstance(content, dict) else content:
        found.setdefault(row["series_uid"], []).append(row)
    return found


def truth(demo: Demo) -> list[dict[str, str]]:
    with demo.truth.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["series_uid"]]


def test_files_in_are_files_in_volumes_and_files_explained(demo: Demo, out: Path) -> None:
    found = recount(out)
    assert balanced(found) and found["on_disk"] == demo.n_files
    assert found["in_volumes"] + found["explained"] == demo.n_files
    # one text file, one report without an image, one file that is cut off
    assert found["explained"] == 3, found["reasons"]


def test_every_series_has_its_rows_and_no_other_has(
    demo: Demo, rows: dict[str, list[dict[str, Any]]]
) -> None:
    assert {uid: len(of_series) for uid, of_series in rows.items()} == {
        row["series_uid"]: VOLUMES.get(row["kind"], 1) for row in truth(demo)
    }


def test_every_series_ends_as_the_truth_expects(demo: Demo, rows: dict[str, list[dict[str, Any]]]) -> None:
    for line in truth(demo):
        assert {row["status"] for row in rows[line["series_uid"]]} == {line["expected_status"]}, line["file"]


def test_what_is_not_done_says_why(rows: dict[str, list[dict[str, Any]]]) -> None:
    not_done = [row for of_series in rows.values() for row in of_series if row["status"] != "done"]
    assert len(not_done) == 2
    assert all(row["reason"] for row in not_done)


def test_every_file_is_accounted_for(demo: Demo, out: Path) -> None:
    with (out / "files.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert sorted(line["file"] for line in lines) == sorted(
        path.relative_to(demo.export).as_posix() for path in demo.export.rglob("*") if path.is_file()
    )
    assert all(line["series_key"] or line["note"] for line in lines)


def test_with_right_labels_only_the_lies_would_stand_out(
    demo: Demo, rows: dict[str, list[dict[str, Any]]]
) -> None:
    for line in truth(demo):
        claimed = {row["header_label"] for row in rows[line["series_uid"]] if row["status"] == "done"}
        if line["lie"]:
            assert line["label"] not in claimed, line["lie"]
        elif claimed:
            assert claimed == {line["label"]}, line["file"]


def test_planes_of_the_volumes_are_those_of_the_truth(
    demo: Demo, rows: dict[str, list[dict[str, Any]]]
) -> None:
    for line in truth(demo):
        planes = {row["acquisition_plane"] for row in rows[line["series_uid"]] if row["status"] == "done"}
        if line["kind"] == "localizer":
            assert planes == {"axial", "sagittal", "coronal"}
        elif planes:
            assert planes == {line["plane"]}, line["file"]
