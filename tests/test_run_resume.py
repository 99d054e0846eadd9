"""How a run goes on after its end, or after an end from outside: nothing is lost, done twice or mixed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import doubles
import pytest
from doubles import by_source, classify, write
from mrclass import run
from mrclass.errors import LedgerError, UsageError
from mrclass.ledger import Ledger


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


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


def test_other_bundles_than_before_are_refused(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    classify(export, tmp_path / "out")
    write(export, b="t1w")
    with pytest.raises(UsageError, match=r"mrclass_t2w \(version, weights\).*new output folder"):
        classify(export, tmp_path / "out", rooms=doubles.OTHER_ROOMS)


def test_a_member_of_which_the_inference_config_alone_changed_is_noticed(tmp_path: Path) -> None:
    members = {name: {**told, "config_sha256": "y"} for name, told in doubles.VERSIONS.items()}
    changed = {**members, "mrclass_t1w": {**members["mrclass_t1w"], "config_sha256": "z"}}
    with Ledger(tmp_path / "mrclass.sqlite") as book:
        book.set_meta("members", members)
        book.finish({"series_key": "a", "status": "done", "root": "", "fingerprint": ""}, [{}])
        run._agree_on_members(book, tmp_path, members)
        with pytest.raises(UsageError, match=r"mrclass_t1w \(configs/inference.json\)"):
            run._agree_on_members(book, tmp_path, changed)


def test_other_bundles_may_come_where_none_has_looked_at_anything_yet(export: Path, tmp_path: Path) -> None:
    write(export, a="broken")
    classify(export, tmp_path / "out")
    write(export, b="t1w")
    (_, row) = classify(export, tmp_path / "out", rooms=doubles.OTHER_ROOMS).rows
    assert row["members"] == doubles.OtherEnsemble.versions


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
