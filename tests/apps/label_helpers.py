"""Small volumes and answers for the tests of the Label app."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

YES, NO = 4.0, -4.0  # logits: scores of 0.982 and 0.018


def write_volume(path: Path, seed: int = 0) -> Path:
    """A ball of 18 mm in 24 x 24 x 12 voxels of 2 mm, with some texture."""
    i, j, k = np.indices((24, 24, 12))
    ball = (i - 11.5) ** 2 + (j - 11.5) ** 2 + (k - 5.5) ** 2 < 81
    data = np.where(ball, 100 + 3 * i + 5 * (j % 3) + seed, 0).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2.0, 2.0, 1.0])), path)
    return path


def saved(answer: dict[str, Any], ts: int = 1) -> dict[str, Any]:
    """An answer as the local store gives it back."""
    return {"model": answer["model"], "params": json.loads(json.dumps(answer)), "ts": ts}
