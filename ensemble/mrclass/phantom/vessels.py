"""Vessels and lesions of a subject: sinuses, arteries, veins, tumours, strokes; arrays changed in place.

Positions are MNI millimetres with jitter. Reads and writes no files.
Source: course of the vessels in anatomical atlases.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from mrclass.phantom.head import BRAIN, ORIGIN, SHAPE, coordinates
from mrclass.phantom.tissues import INDEX

Point = tuple[float, float, float]


def tube(
    labels: np.ndarray, points: Sequence[Point], radius: float, name: str, where: np.ndarray | None = None
) -> None:
    """Write a tube through points into a label map, in place.

    Args:
        labels: uint8, shape SHAPE.
        points: MNI mm; straight between them.
        radius: mm.
        name: tissue it is made of.
        where: bool, shape SHAPE; what lies outside is left alone.
    """
    path = np.asarray(points, dtype=np.float64)
    steps = max(2, int(np.abs(np.diff(path, axis=0)).sum() * 1.5))
    knots = np.linspace(0, len(path) - 1, steps)
    dense = np.stack([np.interp(knots, np.arange(len(path)), path[:, k]) for k in range(3)], axis=1)
    centre = np.round(dense - np.asarray(ORIGIN)).astype(int)
    reach = int(np.ceil(radius))
    ball = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    ball = ball[(ball**2).sum(1) <= radius**2 + 0.1]
    voxels = (centre[:, None] + ball[None]).reshape(-1, 3)
    voxels = voxels[((voxels >= 0) & (voxels < SHAPE)).all(1)]
    if where is not None:
        voxels = voxels[where[tuple(voxels.T)]]
    labels[tuple(voxels.T)] = INDEX[name]


def _wander(start: Point, end: Point, rng: np.random.Generator, bend: float, n: int = 12) -> list[Point]:
    """A path of n points from start to end (MNI mm) that wanders by about `bend` mm in between."""
    s = np.linspace(0, 1, n)
    line = np.outer(1 - s, start) + np.outer(s, end)
    walk = rng.normal(size=(n, 3)).cumsum(axis=0)
    walk -= np.outer(s, walk[-1])
    return [tuple(p) for p in line + bend * 0.35 * walk * np.sin(np.pi * s)[:, None]]


def add_vessels(labels: np.ndarray, soft: np.ndarray, rng: np.random.Generator) -> None:
    """Dural sinuses, circle of Willis with its branches, cortical and medullary veins, choroid plexus.

    Args:
        labels: uint8 label map, changed in place.
        soft: uint8 (3, ...) maps; cortical vessels keep to the CSF of the sulci.
        rng: courses and calibres.
    """
    brain = labels == BRAIN
    sulci = ~brain | (soft[0] > 70)

    def go(
        a: Point, b: Point, bend: float, radius: float, name: str, where: np.ndarray | None = None
    ) -> None:
        tube(labels, _wander(a, b, rng, bend), radius, name, where)

    extent = np.where(brain.any(axis=(0, 1)))[0]
    top = float(extent.max() + ORIGIN[2]) if extent.size else 75.0
    arc = [(0.0, 66.0, 5.0), (0.0, 48.0, top - 28), (0.0, 10.0, top - 4), (0.0, -30.0, top - 3)]
    arc += [(0.0, -75.0, top - 28), (0.0, -104.0, 8.0), (0.0, -104.0, -12.0)]
    tube(labels, arc, rng.uniform(2.5, 4.2), "vein")
    go((0, -42, 4), (0, -100, -2), 1.0, rng.uniform(1.8, 2.8), "vein")
    for side in (-1, 1):
        width = rng.uniform(1.8, 4.2)
        tube(
            labels,
            [(0, -104, -12), (side * 35, -90, -20), (side * 58, -55, -28), (side * 52, -36, -48)],
            width,
            "vein",
        )
        tube(labels, [(side * 52, -36, -48), (side * 32, -24, -60), (side * 34, -14, -90)], width, "vein")
        tube(
            labels,
            [(side * 26, 2, -62), (side * 24, -6, -42), (side * 12, 2, -34), (side * 13, 8, -20)],
            2.2,
            "artery",
        )
        go((side * 13, 6, -18), (side * 34, 4, -14), 3, 1.6, "artery")
        for _ in range(4):
            go(
                (side * 34, 4, -14),
                (side * rng.uniform(42, 62), rng.uniform(-50, 30), rng.uniform(0, 40)),
                10,
                1.3,
                "artery",
                sulci,
            )
        tube(
            labels,
            [
                (side * 13, 8, -18),
                (side * 4, 32, -6),
                (side * 3, 42, 16),
                (side * 3, 20, 36),
                (side * 3, -20, 40),
            ],
            1.3,
            "artery",
        )
        go((side * 4, -24, -14), (side * 22, -80, -4), 6, 1.2, "artery")
        go((side * 10, -38, -64), (side * 2, -22, -40), 2, 1.7, "artery")
        tube(labels, [(side * 3, 20, 2), (side * 5, -10, 12), (side * 3, -42, 6)], 1.1, "vein")
        for _ in range(rng.integers(10, 26)):
            y0 = rng.uniform(-80, 55)
            lateral = (side * rng.uniform(30, 58), y0 + rng.uniform(-15, 25), rng.uniform(10, top - 22))
            go(
                (side * 2, y0, top - 6 - 0.012 * (y0 + 15) ** 2),
                lateral,
                8,
                rng.uniform(0.8, 2.0),
                "vein",
                sulci,
            )
        for _ in range(rng.integers(8, 24)):
            y0 = rng.uniform(-45, 35)
            go(
                (side * rng.uniform(14, 22), y0, rng.uniform(14, 24)),
                (side * rng.uniform(28, 46), y0 + rng.uniform(-12, 12), rng.uniform(20, 48)),
                3,
                0.5,
                "vein",
            )
        plexus = [(side * 20, -38, 6), (side * 22, -34, 14), (side * 12, -18, 19), (side * 4, -4, 15)]
        tube(labels, plexus, rng.uniform(1.6, 3.2), "choroid")
    go((0, -23, -42), (0, -25, -12), 1.5, rng.uniform(1.4, 2.2), "artery")
    tube(labels, [(0, -52, -34), (0, -50, -40)], 2, "choroid")


def add_fine_veins(labels: np.ndarray, soft: np.ndarray, rng: np.random.Generator) -> None:
    """Cortical veins in the sulci of all lobes and medullary veins, thinner than `add_vessels` makes them.

    Args:
        labels: uint8 label map, changed in place.
        soft: uint8 (3, ...) maps; the veins keep to CSF and cortex, or to white matter.
        rng: number and courses.
    """
    brain = labels == BRAIN
    sulci: np.ndarray = np.argwhere((brain & (soft[0] > 100))[::3, ::3, ::3]) * 3
    if len(sulci) < 50:
        return
    origin = np.asarray(ORIGIN)
    allowed = ~brain | (soft[0] > 60)
    for _ in range(int(rng.integers(20, 60))):
        start = sulci[rng.integers(len(sulci))] + origin
        outward = start - np.array([0.0, -15.0, 5.0])
        outward /= max(float(np.linalg.norm(outward)), 1.0)
        end = start + outward * rng.uniform(8, 22) + rng.normal(0, 6, 3)
        path = _wander(tuple(start), tuple(end), rng, 5)
        tube(labels, path, 0.6, "vein", allowed)


def blob(
    centre: Point, radius: float, rng: np.random.Generator, roughness: float = 0.25
) -> tuple[tuple[slice, ...], np.ndarray]:
    """A rough ball: its box in the grid and, over it, float32 distance to the centre in radii (< 1: inside).

    Args:
        centre: MNI mm.
        radius: mm.
        rng: axes (0.75 to 1.3 of the radius) and surface.
        roughness: standard deviation of the surface, in radii.
    """
    low = [max(0, int(c - o - 1.8 * radius)) for c, o in zip(centre, ORIGIN, strict=True)]
    high = [min(n, int(c - o + 1.8 * radius) + 1) for c, o, n in zip(centre, ORIGIN, SHAPE, strict=True)]
    box = tuple(slice(a, max(a + 1, b)) for a, b in zip(low, high, strict=True))
    x, y, z = coordinates()
    scale = rng.uniform(0.75, 1.3, 3)
    d2 = ((x[box[0]] - centre[0]) / scale[0]) ** 2 + ((y[:, box[1]] - centre[1]) / scale[1]) ** 2
    field = np.sqrt(d2 + ((z[:, :, box[2]] - centre[2]) / scale[2]) ** 2) / radius
    coarse = rng.normal(size=(5, 5, 5))
    rough = ndimage.zoom(coarse, [n / 5 for n in field.shape], order=1)
    rough = rough[: field.shape[0], : field.shape[1], : field.shape[2]]
    return box, (field + roughness * rough).astype(np.float32)


def _inside_point(brain_points: np.ndarray, rng: np.random.Generator) -> Point:
    """MNI mm of one of the voxels (n, 3)."""
    p = brain_points[rng.integers(len(brain_points))]
    return (float(p[0] + ORIGIN[0]), float(p[1] + ORIGIN[1]), float(p[2] + ORIGIN[2]))


def add_lesions(labels: np.ndarray, soft: np.ndarray, rng: np.random.Generator, kinds: Sequence[str]) -> None:
    """Write lesions of the named kinds (tumour, stroke, wm_lesions, bleed, cavity) into a subject.

    Args:
        labels: uint8 label map, changed in place.
        soft: uint8 (3, ...) maps of CSF, grey and white matter; steer where lesions lie.
        rng: positions, sizes, composition.
        kinds: which ones.
    """
    t = INDEX
    tissue = labels == BRAIN
    grid: np.ndarray = np.argwhere(tissue[::4, ::4, ::4]) * 4
    white_points = grid[soft[2][tuple(grid.T)] > 150]
    if len(white_points) < 50:
        return
    for kind in kinds:
        centre = _inside_point(white_points, rng)
        if kind == "tumour":
            radius = float(np.exp(rng.uniform(np.log(5), np.log(26))))
            box, field = blob(centre, radius * 1.9, rng, 0.3)
            here = tissue[box]
            swell = rng.random() < 0.75
            if swell:
                labels[box][here & (field < 1) & (soft[2][box] > 90)] = t["oedema"]
            box, field = blob(centre, radius, rng, 0.22)
            here = tissue[box]
            labels[box][here & (field < 1)] = t["tumour"]
            if radius > 8 and rng.random() < 0.7:
                labels[box][here & (field < rng.uniform(0.5, 0.85))] = t["necrosis"]
            if rng.random() < 0.25:
                labels[box][here & (field < rng.uniform(0.2, 0.4))] = t["blood"]
        elif kind == "stroke":
            box, field = blob(centre, rng.uniform(6, 32), rng, 0.35)
            labels[box][tissue[box] & (field < 1) & (soft[0][box] < 120)] = t["stroke"]
        elif kind == "wm_lesions":
            near = white_points[np.abs(white_points[:, 2] + ORIGIN[2] - 20) < 25]
            for _ in range(int(rng.integers(3, 60))):
                if len(near) == 0:
                    break
                spot = _inside_point(near, rng)
                box, field = blob(spot, rng.uniform(1.5, 6), rng, 0.3)
                labels[box][tissue[box] & (field < 1) & (soft[2][box] > 120)] = t["wm_lesion"]
        elif kind == "bleed":
            for _ in range(int(rng.integers(1, 12))):
                box, field = blob(_inside_point(grid, rng), rng.uniform(1.2, 9), rng, 0.25)
                labels[box][tissue[box] & (field < 1)] = t["blood"]
        elif kind == "cavity":
            box, field = blob(centre, rng.uniform(8, 26), rng, 0.3)
            here = tissue[box] & (field < 1)
            labels[box][here] = t["csf"]
            labels[box][here & (field > 0.88) & (rng.random() < 0.6)] = t["tumour"]
