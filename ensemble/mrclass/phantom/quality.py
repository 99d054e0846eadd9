"""A quality phantom on the head's grid: a cylinder or sphere of doped water with structures in it; no files.

Source: the usual inserts of such phantoms (resolution pins, slice-position wedges, contrast discs, grid).
"""

from __future__ import annotations

import numpy as np

from mrclass.phantom.anatomy import Anatomy
from mrclass.phantom.head import SHAPE, coordinates
from mrclass.phantom.tissues import INDEX

MIDDLE = (0.0, -15.0, 4.0)  # head mm
FILLS = ("oedema", "necrosis", "grey", "marrow")  # stand for doped water and oil


def make_quality(seed: int) -> Anatomy:
    """One phantom; its label map stands on the head's grid (uint8, head.SHAPE, 1 mm), soft maps are empty.

    Args:
        seed: of size, filling and inserts; the same seed gives the same phantom.
    """
    rng = np.random.default_rng([seed, 29])
    x, y, z = (axis - m for axis, m in zip(coordinates(), MIDDLE, strict=True))
    labels: np.ndarray = np.zeros(SHAPE, dtype=np.uint8)
    radius, half = rng.uniform(70, 92), rng.uniform(60, 90)
    fill = INDEX[str(rng.choice(FILLS))]
    r = np.sqrt(x**2 + y**2)
    if rng.random() < 0.3:
        body = r**2 + z**2 <= radius**2
    else:
        body = np.broadcast_to(r <= radius, SHAPE) & (np.abs(z) <= half)
    labels[body] = fill
    inserts = ("pins", "discs", "grid", "wedge", "vials")
    for k, name in enumerate(rng.permutation(inserts)[: int(rng.integers(0, 5))]):
        low = -half + (k + 0.3) * 2 * half / 5
        here = body & (z > low) & (z < low + 0.3 * half)
        if name == "pins":  # rows of holes that become smaller
            for row, pitch in enumerate((6.0, 5.0, 4.0)):
                block = (np.abs(x - 26 * (row - 1)) < 10) & (np.abs(y) < 10)
                holes = (np.mod(x, pitch) < pitch / 2) & (np.mod(y, pitch) < pitch / 2)
                labels[here & block & ~holes] = 0
        elif name == "discs":
            other = INDEX[str(rng.choice([f for f in FILLS if INDEX[f] != fill]))]
            for angle in np.linspace(0, 2 * np.pi, int(rng.integers(4, 9)), endpoint=False):
                cx, cy = 0.6 * radius * np.cos(angle), 0.6 * radius * np.sin(angle)
                labels[here & ((x - cx) ** 2 + (y - cy) ** 2 < rng.uniform(4, 13) ** 2)] = other
        elif name == "grid":
            pitch = rng.uniform(10, 16)
            lines = (np.mod(x, pitch) < 1.6) | (np.mod(y, pitch) < 1.6)
            labels[here & lines & (r < 0.8 * radius)] = 0
        elif name == "wedge":
            labels[here & (np.abs(x) < 9) & (y > 0.4 * radius + 0.5 * z)] = 0
        elif name == "vials":
            for cx in (-0.45, -0.15, 0.15, 0.45):
                vial = (x - cx * radius) ** 2 + y**2
                labels[here & (vial < 11**2)] = 0
                labels[here & (vial < 9**2)] = INDEX[str(rng.choice(FILLS))]
    if rng.random() < 0.5:  # the air bubble that every phantom has
        labels[body & (y > radius - rng.uniform(2, 9))] = 0
    shifts: np.ndarray = np.zeros((3, 7, 7, 7), dtype=np.float32)
    soft: np.ndarray = np.zeros((3, *SHAPE), dtype=np.uint8)
    return Anatomy(labels, soft, np.eye(3), shifts, seed, (), {"source": "quality phantom"})
