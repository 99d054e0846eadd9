"""Slabs of a datalist, each cut once and kept on disk; volumes that allow it are cut across a random axis.

Reads volumes; writes slabs (.pt) into a folder that trainings, sections and bundles may share. A leaf: the
bundles' train.json names it. Source: docs/decisions/0007-domain-randomisation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from monai.data import PersistentDataset
from monai.data.utils import pickle_hashing
from monai.transforms import Randomizable

from .errors import VolumeError
from .geometry import slice_axes
from .volume import check_image
from .workflow import flag

EXTENT = 100.0  # mm of rows and columns that slices across another axis must span


class SlabDataset(PersistentDataset, Randomizable):
    """MONAI's PersistentDataset that keeps the slab alone, by image, stamp, axis and transforms.

    Label, patient and section are no part of the key: a slab is cut once whatever becomes of its label, and
    six bundles with one `cache_dir` share it. The memory holds the slabs of one batch.

    Args:
        data: items of `mrclass.datalist.load`, with image (path) and stamp.
        transform: MONAI's Compose; what stands before its first random transform is kept.
        cache_dir: folder of the slabs; made where it is missing.
        planes: a volume whose voxels are (nearly) cubes is cut across a random one of its axes each time.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable[..., Any],
        cache_dir: str | Path,
        planes: bool | str = False,
    ) -> None:
        super().__init__(data, transform, cache_dir, hash_transform=pickle_hashing)
        self.planes = flag(planes)
        self._axes: dict[str, tuple[int, ...]] = {}

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> SlabDataset:
        """Seeds the choice of the axis and the random transforms."""
        Randomizable.set_random_state(self, seed, state)
        if isinstance(self.transform, Randomizable):
            self.transform.set_random_state(seed, state)
        return self

    def randomize(self, data: Any = None) -> None:
        """Nothing: an axis is drawn for each item."""

    def _transform(self, index: int) -> Any:
        item = self.data[index]
        key = {name: item[name] for name in ("image", "stamp") if name in item}
        if self.planes:
            axes = self.axes(str(item["image"]))
            axis = axes[int(self.R.randint(len(axes)))]
            if axis != axes[0]:
                key["slice_axis"] = axis
        cut = self._cachecheck(key)
        return self._post_transform({**item, "image": cut["image"]})

    def axes(self, image: str) -> tuple[int, ...]:
        """Voxel axes that a volume may be cut across, its own first; read from its header once."""
        if image not in self._axes:
            try:
                check_image(image)
                loaded: Any = nib.load(image)
                shape = (*loaded.shape, 1, 1, 1)[:3]
                self._axes[image] = slice_axes(shape, np.asarray(loaded.affine, dtype=np.float64), EXTENT)
            except VolumeError:
                self._axes[image] = (-1,)  # cutting it says what is wrong with it
        return self._axes[image]
