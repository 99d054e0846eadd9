"""Takes thresholds and temperatures of results/thresholds.json over into the table; standard library only.

    python3 template/thresholds.py [results/thresholds.json]

Reads the choice of `mrclass calibrate`; writes table.json, and the template's own configs, which are those of
one row. Refuses a choice that was made with other weights than the bundles hold. Render afterwards.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("threshold", "temperature")


class ChoiceError(Exception):
    """The choice does not fit the bundles; the message says which."""


def taken(text: str, row: str, values: Mapping[str, float]) -> str:
    """The table's text with new values in one row; everything else stays as it is written.

    Raises:
        ChoiceError: the row or a column is not there.
    """
    head, found, tail = text.partition(f'"name": {json.dumps(row)},')
    if not found:
        raise ChoiceError(f"template/table.json has no row {row}")
    for column, value in values.items():
        tail, count = re.subn(rf'("{column}": )[-+.\deE]+', rf"\g<1>{float(value)!r}", tail, count=1)
        if not count:
            raise ChoiceError(f"row {row} of template/table.json has no {column}")
    return head + found + tail


def take(choice: Mapping[str, Any], root: Path = ROOT) -> list[str]:
    """Write a choice into the table and the template's configs; what changed, one line each.

    Raises:
        ChoiceError: a bundle is missing from the choice, or it was made with other weights.
    """
    path = root / "template" / "table.json"
    text = path.read_text(encoding="utf-8")
    table = json.loads(text)
    # the configs carry the row whose name their metadata has
    home = root / "template" / "configs"
    own = json.loads((home / "metadata.json").read_text(encoding="utf-8"))["name"]
    lines = []
    for row in table["rows"]:
        name = row["name"]
        if name not in choice["bundles"]:
            raise ChoiceError(f"no threshold was chosen for {name}; run `make thresholds`")
        chosen = choice["bundles"][name]
        weights = root / "bundles" / name / "models" / "model.pt"
        held = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
        if held != chosen["weights_sha256"]:
            raise ChoiceError(
                f"the threshold of {name} was chosen for weights {chosen['weights_sha256'][:12] or 'none'}, "
                f"the bundle holds {held[:12] or 'none'}; run `make thresholds`"
            )
        values = {column: chosen[column] for column in COLUMNS if row[column] != chosen[column]}
        text = taken(text, name, values)
        lines += [f"{name}: {column} {row[column]:g} -> {value:g}" for column, value in values.items()]
        if name == own:
            for file in ("metadata.json", "inference.json"):
                _put(home / file, values)
    path.write_text(text, encoding="utf-8")
    return lines


def _put(path: Path, values: Mapping[str, float]) -> None:
    """New values of plain ids in a config, the rest of its text untouched."""
    text = path.read_text(encoding="utf-8")
    for column, value in values.items():
        text = re.sub(rf'("{column}": )[-+.\deE]+', rf"\g<1>{float(value)!r}", text, count=1)
    path.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """The command; exit code 0 done, 1 the choice does not fit, 2 usage."""
    if len(arguments) > 1 or any(word.startswith("-") for word in arguments):
        print("usage: python3 template/thresholds.py [results/thresholds.json]", file=sys.stderr)
        return 2
    path = Path(arguments[0]) if arguments else ROOT / "results" / "thresholds.json"
    try:
        lines = take(json.loads(path.read_text(encoding="utf-8")))
    except (ChoiceError, OSError, ValueError, KeyError) as error:
        print(f"template: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines) or "every threshold stays as it is")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
