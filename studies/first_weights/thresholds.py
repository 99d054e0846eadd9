"""Chooses the threshold of each one-vs-all bundle from runs with known truth, for template/table.json.

Reads runs of `mrclass classify` and their truth CSVs; the runs' own thresholds do not matter.
    python studies/first_weights/thresholds.py --run OUT TRUTH.csv real [--run OUT TRUTH.csv simulated]
A threshold is the middle of the range, in steps of 0.01 from 0.50, where the mean of sensitivity and
specificity is highest; each run weighs the same. template/configs carry the row of mrclass_t2w: change its
threshold there too. The figures of these runs are then figures of data the thresholds were chosen on.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from mrclass.ledger import FILE_NAME, Ledger
from mrclass.truth import Truth, read

GRID = np.round(np.arange(0.50, 0.991, 0.01), 2)


def cases(out: Path, truth: Truth) -> list[tuple[str, dict[str, list[float]]]]:
    """(label key, slice scores per member) of every row whose file the truth names."""
    known = {os.path.realpath((truth.root or truth.path.parent) / file): key for file, key, _ in read(truth)}
    with Ledger(out / FILE_NAME, create=False) as book:
        rows, roots = book.rows(), book.roots()
    found = []
    for row in rows:
        place = Path(os.path.realpath(Path(roots[row["series_key"]]) / row["source"]))
        label = next((known[str(path)] for path in (place, *place.parents) if str(path) in known), None)
        if label is not None and row["status"] == "done":
            found.append((label, row["slice_scores"]))
    return found


def youden(label: str, positives: set[str], found: list[tuple[str, dict[str, list[float]]]]) -> np.ndarray:
    """Mean of sensitivity and specificity at each threshold of GRID: float64; NaN where unknown."""
    claims, target = [], []
    for truth, scores in found:
        values = np.asarray(scores[label])
        claims.append(((values > 0.5).sum() * 2 > len(values)) & (values.mean() >= GRID))
        target.append(truth in positives)
    hit, is_target = np.array(claims), np.array(target)
    if is_target.all() or not is_target.any():
        return np.full(len(GRID), np.nan)
    return (hit[is_target].mean(0) + 1 - hit[~is_target].mean(0)) / 2


def main() -> None:
    """Choose and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=3, action="append", metavar=("OUT", "TRUTH", "DATA"), required=True)
    parser.add_argument("--table", type=Path, default=Path("template/table.json"))
    args = parser.parse_args()
    runs = []
    for out, truth, data in args.run:
        where = {"role": "validation"} if data == "real" else None
        runs.append(cases(Path(out), Truth(Path(truth), where=where)))
    text = args.table.read_text(encoding="utf-8")
    table = json.loads(text)
    for row in table["rows"]:
        if row["refines"]:
            continue
        quality = np.nanmean([youden(row["label"], set(row["positives"]), found) for found in runs], axis=0)
        best = GRID[quality >= quality.max() - 1e-9]
        chosen = float(best[len(best) // 2])
        print(row["name"], chosen, round(float(quality.max()), 3), f"best from {best.min()} to {best.max()}")
        before, after = json.dumps(row["name"]), f'"threshold": {chosen:g},'
        head, tail = text.split(f'"name": {before},', 1)
        text = head + f'"name": {before},' + tail.replace(f'"threshold": {row["threshold"]:g},', after, 1)
    args.table.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
