"""`mrclass.phantom.archive`: as many small series as asked, each with UIDs and noise of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from mrclass.errors import UsageError
from mrclass.phantom.acquire import Acquired
from mrclass.phantom.archive import reduced, write_archive
from mrclass.phantom.protocols import random_protocol

pytestmark = pytest.mark.usefixtures("small_physics")
KINDS = ("t2w", "t1w_se")


def test_series_differ_in_uids_and_pixels_and_share_a_study_by_tens(tmp_path: Path) -> None:
    assert write_archive(tmp_path, 11, kinds=KINDS, slices=2) == 22
    read = [pydicom.dcmread(path) for path in sorted(tmp_path.glob("*/*/IM000001"))]
    assert len({ds.SeriesInstanceUID for ds in read}) == len({ds.PixelData for ds in read}) == 11
    assert len({ds.StudyInstanceUID for ds in read}) == len({ds.PatientID for ds in read}) == 2
    assert read[0].SeriesDescription == read[2].SeriesDescription != read[1].SeriesDescription


def test_a_second_call_adds_what_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    write_archive(tmp_path, 1, kinds=KINDS)
    (first,) = tmp_path.glob("*/series-01/IM000001")
    before = first.read_bytes(), first.stat().st_mtime_ns
    assert write_archive(tmp_path, 2, kinds=KINDS) == 2
    assert (first.read_bytes(), first.stat().st_mtime_ns) == before


def test_an_archive_of_other_settings_is_refused(tmp_path: Path) -> None:
    write_archive(tmp_path, 1, kinds=KINDS)
    with pytest.raises(UsageError, match="other settings"):
        write_archive(tmp_path, 1, kinds=KINDS, slices=2)
    with pytest.raises(UsageError, match="1 or more"):
        write_archive(tmp_path / "none", 0)


def test_a_reduced_volume_keeps_its_voxels_where_they_were() -> None:
    volume = np.arange(8 * 8 * 5, dtype=np.float32).reshape(8, 8, 5)
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    whole = Acquired(volume, affine, random_protocol("t2w", np.random.default_rng(0)))
    small = reduced(whole, slices=3, matrix=4)
    assert small.volume.shape == (4, 4, 3)
    assert small.volume[1, 2, 0] == volume[2, 4, 1]
    assert (small.affine @ [1, 2, 0, 1] == affine @ [2, 4, 1, 1]).all()
