"""Slabs after N4, cached: what the two T1 networks learn from. N4 is dear, so it is done once. Resumable.

Draws slabs (`simulate.py`, `real.py`, `derive.py`), shades each at random, corrects it as the bundles do, and
writes OUT/n4-<part>.npz of 100 slabs each, in the form of `real.py`; a part that exists is kept.
    python studies/first_weights/n4.py OUT --sim FOLDER [...] --real FOLDER/train.npz [...] --count 2000
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from mrclass.labels import KEYS
from mrclass.transforms import N4BiasFieldCorrection
from simulate import quantise
from slabs import Slabs
from torch.nn import functional
from trunk import REAL, SHARES

PART = 100
N4_SHARES = SHARES | {"t1w": 0.25, "t1ce": 0.25}


def corrected(slab: np.ndarray, rng: np.random.Generator, n4: N4BiasFieldCorrection) -> np.ndarray:
    """A slab after a random smooth shading and N4: float32 (10, H, W)."""
    small = torch.from_numpy(rng.normal(0, rng.uniform(0, 0.25), (1, 1, 3, 3)).astype(np.float32))
    smooth = functional.interpolate(small, size=slab.shape[1:], mode="bicubic", align_corners=True)
    return np.asarray(n4(slab.astype(np.float32) * torch.exp(smooth)[0].numpy()))


def main() -> None:
    """Correct and cache the parts that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sim", type=Path, nargs="*", default=[])
    parser.add_argument("--latest", nargs="*", default=[], help="kinds simulated anew in the last of --sim")
    parser.add_argument("--real", type=Path, nargs="*", default=[])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="number of the first part: also its seed")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    pool, n4 = Slabs(), N4BiasFieldCorrection()
    for path in args.real:
        pool.add_file(path)
    pool.add_folders(args.sim, args.latest)
    p = pool.weights(N4_SHARES, REAL)
    for part in range(args.first, args.first + args.count // PART):
        path = args.out / f"n4-{part:03d}.npz"
        if path.exists():
            continue
        rng = np.random.default_rng([part, 4])
        index = rng.choice(len(p), PART, p=p)
        images = np.stack([quantise(corrected(pool.images[i], rng, n4)) for i in index])
        partial = path.with_suffix(".tmp.npz")
        np.savez(
            partial,
            images=images,
            label=np.array([KEYS[pool.label[i]] for i in index]),
            kind=pool.kind[index].astype(str),
            source=np.array([str(pool.group[i]).split("|")[0] for i in index]),
        )
        partial.rename(path)


if __name__ == "__main__":
    main()
