"""Simulated slabs: subjects of `mrclass.phantom` under every kind of protocol, one .npz file per subject.

Reads skull-stripped T1w volumes named on the command line as further anatomies; writes
OUT/<anatomy>-<seed>.npz.
    python studies/first_weights/simulate.py OUT --seeds 0 40 [--realism 2] [--anatomy VOLUME.nii.gz ...]
A file that exists is kept, so the command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from mrclass.errors import VolumeError
from mrclass.phantom.acquire import render
from mrclass.phantom.anatomy import Anatomy, make_anatomy, rotation
from mrclass.phantom.protocols import KINDS, MORE_KINDS, PLANES, REALISM, Protocol, random_protocol
from mrclass.phantom.quality import MIDDLE, make_quality
from mrclass.phantom.sampling import Sampled, sample, slice_profile
from mrclass.phantom.spine import make_spine
from mrclass.phantom.tissues import INDEX, tissue_values
from mrclass.slab import foreground, foreground_middle
from torch.nn import functional

SIZE, PIXELS, PIXEL, THIN = 120, 200, 1.25, 44
# share of each label among simulated slabs
SHARES = {"t1w": 0.14, "t1ce": 0.16, "t2w": 0.12, "flair": 0.11, "adc": 0.12, "swi": 0.08, "other": 0.27}
OTHER = {
    "dwi": 7,
    "t2star": 2,
    "pd": 2,
    "tof": 2,
    "mip": 1,
    "minip": 0.7,
    "phase": 1,
    "epi": 2,
    "m0": 2,
    "perfusion": 1.5,
    "fa": 2,
    "fieldmap": 1,
    "localizer": 1.2,
    "spine": 1.5,
    "noise": 0.2,
}
MORE = {"trace": 3, "colour_fa": 1.5, "mip_full": 0.7, "quality": 1.5}  # with --realism 2
OUTSIDE = ("air", "fat", "muscle", "bone", "marrow", "skin", "mucosa", "vitreous", "dura", "disc")


def draw_kind(rng: np.random.Generator, shares: dict[str, float], others: dict[str, float]) -> str:
    """A kind of series, labels by `shares`, kinds of *other* by `others`."""
    weights = np.array(list(shares.values()))
    label = str(rng.choice(list(shares), p=weights / weights.sum()))
    table = {**KINDS, **{kind: row for kind, row in MORE_KINDS.items() if kind in others}}
    kinds = [kind for kind, row in table.items() if row.label == label]
    weights = np.array([others[k] if label == "other" else 0.35 if k == "t1w_flair" else 1.0 for k in kinds])
    return str(rng.choice(kinds, p=weights / weights.sum()))


def draw_position(plane: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Head mm of the middle of an acquisition: mostly the usual one, now and then high, low or lateral."""
    far = 1.0 if rng.random() < 0.75 else 2.2
    if plane == "axial":
        return (rng.normal(0, 4), rng.normal(-15, 5), float(np.clip(rng.normal(16, 13 * far), -45, 62)))
    if plane == "sagittal":
        return (float(np.clip(rng.normal(0, 7 * far), -50, 50)), rng.normal(-8, 6), rng.normal(0, 8))
    return (rng.normal(0, 4), float(np.clip(rng.normal(-15, 14 * far), -80, 55)), rng.normal(2, 8))


def brain_mask(sampled: Sampled) -> torch.Tensor:
    """Brain and the CSF around it: bool (thin slices, height, width)."""
    outside = torch.zeros(256, dtype=torch.bool)
    outside[[INDEX[name] for name in OUTSIDE]] = True
    inner = (~outside[sampled.labels.long()]).float()[:, None]
    return functional.avg_pool2d(inner, 9, 1, 4)[:, 0] > 0.62


def slab_of(
    sampled: Sampled, protocol: Protocol, seed: int, strip: bool, rng: np.random.Generator
) -> np.ndarray:
    """One slab of a random volume of the series: float32 (10, 125, 125), 2 mm."""
    step = max(2.0, protocol.thickness + protocol.gap)
    thickness = max(protocol.thickness, min(2.0, step))
    count = int(np.ceil(20 / step)) + 2
    if protocol.kind in ("mip", "minip", "mip_full"):
        step, thickness, count = 2.0, 2.0, 20
    middle = (THIN - 1) / 2
    phase = 0.0 if step == 2.0 else float(rng.uniform(-0.5, 0.5)) * step
    centres = middle + phase + (np.arange(count) - (count - 1) / 2) * step
    profile = slice_profile(THIN, 1.0, centres, thickness)
    values = tissue_values(protocol.field, np.random.default_rng([seed, 11]))
    volumes = render(sampled, profile, protocol, values, rng)
    image = volumes[int(rng.integers(len(volumes)))][1]
    if strip:
        mask = brain_mask(sampled)
        near = mask[np.clip(np.round(centres).astype(int), 0, THIN - 1)]
        image = image * near
    wanted = middle + (np.arange(10) - 4.5) * 2.0
    place = np.clip((wanted - centres[0]) / step, 0, count - 1)
    low = np.minimum(np.floor(place).astype(int), count - 2)
    t = torch.from_numpy((place - low).astype(np.float32))[:, None, None]
    slab = image[low] * (1 - t) + image[low + 1] * t
    return functional.interpolate(slab[:, None], size=(125, 125), mode="area")[:, 0].clamp_min(0).numpy()


def centred(slab: np.ndarray) -> np.ndarray:
    """Crop or pad with zeros to (n, SIZE, SIZE) around the foreground, as `mrclass.slab` centres."""
    mask = foreground(slab)
    out = np.zeros((slab.shape[0], SIZE, SIZE), dtype=slab.dtype)
    window = []
    for axis in (1, 2):
        middle = foreground_middle(mask, axis) if mask.any() else (slab.shape[axis] - 1) / 2
        start = int(round(middle - (SIZE - 1) / 2))
        a, b = max(start, 0), min(start + SIZE, slab.shape[axis])
        window.append((slice(a, b), slice(a - start, b - start)))
    out[:, window[0][1], window[1][1]] = slab[:, window[0][0], window[1][0]]
    return out


def quantise(slab: np.ndarray) -> np.ndarray:
    """uint8 with the 99.9th percentile at 250."""
    high = float(np.percentile(slab, 99.9))
    return np.clip(slab / max(high, 1e-9) * 250, 0, 255).astype(np.uint8)


def subject(
    seed: int,
    source: str,
    per_position: int,
    shares: dict[str, float],
    others: dict[str, float],
    realism: int = 1,
) -> dict[str, np.ndarray]:
    """All slabs of a subject: images uint8 (n, 10, 120, 120); kind, label, plane strings; stripped bool."""
    rng = np.random.default_rng([seed, 31])
    anatomy = make_anatomy(seed, source, realism=realism)
    elsewhere: dict[str, Anatomy] = {}
    images, kinds, labels, planes, stripped = [], [], [], [], []
    for plane in (*PLANES, "axial"):
        tilt = rotation(np.deg2rad(rng.normal(0, (8, 3, 3))))
        sampled = sample(anatomy, plane, draw_position(plane, rng), THIN, 1.0, (PIXELS, PIXELS), PIXEL, tilt)
        for _ in range(per_position):
            kind = draw_kind(rng, shares, others)
            here = sampled
            if kind == "spine":
                if kind not in elsewhere:
                    elsewhere[kind] = make_spine(seed)
                body = elsewhere[kind]
                here = sample(body, plane, (0.0, -20.0, -2.0), THIN, 1.0, (PIXELS, PIXELS), PIXEL, tilt)
            elif kind == "quality":
                if kind not in elsewhere:
                    elsewhere[kind] = make_quality(seed)
                body = elsewhere[kind]
                here = sample(body, plane, MIDDLE, THIN, 1.0, (PIXELS, PIXELS), PIXEL)
            protocol = random_protocol(kind, rng, plane, realism)
            strip = kind not in ("spine", "noise", "localizer", "quality") and rng.random() < 0.45
            slab = slab_of(here, protocol, seed, strip, rng)
            images.append(quantise(centred(slab)))
            kinds.append(kind)
            labels.append(protocol.label)
            planes.append(plane)
            stripped.append(strip)
    return {
        "images": np.stack(images),
        "kind": np.array(kinds),
        "label": np.array(labels),
        "plane": np.array(planes),
        "stripped": np.array(stripped),
    }


def main() -> None:
    """Simulate the seeds of the command line, anatomy after anatomy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 8))
    parser.add_argument("--per-position", type=int, default=16)
    parser.add_argument("--anatomy", nargs="*", default=["mni152"])
    parser.add_argument("--shares", type=json.loads, default={}, help='labels to draw more of: {"adc": 0.25}')
    parser.add_argument("--others", type=json.loads, default={}, help='kinds of other: {"fa": 4, "noise": 0}')
    parser.add_argument(
        "--realism", type=int, choices=REALISM, default=1, help="2: docs/realism.md; default 1"
    )
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    others = OTHER | (MORE if args.realism > 1 else {}) | args.others
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {
        "realism": args.realism,
        "seeds": [*args.seeds],
        "per_position": args.per_position,
        "anatomies": len(args.anatomy),
        "shares": SHARES | args.shares,
        "others": others,
    }
    (args.out / "simulate.json").write_text(json.dumps(settings, indent=1) + "\n")
    for number, source in enumerate(args.anatomy):
        for seed in range(*args.seeds):
            unique = seed * 1000 + number
            path = args.out / f"{Path(source).name.split('.')[0]}-{unique}.npz"
            if path.exists():
                continue
            try:
                data = subject(unique, source, args.per_position, SHARES | args.shares, others, args.realism)
            except VolumeError as error:
                print(f"{source}: left out: {error}", file=sys.stderr, flush=True)
                break
            partial = path.with_suffix(".tmp.npz")
            np.savez(partial, **data)
            partial.rename(path)
            print(path.name, len(data["kind"]), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
