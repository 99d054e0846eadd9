"""A disk that fills, in OUT or in DEST: one sentence, what is done is kept, the same command goes on."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import doubles
import pytest
from mrclass import run, worker
from mrclass.errors import MRClassError
from mrclass.ledger import Ledger

linux = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 160 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def grow(disk: Path) -> None:
    """Make room."""
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)


def test_a_series_that_fails_on_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LEAST_FREE", 1 << 62)
    broken_one = worker.process(
        doubles.series_of(tmp_path, "broken"), doubles.Ensemble(), doubles.ROOMS, tmp_path, 5.0
    )
    assert broken_one.disk_full
    assert broken_one.reason.startswith("The disk of the output folder is full.")
    fine = worker.process(
        doubles.series_of(tmp_path, "t1w"), doubles.Ensemble(), doubles.ROOMS, tmp_path, 5.0
    )
    assert fine.status == "done" and not fine.disk_full


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), sqlite3.OperationalError("database or disk is full")]
)
def test_a_full_disk_ends_the_run_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    export, out = tmp_path / "export", tmp_path / "out"
    export.mkdir()
    doubles.write(export, a="t1w", b="t1w", c="t1w")
    finish = Ledger.finish
    written: list[int] = []

    def fill(self: Ledger, *arguments: object) -> list[int]:
        if written:
            raise error
        written.append(1)
        return finish(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "finish", fill)
        with pytest.raises(MRClassError, match=r"is full: 1 series are done and kept.*same command again"):
            doubles.classify(export, out)
    assert not (out / run._SCRATCH).exists()
    assert doubles.classify(export, out).new == 2


@linux
def test_a_disk_that_is_really_full_ends_the_run_with_a_sentence(tmp_path: Path, disk: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    doubles.write(export, **{f"s{number:03}": "t1w" for number in range(40)})
    with pytest.raises(MRClassError, match="is full: .* make room"):
        doubles.classify(export, disk / "out")
    with Ledger(disk / "out" / "mrclass.sqlite", create=False) as book:
        kept = book.count()
    assert 0 < kept < 40
    grow(disk)
    assert doubles.classify(export, disk / "out", retry=True).unreadable == 0


@linux
def test_a_disk_that_fills_while_the_pages_are_written_ends_the_run_with_the_same_sentence(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, out = tmp_path / "export", disk / "out"
    export.mkdir()
    doubles.write(export, a="t1w", b="t1w")
    real = run.write_pages

    def late(*given: Any) -> Any:
        with pytest.raises(OSError) as full, (disk / "ballast").open("wb") as ballast:
            while True:
                ballast.write(bytes(4096))
                ballast.flush()
        assert full.value.errno == errno.ENOSPC
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_pages", late)
        with pytest.raises(MRClassError, match=r"is full: 2 series are done and kept; .*same command again"):
            doubles.classify(export, out)
    assert not list(out.rglob(".part-*")), "nothing half written is left"
    (disk / "ballast").unlink()
    again = doubles.classify(export, out)
    assert (again.new, again.page.is_file(), len(again.rows)) == (0, True, 2)
