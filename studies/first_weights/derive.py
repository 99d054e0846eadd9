"""Real slabs made of real ones: ADC maps and diffusion-weighted images from pairs of b0 and weighted volumes.

Reads the catalogue of a data folder (its training rows); writes OUT/derived.npz, in the form of `real.py`.
    python studies/first_weights/derive.py DATA OUT
A scanner computes its ADC map from the same two images: log(S0 / S) / b, here without the factor b, which a
picture's scale hides. Other b-values are extrapolated with that map. EPI series without a mask of their own
also come stripped of the head. Skull-stripped T2w and FLAIR of one patient give hybrid ADC maps.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
from mrclass.brain import brain_mask
from mrclass.errors import MRClassError
from mrclass.labels import parse
from real import cuts, ten
from scipy import ndimage

EPI_KINDS = frozenset(
    [
        "DWI-b0",
        "DWI-trace",
        "fMRI",
        "EPI",
        "ASL",
        "ASL-M0",
        "ASL/perfusion",
        "SE-EPI-fieldmap(b0-like)",
        "CBF",
    ]
)
Named = Iterator[tuple[str, str, np.ndarray]]  # label, kind, volume


def load(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First volume of a file: float32 (i, j, k), its spacing in mm (3,), its affine (4, 4)."""
    image = nib.load(path)
    data = np.asarray(image.dataobj, dtype=np.float32)
    while data.ndim > 3:
        data = data[..., 0]
    return data, np.asarray(image.header.get_zooms()[:3], dtype=float), image.affine


def rician(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Magnitude of the image with complex Gaussian noise: float32, same shape."""
    noise = rng.normal(0, sigma, (2, *image.shape)).astype(np.float32)
    return np.hypot(image + noise[0], noise[1])


def diffusion(
    b0: np.ndarray, weighted: list[np.ndarray], mask: np.ndarray, rng: np.random.Generator
) -> Named:
    """ADC maps and diffusion-weighted images of a b0 and its weighted volumes, with the head and without."""
    tiny = 1e-3 * float(np.percentile(b0, 99))
    trace = np.exp(np.mean([np.log(np.maximum(w, tiny)) for w in weighted], axis=0))
    exponent = np.log(np.maximum(b0, tiny) / trace)
    top = 5.5 * max(float(np.median(exponent[mask])), 1e-3)
    exponent = np.clip(exponent, 0, top)
    bright = float(np.percentile(b0, 99))
    yield "adc", "ADC-derived", exponent * (b0 > rng.uniform(0.04, 0.12) * bright)
    yield "adc", "ADC-derived noisy", exponent
    yield "adc", "ADC-derived stripped", exponent * mask
    eroded = ndimage.binary_erosion(mask, iterations=1)
    yield "adc", "ADC-derived stripped", ndimage.median_filter(exponent, 3) * eroded
    yield "other", "DWI-trace derived", trace
    yield "other", "DWI-trace derived stripped", trace * mask
    yield "other", "DWI stripped", weighted[int(rng.integers(len(weighted)))] * mask
    yield "other", "DWI-b0 stripped", b0 * mask
    for times in (0.5, 1.6, 2.4):
        image = rician(b0 * np.exp(-times * exponent), 0.012 * bright, rng)
        yield "other", "DWI-derived", image
        yield "other", "DWI-derived stripped", image * mask


def hybrid(t2w: np.ndarray, flair: np.ndarray, rng: np.random.Generator) -> Named:
    """ADC maps guessed from stripped, registered T2w and FLAIR: fluid is bright in one, dark in the other."""
    mask = (t2w > 0) & (flair > 0)

    def share(x: np.ndarray) -> np.ndarray:
        low, high = np.percentile(x[mask], (2, 99))
        return np.clip((x - low) / (high - low), 0, 1)

    def soft(x: np.ndarray, width: float) -> np.ndarray:
        return 1 / (1 + np.exp(-x / width))

    wet, dark = share(t2w), share(flair)
    fluid = soft(wet - rng.uniform(0.5, 0.6), 0.06) * soft(rng.uniform(0.55, 0.7) - dark, 0.08)
    texture = ndimage.gaussian_filter(rng.normal(size=t2w.shape).astype(np.float32), 1.0)
    adc = 0.6 + 0.4 * np.minimum(wet, 0.8) + 0.25 * texture + rng.uniform(1.9, 2.4) * fluid
    b0 = (0.35 + wet) * mask
    noisy = [rician(b0 * np.exp(-b * adc), 0.02, rng) for b in (0.0, 1.0)]
    measured = np.log(np.maximum(noisy[0], 1e-3) / np.maximum(noisy[1], 1e-3))
    yield "adc", "ADC-hybrid stripped", np.clip(measured, 0, 4) * mask
    yield "adc", "ADC-hybrid stripped", np.clip(ndimage.gaussian_filter(adc, 0.7), 0, 4) * mask
    yield "other", "DWI-hybrid stripped", noisy[1] * mask


class Collector:
    """Slabs of derived volumes, cut as `real.py` cuts."""

    def __init__(self, scratch: Path) -> None:
        self.found: dict[str, list] = {k: [] for k in ("images", "label", "kind", "plane", "source", "path")}
        self.scratch = scratch / "volume.nii"

    def add(self, volumes: Named, affine: np.ndarray, row: dict[str, str]) -> None:
        """Cut every volume and keep its slabs under the row's source."""
        for label, kind, volume in volumes:
            nib.save(nib.Nifti1Image(volume.astype(np.float32), affine), self.scratch)
            try:
                slabs = cuts(self.scratch, many=True)
            except MRClassError:  # nothing left of it under the mask
                continue
            for image, plane in slabs:
                values = (ten(image), label, kind, plane, row["source"], row["file"])
                for key, value in zip(self.found, values, strict=True):
                    self.found[key].append(value)


def series(rows: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    """Rows of one diffusion series each, b0 (the first time point) before the weighted ones."""
    groups: dict[str, dict[int, dict[str, str]]] = defaultdict(dict)
    for row in rows:
        match = re.match(r"(.*)_t(\d+)\.nii\.gz$", row["file"])
        if match and row["kind"] == "DWI" and "_ADC_" not in row["file"]:
            groups[match[1]][int(match[2])] = row
    return [[g[t] for t in sorted(g)] for g in groups.values() if 0 in g and len(g) > 1]


def main() -> None:
    """Derive what the training rows give."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    volumes = args.data / "volumes"
    with (volumes / "catalog.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] == "train"]
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as scratch:
        collector = Collector(Path(scratch))
        for group in series(rows):
            b0, spacing, affine = load(volumes / group[0]["file"])
            mask = brain_mask(b0, spacing)
            others = [load(volumes / row["file"])[0] for row in group[1:]]
            weighted = [x for x in others if x.shape == b0.shape and x[mask].mean() < 0.6 * b0[mask].mean()]
            if weighted and 0.02 < mask.mean() < 0.7:
                collector.add(diffusion(b0, weighted, mask, rng), affine, group[0])
        for row in rows:
            if row["kind"] in EPI_KINDS and row["skull_stripped"] != "y":
                volume, spacing, affine = load(volumes / row["file"])
                if volume.ndim != 3 or min(volume.shape) < 5 or volume.min() < 0:
                    continue
                mask = brain_mask(volume, spacing)
                if 0.03 < mask.mean() < 0.6:
                    collector.add(
                        iter([(parse(row["label"]), f"{row['kind']} stripped", volume * mask)]), affine, row
                    )
        stripped: dict[tuple[str, str], dict[str, dict[str, str]]] = defaultdict(dict)
        for row in rows:
            if row["skull_stripped"] == "y" and row["label"] in ("T2w", "FLAIR"):
                stripped[row["source"], row["patient"]].setdefault(row["label"], row)
        for pair in stripped.values():
            if len(pair) == 2:
                (t2w, _, affine), (flair, _, _) = (load(volumes / pair[k]["file"]) for k in ("T2w", "FLAIR"))
                if t2w.shape == flair.shape:
                    collector.add(hybrid(t2w, flair, rng), affine, pair["T2w"])
    found = collector.found
    args.out.mkdir(parents=True, exist_ok=True)
    np.savez(
        args.out / "derived.npz",
        **{k: np.stack(v) if k == "images" else np.array(v) for k, v in found.items()},
    )
    print("derived", len(found["label"]), file=sys.stderr)


if __name__ == "__main__":
    main()
