"""The transforms that MONAI has not: slab, bias field correction, normalisation; reads and writes no file.

    (1, I, J, K) MetaTensor --AcquisitionSlab--> (slices, H, W) --N4BiasFieldCorrection-->
    --NormalizeForeground-->

Each has a dictionary twin whose name ends in `d`; the bundles' configs name those.
Source: paper, section 2.3; docs/decisions/0002-slab.md and 0003-foreground-z-score.md.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from numpy.typing import NDArray

from .errors import VolumeError
from .slab import SIZE, SLICES, SPACING, Slab, foreground, slab

__all__ = [
    "AcquisitionSlab",
    "AcquisitionSlabd",
    "N4BiasFieldCorrection",
    "N4BiasFieldCorrectiond",
    "NormalizeForeground",
    "NormalizeForegroundd",
    "Slab",
    "slab",
]

LOGGER = logging.getLogger(__name__)

HIGHEST = 99.8  # percentile of the foreground above which intensities are cut
LIMIT = 5.0  # standard deviations
# N4's B-spline needs some slices to lie on; a thinner slab is repeated at its end up to this many.
N4_SLICES = 4


class AcquisitionSlab(Transform):
    """Cuts the slab out of a loaded volume.

    Args:
        spacing: mm between slices, rows and columns.
        size: rows and columns.
        slices: slices wanted; a volume that is thinner gives as many as fit, at least one.
    """

    def __init__(self, spacing: float = SPACING, size: int = SIZE, slices: int = SLICES) -> None:
        self.spacing = spacing
        self.size = size
        self.slices = slices

    def __call__(self, img: Any, slice_axis: int | None = None) -> MetaTensor:
        """Slab of one volume.

        Args:
            img: MetaTensor, shape (1, I, J, K) with its affine, as after LoadImage and EnsureChannelFirst.
            slice_axis: voxel axis the slices lie across; by default the acquisition axis.

        Returns:
            MetaTensor, float32, shape (slices, H, W). Its meta holds `acquisition_plane`, `slice_axis` and
            `slab_affine` (float64, shape (4, 4), (slice, row, column) to mm, RAS+); `affine` is the same with
            the axes in MONAI's order (row, column, slice). It holds no `spatial_shape`: the slices stand
            where MONAI expects channels, and Label and the evaluator would trip over it
            (docs/decisions/0002-slab.md).

        Raises:
            VolumeError: the volume cannot be looked at.
        """
        affine = getattr(img, "affine", None)
        if affine is None:
            raise VolumeError(
                "Volume has no affine; wanted a MetaTensor with one. Load it with MONAI's LoadImage."
            )
        if img.ndim < 3 or img.shape[0] != 1:
            shape = " x ".join(str(n) for n in img.shape)
            raise VolumeError(
                f"Volume has {img.shape[0] if img.ndim else 0} channels ({shape}); a volume has 1. "
                "Split it into volumes first."
            )
        data = img.as_tensor() if isinstance(img, MetaTensor) else img
        matrix = torch.as_tensor(affine).cpu().numpy()
        cut = slab(data[0], matrix, self.spacing, self.size, self.slices, slice_axis)
        slab_affine = torch.from_numpy(cut.affine)
        meta: dict[str, Any] = {"acquisition_plane": cut.acquisition_plane, "slice_axis": cut.slice_axis}
        meta["slab_affine"] = slab_affine
        given = getattr(img, "meta", {})
        meta |= {key: given[key] for key in ("filename_or_obj", "space") if key in given}
        return MetaTensor(torch.from_numpy(cut.slices), affine=slab_affine[:, [1, 2, 0, 3]], meta=meta)


class N4BiasFieldCorrection(Transform):
    """Divides the slow bias field of the receive coils out of a slab (N4ITK, through SimpleITK).

    The field is estimated on the foreground at a coarser grid and divided out at the full one. One thread:
    the result does not depend on the machine. Where N4 fails, one WARNING says so and the slab stays as it
    was.

    Args:
        shrink: rows and columns averaged for the estimate.
        iterations: at most so many at each of the fitting levels.

    Source: Tustison et al., N4ITK, IEEE TMI 2010; paper, section 2.3.
    """

    def __init__(self, shrink: int = 4, iterations: Sequence[int] = (20, 20)) -> None:
        self.shrink = shrink
        self.iterations = tuple(int(n) for n in iterations)

    def __call__(self, img: Any) -> Any:
        """Corrected slab: float32, (slices, H, W) and of the kind of the input, whose values are >= 0."""
        slices = _array(img)
        try:
            field = self.log_field(slices)
        except RuntimeError as error:  # SimpleITK's own
            reason = str(error).strip().splitlines()[-1]
            LOGGER.warning("N4 failed (%s); the slab goes on without bias field correction.", reason)
            return img
        return _like(img, slices / np.exp(field))

    def log_field(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logarithm of the bias field: float32, of the shape (slices, H, W) of the given slab."""
        import SimpleITK as sitk

        depth, height, width = slices.shape
        padded = np.concatenate([slices, np.repeat(slices[-1:], max(0, N4_SLICES - depth), axis=0)])
        small = torch.nn.functional.avg_pool2d(torch.from_numpy(padded), self.shrink).numpy()
        mask = foreground(small)
        if not mask.any():
            raise RuntimeError("the slab has no foreground")
        image = sitk.GetImageFromArray(small)
        image.SetSpacing((float(self.shrink), float(self.shrink), 1.0))  # in units of the slab's 2 mm
        image.SetOrigin(((self.shrink - 1) / 2, (self.shrink - 1) / 2, 0.0))
        inside = sitk.GetImageFromArray(mask.astype(np.uint8))
        inside.CopyInformation(image)
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetMaximumNumberOfIterations(self.iterations)
        n4.SetNumberOfThreads(1)
        n4.Execute(image, inside)
        full = sitk.Image(width, height, padded.shape[0], sitk.sitkFloat32)
        field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full))[:depth]
        if not np.isfinite(field).all():
            raise RuntimeError("the field is not finite")
        return field.astype(np.float32)


class NormalizeForeground(Transform):
    """z-score of a slab by its foreground: mean 0 and standard deviation 1 over tissue, for all voxels.

    Intensities are cut at the 99.8th percentile of the foreground before, the z-score at 5 standard
    deviations after. Air keeps its own value instead of a zero: real air is noise
    (docs/decisions/0003-foreground-z-score.md). A foreground of one intensity is only shifted to zero.
    """

    def __call__(self, img: Any) -> Any:
        """z-scores: float32, (slices, H, W) and of the kind of the input, whose values are >= 0."""
        slices = _array(img)
        tissue = slices[foreground(slices)]
        if tissue.size == 0:
            return _like(img, np.zeros_like(slices))
        highest = np.percentile(tissue, HIGHEST)
        tissue = np.minimum(tissue, highest)
        mean, deviation = float(tissue.mean(dtype=np.float64)), float(tissue.std(dtype=np.float64))
        scores = (np.minimum(slices, highest) - mean) / (deviation if deviation > 1e-6 * abs(mean) else 1.0)
        return _like(img, np.clip(scores, -LIMIT, LIMIT))


def _array(img: Any) -> NDArray[np.float32]:
    """The voxels of a slab as float32, shape (slices, H, W)."""
    if isinstance(img, MetaTensor):
        img = img.as_tensor()
    return (img.detach().cpu().numpy() if isinstance(img, torch.Tensor) else np.asarray(img)).astype(
        np.float32
    )


def _like(img: Any, values: NDArray[Any]) -> Any:
    """The values as what the input is: array, tensor, or MetaTensor with the same meta and device."""
    values = np.ascontiguousarray(values, dtype=np.float32)
    if not isinstance(img, torch.Tensor):
        return values
    tensor = torch.from_numpy(values).to(img.device)
    return MetaTensor(tensor, meta=dict(img.meta)) if isinstance(img, MetaTensor) else tensor


class _Twin(MapTransform):
    """Applies a transform to each key of a dictionary."""

    transform: Transform

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        for key in self.key_iterator(result):
            result[key] = self.transform(result[key])
        return result


class AcquisitionSlabd(_Twin):
    """Dictionary twin of AcquisitionSlab: (1, I, J, K) becomes (slices, H, W).

    Where the dictionary holds `slice_axis`, the slices lie across that axis of the volume.
    """

    transform: AcquisitionSlab

    def __init__(
        self,
        keys: KeysCollection,
        spacing: float = SPACING,
        size: int = SIZE,
        slices: int = SLICES,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform = AcquisitionSlab(spacing, size, slices)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        for key in self.key_iterator(result):
            result[key] = self.transform(result[key], result.get("slice_axis"))
        return result


class N4BiasFieldCorrectiond(_Twin):
    """Dictionary twin of N4BiasFieldCorrection."""

    def __init__(
        self,
        keys: KeysCollection,
        shrink: int = 4,
        iterations: Sequence[int] = (20, 20),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform = N4BiasFieldCorrection(shrink, iterations)


class NormalizeForegroundd(_Twin):
    """Dictionary twin of NormalizeForeground."""

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform = NormalizeForeground()
