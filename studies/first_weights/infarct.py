"""Infarcts painted into real and derived slabs, and ADC maps with noise in the air: OUT/infarct.npz.

Acute infarcts are what diffusion is ordered for, and hardly a training volume shows one. Blobs inside the
head brighten diffusion-weighted slabs, darken ADC maps, and brighten FLAIR and T2w a little.
    python studies/first_weights/infarct.py FOLDER/train.npz FOLDER/derived.npz -o FOLDER/infarct.npz
Slabs, kinds and sources as in `derive.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from simulate import quantise

PIXEL = 2.0  # mm


@dataclass(frozen=True)
class Change:
    """Slabs whose kind `fits` get a blob of a factor between low and high, `count` of them."""

    fits: Callable[[str, str], bool]
    count: int
    low: float
    high: float


CHANGES = {
    "DWI": Change(
        lambda label, kind: label == "other" and kind.startswith("DWI") and "b0" not in kind, 600, 1.6, 4.0
    ),
    "ADC": Change(lambda label, kind: label == "adc", 250, 0.4, 0.75),
    "FLAIR": Change(lambda label, kind: label == "flair", 200, 1.05, 1.8),
    "T2w": Change(lambda label, kind: label == "t2w", 150, 1.05, 1.6),
    "b0": Change(lambda label, kind: label == "other" and kind.startswith("DWI-b0"), 100, 1.05, 1.6),
}
NOISY_AIR = 300


def blob(slab: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A soft irregular ellipsoid in the head: float32 in [0, 1], shape of the slab."""
    inside = ndimage.binary_erosion(slab > 0.3 * np.percentile(slab, 98), iterations=1)
    places = np.argwhere(inside)
    if len(places) < 500:
        return np.zeros(slab.shape, dtype=np.float32)
    centre = places[rng.integers(len(places))]
    radii = np.array([rng.uniform(2, 7), *np.exp(rng.uniform(np.log(6), np.log(45), 2)) / PIXEL / 2 * 1.6])
    grid = np.indices(slab.shape).astype(np.float32)
    distance = np.sqrt(sum(((grid[k] - centre[k]) / radii[k]) ** 2 for k in range(3)))
    ragged = ndimage.gaussian_filter(rng.standard_normal(slab.shape), (1, 3, 3))
    distance += 0.35 * ragged / ragged.std()
    return np.asarray(np.clip((1 - distance) / 0.2, 0, 1) * ndimage.binary_dilation(inside), dtype=np.float32)


def noisy_air(slab: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An ADC map whose air is grey noise, as where the scanner masks nothing; sometimes a black frame."""
    high = np.percentile(slab, 99.5)
    head = np.stack([ndimage.binary_fill_holes(s) for s in ndimage.binary_closing(slab > 0.08 * high)])
    level = rng.uniform(0.1, 0.5) * high
    noise = rng.normal(level, level * rng.uniform(0.15, 0.9), slab.shape)
    if rng.random() < 0.5:
        noise = level + (ndimage.gaussian_filter(noise, (0, 0.6, 0.6)) - level) * 2
    out = np.where(head, slab, np.clip(noise, 0, high * 1.1))
    if rng.random() < 0.5:
        frame = int(rng.integers(1, 12))
        field = np.zeros(slab.shape[1:], dtype=bool)
        field[frame:-frame, frame:-frame] = True
        out = out * field
    return np.asarray(out, dtype=np.float32)


def main() -> None:
    """Paint and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slabs", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    files = [np.load(path, allow_pickle=False) for path in args.slabs]
    facts = {k: np.concatenate([f[k] for f in files]) for k in ("label", "kind", "source", "plane", "path")}
    images = np.concatenate([f["images"] for f in files])
    rng = np.random.default_rng(11)
    found: dict[str, list] = {k: [] for k in ("images", *facts)}

    def keep(image: np.ndarray, index: int, kind: str) -> None:
        found["images"].append(quantise(image))
        for key, values in facts.items():
            found[key].append(kind if key == "kind" else str(values[index]))

    for change in CHANGES.values():
        fitting = [
            i for i, pair in enumerate(zip(facts["label"], facts["kind"], strict=True)) if change.fits(*pair)
        ]
        for index in rng.choice(fitting, change.count):
            slab = images[index].astype(np.float32)
            where = blob(slab, rng)
            if where.sum() < 20:
                continue
            texture = ndimage.gaussian_filter(rng.standard_normal(slab.shape), (0.5, 1.5, 1.5)) * 0.5
            factor = rng.uniform(change.low, change.high) * np.exp(0.1 * texture)
            keep(slab * (1 + where * (factor - 1)), index, f"{facts['kind'][index]} infarct")
    bare = [
        i
        for i, (label, kind) in enumerate(zip(facts["label"], facts["kind"], strict=True))
        if label == "adc" and not kind.endswith("stripped")
    ]
    for index in rng.choice(bare, NOISY_AIR):
        keep(noisy_air(images[index].astype(np.float32), rng), index, f"{facts['kind'][index]} noisy air")
    np.savez(args.output, **{k: np.stack(v) if k == "images" else np.array(v) for k, v in found.items()})


if __name__ == "__main__":
    main()
