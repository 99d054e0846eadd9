"""Adds to results/training.json what bundles published from `refine.py` were trained on besides the start.

Reads results/training.json of the start, the report of `refine.py --outputs` and files of slabs.
    python studies/first_weights/record_refined.py CACHE/refine --labels adc --sim CACHE/sim [...] \\
        --derived CACHE/real/derived.npz CACHE/real/infarct.npz
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from record import LOOKED, derived, simulated

TRAINING = Path("results/training.json")


def main() -> None:
    """Write the bundles' own recipe and volumes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("refined", type=Path)
    parser.add_argument("--labels", nargs="+", required=True)
    parser.add_argument("--sim", type=Path, nargs="*", default=[])
    parser.add_argument("--derived", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    training = json.loads(TRAINING.read_text(encoding="utf-8"))
    report = json.loads((args.refined / "members.json").read_text(encoding="utf-8"))
    volumes = [*derived(args.derived), simulated("mrclass.phantom, further subjects", args.sim)]
    views = sum(seed["views"] for seed in report["seeds"])
    for label in args.labels:
        own = training["bundles"].setdefault(f"mrclass_{label}", {})
        own["volumes"] = volumes
        limits = [limit for limit in own.get("limits", []) if limit != LOOKED]
        own["limits"] = limits + [LOOKED] * any(path.stem == "infarct" for path in args.derived)
        own["refined"] = {key: report[key] for key in ("share", "seeds", "slabs", label)}
        own["recipe"] = (
            f"{training['recipe']} Its last two stages were then trained on, on {views:,} slices of real, "
            f"derived and further simulated volumes, and mixed with their start by {report['share']:g} to "
            f"{1 - report['share']:g}; the outputs were trained anew (studies/first_weights/refine.py)."
        )
    TRAINING.write_text(json.dumps(training, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
