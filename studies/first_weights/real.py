"""Real slabs: volumes cut at several positions and planes, and the T1ce slices, in one .npz file per role.

Reads the catalogue of a data folder (columns file, role, label, kind, patient, source); writes OUT/train.npz
and OUT/validation.npz.
    python studies/first_weights/real.py DATA OUT
Validation volumes are cut once, as inference cuts them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from mrclass.errors import MRClassError, VolumeError
from mrclass.labels import parse
from mrclass.slab import slab
from PIL import Image
from simulate import SIZE, centred, quantise

SHIFTS = (0.0, -0.12, 0.12, -0.24, 0.24)  # of the extent along the slice axis


def cuts(path: Path, many: bool) -> list[tuple[np.ndarray, str]]:
    """Slabs of a volume as (uint8 (n, 120, 120), plane); one where `many` is false."""
    image = nib.load(path)
    data = np.asarray(image.dataobj, dtype=np.float32)
    while data.ndim > 3:
        data = data[..., 0]
    if data.ndim == 2:
        data = data[..., None]
    spacing = np.asarray(image.header.get_zooms()[:3])
    isotropic = spacing.max() / spacing.min() < 1.6 and min(data.shape) > 30
    axes = (2, 0, 1) if many and isotropic else (None,)
    out = []
    for axis in axes:
        order = [0, 1, 2] if axis is None else [k for k in range(3) if k != axis] + [axis]
        volume, affine = data.transpose(order), image.affine[:, [*order, 3]]
        along = int(np.argmax(spacing)) if axis is None and spacing.max() > 1.2 * np.median(spacing) else 2
        n = volume.shape[along]
        for shift in SHIFTS if many and n * spacing[order[along]] > 60 else (0.0,):
            cut = int(round(2 * abs(shift) * n))
            part = np.take(volume, range(cut if shift > 0 else 0, n - (0 if shift > 0 else cut)), axis=along)
            moved = affine.copy()
            moved[:3, 3] += affine[:3, along] * (cut if shift > 0 else 0)
            try:
                result = slab(part, moved, size=SIZE)
            except VolumeError:  # an empty margin of the volume; other cuts of it remain
                continue
            if float(np.ptp(result.slices)) > 0:
                out.append((quantise(result.slices), result.acquisition_plane))
    return out


def ten(slices: np.ndarray) -> np.ndarray:
    """A slab of ten slices; a shorter one repeats its own."""
    return slices[np.linspace(0, len(slices) - 1, 10).round().astype(int)]


def main() -> None:
    """Cut every volume of the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.data / "volumes" / "catalog.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for role in ("train", "validation"):
        found: dict[str, list] = {k: [] for k in ("images", "label", "kind", "plane", "source", "path")}

        def add(
            image: np.ndarray,
            label: str,
            kind: str,
            plane: str,
            source: str,
            file: str,
            found: dict[str, list] = found,
        ) -> None:
            for key, value in zip(found, (ten(image), label, kind, plane, source, file), strict=True):
                found[key].append(value)

        for row in (r for r in rows if r["role"] == role):
            try:
                slabs = cuts(args.data / "volumes" / row["file"], many=role == "train")
            except (MRClassError, OSError) as error:
                print(f"{row['file']}: left out: {error}", file=sys.stderr)
                continue
            for image, plane in slabs:
                add(image, parse(row["label"]), row["kind"], plane, row["source"], row["file"])
        if role == "train":
            for path in sorted((args.data / "slices" / "train" / "T1ce").glob("*.jpg")):
                pixels = Image.open(path).convert("L").resize((125, 125), Image.Resampling.BOX)
                add(
                    centred(quantise(np.asarray(pixels, dtype=np.float32)[None])),
                    "t1ce",
                    "slice",
                    "any",
                    "figshare 1512427",
                    path.name,
                )
        np.savez(
            args.out / f"{role}.npz",
            **{k: np.stack(v) if k == "images" else np.array(v) for k, v in found.items()},
        )
        print(role, len(found["label"]), file=sys.stderr)


if __name__ == "__main__":
    main()
