"""A small stand-in for the physics: ellipsoids on 24 x 24 grids, to test files and bookkeeping quickly."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from balls import balls

DIRECTIONS = {  # RAS directions of columns, rows, slices, 8 mm and 20 mm apart
    "axial": [[-8, 0, 0], [0, -8, 0], [0, 0, 20]],
    "sagittal": [[0, -8, 0], [0, 0, -8], [20, 0, 0]],
    "coronal": [[-8, 0, 0], [0, 0, -8], [0, 20, 0]],
}


def make_anatomy(seed: int, **_: Any) -> Any:
    return SimpleNamespace(seed=seed)


def acquire(anatomy: Any, protocol: Any, rng: np.random.Generator) -> list[Any]:
    """One ellipsoid per b-value; its size follows from the subject, its noise from the stream."""
    shape = (24, 24, 3 if protocol.kind == "localizer" else 5)
    affine = np.eye(4)
    affine[:3, :3] = np.array(DIRECTIONS[protocol.plane], dtype=float).T
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    grid = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in shape], indexing="ij"))
    inside = (grid[0] / 9) ** 2 + (grid[1] / (8 + anatomy.seed % 3)) ** 2 < 1
    return [
        SimpleNamespace(
            volume=(inside * 500 / (1 + (b or 0) / 1000) + rng.uniform(0, 9, shape)).astype(np.float32),
            affine=affine.copy(),
            protocol=protocol,
            b_value=b if protocol.kind == "dwi" else None,
        )
        for b in (protocol.b_values if protocol.kind == "dwi" else (None,))
    ]


@pytest.fixture(scope="module")
def subject() -> Any:
    """The subject made of balls."""
    return balls()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def small_physics() -> Iterator[None]:
    from mrclass.phantom import demo

    demo._anatomy.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mrclass.phantom.anatomy.make_anatomy", make_anatomy)
        patch.setattr("mrclass.phantom.acquire.acquire", acquire)
        yield
    demo._anatomy.cache_clear()
