"""Cuts one NIfTI file of any shape into 3-D volumes; reads the file, writes what `Piece.save` is told to."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mrclass.errors import ConversionError

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
PLANES = ("sagittal", "coronal", "axial")
B_STEP = 50.0  # b-values are nominal: 995 and 1005 are one


@dataclass
class Piece:
    """One 3-D volume of a NIfTI file, its pixels not yet read.

    Attributes:
        words: what distinguishes it inside its file.
        whole: the file is this volume already.
        order: the file's axes in the order in which the volume has them.
    """

    source: Path
    image: Any = field(repr=False)
    index: int
    words: tuple[str, ...]
    b_value: float | None
    affine: np.ndarray
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    plane: str
    whole: bool
    order: tuple[int, int, int] = (0, 1, 2)

    def turned(self, axis: int) -> Piece:
        """The same volume with this axis as its third; it goes to a file of its own."""
        first, second = (other for other in range(3) if other != axis)
        order = (first, second, axis)
        return replace(
            self,
            affine=self.affine[:, [*order, 3]],
            shape=(self.shape[first], self.shape[second], self.shape[axis]),
            spacing=(self.spacing[first], self.spacing[second], self.spacing[axis]),
            plane=PLANES[int(np.argmax(np.abs(self.affine[:3, axis])))],
            whole=False,
            order=order,
        )

    def save(self, path: Path, may_keep: bool) -> Path:
        """Write it as a 3-D file and return `path`; the source's own path where that is such a file already.

        Raises:
            ConversionError: the pixels cannot be read.
        """
        if self.whole and may_keep:
            return self.source
        import nibabel

        try:
            array = self._array()
        except (OSError, EOFError, ValueError, zlib.error, MemoryError) as error:
            raise ConversionError(
                f"The pixels of {self.source.name} cannot be read: {error or 'no memory'}."
            ) from error
        nibabel.save(nibabel.Nifti1Image(array, self.affine), path)
        return path

    def _array(self) -> np.ndarray:
        """The voxels: float32 or a small integer type, shape `self.shape`."""
        spatial = 3 if len(self.image.shape) >= 3 else len(self.image.shape)
        later = np.unravel_index(self.index, self.image.shape[3:]) if len(self.image.shape) > 3 else ()
        array: np.ndarray = np.asarray(
            self.image.dataobj[(slice(None),) * spatial + tuple(int(i) for i in later)]
        )
        if array.dtype.fields:
            array = sum(w * array[c].astype(np.float32) for w, c in zip(LUMINANCE, "RGB", strict=True))
        elif np.iscomplexobj(array):
            array = np.abs(array)
        if array.dtype not in (np.uint8, np.int16, np.uint16, np.float32):
            array = array.astype(np.float32)
        stored = [self.shape[self.order.index(axis)] for axis in range(3)]
        return array.reshape(stored).transpose(self.order)


def pieces(path: Path, b_values: tuple[float, ...], max_voxels: int) -> list[Piece]:
    """The volumes of a NIfTI file: itself, or one per b-value, or its first time point.

    Raises:
        ConversionError: it cannot be read, has no usable matrix or geometry, or is absurdly large.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    try:
        image = nibabel.load(path)
    except (ImageFileError, HeaderDataError, OSError, EOFError) as error:
        why = str(error).replace(str(path), path.name).rstrip(".")  # a reason names no folder
        raise ConversionError(f"{path.name} is not a readable NIfTI file: {why}.") from error
    except (ValueError, zlib.error, MemoryError) as error:
        raise ConversionError(f"The header of {path.name} makes no sense: {error}.") from error
    size = tuple(int(n) for n in image.shape)
    if len(size) < 2 or min(size) < 1:
        raise ConversionError(
            f"{path.name} has the shape {size}; a volume has three axes with voxels in each."
        )
    shape = (size[0], size[1], size[2] if len(size) > 2 else 1)
    if shape[0] * shape[1] * shape[2] > max_voxels:
        raise ConversionError(
            f"{path.name} claims {shape[0]} x {shape[1]} x {shape[2]} voxels, more than is looked at."
        )
    affine = np.asarray(image.affine, dtype=np.float64)
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9 or (spacing > 1e4).any():
        raise ConversionError(
            f"{path.name} has no usable geometry: its affine is {affine[:3].round(3).tolist()}."
        )
    kind = image.get_data_dtype()
    words: tuple[str, ...] = ()
    if kind.fields:
        if not {"R", "G", "B"} <= set(kind.fields):
            raise ConversionError(f"{path.name} holds voxels of the type {kind}, which is not an image.")
        words = ("colour, read as luminance",)
    elif kind.kind == "c":
        words = ("magnitude of complex voxels",)
    count = int(np.prod(size[3:])) if len(size) > 3 else 1
    whole = len(size) == 3 and not words
    mm = (float(spacing[0]), float(spacing[1]), float(spacing[2]))
    plane = PLANES[
        int(np.argmax(np.abs(affine[:3, _slice_axis(shape, spacing)]) / spacing[_slice_axis(shape, spacing)]))
    ]
    return [
        Piece(path, image, index, (*more, *words), b, affine, shape, mm, plane, whole)
        for index, b, more in _wanted(count, b_values)
    ]


def _slice_axis(shape: tuple[int, int, int], spacing: np.ndarray) -> int:
    """The axis across the slices: of a thick stack the one of largest spacing, else the third."""
    thickest = int(np.argmax(spacing))
    return thickest if spacing[thickest] > 1.2 * np.sort(spacing)[1] else 2


def _wanted(count: int, b_values: tuple[float, ...]) -> list[tuple[int, float | None, tuple[str, ...]]]:
    """Index, b-value and words of the volumes to take of `count`: the first of each b-value, else the
    first."""
    if b_values and len(b_values) == count:
        first: dict[float, int] = {}
        for index, value in enumerate(b_values):
            first.setdefault(round(max(value, 0.0) / B_STEP) * B_STEP, index)
        return [(index, b, (f"b {b:g}",)) for b, index in sorted(first.items())]
    return [(0, None, (f"time point 1 of {count}",) if count > 1 else ())]
