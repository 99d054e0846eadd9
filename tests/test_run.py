"""What a run does with good, bad and deadly series, and what it leaves in OUT."""

from __future__ import annotations

import json
from pathlib import Path

import doubles
import pytest
from doubles import by_source, classify, write
from mrclass import crew, run


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


def test_every_series_has_a_row_whatever_happens_to_it(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w", b="broken", c="ct", d="two", e="t2w flat", f="t2w bug", g="t2w crash", h="flair")
    (export / "notes.pdf").write_text("no image")
    out = tmp_path / "out"
    result = classify(export, out)
    rows = by_source(result)
    assert {source: row["status"] for source, row in rows.items()} == {
        "a.txt": "done", "b.txt": "unreadable", "c.txt": "skipped", "d.txt": "done", "e.txt": "unreadable",
        "f.txt": "unreadable", "g.txt": "unreadable", "h.txt": "done",
    }  # fmt: skip
    assert rows["b.txt"]["reason"] == "dcm2niix made no volume: it said so"
    assert rows["c.txt"]["reason"] == "Modality CT is not MR"
    assert rows["e.txt"]["reason"] == "The volume is constant"
    assert "KeyError" in rows["f.txt"]["reason"]
    assert "SIGKILL" in rows["g.txt"]["reason"]
    assert "nobody foresaw this" in (out / run.LOG).read_text()
    assert result.unreadable == 4
    assert (result.new, result.run["files"], result.run["balance"]["files"]) == (8, 9, 9)


def test_a_series_of_two_volumes_has_two_rows(export: Path, tmp_path: Path) -> None:
    write(export, a="two")
    rows = classify(export, tmp_path / "out").rows
    assert [(row["volume_index"], row["volume_note"]) for row in rows] == [(0, "echo 1"), (1, "echo 2")]
    assert len({row["series_key"] for row in rows}) == 1


def test_a_row_says_what_the_header_claims_and_how_long_each_stage_took(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w", b="t2w", c="broken")
    rows = by_source(classify(export, tmp_path / "out"))
    assert (rows["a.txt"]["header_label"], rows["a.txt"]["verdict"]) == ("t1w", "agree")
    assert (rows["b.txt"]["header_label"], rows["b.txt"]["verdict"]) == ("t1w", "disagree")
    assert (rows["c.txt"]["header_label"], rows["c.txt"]["verdict"]) == ("t1w", "")
    assert set(rows["a.txt"]["seconds"]) == {"convert", "slab", "n4", "networks", "thumbnail"}
    assert rows["a.txt"]["members"] == doubles.VERSIONS


def test_a_row_says_what_distinguishes_its_volume(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    (row,) = classify(export, tmp_path / "out").rows
    assert (row["header_basis"], row["header_claims"]) == (
        "SeriesDescription",
        [["SeriesDescription", "t1w"]],
    )
    assert (row["echo_time"], row["b_value"], row["image_type"]) == (80.0, 1000.0, ["ORIGINAL", "M"])
    assert row["orientation"] == [1, 0, 0, 0, 1, 0] and row["remarks"] == ["The slices are uneven."]


def test_pictures_lie_beside_the_report_under_the_number_of_their_row(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w", b="broken")
    out = tmp_path / "out"
    rows = by_source(classify(export, out))
    (name,) = rows["a.txt"]["thumbnails"]
    assert name == f"thumbnails/{rows['a.txt']['row_id']}.png"
    assert (out / name).read_bytes() == b"picture"
    assert [path.name for path in (out / "thumbnails").iterdir()] == [Path(name).name]


def test_nothing_of_the_patient_reaches_the_output(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    (row,) = classify(export, tmp_path / "out").rows
    assert row["patient"].startswith("P-")
    assert row["study_uid"].startswith("2.25.")
    (kept,) = classify(export, tmp_path / "kept", keep_identifiers=True).rows
    assert (kept["patient"], kept["study_uid"]) == ("4711", "1.2.3")


def test_a_series_that_takes_too_long_costs_only_itself(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(export, a="t1w hang", b="t2w")
    give = crew._Worker.give

    def hasty(worker: crew._Worker, place: int, series: doubles.Series, timeout_s: float) -> None:
        hangs = "hang" in series.files[0].read_text()
        give(worker, place, series, 0.5 if hangs else timeout_s)  # b has all its time on a busy machine

    monkeypatch.setattr(crew._Worker, "give", hasty)
    rows = by_source(classify(export, tmp_path / "out", timeout_s=300.0))
    assert "time limit (300 s)" in rows["a.txt"]["reason"]
    assert rows["b.txt"]["label"] == "t2w"


def test_several_workers_lose_and_duplicate_nothing(export: Path, tmp_path: Path) -> None:
    write(export, **{f"s{i}": "t1w crash" if i % 4 == 0 else "t1w" for i in range(12)})
    rows = by_source(classify(export, tmp_path / "out", jobs=3))
    assert len(rows) == 12
    assert sum(row["status"] == "unreadable" for row in rows.values()) == 3


def test_output_inside_the_input_is_left_out_of_it(export: Path) -> None:
    write(export, a="t1w")
    classify(export, export / "out")
    (export / "out" / "stray.txt").write_text("t2w")
    assert classify(export, export / "out").new == 0


def test_every_input_file_is_accounted_for(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    (export / "=cmd.pdf").write_text("no image")
    (row,) = classify(export, tmp_path / "out").rows
    lines = (tmp_path / "out" / "files.csv").read_text().splitlines()
    assert lines == [
        "file,series_key,note,state,series",
        "'=cmd.pdf,,not an image,explained,",
        f"a.txt,{row['series_key']},,in a volume,t1w",
    ]


def test_nothing_is_left_in_the_output_but_what_belongs_there(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w crash", b="t1w")
    classify(export, tmp_path / "out")
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {
        "mrclass.sqlite",
        "results.csv",
        "results.json",
        "report.html",
        "run.json",
        "files.csv",
        "thumbnails",
        ".lock",
    }
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert facts["totals"]["status"] == {"done": 1, "unreadable": 1}
