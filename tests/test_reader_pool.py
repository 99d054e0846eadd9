"""`mrclass._pool` and `_reader`: a file that ends or holds up the reader costs itself only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dicom_files import image, stack, write
from mrclass import _pool
from mrclass._pool import Reader, read_each
from mrclass.dicom import scan
from mrclass.errors import MRClassError


def test_sequences_nested_without_end_cost_one_file(tmp_path: Path) -> None:
    stack(tmp_path / "good", 2)
    bomb = write(tmp_path / "bomb.dcm", image(2, PixelData=None)).read_bytes()
    item = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    bomb_path = tmp_path / "bomb.dcm"
    head = bomb[: bomb.index(b"\x08\x00\x08\x00")]
    bomb_path.write_bytes(head + item * 20000)
    hints = sorted(series.status_hint for series in scan([tmp_path]).series)
    assert hints == ["ok", "unreadable"]


def test_values_that_break_their_vr_do_not_stop_the_reader(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm",
        image(EchoTime="12.00", SeriesDescription="caf\xe9", SpecificCharacterSet="ISO_IR 100"),
    )
    data = path.read_bytes().replace(b"12.00 ", b"twelve").replace(b"ISO_IR 100", b"ISO_XX 999")
    path.write_bytes(data)
    header = scan([tmp_path]).series[0].header
    assert header["Rows"] == 16 and "SeriesDescription" in header


def reasons_of(names: list[str], reader: Callable[[], Reader]) -> list[str]:
    kept: dict[int, str] = {}
    read_each(
        enumerate(names), len(names), 1, lambda place, _, record: kept.update({place: record["reason"]}),
        reader=reader,
    )  # fmt: skip
    return [kept[place] for place in range(len(names))]


def doomed(tmp_path: Path, body: str) -> list[str]:
    """A stand-in for the child that gets ready and then does `body` with the first path named bad."""
    script = tmp_path / "child.py"
    script.write_text(
        "import os, sys, time, signal\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    if b'bad' in bytes.fromhex(line.strip()):\n"
        f"        {body}\n"
        '    print(\'{"kind": "none", "reason": "read"}\', flush=True)\n'
    )
    return [sys.executable, str(script)]


def test_a_file_that_kills_the_reader_costs_that_file_only(tmp_path: Path) -> None:
    command = doomed(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
    assert reasons_of(["a", "bad", "c"], lambda: Reader(command=command)) == [
        "read",
        "it ended the header reader (signal SIGSEGV)",
        "read",
    ]


def test_a_file_that_holds_up_the_reader_costs_that_file_only(tmp_path: Path) -> None:
    command = doomed(tmp_path, "time.sleep(60)")

    class Hasty(Reader):
        """Waits long for good files: only the bad one is held up, on a busy machine too."""

        def read(self, path: Path | str) -> dict[str, Any]:
            self.seconds = 0.3 if path == "bad" else 300
            return super().read(path)

    assert reasons_of(["a", "bad", "c"], lambda: Hasty(command=command)) == [
        "read",
        "reading its header did not end within 0.3 seconds",
        "read",
    ]


def test_an_answer_longer_than_any_record_is_said_to_be_that_and_not_slow(tmp_path: Path) -> None:
    command = doomed(tmp_path, "print('x' * 9_000_000, flush=True)")
    assert reasons_of(["a", "bad", "c"], lambda: Reader(seconds=300, command=command)) == [
        "read",
        "its header holds more than 4000000 bytes of values",
        "read",
    ]


def test_a_real_header_of_values_without_end_is_one_unreadable_row(tmp_path: Path) -> None:
    words = "\\".join(["\xe9" * 1000] * 64)
    many = (
        "SeriesDescription", "ProtocolName", "ImageType", "SequenceName", "PulseSequenceName", "ScanOptions",
        "ScanningSequence", "SequenceVariant", "ContrastBolusAgent", "Manufacturer", "ManufacturerModelName",
        "BodyPartExamined", "MRAcquisitionType", "ComplexImageComponent", "AcquisitionContrast",
    )  # fmt: skip
    write(tmp_path / "long.dcm", image(2, SpecificCharacterSet="ISO_IR 100", **dict.fromkeys(many, words)))
    stack(tmp_path / "good", 2)
    found = {series.status_hint: series.skip_reason for series in scan([tmp_path]).series}
    assert found == {"ok": None, "unreadable": "its header holds more than 4000000 bytes of values"}


def test_a_file_that_the_system_does_not_open_is_noted_with_its_reason(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(
        "import runpy\n"
        f"reader = runpy.run_path({str(Path(_pool.__file__).with_name('_reader.py'))!r}, run_name='reader')\n"
        "def refuse(*_): raise PermissionError(13, 'Permission denied')\n"
        "reader['main'].__globals__['open'] = refuse  # for root, no permission counts\n"
        "reader['main']()\n"
    )
    path = write(tmp_path / "secret.dcm", image())
    command = [sys.executable, str(script), "4000", "30"]
    assert reasons_of([str(path)], lambda: Reader(command=command)) == [
        "cannot be opened (Permission denied)"
    ]


def test_a_reader_that_never_starts_is_an_error_not_a_thousand_rows(tmp_path: Path) -> None:
    with pytest.raises(MRClassError, match="does not start"):
        reasons_of(["a"], lambda: Reader(command=[sys.executable, "-c", "raise SystemExit(3)"]))


def test_modules_lying_in_the_working_folder_do_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack(tmp_path / "in", 1)
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    (tmp_path / "pydicom.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert scan([tmp_path / "in"]).series[0].status_hint == "ok"
