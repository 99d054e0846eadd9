"""What hides where a slab comes from, in training: thicker slices, a stripped head, a small field of view,
an archive's window and its JPEG, each now and then.

Hospitals and data sets differ in these; left as they are, a network learns the source in place of the
weighting. All work on raw slabs (intensities >= 0, air and padding near 0), before the z-score, which is
taken after them. A leaf: the bundles' train.json names it. Touches no file.
Source: Billot et al., SynthSeg: Segmentation of brain MRI scans of any contrast and resolution without
retraining, Medical Image Analysis 2023 (randomised domain); docs/decisions/0007-domain-randomisation.md.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import Compose, MapTransform, RandomizableTransform
from numpy.typing import NDArray

from .brain import extent, stripped
from .errors import UsageError
from .slab import SPACING, foreground
from .transforms import AcquisitionSlabd, N4BiasFieldCorrectiond
from .workflow import flag, refuse

Range: TypeAlias = tuple[float, float]
Slices: TypeAlias = NDArray[np.float32]


def training(
    preprocessing: Compose, augmentation: Callable[..., Any], randomisation: Compose, on: bool | str = True
) -> Compose:
    """The transforms of a training: preprocessing, what hides the source behind its slab, augmentation.

    Args:
        preprocessing: as in inference; everything up to the slab, and N4 on it, is cached.
        augmentation: applied last.
        randomisation: of this module, on raw slabs.
        on: false leaves it out: the paper's recipe.

    Raises:
        UsageError: the preprocessing has no AcquisitionSlabd to put it behind.
    """
    steps = list(preprocessing.transforms)
    if flag(on):
        found = [
            place
            for place, step in enumerate(steps)
            if isinstance(step, AcquisitionSlabd | N4BiasFieldCorrectiond)
        ]
        if not found:
            refuse(
                UsageError(
                    "The preprocessing has no AcquisitionSlabd to randomise the domain behind; "
                    "train with --domain_randomisation false."
                )
            )
        steps.insert(found[-1] + 1, randomisation)
    return Compose([*steps, augmentation])


class _RandSlabd(RandomizableTransform, MapTransform):
    """Now and then, something done to a slab: float32 tensors, shape (slices, H, W), values >= 0."""

    def __init__(self, keys: KeysCollection, prob: float, allow_missing_keys: bool = False) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)

    def drawn(self) -> Callable[[Slices], Slices]:
        """What is done this time, with everything random drawn."""
        raise NotImplementedError

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        self.randomize(None)
        if not self._do_transform:
            return result
        change = self.drawn()
        for key in self.key_iterator(result):
            slab = torch.as_tensor(result[key])
            changed = change(slab.detach().cpu().numpy().astype(np.float32))
            result[key] = torch.from_numpy(np.ascontiguousarray(changed, dtype=np.float32))
        return result


class RandThicknessd(_RandSlabd):
    """Now and then, slabs as if acquired with thicker slices.

    Args:
        keys: slabs, shape (slices, H, W).
        prob: share of slabs that get it.
        slices: most slices of the slab that become one.
    """

    def __init__(
        self, keys: KeysCollection, prob: float = 0.3, slices: int = 3, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.slices = slices

    def drawn(self) -> Callable[[Slices], Slices]:
        """Two slices or more become one."""
        n = int(self.R.randint(2, max(2, self.slices) + 1))
        return lambda slab: thickened(slab, n)


def thickened(slab: Slices, n: int) -> Slices:
    """Blocks of `n` neighbouring slices averaged, and the slab interpolated from the blocks.

    Args:
        slab: float32, shape (slices, H, W).
        n: slices that a thick one covers; the last block may cover fewer.

    Returns:
        float32, the same shape; a slab of one slice stays as it is.
    """
    starts = range(0, len(slab), n)
    blocks = np.stack([slab[start : start + n].mean(axis=0) for start in starts])
    middles = [start + (len(slab[start : start + n]) - 1) / 2 for start in starts]
    place = np.interp(np.arange(len(slab)), middles, np.arange(len(blocks)))  # beyond the outermost: it
    lower = np.minimum(place.astype(int), len(blocks) - 1)
    upper = np.minimum(lower + 1, len(blocks) - 1)
    share = (place - lower).astype(np.float32)[:, None, None]
    return np.asarray((1 - share) * blocks[lower] + share * blocks[upper], dtype=np.float32)


class RandStrippedd(_RandSlabd):
    """Now and then, slabs without what lies around the brain, by a crude mask (`mrclass.brain`).

    Args:
        keys: slabs, shape (slices, H, W).
        prob: share of slabs that get it.
        spacing: mm between rows, columns and slices.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.2,
        spacing: float = SPACING,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.spacing = spacing

    def drawn(self) -> Callable[[Slices], Slices]:
        """Nothing more is random."""
        return lambda slab: stripped(slab, self.spacing)


class RandFieldOfViewd(_RandSlabd):
    """Now and then, slabs cut to a box, as of a small field of view.

    Args:
        keys: slabs, shape (slices, H, W).
        prob: share of slabs that get it.
        share: least and most of the rows and columns of the foreground that are left.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.15,
        share: Range = (0.5, 0.95),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.share = share

    def drawn(self) -> Callable[[Slices], Slices]:
        """Share of rows and columns, and where the box lies among them."""
        low, high = self.share
        rows, columns = (float(self.R.uniform(low, high)) for _ in range(2))
        down, right = (float(self.R.uniform(0.25, 0.75)) for _ in range(2))
        return lambda slab: boxed(slab, (rows, columns), (down, right))


def boxed(slab: Slices, share: Range, place: Range) -> Slices:
    """A slab with zero outside a box of its foreground.

    Args:
        slab: float32, (slices, H, W).
        share: of the rows and columns of the foreground, in (0, 1].
        place: 0: the box lies at the first row (column) of the foreground, 1: at its last.
    """
    tissue = foreground(slab)
    if not tissue.any():
        return slab
    box = []
    for (low, high), part, where in zip(extent(tissue), share, place, strict=True):
        length = max(1, round(part * (high - low + 1)))
        first = low + round(where * (high - low + 1 - length))
        box.append(slice(first, first + length))
    result = np.zeros_like(slab)
    result[:, box[0], box[1]] = slab[:, box[0], box[1]]
    return result


class RandWindowd(_RandSlabd):
    """Now and then, slabs windowed to 8 bit, as archives and viewers keep pictures.

    Args:
        keys: slabs, shape (slices, H, W).
        prob: share of slabs that get it.
        black, white: least and most percentile of the foreground that becomes 0 and 255.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.3,
        black: Range = (0.0, 5.0),
        white: Range = (95.0, 99.9),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.black, self.white = black, white

    def drawn(self) -> Callable[[Slices], Slices]:
        """The two percentiles; half of the windows begin at zero."""
        black = float(self.R.uniform(*self.black)) if self.R.rand() < 0.5 else None
        white = float(self.R.uniform(*self.white))
        return lambda slab: to_window(slab, black, white)


def to_window(slab: Slices, black: float | None, white: float) -> Slices:
    """Intensities between two percentiles of the foreground as 0, 1 ... 255: float32, (slices, H, W).

    `black` None begins at intensity 0; a window without width leaves the slab as it is.
    """
    tissue = slab[foreground(slab)]
    if tissue.size == 0:
        return slab
    low = 0.0 if black is None else float(np.percentile(tissue, black))
    high = float(np.percentile(tissue, white))
    if high <= low:
        return slab
    return np.round(np.clip((slab - low) / (high - low), 0, 1) * 255).astype(np.float32)


class RandJPEGd(_RandSlabd):
    """Now and then, slabs whose slices went through lossy JPEG.

    Args:
        keys: slabs, shape (slices, H, W).
        prob: share of slabs that get it.
        quality: least and most quality, as libjpeg counts it.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float = 0.15,
        quality: tuple[int, int] = (30, 90),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.quality = quality

    def drawn(self) -> Callable[[Slices], Slices]:
        """The quality."""
        quality = int(self.R.randint(self.quality[0], self.quality[1] + 1))
        return lambda slab: through_jpeg(slab, quality)


def through_jpeg(slab: Slices, quality: int) -> Slices:
    """Slices as 8-bit JPEG, read again: float32, (slices, H, W), in the unit of the slab."""
    from PIL import Image

    top = float(slab.max())
    if top <= 0:
        return slab
    read = []
    for one in np.round(slab / top * 255).astype(np.uint8):
        packed = io.BytesIO()
        Image.fromarray(one).save(packed, "JPEG", quality=quality)
        read.append(np.asarray(Image.open(packed), dtype=np.float32))
    return np.stack(read) * np.float32(top / 255)
