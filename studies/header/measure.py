"""Header labels against the labels of a catalogue: ours, dcm2niix's BidsGuess alone, and dcm-classifier.

    python studies/header/measure.py DICOM --peer PEER/bin/python -o results/header.json

Reads DICOM/catalog.csv (columns folder, label, source, series_description) and the folders that it names;
writes the figures. A folder counts once: right when every volume in it is labelled rightly. No pixel decides.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mrclass import __version__
from mrclass.convert import convert
from mrclass.dicom import scan
from mrclass.errors import ConversionError
from mrclass.header import HeaderLabel, header_label
from mrclass.labels import KEYS, OTHER, parse
from mrclass.stats import proportion

PEER_SCRIPT = Path(__file__).with_name("peer.py")
PEER_SECONDS = 180.0
OURS, GUESS, PEER = "mrclass.header", "BidsGuess alone", "dcm-classifier"
# What dcm2niix and the peer say -> label; what stands in neither table is no label: silent.
GUESS_SUFFIX = {
    "T1w": "t1w", "T2w": "t2w", "FLAIR": "flair", "ADC": "adc", "swi": "swi", "PDw": OTHER, "T2starw": OTHER,
    "localizer": OTHER, "angio": OTHER,
}  # fmt: skip
GUESS_FOLDER = dict.fromkeys(("dwi", "func", "fmap", "perf"), OTHER)
PEER_TYPE = {
    "t1w": "t1w", "t2w": "t2w", "flair": "flair", "adc": "adc",
    **dict.fromkeys(("gret2star", "b0", "tracew", "fa", "eadc", "dwig"), OTHER),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One folder of the catalogue: its true label, and what tells copies of one image from other images."""

    folder: str
    truth: str
    image: tuple[str, ...]


def cases(lines: Iterable[Mapping[str, str]]) -> list[Case]:
    """Folders whose label names a weighting (one of the six, `other:...`) of a brain; not the rest."""
    found = []
    for line in lines:
        text, _, _ = line["label"].partition(":")
        try:
            truth = parse(text)
        except ValueError:
            continue  # nonbrain, invalid
        image = (line["source"], line["label"], line["series_description"])
        found.append(Case(line["folder"], truth, image))
    return found


def judge(said: Sequence[str | None], truth: str) -> str:
    """ "wrong" if any volume is labelled wrongly, else "silent" if any is not labelled, else "right"."""
    if any(label is not None and label != truth for label in said):
        return "wrong"
    return "right" if said and all(said) else "silent"


def guess_label(guess: object) -> str | None:
    """Label of a BidsGuess, [folder, name_suffix], by its suffix, else by its folder."""
    if not isinstance(guess, list) or len(guess) < 2:
        return None
    suffix = str(guess[-1]).rpartition("_")[2]
    return GUESS_SUFFIX.get(suffix) or GUESS_FOLDER.get(str(guess[0]))


def ours(folder: Path) -> list[tuple[HeaderLabel, str | None]]:
    """Header label and BidsGuess of each volume of a folder; of the header alone where there is no volume."""
    found: list[tuple[HeaderLabel, str | None]] = []
    for series in scan([folder], jobs=1).series:
        sidecars: list[dict[str, Any] | None] = [None]
        if series.skip_reason is None:
            with tempfile.TemporaryDirectory() as room:
                try:
                    sidecars = [volume.sidecar for volume in convert(series, Path(room))]
                except ConversionError as error:
                    print(f"{folder}: {error}", file=sys.stderr)
        for sidecar in sidecars:
            said = (sidecar or {}).get("BidsGuess")
            found.append((header_label(series.header, sidecar), guess_label(said)))
    return found


def ask_peer(python: Path, folder: Path) -> tuple[str, list[str | None], str]:
    """Version of the peer, its label of each volume, and how it failed ("" if it did not)."""
    command = [str(python), str(PEER_SCRIPT), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_SECONDS, check=True)
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return "", [], f"did not end within {PEER_SECONDS:g} s"
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:] or ["no word"]
        return "", [], f"exit status {error.returncode}: {last[0].replace(str(folder), folder.name)[:200]}"
    return answer["version"], [PEER_TYPE.get(text) for text in answer["volumes"]], ""


def measured(case: Case, root: Path, python: Path | None) -> dict[str, Any]:
    """One folder: what each method says, and how right it is."""
    volumes = ours(root / case.folder)
    said: dict[str, list[str | None]] = {
        OURS: [claimed.label for claimed, _ in volumes],
        GUESS: [guess for _, guess in volumes],
    }
    row: dict[str, Any] = {"folder": case.folder, "truth": case.truth, "image": list(case.image)}
    if python is not None:
        row["peer_version"], said[PEER], row["peer_failure"] = ask_peer(python, root / case.folder)
    names = dict.fromkeys(name for claimed, _ in volumes for name, label in claimed.sources if label)
    alone = {
        name: [
            label for claimed, _ in volumes for source, label in claimed.sources if source == name and label
        ]
        for name in names
    }
    row["basis"] = sorted({claimed.basis for claimed, _ in volumes})
    row["said"] = said
    row["verdicts"] = {name: judge(labels, case.truth) for name, labels in said.items()}
    row["sources"] = {name: judge(labels, case.truth) for name, labels in alone.items()}
    return row


def counts(verdicts: Sequence[str]) -> dict[str, Any]:
    """Right, wrong and silent; the share of right among all, and among those that are labelled."""
    right, wrong = verdicts.count("right"), verdicts.count("wrong")
    return {
        "n": len(verdicts),
        "right": right,
        "wrong": wrong,
        "silent": len(verdicts) - right - wrong,
        "accuracy": proportion(right, len(verdicts)),
        "of_labelled": proportion(right, right + wrong),
    }


def worst(rows: Sequence[Mapping[str, Any]], verdict: Callable[[Mapping[str, Any]], str]) -> list[str]:
    """A verdict per distinct image: that of its worst copy."""
    order = ("wrong", "silent", "right")
    images: dict[tuple[str, ...], str] = {}
    for row in rows:
        key, found = tuple(row["image"]), verdict(row)
        images[key] = min(images.get(key, found), found, key=order.index)
    return list(images.values())


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all methods, and of each source of the header on its own."""
    methods = {}
    for name in rows[0]["verdicts"]:
        methods[name] = {
            **counts([row["verdicts"][name] for row in rows]),
            "distinct": counts(worst(rows, lambda row, name=name: row["verdicts"][name])),  # type: ignore[misc]
            "labels": {
                key: counts([row["verdicts"][name] for row in rows if row["truth"] == key])
                for key in KEYS
                if any(row["truth"] == key for row in rows)
            },
        }
    sources = dict.fromkeys(name for row in rows for name in row["sources"])
    return {
        "n": len(rows),
        "n_distinct": len({tuple(row["image"]) for row in rows}),
        "methods": methods,
        "sources": {
            name: counts([row["sources"][name] for row in rows if name in row["sources"]]) for name in sources
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0, or 2 where there is nothing to measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dicom", type=Path, metavar="DICOM", help="folder that holds catalog.csv")
    parser.add_argument("--peer", type=Path, metavar="PYTHON", help="of an environment with dcm-classifier")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="JSON")
    chosen = parser.parse_args(arguments)
    catalog = chosen.dicom / "catalog.csv"
    if not catalog.is_file():
        print(f"{catalog} is not there; name the folder that holds it.", file=sys.stderr)
        return 2
    with catalog.open(newline="", encoding="utf-8") as file:
        wanted = cases(csv.DictReader(file))
    if not wanted:
        print(f"{catalog} labels no folder with one of {', '.join(KEYS)}.", file=sys.stderr)
        return 2
    rows = []
    for number, case in enumerate(wanted, 1):
        rows.append(measured(case, chosen.dicom, chosen.peer))
        print(f"{number}/{len(wanted)} {case.folder}: {rows[-1]['verdicts']}", file=sys.stderr)
    made_by = {"mrclass": __version__, "dcm2niix": version("dcm2niix")}
    peers = {row["peer_version"] for row in rows if row.get("peer_version")}
    made_by.update(dict.fromkeys([PEER] * len(peers), ", ".join(sorted(peers))))
    content = {"data": "real", **figures(rows), "folders": rows, "made_by": made_by}
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, found in content["methods"].items():
        print(f"{name}: " + ", ".join(f"{found[key]} {key}" for key in ("n", "right", "wrong", "silent")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
