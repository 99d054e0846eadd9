"""Writes results/demo.json: what `make demo` prints, and how it compares with the truth beside the export.

    python3 template/demo.py FOLDER -o results/demo.json

Reads FOLDER/table.txt (what `mrclass classify` printed), FOLDER/evaluation.txt and FOLDER/figures.json (what
`mrclass evaluate` printed and made of the same run, with FOLDER/truth.csv). Standard library only.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path


def record(folder: Path) -> dict[str, object]:
    """Lines of table and evaluation, the counts of right volumes, the errors, and the lies told."""
    figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        lies = [row["lie"] for row in csv.DictReader(file) if row.get("lie")]
    return {
        "table": (folder / "table.txt").read_text(encoding="utf-8").rstrip().splitlines(),
        "evaluation": (folder / "evaluation.txt").read_text(encoding="utf-8").rstrip().splitlines(),
        "accuracy": figures["accuracy"],
        "errors": figures["errors"],
        "lies": lies,
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    text = json.dumps(record(asked.folder), indent=2, ensure_ascii=False)
    asked.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
