"""What is compared with what: groups of real and simulated slabs made alike, and their folds.

Reads slabs of `studies/first_weights` (real.py, derive.py, simulate.py) and a catalogue; writes nothing.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mrclass.slab import foreground

sys.path.insert(0, str(Path(__file__).parent.parent / "ablations"))
from families import family

FOLDS = 3
PER_SOURCE = 24  # slabs of one source and group; more would let one scanner decide
SLICES = (1, 3, 5, 7)  # of the ten of a slab
LEVELS = 64
FLAT = -4.0  # what lies outside the foreground

# group: real kinds, simulated kinds
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "t1w": (("T1w",), ("t1w_se", "t1w_mprage", "t1w_gre", "t1w_flair")),
    "t1ce": (("slice", "T1ce"), ("t1ce_se", "t1ce_mprage", "t1ce_gre")),
    "t2w": (("T2w",), ("t2w", "t2w_3d")),
    "flair": (("FLAIR",), ("flair", "flair_3d")),
    "adc": (("ADC", "ADC-derived", "ADC-derived noisy", "ADC-derived stripped"), ("adc",)),
    "dwi": (("DWI", "DWI-b0", "DWI-trace", "DWI-derived", "DWI stripped", "DWI-b0 stripped"), ("dwi",)),
    "epi": (("fMRI", "EPI", "fMRI stripped", "EPI stripped"), ("epi",)),
    "asl": (("ASL", "ASL-M0", "ASL/perfusion", "CBF", "ASL stripped"), ("m0", "perfusion")),
    "fa": (("FA", "FA-map"), ("fa",)),
}


@dataclass
class Side:
    """The real or the simulated slabs of all groups.

    Attributes:
        images: uint8 (n, 4, 104, 104), made alike by `alike`.
        group: int (n,), place in GROUPS.
        stratum: int (n,), 2 * stripped + axial; only equal strata are compared.
        free: bool (n,), the plane is not known: compared whatever the plane.
        cluster: str (n,), source of a real slab, brain and seed of a simulated one.
        fold: int (n,).
    """

    images: np.ndarray
    group: np.ndarray
    stratum: np.ndarray
    free: np.ndarray
    cluster: np.ndarray
    fold: np.ndarray


def alike(slab: np.ndarray) -> np.ndarray:
    """Four slices of a slab without what would betray its making: uint8 (4, 104, 104).

    What is outside the foreground is flat, the foreground is standardised, clipped and put on 64 levels.

    Args:
        slab: uint8 (10, 120, 120), centred on its foreground.
    """
    values = slab.astype(np.float32)
    mask = foreground(values)
    tissue = values[mask]
    if tissue.size < 50:
        mask, tissue = np.ones_like(mask), values.ravel()
    top = np.percentile(tissue, 99.5)
    tissue = np.minimum(tissue, top)
    z = (np.minimum(values, top) - tissue.mean()) / max(float(tissue.std()), 1e-3)
    z = np.where(mask, np.clip(z, -3.5, 3.5), FLAT)[list(SLICES), 8:112, 8:112]
    return np.round((z - FLAT) / (3.5 - FLAT) * (LEVELS - 1)).astype(np.uint8)


def _codes(kinds: np.ndarray, side: int) -> np.ndarray:
    """Group of each kind: int (n,), -1 where none compares it."""
    table = {kind: g for g, names in enumerate(GROUPS.values()) for kind in names[side]}
    return np.array([table.get(str(kind), -1) for kind in kinds])


def load_real(paths: list[Path], catalogue: Path, rng: np.random.Generator) -> Side:
    """Real slabs, at most PER_SOURCE of a source and group; folds keep sources (their families) together."""
    with catalogue.open(newline="", encoding="utf-8") as file:
        bare = {row["file"] for row in csv.DictReader(file) if row["skull_stripped"] == "y"}
    parts: dict[str, list] = {k: [] for k in ("images", "group", "stratum", "free", "cluster")}
    for path in paths:
        with np.load(path, allow_pickle=False) as data:
            images, kinds, planes = data["images"], data["kind"], data["plane"]
            sources, files = data["source"], data["path"]
        codes = _codes(kinds, 0)
        families = np.array([family(str(s)) for s in sources])
        for code in range(len(GROUPS)):
            for name in np.unique(families[codes == code]):
                found = np.flatnonzero((codes == code) & (families == name))
                for i in rng.permutation(found)[:PER_SOURCE]:
                    if np.count_nonzero(images[i, 5]) < 400:
                        continue  # a strip of a few rows: no head to judge
                    stripped = str(files[i]) in bare or "stripped" in str(kinds[i])
                    parts["images"].append(alike(images[i]))
                    parts["group"].append(code)
                    parts["stratum"].append(2 * stripped + (planes[i] in ("axial", "oblique")))
                    parts["free"].append(planes[i] == "any")
                    parts["cluster"].append(name)
    group, cluster = np.array(parts["group"]), np.array(parts["cluster"])
    deal = _deal(group, cluster)
    fold = np.array([deal[name] for name in cluster])
    images, stratum, free = (np.array(parts[k]) for k in ("images", "stratum", "free"))
    return Side(images, group, stratum, free, cluster, fold)


def _deal(group: np.ndarray, cluster: np.ndarray) -> dict[str, int]:
    """Fold of each family, so that every fold holds something of as many groups as can be."""
    held = np.zeros((FOLDS, len(GROUPS)))
    deal = {}
    names = sorted(set(cluster), key=lambda c: (-len(set(group[cluster == c])), c))
    for name in names:
        counts = np.bincount(group[cluster == name], minlength=len(GROUPS))
        # where its rarest group is thinnest
        rarest = min(np.flatnonzero(counts), key=lambda g: len(set(cluster[group == g])))
        deal[name] = int(np.lexsort((held.sum(1), held[:, rarest]))[0])
        held[deal[name]] += counts
    return deal


def matched(sides: list[Side], rng: np.random.Generator) -> list[Side]:
    """Of each the subjects that all have, and of each group as many slabs as the one that has the fewest.

    More slabs would make a better judge, and two sets would then differ by more than how they look.
    """
    common = set.intersection(*(set(side.cluster) for side in sides))
    rows = [np.isin(side.cluster, sorted(common)) for side in sides]
    counts = [np.bincount(s.group[r], minlength=len(GROUPS)) for s, r in zip(sides, rows, strict=True)]
    few = np.minimum.reduce(counts)
    out = []
    for side, row in zip(sides, rows, strict=True):
        kept = [rng.permutation(np.flatnonzero(row & (side.group == g)))[:n] for g, n in enumerate(few)]
        index = np.sort(np.concatenate(kept))
        out.append(Side(**{name: value[index] for name, value in vars(side).items()}))
    return out


def load_simulated(folder: Path) -> Side:
    """Simulated slabs of a folder; folds keep the brain that subjects were made from together.

    Raises:
        SystemExit: a file does not say which slabs are stripped.
    """
    parts: dict[str, list] = {k: [] for k in ("images", "group", "stratum", "cluster", "brain")}
    for path in sorted(p for p in folder.glob("*.npz") if ".tmp" not in p.name):
        with np.load(path, allow_pickle=False) as data:
            if "stripped" not in data:
                raise SystemExit(f"{path} does not say which slabs are stripped; simulate it again.")
            codes = _codes(data["kind"], 1)
            for i in np.flatnonzero(codes >= 0):
                parts["images"].append(alike(data["images"][i]))
                parts["group"].append(codes[i])
                parts["stratum"].append(2 * data["stripped"][i] + (data["plane"][i] == "axial"))
                parts["cluster"].append(path.stem)
                parts["brain"].append(path.stem.rpartition("-")[0])
    brains = np.array(parts["brain"])
    order = {name: k % FOLDS for k, name in enumerate(sorted(set(brains)))}
    n = len(brains)
    images, group, stratum, cluster = (np.array(parts[k]) for k in ("images", "group", "stratum", "cluster"))
    fold = np.array([order[name] for name in brains])
    return Side(images, group, stratum, np.zeros(n, dtype=bool), cluster, fold)
