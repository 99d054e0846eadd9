"""The writer of subjects with the real physics, once."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
from mrclass.phantom.study import write_subjects


def test_a_simulated_localizer_becomes_a_volume_of_a_head(tmp_path: Path) -> None:
    with write_subjects(tmp_path, 1, seed=3, kinds=("localizer",)).open(newline="") as file:
        (row,) = csv.DictReader(file)
    image = nib.load(tmp_path / row["file"])
    values = image.get_fdata()
    assert image.ndim == 3
    middle = tuple(n // 2 for n in values.shape)
    patch = values[middle[0] - 20 : middle[0] + 20, middle[1] - 20 : middle[1] + 20, middle[2]]
    assert np.median(patch) > 3 * np.median(
        values[:8, :8, middle[2]]
    )  # a head in the middle, air in the corner
