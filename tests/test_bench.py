"""The arithmetic of the bench; its timing needs weights and time, and is left to `make bench`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mrclass import bench

SERIES = [
    {"convert": 1.0, "slab": 1.0, "n4": 2.0, "networks": 3.0},
    {"convert": 1.0, "slab": 1.0, "n4": 0.0, "networks": 3.0},
]


def test_shares_are_those_of_all_series_and_sum_to_one() -> None:
    figures = bench.summarise(SERIES, report_s=4.0, plain_s=[10.0, 10.0])
    assert figures["seconds_per_series"] == 8.0
    assert figures["stages"]["n4"] == {"seconds_per_series": 1.0, "share": 0.125}
    assert sum(entry["share"] for entry in figures["stages"].values()) == 1.0
    assert tuple(figures["stages"]) == bench.STAGES


def test_the_plain_run_is_compared_with_what_the_networks_side_takes_alone() -> None:
    # slab, N4 and networks took 6 + 4 seconds, each bundle by itself 20
    assert bench.summarise(SERIES, 4.0, [10.0, 10.0])["plain_to_ensemble"] == 2.0


def test_the_median_holds_its_part_of_the_report() -> None:
    assert bench.summarise(SERIES, 4.0, [1.0, 1.0])["median_seconds_per_series"] == 6.0 + 2.0


def test_the_table_names_every_stage() -> None:
    text = bench.table({**bench.summarise(SERIES, 4.0, [10.0, 10.0]), "n_volumes": 2})
    assert [line.split()[0] for line in text.splitlines()[1:6]] == list(bench.STAGES)
    assert "2.00 times" in text


def test_what_the_phantom_wrote_is_simulated_and_of_anything_else_nobody_knows(tmp_path: Path) -> None:
    for folder in ("demo/export", "demo/hospital", "subjects"):
        (tmp_path / folder).mkdir(parents=True)
    for home in ("demo", "subjects"):
        (tmp_path / home / "truth.csv").touch()
        (tmp_path / home / "phantom.json").touch()
    assert bench.kind_of(None) == "simulated"
    assert bench.kind_of(tmp_path / "demo" / "export") == "simulated"
    assert bench.kind_of(tmp_path / "subjects") == "simulated"
    assert bench.kind_of(tmp_path / "demo" / "hospital") == "unknown"
    (tmp_path / "demo" / "phantom.json").unlink()  # a person's own truth.csv
    assert bench.kind_of(tmp_path / "demo" / "export") == "unknown"


def test_the_figures_say_the_arguments_and_the_kind_of_data_they_were_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "my export"
    export.mkdir()
    for name in ("truth.csv", "phantom.json"):
        (export / name).touch()
    figures = {**bench.summarise(SERIES, 4.0, [10.0, 10.0]), "n_volumes": 2}
    monkeypatch.setattr(bench, "measure", lambda *_: figures)
    monkeypatch.setattr(bench, "limit_threads", lambda *_: None)
    monkeypatch.setattr(bench, "find_bundles", lambda *_: Path("bundles"))
    file = tmp_path / "bench.json"
    assert bench.main([str(export), "--limit", "2", "-o", str(file)]) == 0
    content = json.loads(file.read_text())
    assert content["data"] == "simulated"
    assert content["made_by"]["data"] == "an export named on the command line"
    assert content["made_by"]["command"] == f"python -m mrclass.bench '{export}' --limit 2 -o {file}"
