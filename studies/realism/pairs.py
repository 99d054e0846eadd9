"""Simulated slices of realism 1 above those of realism 2, a picture per label and per group of *other*.

    python studies/realism/pairs.py CACHE/realism/before CACHE/realism/after docs/images
Reads slabs of `studies/first_weights/simulate.py`; writes OUT/realism-<name>.png. No real image is read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from groups import GROUPS
from mrclass.phantom.montage import compose, save

COLUMNS = 7
SWI = {"swi": ((), ("swi",))}


def pick(folder: Path, kinds: tuple[str, ...], rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """COLUMNS slices of the kinds, different kinds and planes first: (kind, uint8 (rows, columns))."""
    found: dict[tuple[str, str, bool], list[np.ndarray]] = {}
    for path in sorted(p for p in folder.glob("*.npz") if ".tmp" not in p.name):
        with np.load(path, allow_pickle=False) as data:
            for i in np.flatnonzero(np.isin(data["kind"], kinds)):
                key = (str(data["kind"][i]), str(data["plane"][i]), bool(data["stripped"][i]))
                found.setdefault(key, []).append(data["images"][i, 4])
    tiles: list[tuple[str, np.ndarray]] = []
    # heads before stripped brains, kind after kind
    order = sorted(found, key=lambda key: (key[2], key[1] != "axial", key[0]))
    while len(tiles) < COLUMNS and any(found.values()):
        for key in order:
            if found[key] and len(tiles) < COLUMNS:
                tiles.append((key[0], found[key].pop(int(rng.integers(len(found[key]))))))
    return tiles


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    for name, (_, kinds) in (GROUPS | SWI).items():
        rows = []
        for realism, folder in enumerate((args.before, args.after), 1):
            tiles = [
                (f"{realism}: {kind}", image)
                for kind, image in pick(folder, kinds, np.random.default_rng(11))
            ]
            blank = np.zeros((120, 120), dtype=np.uint8)
            rows += tiles + [("", blank)] * (COLUMNS - len(tiles))
        print(save(compose(rows, columns=COLUMNS, width=COLUMNS * 150), args.out / f"realism-{name}.png"))


if __name__ == "__main__":
    main()
