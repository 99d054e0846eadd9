"""What a run does with good, bad and deadly series, and how it goes on after an end of any kind."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import doubles
import pytest
from mrclass import plan, run
from mrclass.errors import BundleError, LedgerError, MRClassError, UsageError
from mrclass.ledger import Ledger


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


def classify(export: Path, out: Path, **more: Any) -> run.Result:
    options: dict[str, Any] = {
        "jobs": 1,
        "rooms": doubles.ROOMS,
        "scan": doubles.scan,
        "say": lambda text: None,
    }
    return run.classify([export], out, **{**options, **more})


def write(export: Path, **files: str) -> None:
    for name, words in files.items():
        (export / f"{name}.txt").write_text(words)


def by_source(result: run.Result) -> dict[str, dict[str, Any]]:
    return {row["source"]: row for row in result.rows}


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
    assert (result.new, result.run["files"], result.run["files_in_no_series"]) == (8, 9, 1)


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


def test_a_second_run_does_nothing_and_says_so(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w", b="broken")
    first = list(classify(export, tmp_path / "out").rows)
    said: list[str] = []
    second = classify(export, tmp_path / "out", say=said.append, rooms=doubles.DYING_ROOMS)
    assert said == [f"Nothing to do: all 2 series are in {tmp_path / 'out'} already."]
    assert (second.new, list(second.rows)) == (0, first)
    assert second.page.is_file()


def test_only_what_is_new_is_done(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    classify(export, tmp_path / "out")
    write(export, b="t2w")
    said: list[str] = []
    result = classify(export, tmp_path / "out", say=said.append)
    assert said == ["2 series found, 1 of them done before; 1 to go."]
    assert (result.new, len(result.rows)) == (1, 2)


def test_a_series_whose_files_changed_is_done_anew(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w", b="t1w")
    classify(export, tmp_path / "out")
    write(export, a="flair now")
    result = classify(export, tmp_path / "out")
    assert {source: row["label"] for source, row in by_source(result).items()} == {
        "a.txt": "flair",
        "b.txt": "t1w",
    }
    pictures = {f"thumbnails/{path.name}" for path in (tmp_path / "out" / "thumbnails").iterdir()}
    assert pictures == {name for row in result.rows for name in row["thumbnails"]}


def test_retry_does_the_unreadable_again_and_nothing_else(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w", b="broken", c="ct")
    classify(export, tmp_path / "out")
    assert classify(export, tmp_path / "out", retry=True).new == 1


def test_a_series_that_takes_too_long_costs_only_itself(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w hang", b="t2w")
    rows = by_source(classify(export, tmp_path / "out", timeout_s=2.0))
    assert "time limit (2 s)" in rows["a.txt"]["reason"]
    assert rows["b.txt"]["label"] == "t2w"


def test_several_workers_lose_and_duplicate_nothing(export: Path, tmp_path: Path) -> None:
    write(export, **{f"s{i}": "t1w crash" if i % 4 == 0 else "t1w" for i in range(12)})
    rows = by_source(classify(export, tmp_path / "out", jobs=3))
    assert len(rows) == 12
    assert sum(row["status"] == "unreadable" for row in rows.values()) == 3


def test_other_bundles_than_before_are_refused(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    classify(export, tmp_path / "out")
    write(export, b="t1w")
    with pytest.raises(UsageError, match=r"mrclass_t2w \(version, weights\).*new output folder"):
        classify(export, tmp_path / "out", rooms=doubles.OTHER_ROOMS)


def test_other_bundles_may_come_where_none_has_looked_at_anything_yet(export: Path, tmp_path: Path) -> None:
    write(export, a="broken")
    classify(export, tmp_path / "out")
    write(export, b="t1w")
    (_, row) = classify(export, tmp_path / "out", rooms=doubles.OTHER_ROOMS).rows
    assert row["members"] == doubles.OtherEnsemble.versions


def test_a_bundle_that_cannot_serve_ends_the_run_with_its_own_sentence(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    with pytest.raises(BundleError, match=r"model\.pt is missing"):
        classify(export, tmp_path / "out", rooms=doubles.NO_ROOMS)
    assert classify(export, tmp_path / "out").rows[0]["status"] == "done", "the series was not blamed for it"


def test_workers_that_die_at_the_start_end_the_run(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    with pytest.raises(MRClassError, match="cannot start: the last one ended with exit code 7"):
        classify(export, tmp_path / "out", rooms=doubles.DYING_ROOMS)


def test_output_inside_the_input_is_left_out_of_it(export: Path) -> None:
    write(export, a="t1w")
    classify(export, export / "out")
    (export / "out" / "stray.txt").write_text("t2w")
    assert classify(export, export / "out").new == 0


@pytest.mark.parametrize("below", ["", "series"])
def test_input_inside_the_output_is_refused(export: Path, below: str) -> None:
    (export / "series").mkdir()
    with pytest.raises(UsageError, match="lies in the output folder"):
        classify(export / below, export)
    assert sorted(path.name for path in export.iterdir()) == ["series"]


def test_a_folder_with_other_things_in_it_is_no_place_for_a_run(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "results.csv").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        classify(export, tmp_path / "home")
    assert (tmp_path / "home" / "results.csv").read_text() == "mine"


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere does not exist"):
        classify(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "words"), [([], "no files"), (["a.pdf", "b.pdf"], "2 files, none of them")]
)
def test_an_input_without_series_is_said(export: Path, tmp_path: Path, names: list[str], words: str) -> None:
    for name in names:
        (export / name).write_text("no image")
    with pytest.raises(MRClassError, match=words):
        classify(export, tmp_path / "out")


def test_a_ledger_that_is_none_is_refused(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mrclass.sqlite").write_text("no database at all " * 80)
    with pytest.raises(LedgerError):
        classify(export, tmp_path / "out")


def test_two_runs_into_one_folder_are_kept_apart(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    out = tmp_path / "out"
    out.mkdir()
    with run._locked(out), pytest.raises(UsageError, match="Another run"):
        classify(export, out)


def test_every_input_file_is_accounted_for(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    (export / "=cmd.pdf").write_text("no image")
    (row,) = classify(export, tmp_path / "out").rows
    lines = (tmp_path / "out" / "files.csv").read_text().splitlines()
    assert lines == ["file,series_key,note", "'=cmd.pdf,,not an image", f"a.txt,{row['series_key']},"]


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


@pytest.mark.parametrize(
    ("files", "source"),
    [
        (["a/b/1.dcm"], "a/b/1.dcm"),
        (["a/b/1.dcm", "a/b/2.dcm"], "a/b"),
        (["1.dcm", "2.dcm"], "1.dcm"),
        (["a/1", "b/1"], "a/1"),
    ],
)
def test_a_source_is_the_file_or_the_folder_of_the_files_or_their_first(
    tmp_path: Path, files: list[str], source: str
) -> None:
    assert plan.locate([tmp_path / name for name in files], [tmp_path / "other", tmp_path]) == (
        tmp_path,
        source,
    )


def test_a_named_file_is_its_own_source(tmp_path: Path) -> None:
    (tmp_path / "t1.nii").touch()
    assert plan.locate([tmp_path / "t1.nii"], [tmp_path / "t1.nii"]) == (tmp_path, "t1.nii")


# ---- ends from outside

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import doubles
from mrclass import cli, run
original = run.classify
run.classify = lambda *a, **k: original(*a, **k, rooms=doubles.ROOMS, scan=doubles.scan)
if __name__ == "__main__":
    sys.exit(cli.main(["classify", {export!r}, "-o", {out!r}, "--jobs", "2"]))
"""


def start(export: Path, out: Path, tmp_path: Path) -> subprocess.Popen[str]:
    script = tmp_path / "main.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), export=str(export), out=str(out)))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # started from a background job, a process ignores Ctrl-C from its birth
    return subprocess.Popen([sys.executable, str(script)], text=True, preexec_fn=_obey_ctrl_c, **pipes)


def _obey_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for_rows(out: Path, count: int) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            with Ledger(out / "mrclass.sqlite", create=False) as book:
                if book.count() >= count:
                    return
        except (LedgerError, sqlite3.Error):
            pass  # not there yet
        time.sleep(0.02)
    raise AssertionError(f"{count} series were not done within a minute")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_run_killed_in_the_middle_goes_on_without_loss_or_duplicate(export: Path, tmp_path: Path) -> None:
    write(export, **{f"s{i:02}": "t1w slow" for i in range(16)})
    out = tmp_path / "out"
    with start(export, out, tmp_path) as process:
        wait_for_rows(out, 3)
        workers = children(process.pid)
        process.kill()
        process.communicate()
    with Ledger(out / "mrclass.sqlite") as book:
        before = {row["source"]: row["row_id"] for row in book.rows()}
    assert 3 <= len(before) < 16
    limit = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers), "workers must not outlive the client"

    result = classify(export, out)
    rows = by_source(result)
    assert len(result.rows) == len(rows) == 16
    assert result.new == 16 - len(before)
    assert {source: rows[source]["row_id"] for source in before} == before
    assert not (out / run._SCRATCH).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_is_done_and_says_how_to_go_on(
    export: Path, tmp_path: Path, number: signal.Signals
) -> None:
    write(export, **{f"s{i:02}": "t1w slow" for i in range(16)})
    out = tmp_path / "out"
    with start(export, out, tmp_path) as process:
        wait_for_rows(out, 2)
        process.send_signal(number)
        _, talk = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in talk
    last = talk.strip().splitlines()[-1]
    assert "series are done and kept" in last
    assert "run the same command again" in last
    assert not (out / run._SCRATCH).exists()
    assert len(by_source(classify(export, out))) == 16


def test_stdout_holds_the_table_alone_though_libraries_talk(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    with start(export, tmp_path / "out", tmp_path) as process:
        table, talk = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "a library that talks" not in table
    assert "a library that talks" in talk
    assert "T1w" in table
    assert talk.strip().splitlines()[-1] == f"Report: {tmp_path / 'out' / 'report.html'}"
