"""Hostile input made by hand, through the whole command or the part it aims at: rows, notes and reasons."""

from __future__ import annotations

import contextlib
import csv
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import broken
import pytest
from dicom_files import image, stack, write
from mrclass import _pool, dicom, run
from mrclass.errors import MRClassError
from tiny_bundles import make_bundle

linux = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")


# ---- the whole command


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundles" / "t1w", "t1w", offset=4.0)
    make_bundle(tmp_path / "bundles" / "t2w", "t2w")
    return tmp_path / "bundles"


def test_a_hostile_export_ends_in_rows_and_nothing_outside_the_output_is_written(
    tmp_path: Path, bundles: Path
) -> None:
    export, home = tmp_path / "export", tmp_path / "home"
    home.mkdir()
    stack(export / "good", 3)
    broken.hostile(export)
    before = broken.snapshot(export, home, bundles)

    out = export / "out"
    places = {"HOME": home, "TMPDIR": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home}
    done = subprocess.run(
        [sys.executable, "-m", "mrclass", "classify", str(export), "-o", str(out), "--jobs", "1"]
        + ["--bundles", str(bundles)],
        env={**os.environ, **{name: str(path) for name, path in places.items()}},
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / run.LOG).exists(), "nothing was unforeseen"
    after = {path: about for path, about in broken.snapshot(export, home, bundles).items()}
    inside = {path for path in after if path == str(out) or path.startswith(f"{out}{os.sep}")}
    assert {path: about for path, about in after.items() if path not in inside} == before

    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["source"]: row for row in csv.DictReader(file)}
    assert rows["good"]["status"] == "done"
    bad = {source: row for source, row in rows.items() if row["status"] != "done"}
    assert {"absurd.dcm", "frame.dcm", "bomb.dcm", "nested.dcm", "cut.nii.gz", "empty.nii"} <= set(bad)
    assert {"header-cut.dcm", "pixels-cut.dcm"} <= set(bad)
    assert all(row["reason"] for row in bad.values())
    assert "\x1b" not in done.stdout and len(done.stdout.splitlines()) == len(rows) + 3
    with (out / "files.csv").open(newline="", encoding="utf-8") as file:
        notes = {row["file"]: row for row in csv.DictReader(file)}
    files = [path for path, about in before.items() if not stat.S_ISDIR(int(str(about[0])))]
    assert len(notes) == sum(path.startswith(str(export)) for path in files)
    assert "symbolic links" in notes["loop.dcm"]["note"]
    assert "not followed" in notes["up"]["note"]
    assert "pipe" in notes["pipe.dcm"]["note"]
    assert notes["empty"]["note"] == "empty file"


# ---- intake


def test_no_reader_is_asked_about_empty_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2000):
        (tmp_path / f"{number}.dcm").touch()
    (tmp_path / "a.nii.gz").touch()
    monkeypatch.delattr(_pool, "read_each")
    found = dicom.scan([tmp_path])
    assert {note.note for note in found.files} == {"empty file"}
    assert len(found.files) == 2001
    (series,) = found.series
    assert (series.status_hint, series.skip_reason) == ("unreadable", "empty file")


@linux
def test_a_deflated_file_that_swells_beyond_the_limit_costs_that_file_only(tmp_path: Path) -> None:
    path = broken.bomb(tmp_path / "bomb.dcm", 1024)
    assert path.stat().st_size < 2_000_000
    reader = _pool.Reader(seconds=300, megabytes=700)  # memory has to be the reason, not a busy machine
    try:
        assert "memory" in reader.read(path)["reason"]
        assert reader.read(write(tmp_path / "good.dcm", image()))["kind"] == "dicom"
    finally:
        reader.close()


@linux
def test_a_header_that_costs_too_much_processor_time_costs_that_file_only(tmp_path: Path) -> None:
    endless = tmp_path / "child.py"
    script = Path(_pool.__file__).with_name("_reader.py")
    endless.write_text(
        "import runpy, sys\n"
        f"reader = runpy.run_path({str(script)!r}, run_name='reader')\n"
        "import time\n"
        "def read(path):\n"
        "    while b'bad' in path: pass\n"
        "    return {'kind': 'none', 'reason': 'read'}\n"
        "reader['main'].__globals__['read'] = read\n"
        "reader['main']()\n"
    )
    reader = _pool.Reader(seconds=300, command=[sys.executable, str(endless), "4000", "1"])
    try:
        assert reader.read("bad")["reason"].startswith("reading its header did not end within")
        assert reader.read("good")["reason"] == "read"
    finally:
        reader.close()


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Not root, for whom no permission counts."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that anybody may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are those of POSIX")
def test_a_folder_that_may_not_be_read_is_noted_with_the_reason(open_folder: Path) -> None:
    locked = open_folder / "locked"
    locked.mkdir()
    (locked / "a.dcm").write_bytes(b"a")
    locked.chmod(0)
    with as_nobody():
        notes = dicom.scan([open_folder]).files
    locked.chmod(0o700)
    assert [(note.path, note.note) for note in notes] == [
        (locked, "the folder cannot be opened (Permission denied)")
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are those of POSIX")
def test_a_file_that_may_not_be_read_is_noted_with_the_reason(open_folder: Path) -> None:
    write(open_folder / "secret.dcm", image()).chmod(0)
    try:
        with as_nobody():
            (note,) = dicom.scan([open_folder]).files
    except MRClassError as error:
        pytest.skip(f"nobody may not start the header reader here: {error}")
    assert "cannot be opened (Permission denied)" in note.note
