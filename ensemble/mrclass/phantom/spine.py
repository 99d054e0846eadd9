"""A lumbar-spine-like subject on the head's grid: what neighbouring departments leave in an export; no files.

Source: proportions of the lumbar spine in anatomical atlases.
"""

from __future__ import annotations

import numpy as np

from mrclass.phantom.anatomy import Anatomy
from mrclass.phantom.head import SHAPE, coordinates
from mrclass.phantom.tissues import INDEX


def make_spine(seed: int) -> Anatomy:
    """One spine: vertebral bodies, discs, canal with cord and roots, muscles, fat, vessels.

    Its label map stands on the head's grid (uint8, head.SHAPE, 1 mm); the soft maps are empty.

    Args:
        seed: of everything random in it; the same seed gives the same spine.
    """
    rng = np.random.default_rng([seed, 23])
    x, y, z = coordinates()
    t = INDEX
    labels: np.ndarray = np.zeros(SHAPE, dtype=np.uint8)
    body = np.broadcast_to(x**2 / 96.0**2 + (y + 15) ** 2 / 105.0**2 <= 1, SHAPE)
    labels[body] = t["fat"]
    curve = 14 * np.sin((z - rng.uniform(-40, 40)) / rng.uniform(55, 90))
    front, period, disc = y - curve, rng.uniform(31, 38), rng.uniform(6, 11)
    flesh = (x**2 / 84.0**2 + (front + 5) ** 2 / 82.0**2 <= 1) & (front > -30)
    labels[flesh & body] = t["muscle"]
    labels[(x**2 / 70.0**2 + (front - 48) ** 2 / 34.0**2 <= 1) & body] = t["mucosa"]
    bowel = np.sin(x / 9 + 2) * np.sin(front / 8) * np.sin(z / 10 + 1) > 0.35
    labels[bowel & (front > 30) & body] = t["air"] if rng.random() < 0.5 else t["fat"]
    for side in (-1, 1):
        back = ((x - side * 30) ** 2 / 27.0**2 + (front + 62) ** 2 / 24.0**2 <= 1) & body
        labels[back] = t["muscle"]
    vertebra = np.broadcast_to(x**2 / 23.0**2 + front**2 / 17.0**2 <= 1, SHAPE)
    is_disc = np.broadcast_to(((z + rng.uniform(0, 30)) % period) < disc, SHAPE)
    labels[vertebra] = t["marrow"]
    edge = np.broadcast_to(x**2 / 23.0**2 + front**2 / 17.0**2 > 0.88, SHAPE)
    labels[vertebra & edge] = t["bone"]
    labels[vertebra & is_disc] = t["disc"]
    canal = np.broadcast_to(x**2 / 12.0**2 + (front + 28) ** 2 / 9.0**2 <= 1, SHAPE)
    labels[canal] = t["csf"]
    cord = x**2 / 5.0**2 + (front + 29) ** 2 / 4.0**2 <= 1
    labels[cord & (z > rng.uniform(-30, 60))] = t["white"]
    roots = canal & (np.sin(x * 2.2) * np.sin(front * 2.0) > 0.55)
    labels[roots & (labels == t["csf"])] = t["grey"]
    spinous = (np.abs(x) < 4) & (front < -40) & (front > -66) & ~is_disc
    labels[spinous & body] = t["marrow"]
    labels[((x + 9) ** 2 + (front - 27) ** 2 <= 9.0**2) & body] = t["artery"]
    labels[((x - 13) ** 2 + (front - 25) ** 2 <= 9.5**2) & body] = t["vein"]
    shifts = rng.normal(0, 2.5, (3, 7, 7, 7)).astype(np.float32)
    soft: np.ndarray = np.zeros((3, *SHAPE), dtype=np.uint8)
    return Anatomy(labels, soft, np.eye(3) * rng.uniform(0.85, 1.1), shifts, seed, (), {"source": "spine"})
