"""Writes results/training.json: what the published weights were trained on, by source, licence and label.

Reads the catalogue of the data folder, the members' report of `members.py` and the simulated files' names.
    python studies/first_weights/record.py DATA CACHE/trunk --sim CACHE/sim [...] \\
        --derived CACHE/real/derived.npz CACHE/real/infarct.npz [--before VIEWS] \\
        [--seeds N] [--out results/training.json]
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mrclass.labels import KEYS, parse

LOOKED = (
    "infarcts and grey air were painted into its training after a look at errors on real validation volumes: "
    "its figures there are not those of volumes that nobody had looked at"
)
DERIVED = {
    "derived": "ADC maps, traces and stripped echo-planar series computed from them",
    "infarct": "infarcts and noisy air painted in",
}


def count(paths: list[Path], without: Sequence[str] = ()) -> Counter[str]:
    """Slabs per label in files of slabs, but for some kinds."""
    labels: Counter[str] = Counter()
    for path in paths:
        with np.load(path, allow_pickle=False) as data:
            labels.update(str(label) for label in data["label"][~np.isin(data["kind"], without)])
    return labels


def entry(source: str, licence: str, kind: str, labels: Counter[str]) -> dict[str, Any]:
    """A line of the training data."""
    return {"source": source, "licence": licence, "data": kind, "labels": {key: labels[key] for key in KEYS}}


def derived(paths: list[Path]) -> list[dict[str, Any]]:
    """Lines of what `derive.py` and `infarct.py` made."""
    return [
        entry(
            f"real training scans, changed ({DERIVED[path.stem]})", "as the scans", "derived", count([path])
        )
        for path in paths
    ]


def simulated(source: str, folders: list[Path], latest: Sequence[str] = ()) -> dict[str, Any]:
    """Line of what `simulate.py` made; `latest` as for `Slabs.add_folders`."""
    found: Counter[str] = Counter()
    for folder in folders:
        found += count(sorted(folder.glob("*.npz")), () if folder == folders[-1] else latest)
    return entry(source, "Apache-2.0", "simulated", found)


def recipe(members: dict[str, Any], before: int, seeds: int) -> str:
    """How the weights came about, for cards.

    Args:
        members: report of `members.py`.
        before: slices that the start had seen.
        seeds: trunks that were averaged.
    """
    views, joined = f"{members['trunk_views']:,} slices of all labels", members.get("joined", 1)
    start = f" after the {before:,} of the weights it began from" if before else ""
    if joined > 1:
        trunk = (
            f"{joined} ResNet-18 of 1/{joined} of the width, seeds of their own, saw {views} between them on "
            f"a CPU{start}; side by side they make the published ResNet-18, whose scores come from the mean "
            "of their logits"
        )
    else:
        averaged = f", as {seeds} networks side by side that were averaged" if seeds > 1 else ""
        trunk = f"One ResNet-18 saw {views}{averaged}{start}, on a CPU"
    stage = any(key.startswith("stage ") for key in members)
    return (
        f"{trunk}; each bundle's {'last stage and ' if stage else ''}outputs were then trained at 224 x 224 "
        "with class-weighted cross-entropy (studies/first_weights, docs/decisions/0004-first-weights.md)."
    )


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("trunk", type=Path)
    parser.add_argument("--sim", type=Path, nargs="*", default=[])
    parser.add_argument("--latest", nargs="*", default=[], help="as for `trunk.py`")
    parser.add_argument("--derived", type=Path, nargs="*", default=[])
    parser.add_argument("--before", type=int, default=0, help="slices that the start had seen before")
    parser.add_argument("--seeds", type=int, default=1, help="trunks that were averaged")
    parser.add_argument("--out", type=Path, default=Path("results/training.json"))
    args = parser.parse_args()
    members = json.loads((args.trunk / "members.json").read_text(encoding="utf-8"))
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    with (args.data / "volumes" / "catalog.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["role"] == "train":
                counts[row["source"].removeprefix("dicom:"), row["licence"]][parse(row["label"])] += 1
    volumes = [
        {"source": source, "licence": licence, "data": "real", "labels": dict(labels)}
        for (source, licence), labels in sorted(counts.items())
    ]
    slices = len(list((args.data / "slices" / "train" / "T1ce").glob("*.jpg")))
    volumes.append(
        {
            "source": "Cheng et al., figshare 1512427 (single slices)",
            "licence": "CC BY 4.0",
            "data": "real",
            "labels": {"t1ce": slices},
        }
    )
    volumes += [*derived(args.derived), simulated("mrclass.phantom", args.sim, args.latest)]
    limits = [
        "trained on a CPU, on few real scans, what was derived from them, and simulated images",
        "real scans to train on come from few sources, many of them skull-stripped; "
        "patients of the T1ce slices are unknown",
    ]
    if any(path.stem == "infarct" for path in args.derived):
        limits.append(LOOKED)
    own = {
        "mrclass_swi": {
            "limits": ["no real SWI was seen in training or validation: its figures are on simulated images"]
        },
        "mrclass_adc": {
            "limits": [
                "four real ADC maps were seen in training; most others were computed from diffusion series"
            ]
        },
        "mrclass_t1ce": {
            "limits": [
                "four real T1ce volumes and single T1ce slices were seen in training; two real ones "
                "validate it"
            ]
        },
    }
    content = {
        "recipe": recipe(members, args.before, args.seeds),
        "volumes": volumes,
        "limits": limits,
        "bundles": own,
        "report": members,
    }
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
