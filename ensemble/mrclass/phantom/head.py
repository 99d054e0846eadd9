"""A synthetic head around a brain on the MNI grid: skull, scalp, face, sinuses, eyes, neck; reads no files.

The shapes are ellipsoids and distance shells in MNI millimetres, jittered per head: coarse anatomy, so that
networks see bright scalp fat, dark bone and air, mucosa and muscle where heads have them.
Source: proportions of adult head atlases.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from mrclass.phantom.tissues import INDEX

SHAPE = (200, 250, 256)
ORIGIN = (-100.0, -140.0, -124.0)  # MNI mm of voxel (0, 0, 0); voxels are 1 mm
BRAIN = 255  # label of voxels whose tissue comes from the soft maps


def coordinates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MNI mm of the grid: three float32 arrays that broadcast to SHAPE (x right, y anterior, z superior)."""
    axes = [np.arange(n, dtype=np.float32) + o for n, o in zip(SHAPE, ORIGIN, strict=True)]
    return axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]


def ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """Mask of an ellipsoid, centre and radii in MNI mm: bool, shape SHAPE."""
    mask: np.ndarray = np.zeros(SHAPE, dtype=bool)
    low = [
        int(np.clip(np.floor(c - o - r), 0, n))
        for c, o, r, n in zip(centre, ORIGIN, radii, SHAPE, strict=True)
    ]
    high = [
        int(np.clip(np.ceil(c - o + r) + 1, 0, n))
        for c, o, r, n in zip(centre, ORIGIN, radii, SHAPE, strict=True)
    ]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    x, y, z = (
        (axis - c) / r
        for axis, c, r in zip(
            (coordinates()[0][box[0]], coordinates()[1][:, box[1]], coordinates()[2][:, :, box[2]]),
            centre,
            radii,
            strict=True,
        )
    )
    mask[box] = x**2 + y**2 + z**2 <= 1
    return mask


def _distance(mask: np.ndarray) -> np.ndarray:
    """Distance in mm to the mask (float32, SHAPE), computed at 2 mm and interpolated: shells need no more."""
    return enlarge(ndimage.distance_transform_edt(~mask[::2, ::2, ::2], sampling=2.0))


def _noise(rng: np.random.Generator, cell: int) -> np.ndarray:
    """Smooth noise of unit variance with a grain of `cell` mm: float32, shape SHAPE."""
    big = enlarge(rng.normal(size=[n // cell + 2 for n in SHAPE]))
    return big / big[::3, ::3, ::3].std()


def enlarge(coarse: np.ndarray) -> np.ndarray:
    """Trilinear enlargement of a coarse 3-D array to the grid: float32, shape SHAPE."""
    small = torch.from_numpy(coarse.astype(np.float32))[None, None]
    return torch.nn.functional.interpolate(small, size=SHAPE, mode="trilinear", align_corners=False)[
        0, 0
    ].numpy()


def dress(brain: np.ndarray, rng: np.random.Generator, rim: float = 1.0) -> np.ndarray:
    """Label map of a head around a brain.

    Args:
        brain: bool, shape SHAPE, the brain with its inner CSF.
        rng: jitter of thicknesses and positions.
        rim: factor on the thickness of the CSF around the brain.

    Returns:
        uint8, shape SHAPE: indices of `tissues.TABLE`, or BRAIN inside the brain mask.
    """
    x, y, z = coordinates()
    t = INDEX
    to_brain = _distance(brain)
    skull = rng.uniform(5.0, 8.5)
    csf = rng.uniform(0.3, 2.4) * rim
    scalp = rng.uniform(4.0, 11.0)
    jy, jz = rng.normal(0, 3, 2)

    face = ellipsoid((0, 42 + jy, -52 + jz), (rng.uniform(56, 66), rng.uniform(46, 58), rng.uniform(66, 80)))
    nose = ellipsoid((0, 88 + jy, -48 + jz), (14, 18, 20))
    neck = (x**2 / rng.uniform(52, 66) ** 2 + (y + 22) ** 2 / rng.uniform(56, 68) ** 2 <= 1) & (z < -55)
    outline = (to_brain < csf + skull + scalp) | face | nose | neck
    coarse = ndimage.gaussian_filter(outline[::2, ::2, ::2].astype(np.float32), 3.0)
    inside = enlarge(coarse) > 0.5
    depth = _distance(~inside)
    depth += 1.2 * _noise(rng, 16)

    head: np.ndarray = np.zeros(SHAPE, dtype=np.uint8)
    head[inside] = t["muscle"]
    fat_depth = scalp * (0.75 if rng.random() < 0.7 else 0.45) + 1.5 * _noise(rng, 24)
    head[inside & (depth < 1.8 + np.maximum(fat_depth, 1.5))] = t["fat"]
    # fat between muscles of face and neck
    streaks = _noise(rng, 7) > 0.9
    head[inside & (head == t["muscle"]) & streaks & (z < -25)] = t["fat"]
    temporal = (np.abs(x) > 48) & (np.abs(y - 15) < 40) & (z < 15) & (z > -50)
    head[inside & temporal & (depth > 3.5) & (head == t["fat"])] = t["muscle"]
    head[inside & (depth < 1.8)] = t["skin"]

    vault = z > -38 + 0.25 * (y + 20) * 0.6
    shell = inside & vault & (depth > 2.5)
    outer = csf + 0.8 + skull
    diploe = (to_brain > csf + 0.8 + 0.3 * skull) & (to_brain < csf + 0.8 + 0.72 * skull)
    head[shell & (to_brain < outer)] = t["bone"]
    head[shell & diploe & (_noise(rng, 10) > -0.9)] = t["marrow"]
    base = inside & ~vault & (z > -62) & (to_brain < 14) & (y < 45)
    mixture = _noise(rng, 5)
    head[base & (mixture < 0.3)] = t["bone"]
    head[base & (mixture >= 0.3) & (y < 0) & (np.abs(x) < 18)] = t["marrow"]
    mastoid = ellipsoid((52, -28, -42), (13, 16, 17)) | ellipsoid((-52, -28, -42), (13, 16, 17))
    head[inside & mastoid & (to_brain > 3)] = t["bone"]
    head[inside & mastoid & (mixture > 0.1) & (depth > 5) & (to_brain > 3)] = t["air"]

    _face(head, inside, depth, rng, jy, jz)
    _neck(head, inside & (z < -62), rng)
    head[inside & (to_brain < csf + 0.8)] = t["dura"]
    head[to_brain < csf] = t["csf"]
    head[brain] = BRAIN
    falx = (np.abs(x) < 0.5) & (to_brain < 2.5) & (z > 8) & ((z > 35) | (y < -45) | (y > 30))
    head[falx] = t["dura"]
    return head


def _face(
    head: np.ndarray, inside: np.ndarray, depth: np.ndarray, rng: np.random.Generator, jy: float, jz: float
) -> None:
    """Write eyes, orbits, sinuses, nasal cavity, mouth and jaw into the label map."""
    t = INDEX
    free = inside & (head != BRAIN)
    for side in (-1, 1):
        orbit = ellipsoid((side * 31, 50 + jy, -33 + jz), (19, 26, 18))
        head[free & orbit & (depth > 2)] = t["fat"]
        head[free & ellipsoid((side * 24, 44 + jy, -33 + jz), (3, 24, 3))] = t["white"]
        for angle in np.linspace(0, 2 * np.pi, 4, endpoint=False):
            cx, cz = side * 30 + 12 * np.cos(angle), -33 + jz + 12 * np.sin(angle)
            head[free & ellipsoid((cx, 50 + jy, cz), (2.5, 20, 2.5))] = t["muscle"]
        globe = ellipsoid((side * 33, 62 + jy, -33 + jz), (12, 12, 12))
        head[free & globe] = t["vitreous"]
        head[free & ellipsoid((side * 33, 72 + jy, -33 + jz), (4.5, 2.5, 4.5))] = t["muscle"]
        radius = rng.uniform(10, 17)
        centre = (side * 27, 46 + jy, -62 + jz)
        head[free & ellipsoid(centre, (radius + 2, radius + 4, radius + 5))] = t["mucosa"]
        if rng.random() < 0.9:
            head[free & ellipsoid(centre, (radius, radius + 1.5, radius + 2.5))] = t["air"]
        jaw = ellipsoid((side * 40, 32 + jy, -100 + jz), (6, 34, 12))
        head[free & jaw] = t["marrow"]
    nasal = ellipsoid((0, 52 + jy, -50 + jz), (15, 32, 26))
    head[free & nasal] = t["mucosa"]
    x, y, z = coordinates()
    grain = _noise(rng, 6)
    passages = (np.sin(x * 1.1 + 0.6 * grain) + 0.5 * grain > -0.4) & (np.abs(x) > 1.2)
    head[free & nasal & passages & (depth > 3)] = t["air"]
    head[free & nasal & ~passages & (grain > 0.8)] = t["bone"]
    if rng.random() < 0.85:
        head[free & ellipsoid((0, 14 + jy, -36), (11, 10, 8)) & (head != BRAIN)] = t["air"]
    if rng.random() < 0.8:
        frontal = ellipsoid((0, 74 + 0.5 * jy, 2), (rng.uniform(10, 24), 5, rng.uniform(6, 12)))
        head[free & frontal & (depth > 6)] = t["air"]
    head[free & ellipsoid((0, 26 + jy, -96 + jz), (22, 28, 14))] = t["muscle"]
    teeth = ellipsoid((0, 58 + jy, -88 + jz), (26, 14, 12)) & ~ellipsoid((0, 50 + jy, -88 + jz), (20, 14, 14))
    head[free & teeth & (depth > 4)] = t["bone"]
    pharynx = (x**2 / 9.0**2 + (y - 2) ** 2 / 7.0**2 <= 1) & (z < -48)
    head[free & pharynx] = t["air"]
    head[free & ellipsoid((0, 1, -33), (6, 5, 4.5))] = t["pituitary"]


def _neck(head: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> None:
    """Write spine, cord and great vessels of the neck into the label map."""
    t = INDEX
    x, y, z = coordinates()
    free = inside & (head != BRAIN)
    phase = rng.uniform(0, 17)
    body = (x**2 / 12.0**2 + (y + 26) ** 2 / 9.0**2 <= 1) & np.ones_like(z, dtype=bool)
    disc = np.broadcast_to(((z + phase) % 17) < 4, head.shape)
    head[free & body] = t["marrow"]
    head[free & body & disc] = t["disc"]
    canal = (x**2 / 10.0**2 + (y + 43) ** 2 / 8.0**2 <= 1) & np.ones_like(z, dtype=bool)
    head[free & canal] = t["csf"]
    cord = (x**2 / 6.5**2 + (y + 43) ** 2 / 4.8**2 <= 1) & np.ones_like(z, dtype=bool)
    head[free & cord] = t["white"]
    for side in (-1, 1):
        for (px, py), name in (((30, -6), "artery"), ((36, -12), "vein"), ((18, -30), "artery")):
            tube = ((x - side * px) ** 2 + (y - py) ** 2 <= 3.2**2) & np.ones_like(z, dtype=bool)
            head[free & tube] = t[name]
