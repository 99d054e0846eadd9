"""Limits of the converter and of the worker: what exceeds them is one row with a reason."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
from pathlib import Path

import doubles
import nibabel
import numpy as np
import pytest
from dicom_files import image, write
from mrclass import _dcm2niix, _limits, convert, dicom, worker
from mrclass.errors import ConversionError

linux = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")


def test_a_small_file_that_claims_an_absurd_volume_is_refused_by_its_header(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((2000, 2000, 2000))
    header.set_sform(np.eye(4), 1)
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4 + 1000)))
    (series,) = dicom.scan([path]).series
    with pytest.raises(ConversionError, match="2000 x 2000 x 2000 voxels, more than is looked at"):
        convert.convert(series, tmp_path)


@linux
def test_the_converter_has_limits_of_memory_time_and_file_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dcm2niix"
    limits = tmp_path / "limits"  # of the first attempt; the second has what is left of the time
    program.write_text(
        f"#!/bin/sh\n[ -e {limits} ] || (ulimit -v; ulimit -t; ulimit -f; ulimit -c) > {limits}\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(_dcm2niix, "binary", lambda: str(program))
    (series,) = dicom.scan([write(tmp_path / "in" / "a", image())]).series
    with pytest.raises(ConversionError):
        convert.convert(series, tmp_path, timeout_s=7.5)
    found = limits.read_text().split()
    assert found == [str(_dcm2niix.MEMORY_MB * 1024), "8", str(_dcm2niix.FILE_MB * 2048), "0"]


def test_a_limit_that_ended_the_converter_is_named() -> None:
    assert "more processor time than it is allowed" in _dcm2niix.reason(-signal.SIGXCPU, [])
    assert "larger file than it is allowed" in _dcm2niix.reason(-signal.SIGXFSZ, [])


@linux
def test_a_worker_may_grow_so_much_and_write_no_larger_file(tmp_path: Path) -> None:
    script = (
        "import sys; from mrclass._limits import limit_worker; limit_worker(64, 1)\n"
        "kept = bytearray(32 << 20)\n"
        "try: kept = bytearray(512 << 20)\n"
        "except MemoryError: print('memory')\n"
        "try: open(sys.argv[1], 'wb').write(bytes(2 << 20))\n"
        "except OSError as error: print(error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "file")], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["memory", "File too large"]
    assert _limits.MEMORY_MB >= 4096, "the largest volume that is looked at must fit"


def test_a_volume_that_needs_too_much_memory_is_a_row(tmp_path: Path) -> None:
    class Hungry:
        def predict(self, path: Path) -> None:
            raise MemoryError

    outcome = worker.process(doubles.series_of(tmp_path, "t1w"), Hungry(), doubles.ROOMS, tmp_path, 5.0)
    assert (outcome.status, outcome.trace) == ("unreadable", "")
    assert "more memory than a worker is allowed" in outcome.reason
