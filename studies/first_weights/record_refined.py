"""Adds to results/training.json what four bundles were trained on further by `refine.py`.

Reads results/training.json, OUT/members.json of `refine.py --outputs` and the slabs it was given.
    python studies/first_weights/record_refined.py CACHE/refine --sim CACHE/sim \\
        --derived CACHE/real/derived.npz CACHE/real/infarct.npz [--out results/training.json]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from record import DERIVED, count
from refine import MEMBERS


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("refined", type=Path)
    parser.add_argument("--sim", type=Path, nargs="*", default=[])
    parser.add_argument("--derived", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("results/training.json"))
    args = parser.parse_args()
    content = json.loads(args.out.read_text(encoding="utf-8"))
    report = json.loads((args.refined / "members.json").read_text(encoding="utf-8"))
    volumes = [
        {
            "source": f"real training scans, changed ({DERIVED[path.stem]})",
            "licence": "as the scans",
            "data": "derived",
            "labels": count([path]),
        }
        for path in args.derived
    ]
    volumes.append(
        {
            "source": "mrclass.phantom, further subjects",
            "licence": "Apache-2.0",
            "data": "simulated",
            "labels": count(sorted(path for folder in args.sim for path in folder.glob("*.npz"))),
        }
    )
    views = sum(seed["views"] for seed in report["seeds"])
    minutes = sum(seed["minutes"] for seed in report["seeds"])
    seeds = len(report["seeds"])
    again = "" if seeds == 1 else f" with {seeds} seeds, whose weights were averaged"
    recipe = (
        f"{content['recipe']} Then the last two stages of the network without N4 saw {views:,} slices more "
        f"in {minutes:.0f} minutes on one CPU core{again} (studies/first_weights/refine.py, "
        "docs/decisions/0008-refined.md)."
    )
    real = {
        "adc": "four real ADC maps were seen in training; most others were computed from diffusion series",
        "swi": "no real SWI was seen in training or validation: its figures are on simulated images",
    }
    for label in MEMBERS:
        own = {"recipe": recipe, "volumes": volumes}
        content["bundles"][f"mrclass_{label}"] = own | ({"limits": [real[label]]} if label in real else {})
    content["refined"] = report
    args.out.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
