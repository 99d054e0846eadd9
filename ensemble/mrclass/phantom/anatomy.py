"""Subjects of the simulator: a brain in a synthetic head, with vessels, lesions and a deformation.

The brain is that of the MNI152 tissue maps or of a skull-stripped T1w volume. Reads nilearn's packaged maps
or NIfTI files the user names; writes nothing.
Source: ICBM 152 nonlinear 2009a tissue probability maps as packaged by nilearn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from mrclass.errors import VolumeError
from mrclass.phantom.head import BRAIN, ORIGIN, SHAPE, dress, ellipsoid, enlarge
from mrclass.phantom.tissues import INDEX
from mrclass.phantom.vessels import add_fine_veins, add_lesions, add_vessels

LESIONS = ("tumour", "stroke", "wm_lesions", "bleed", "cavity")
_DEEP = {  # MNI mm: centre of the right one, radii
    "deep_grey": [((13, 10, 10), (5, 10, 9)), ((26, 4, 2), (6, 14, 9)), ((11, -18, 8), (8, 12, 9))],
    "iron": [
        ((20, -2, -1), (4, 7, 5)),
        ((5, -20, -8), (3, 3, 3)),
        ((9, -17, -12), (4, 5, 3)),
        ((14, -57, -34), (6, 6, 4)),
    ],
}


@dataclass
class Anatomy:
    """One subject.

    Attributes:
        labels: uint8, shape SHAPE, tissue indices; 255 where `soft` says.
        soft: uint8, shape (3, *SHAPE), CSF, grey and white matter in 1/255.
        linear: float64 (3, 3), head mm -> grid mm, the subject's size, shear and pose.
        shifts: float32 (3, 7, 7, 7), smooth displacement in mm over the grid.
        seed: of this subject; names its tissue jitter.
        lesions: kinds present.
        meta: "source": the name of the brain.
    """

    labels: np.ndarray
    soft: np.ndarray
    linear: np.ndarray
    shifts: np.ndarray
    seed: int
    lesions: tuple[str, ...] = ()
    meta: dict[str, str] = field(default_factory=dict)


def _mni_maps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey and white probability (float32, SHAPE, 0..1) and brain mask (bool, SHAPE)."""
    from nilearn.datasets import load_mni152_gm_template, load_mni152_template, load_mni152_wm_template

    maps = []
    for load in (load_mni152_gm_template, load_mni152_wm_template, load_mni152_template):
        image = load(resolution=1)
        out: np.ndarray = np.zeros(SHAPE, dtype=np.float32)
        start = np.round(image.affine[:3, 3] - np.asarray(ORIGIN)).astype(int)
        data = np.asarray(image.dataobj, dtype=np.float32)
        out[tuple(slice(s, s + n) for s, n in zip(start, data.shape, strict=True))] = data
        maps.append(out)
    return maps[0], maps[1], maps[2] > 0.05


def _volume_maps(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey and white fractions (float32, SHAPE, 0..1) and brain mask (bool, SHAPE) of a stripped T1w volume.

    The volume is scaled by its bounding box to that of the MNI brain.

    Raises:
        VolumeError: the file is no 3-D volume or its foreground does not look like a stripped brain.
    """
    import nibabel as nib

    image = nib.as_closest_canonical(nib.load(path))
    data = np.squeeze(np.asarray(image.dataobj, dtype=np.float32))
    if data.ndim != 3:
        raise VolumeError(f"{path} has {data.ndim} dimensions; an anatomy needs a 3-D T1w volume.")
    if not (data > 0).any():
        raise VolumeError(f"{path} holds no foreground; an anatomy needs a skull-stripped T1w volume.")
    mask = ndimage.binary_opening(data > 0.08 * np.percentile(data[data > 0], 95), iterations=2)
    parts, n = ndimage.label(mask)
    if n == 0:
        raise VolumeError(f"{path} holds no foreground; an anatomy needs a skull-stripped T1w volume.")
    mask = parts == 1 + np.argmax(ndimage.sum(mask, parts, np.arange(1, n + 1)))
    mask = ndimage.binary_closing(mask, iterations=3)
    spacing = np.asarray(image.header.get_zooms()[:3])
    size = (
        np.array([np.ptp(np.where(mask.any(axis=tuple({0, 1, 2} - {k})))[0]) + 1 for k in range(3)]) * spacing
    )
    if not ((size > 85) & (size < 230)).all():
        raise VolumeError(f"{path}: foreground of {size.round()} mm; a stripped brain spans 85 to 230 mm.")
    _, _, mni = _mni_maps()
    matrix, offset = np.zeros(3), np.zeros(3)
    for k in range(3):
        axis = tuple({0, 1, 2} - {k})
        a, b = (np.where(m.any(axis=axis))[0][[0, -1]] for m in (mni, mask))
        matrix[k] = (b[1] - b[0]) / (a[1] - a[0])
        offset[k] = b[0] - matrix[k] * a[0]
    values = ndimage.affine_transform(data, np.diag(matrix), offset, SHAPE, order=1)
    brain = ndimage.affine_transform(mask.astype(np.float32), np.diag(matrix), offset, SHAPE, order=1) > 0.5
    return *_three_tissues(values, brain), brain


def _three_tissues(values: np.ndarray, brain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Soft grey and white matter (float32, SHAPE, 0..1) of a T1w brain.

    Intensities over their local mean fall into three classes; between the centres of two they mix linearly.
    """
    weight = ndimage.gaussian_filter(brain[::4, ::4, ::4].astype(np.float32), 7)
    local = ndimage.gaussian_filter((values * brain)[::4, ::4, ::4], 7) / np.maximum(weight, 1e-3)
    flat = enlarge(local)
    ratio = values / np.maximum(flat, 1e-3)
    sample = ratio[brain][::17]
    centres = np.percentile(sample, [5, 45, 85])
    for _ in range(30):
        nearest = np.abs(sample[:, None] - centres[None]).argmin(1)
        centres = np.array(
            [sample[nearest == k].mean() if (nearest == k).any() else centres[k] for k in range(3)]
        )
    centres = np.sort(centres)
    white = np.clip((ratio - centres[1]) / (centres[2] - centres[1]), 0, 1)
    csf = np.clip((centres[1] - ratio) / (centres[1] - centres[0]), 0, 1)
    return (np.clip(1 - white - csf, 0, 1) * brain).astype(np.float32), (white * brain).astype(np.float32)


@lru_cache(maxsize=2)
def _base(source: str, realism: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Brain mask (bool, SHAPE) and soft maps (uint8, (3, *SHAPE)) of 'mni152' or of a stripped T1w volume."""
    grey, white, brain = _mni_maps() if source == "mni152" else _volume_maps(Path(source))
    if realism > 1:
        return _steep(grey, white, brain, averaged=source == "mni152")
    brain = ndimage.binary_closing(np.pad(brain, 6), iterations=5)[6:-6, 6:-6, 6:-6]
    # probabilities are blurred over subjects, classes by partial volume: both make sulci too wide
    csf = np.clip((1 - grey - white - 0.3) / 0.6, 0, 1) * brain
    white = white * brain * (1 - csf)
    soft = np.stack([csf, np.clip(brain - csf - white, 0, 1), white])
    soft = np.round(255 * soft / np.maximum(soft.sum(0), 1e-3)).astype(np.uint8)
    return brain, soft


def _steep(
    grey: np.ndarray, white: np.ndarray, brain: np.ndarray, averaged: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Brain mask and soft maps of realism 2: narrow sulci, a cortex without a rim of CSF; as `_base`.

    Args:
        grey, white: float32, SHAPE, 0..1.
        brain: bool, SHAPE.
        averaged: the maps are means over subjects, which blur the sulci; they are sharpened first.
    """
    csf = (1 - grey - white) * brain
    if averaged:
        csf = csf + 2.5 * (csf - ndimage.gaussian_filter(csf, 2.5))
    csf = np.clip((csf - (0.36 if averaged else 0.5)) / 0.35, 0, 1)
    tissue = np.pad(brain & (csf < 0.6), 8)
    hull = ndimage.binary_closing(tissue[::2, ::2, ::2], iterations=3)
    hull = ndimage.binary_fill_holes(hull)
    hull = np.kron(hull, np.ones((2, 2, 2), dtype=bool))[tuple(slice(0, n) for n in tissue.shape)]
    brain = (hull | tissue)[8:-8, 8:-8, 8:-8]
    csf = np.where(grey + white > 0.05, csf, 1.0) * brain
    white = white * brain * (1 - csf)
    soft = np.stack([csf, np.clip(brain - csf - white, 0, 1), white])
    return brain, np.round(255 * soft / np.maximum(soft.sum(0), 1e-3)).astype(np.uint8)


def make_anatomy(
    seed: int,
    source: str = "mni152",
    lesions: Sequence[str] | None = None,
    stripped: bool = False,
    realism: int = 1,
) -> Anatomy:
    """One subject of the simulator; the same arguments give the same subject.

    Args:
        seed: of everything random in this subject.
        source: "mni152", or the path of a skull-stripped T1w NIfTI volume.
        lesions: kinds from LESIONS; None draws them (about half of the subjects are healthy).
        stripped: remove everything outside the brain and its CSF.
        realism: as `protocols.random_protocol`; 2 has narrow sulci, a thin rim of CSF and more veins.

    Raises:
        VolumeError: the named volume cannot serve as anatomy.
    """
    rng = np.random.default_rng([seed, 7])
    brain, soft = _base(source, realism)
    own = np.random.default_rng([seed, 17])  # what realism 2 draws besides
    labels = dress(brain, rng, rim=float(own.uniform(0.1, 0.7)) if realism > 1 else 1.0)
    _write_deep_grey(labels, soft, rng, only_grey=realism > 1)
    add_vessels(labels, soft, rng)
    if realism > 1:
        add_fine_veins(labels, soft, own)
    if lesions is None:
        odds = dict(zip(LESIONS, (0.22, 0.12, 0.22, 0.08, 0.06), strict=True))
        lesions = tuple(kind for kind in LESIONS if rng.random() < odds[kind])
    add_lesions(labels, soft, rng, lesions)
    if stripped:
        rim = int(rng.integers(0, 3))  # mm; SciPy takes no iterations for as many as change anything
        kept = ndimage.binary_dilation(brain, iterations=rim) if rim else brain
        labels = np.where(kept, labels, 0).astype(np.uint8)
    scale = rng.normal(1.0, 0.05) * np.exp(rng.normal(0, 0.03, 3))
    angles = np.deg2rad(rng.normal(0, (5.0, 3.5, 3.5)))
    linear = rotation(angles) @ np.diag(1 / scale) @ (np.eye(3) + rng.normal(0, 0.025, (3, 3)))
    shifts = rng.normal(0, rng.uniform(1.0, 3.2), (3, 7, 7, 7)).astype(np.float32)
    return Anatomy(labels, soft, linear, shifts, seed, tuple(lesions), {"source": Path(source).name})


def _write_deep_grey(
    labels: np.ndarray, soft: np.ndarray, rng: np.random.Generator, only_grey: bool = False
) -> None:
    """Write basal ganglia, thalamus and the nuclei that hold iron into the label map, CSF left out.

    With `only_grey` they keep to what the maps call grey, which gives them their own outlines.
    """
    parenchyma = (labels == BRAIN) & (soft[0] < 110)
    if only_grey:
        parenchyma &= soft[1] > 70
    for name, shapes in _DEEP.items():
        for (x, y, z), radii in shapes:
            shift = rng.normal(0, 1.0, 3)
            for side in (-1, 1):
                centre = (side * x + shift[0], y + shift[1], z + shift[2])
                mask = ellipsoid(centre, radii) & parenchyma
                labels[mask] = INDEX[name]


def rotation(angles: np.ndarray) -> np.ndarray:
    """Rotation matrix, float64 (3, 3), about x, then y, then z by angles (3,) in radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
