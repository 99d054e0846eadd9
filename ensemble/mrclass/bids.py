"""The texts of a BIDS data set: what its volumes are, who made it, who is in it; writes what is missing.

Source: Brain Imaging Data Structure 1.11.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mrclass import __version__, labels
from mrclass.files import replace_text

VERSION = "1.11.1"
_README = """# Brain MR, sorted by MR-Class {version}

`mrclass sort` made this data set of a folder of DICOM or NIfTI. The suffix of every image comes from its
content, as the classifiers see it, not from its header. Research use only: check what matters, by
`sourcedata/mrclass/sorted.csv`.

- Subjects and sessions are pseudonyms, parts of salted hashes. No name, date or UID was taken over.
- `ce-` marks contrast-enhanced T1w; it is `ce-agent` where the header names no known contrast agent.
- BIDS {bids} has no suffix for SWI: it is `acq-swi..._T2starw`.
- ADC maps are `dwi/..._ADC`.
- `MRClass` in a sidecar: label, score, and whether the header agrees.
- What no classifier claims and what several claim lies in `sourcedata/mrclass/aside`; `sorted.csv` says why.
"""
_NUMBERS = {  # keys of a sidecar that are numbers, and the least each may be
    "MagneticFieldStrength": 0, "EchoTime": 0, "RepetitionTime": 0, "InversionTime": 0, "FlipAngle": 0,
    "SliceThickness": 0, "SpacingBetweenSlices": 0, "EchoTrainLength": 0, "SeriesNumber": 0,
}  # fmt: skip
_TEXTS = (
    "Manufacturer", "ManufacturersModelName", "BodyPart", "SeriesDescription", "ProtocolName", "SequenceName",
    "PulseSequenceName", "PulseSequenceDetails", "ConversionSoftware", "ConversionSoftwareVersion",
)  # fmt: skip
_LISTS = ("ScanningSequence", "SequenceVariant", "ScanOptions", "ImageType")
_CHOICES = {
    "MRAcquisitionType": ("2D", "3D"),
    "PhaseEncodingDirection": ("i", "j", "k", "i-", "j-", "k-"),
    "ContrastBolusIngredient": ("IODINE", "GADOLINIUM", "CARBON DIOXIDE", "BARIUM", "XENON"),
}


def sidecar(given: Mapping[str, Any], row: Mapping[str, Any], phase: bool = False) -> str:
    """Text of a volume's sidecar: what dcm2niix or a stranger's JSON says and BIDS permits, and our label.

    Args:
        given: fields by BIDS name; those of a wrong type are left out.
        row: of the ledger.
        phase: whether it is named a phase image, whose units BIDS wants: those of the scanner.
    """
    kept: dict[str, Any] = {}
    for key, value in given.items():
        if key in _NUMBERS:
            good = isinstance(value, (int, float)) and not isinstance(value, bool) and value > _NUMBERS[key]
        elif key in _LISTS:
            good = isinstance(value, (str, list)) and all(isinstance(item, str) for item in value)
            value = " ".join(value) if isinstance(value, list) and key != "ImageType" else value
            good = good and (key != "ImageType" or isinstance(value, list))
        elif key in _CHOICES:
            good = value in _CHOICES[key]
        else:
            good = key in _TEXTS and isinstance(value, str)
        if good:
            kept[key] = value
    if phase:
        kept["Units"] = "arbitrary"
    score = row["score"]
    kept["MRClass"] = {
        "Label": labels.display(str(row["label"])),
        "Score": None if score is None else round(float(score), 6),
        "HeaderVerdict": row["verdict"] or None,
        "Version": __version__,
    }
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


def describe(dest: Path, subjects: Iterable[str]) -> None:
    """Write dataset_description.json, README.md and participants.tsv where they are missing.

    What a person wrote there stays; participants that are missing in the list are added to it.

    Args:
        dest: the data set.
        subjects: names of its folders, `sub-...`.
    """
    description = {
        "Name": "Brain MR sorted by image content",
        "BIDSVersion": VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "MR-Class", "Version": __version__, "Description": "mrclass sort"}],
    }
    texts: dict[str, Callable[[], str]] = {
        "dataset_description.json": lambda: json.dumps(description, indent=2) + "\n",
        "README.md": lambda: _README.format(version=__version__, bids=VERSION),
        "participants.tsv": lambda: "participant_id\n",
    }
    for name, text in texts.items():
        if not (dest / name).exists():
            replace_text(dest / name, text())
    path = dest / "participants.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    columns = lines[0].split("\t")
    known = {line.split("\t")[0] for line in lines[1:]}
    more = [
        "\t".join([name, *["n/a"] * (len(columns) - 1)])
        for name in sorted(set(subjects))
        if name not in known
    ]
    if more:
        replace_text(path, "\n".join([*lines, *more]) + "\n")
