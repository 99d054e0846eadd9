"""Renders the six bundles from template/ and its table, or checks that they are as rendered; stdlib only.

    python3 template/render.py --write     writes bundles/mrclass_*/ (never their models/)
    python3 template/render.py --check     compares byte for byte; exit code 1 names what differs
    python3 template/render.py --release   the same, and names the blocks that nothing has filled yet

Reads template/, LICENSE, results/*.json and the sha256 of each models/model.pt. A row of table.json is a
bundle, a column names the config ids that its value replaces (FILE::id::id; a list is entered by the class
name of its item, never by number). Source: docs/decisions/0001-rendered-bundles.md.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cards
import curves
import failures
import record

TEMPLATE = Path(__file__).resolve().parent
ROOT = TEMPLATE.parent
# Folders of a bundle that are not rendered: weights, and what its runs write.
LEFT_ALONE = ("models", "eval")
UNFILLED = ("Not recorded yet: ", "Not measured yet: ")  # how a block without its results begins


class TemplateError(Exception):
    """The table does not fit the template; the message names the cell."""


def load(path: Path) -> Any:
    """Content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def dump(content: Any) -> bytes:
    """A JSON file as every bundle holds it (mrclass.publish writes the same)."""
    return (json.dumps(content, indent=4, ensure_ascii=False) + "\n").encode()


def put(config: Any, path: Sequence[str], value: Any) -> None:
    """Replaces the value of an id; a list is entered by the class name of the item.

    Raises:
        TemplateError: there is no such id, or more than one such item.
    """
    node = config
    for step, key in enumerate(path):
        if isinstance(node, list):
            fitting = [item for item in node if str(item.get("_target_", "")).rpartition(".")[2] == key]
            if len(fitting) != 1:
                raise TemplateError(f"{len(fitting)} items of {'::'.join(path[:step])} are {key}; wanted one")
            node = fitting[0]
            continue
        if not isinstance(node, dict) or key not in node:
            held = ", ".join(node) if isinstance(node, dict) else type(node).__name__
            raise TemplateError(f"no id {'::'.join(path[: step + 1])} in the template; there is: {held}")
        if step == len(path) - 1:
            node[key] = copy.deepcopy(value)
            return
        node = node[key]
    raise TemplateError(f"{'::'.join(path)} ends at a list item; name an id in it")


def settled(node: Any) -> Any:
    """Without the steps a row switched off, and without the word `_disabled_` where it switched them on."""
    if isinstance(node, dict):
        return {k: settled(v) for k, v in node.items() if not (k == "_disabled_" and isinstance(v, bool))}
    if isinstance(node, list):
        return [settled(v) for v in node if not (isinstance(v, dict) and v.get("_disabled_") is True)]
    return node


def configs_of(
    row: Mapping[str, Any], columns: Mapping[str, Sequence[str]], template: Path
) -> dict[str, Any]:
    """The template's configs with a row's values in place, by file name.

    Raises:
        TemplateError: a row lacks a column or has one more, or an id is not in the template.
    """
    if set(row) != set(columns):
        odd = ", ".join(sorted(set(row) ^ set(columns)))
        raise TemplateError(f"row {row.get('name', '?')} and the columns differ in: {odd}")
    configs = {path.name: load(path) for path in sorted((template / "configs").glob("*.json"))}
    for column, ids in columns.items():
        for entry in ids:
            file, *path = entry.split("::")
            if file not in configs:
                raise TemplateError(f"column {column} names {file}; there is: {', '.join(configs)}")
            put(configs[file], path, row[column])
    return {name: settled(config) for name, config in configs.items()}


def render(
    row: Mapping[str, Any], columns: Mapping[str, Sequence[str]], root: Path = ROOT
) -> dict[str, bytes]:
    """Every rendered file of one bundle: its path inside the bundle, and its content."""
    template, bundle = root / "template", root / "bundles" / row["name"]
    configs = configs_of(row, columns, template)
    weights = bundle / "models" / "model.pt"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
    results = cards.Results.read(root / "results")
    metadata = configs["metadata.json"]
    metadata["mrclass"]["weights_sha256"] = digest
    metadata["eval_metrics"] = cards.eval_metrics(row, digest, results)
    files = {f"configs/{name}": dump(config) for name, config in configs.items()}
    files["configs/logging.conf"] = (template / "configs" / "logging.conf").read_bytes()
    text = (template / "docs" / "README.md").read_text(encoding="utf-8")
    files["docs/README.md"] = cards.card(text, row, metadata, results, bundle).encode()
    choice = curves.choice_of(row, digest, results.thresholds)
    if choice and "curve" in choice:
        files[f"docs/{curves.SVG}"] = curves.svg(row, choice).encode()
    files["docs/data_license.txt"] = cards.data_license(
        (template / "docs" / "data_license.txt").read_text(encoding="utf-8"), row, results
    ).encode()
    files["LICENSE"] = (root / "LICENSE").read_bytes()
    return files


def wanted(root: Path = ROOT) -> dict[Path, bytes]:
    """Every file that rendering writes, and its content: bundles, and documents with their blocks filled."""
    table = load(root / "template" / "table.json")
    files: dict[Path, bytes] = {}
    for row in table["rows"]:
        for name, content in render(row, table["columns"], root).items():
            files[root / "bundles" / row["name"] / name] = content
    results = cards.Results.read(root / "results")
    outputs = record.rendered(*record.read(root))
    for document in [
        root / "README.md",
        *sorted((root / "docs").glob("*.md")),
        *sorted((root / "docs" / "how-to").glob("*.md")),
    ]:
        text = document.read_text(encoding="utf-8") if document.is_file() else ""
        if cards.BLOCK.search(text) or record.BLOCK.search(text):
            files[document] = record.fill(cards.fill_blocks(text, results), outputs).encode()
    return files


def strangers(files: Mapping[Path, bytes], root: Path = ROOT) -> list[Path]:
    """Files in bundles/ that rendering does not know, models/, eval/ and pictures of failures aside."""
    known = {*files, *outdated(files, root)}
    found = [
        path for path in sorted((root / "bundles").glob("*/**/*")) if path.is_file() and path not in known
    ]
    return [
        path
        for path in found
        if path.relative_to(root / "bundles").parts[1] not in LEFT_ALONE
        and "__pycache__" not in path.parts
        and not path.match(failures.PNG)
    ]


def outdated(files: Mapping[Path, bytes], root: Path = ROOT) -> list[Path]:
    """Pictures of cards that are of other weights than the bundle's; `make validate` draws the failures."""
    found = []
    for bundle in sorted((root / "bundles").glob("*")):
        curve, weights = bundle / "docs" / curves.SVG, bundle / "models" / "model.pt"
        if curve.is_file() and curve not in files:
            found.append(curve)
        if failures.stale(
            bundle, hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
        ):
            found.append(bundle / failures.PNG)
    return found


def check(root: Path = ROOT) -> list[str]:
    """What is not as rendered, one line each; empty when all is."""
    files = wanted(root)
    lines = []
    for path, content in files.items():
        if not path.is_file():
            lines.append(f"{path.relative_to(root)} is missing")
        elif path.read_bytes() != content:
            lines.append(f"{path.relative_to(root)} differs from what template/ renders")
    lines += [f"{path.relative_to(root)} is not of the weights beside it" for path in outdated(files, root)]
    return lines + [
        f"{path.relative_to(root)} is not rendered; remove it or add it to template/"
        for path in strangers(files, root)
    ]


def unfilled(root: Path = ROOT) -> list[str]:
    """Blocks that still say what is to be run to fill them, one line each: a release has none."""
    return [
        f"{path.relative_to(root)}: {line}"
        for path, content in wanted(root).items()
        for line in content.decode(errors="replace").splitlines()
        if line.startswith(UNFILLED)
    ]


def write(root: Path = ROOT) -> list[Path]:
    """Writes what differs, and removes pictures of other weights; the paths written or removed."""
    files = wanted(root)
    changed = outdated(files, root)
    for path in changed:
        path.unlink()
    for path, content in files.items():
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            changed.append(path)
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 all right, 1 something differs or does not fit, 2 usage."""
    parser = argparse.ArgumentParser(
        description="Renders bundles/ and the marked blocks of README.md from template/."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write what differs")
    what.add_argument("--check", action="store_true", help="name what differs, write nothing")
    what.add_argument("--release", action="store_true", help="as --check, and name blocks not filled yet")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.write:
            changed = write()
            for path in changed:
                print(path.relative_to(ROOT))
            print(f"{len(changed)} files written", file=sys.stderr)
            return 0
        lines = check()
        missing = unfilled() if chosen.release else []
    except (TemplateError, cards.CardError, record.RecordError, OSError, json.JSONDecodeError) as error:
        print(f"template: {error}", file=sys.stderr)
        return 1
    for line in [*lines, *missing]:
        print(line)
    if lines:
        print("Run: python3 template/render.py --write", file=sys.stderr)
    return 1 if lines or missing else 0


if __name__ == "__main__":
    sys.exit(main())
