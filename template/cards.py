"""Writes what the project says about its weights: model cards, metrics of metadata.json, blocks of README.md.

Reads results/*.json (validation*.json of `mrclass evaluate`, training.json of the training); every figure
comes from there, none is typed. Standard library only. What is not measured is said to be missing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The package need not be installed: the label table imports nothing.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ensemble"))

import curves  # noqa: E402
import failures  # noqa: E402
import training_text  # noqa: E402
from blocks import BLOCKS, demo_evaluation  # noqa: E402
from markup import CardError, interval, table  # noqa: E402
from mrclass.labels import display  # noqa: E402

BLOCK = re.compile(r"(<!-- results:([a-z0-9-]+) -->\n).*?(<!-- /results:\2 -->)", re.DOTALL)
GAP = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Results:
    """What was measured.

    Attributes:
        validations: figures of `mrclass evaluate`, real data first, each with `data` real or simulated and
            `file`.
        training: what the weights were trained on; empty where it was not recorded.
        thresholds: what `mrclass calibrate` chose; empty where it did not.
        others: what the blocks of `blocks` are made of, by name.
    """

    validations: Sequence[Mapping[str, Any]] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Results of a folder; whatever is not there counts as not measured."""
        found = []
        for path in sorted(folder.glob("validation*.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            parts = (
                [content]
                if "data" in content
                else [part for part in content.values() if isinstance(part, dict)]
            )
            found += [{**part, "file": path.name} for part in parts if "data" in part]
        training, thresholds = (
            json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            for path in (folder / "training.json", folder / "thresholds.json")
        )
        return cls(
            sorted(found, key=lambda part: (part["data"] != "real", part["file"])),
            training,
            thresholds,
            {
                name: json.loads(path.read_text(encoding="utf-8"))
                for name in BLOCKS
                if (path := folder / f"{name}.json").is_file()
            },
        )


def percent(entry: Mapping[str, Any] | None) -> str:
    """`93.3 % [70.2, 98.8], n = 15`, or a dash where there was nothing to count."""
    if not entry or entry.get("value") is None:
        return "-"
    return f"{interval(entry)}, n = {entry['n']}"


def member_figures(row: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """One bundle's figures in a validation: sensitivity, specificity, AUC; empty where it was not measured.

    The T1ce bundle only refines: its figures are those of the volumes on which it was asked.
    """
    if row["refines"]:
        refined = part.get("t1w_against_t1ce") or {}
        return (
            {"accuracy": refined["accuracy"], "auc": refined["auc"]}
            if refined.get("accuracy", {}).get("n")
            else {}
        )
    return dict(part.get("members", {}).get(row["label"], {}))


def same_weights(row: Mapping[str, Any], digest: str, part: Mapping[str, Any]) -> bool:
    """Whether a validation was made with these weights."""
    member = part.get("made_by", {}).get("members", {}).get(row["name"], {})
    return bool(digest) and member.get("sha256") == digest


def eval_metrics(row: Mapping[str, Any], digest: str, results: Results) -> dict[str, Any]:
    """`eval_metrics` of metadata.json: only figures that were measured with the weights in the bundle."""
    metrics: dict[str, Any] = {}
    for part in results.validations:
        if not same_weights(row, digest, part):
            continue
        for name, entry in member_figures(row, part).items():
            value = entry.get("value") if isinstance(entry, Mapping) else entry
            if isinstance(value, int | float):
                metrics[f"{part['data']}_{name}"] = value
    return metrics


def validation_text(row: Mapping[str, Any], digest: str, results: Results) -> str:
    """The validation section of a card."""
    if not digest:
        return "**Not measured: this bundle has no weights yet.**"
    told = [part for part in results.validations if same_weights(row, digest, part)]
    if not told:
        return (
            "**Not measured: there is no validation of these weights in `results/`.** Trust nothing they say."
        )
    sections = []
    for part in told:
        figures = member_figures(row, part)
        lines = [
            f"**On {part['data']} data** ({part['n']} volumes, none trained on; `results/{part['file']}`):",
            "",
        ]
        if not figures:
            sections.append("\n".join([*lines, "no volume for this bundle."]))
            continue
        shown = [[name, percent(entry)] for name, entry in figures.items() if isinstance(entry, Mapping)]
        if figures.get("auc") is not None:
            shown.append(["area under the ROC curve", f"{figures['auc']:.3f}"])
        own = part.get("labels", {}).get(row["label"], {})
        if own.get("n"):
            shown.append(
                [f"{display(row['label'])} named by the whole ensemble", percent(own["sensitivity"])]
            )
        sections.append("\n".join([*lines, table(["figure", "value with 95 % Wilson interval"], shown)]))
    return "\n\n".join(sections)


def failures_text(row: Mapping[str, Any], digest: str, results: Results) -> str:
    """What went wrong in the validations, and what the training knows it lacks."""
    lines = []
    for part in results.validations if digest else ():
        if not same_weights(row, digest, part):
            continue
        wrong = [
            error for error in part.get("errors", []) if row["label"] in (error["truth"], error["predicted"])
        ]
        pairs = sorted({(error["truth"], error["predicted"]) for error in wrong})
        for truth, predicted in pairs:
            n = sum((error["truth"], error["predicted"]) == (truth, predicted) for error in wrong)
            taken = f"{display(truth)} taken for {display(predicted)}"
            lines.append(f"- {part['data']}: {taken}, {n} of {part['n']} volumes")
    limits = [
        *results.training.get("limits", []),
        *training_text.own(row, results.training).get("limits", []),
    ]
    lines += [f"- {limit}" for limit in limits]
    known = (
        "- the paper names motion and blur, anatomy displaced by large tumours, T1-FLAIR taken for T1w or "
        "FLAIR, and trace DWI taken for T2w"
    )
    return "\n".join([*lines, known])


def card(
    text: str, row: Mapping[str, Any], metadata: Mapping[str, Any], results: Results, bundle: Path
) -> str:
    """docs/README.md of a bundle, whose folder may hold a picture of its failures.

    Raises:
        CardError: the template has a placeholder that nothing fills.
    """
    digest = metadata["mrclass"]["weights_sha256"]
    size = metadata["network_data_format"]["inputs"]["image"]["spatial_shape"]
    gaps = {
        "name": row["name"],
        "description": row["description"],
        "label": row["label"],
        "display": display(row["label"]),
        "class_zero": row["channels"]["0"],
        "class_one": row["channels"]["1"],
        "positives": ", ".join(map(display, row["positives"])),
        "negatives": ", ".join(map(display, row["negatives"])) or "every other label",
        "example_other": row["negatives"][0]
        if row["negatives"]
        else ("t2w" if row["label"] != "t2w" else "t1w"),
        "n4": "" if row["without_n4"] else "N4 bias field correction, then the ",
        "threshold": f"{row['threshold']:g}",
        "size": " x ".join(map(str, size)),
        "version": metadata["version"],
        "weights": f"sha256 `{digest}`" if digest else "**none yet: this bundle has no models/model.pt**",
        "validation": validation_text(row, digest, results),
        "threshold_choice": curves.text(row, digest, results.thresholds),
        "failures": failures_text(row, digest, results) + failures.text(bundle, digest),
        "training": training_text.section(row, results.training),
        "references": "\n".join(f"- {reference}" for reference in metadata["references"]),
    }
    unknown = sorted(set(GAP.findall(text)) - set(gaps))
    if unknown:
        raise CardError(f"template/docs/README.md has placeholders that nothing fills: {', '.join(unknown)}")
    return GAP.sub(lambda found: str(gaps[found[1]]), text)


def data_license(text: str, row: Mapping[str, Any], results: Results) -> str:
    """docs/data_license.txt: the template's words and the licences of the sources of a bundle."""
    volumes = training_text.volumes_of(row, results.training)
    lines = sorted({f"{entry['source']}: {entry['licence']}" for entry in volumes})
    listed = "\n".join(lines) or "No training data is recorded (results/training.json is not there)."
    return text.replace("{{sources}}", listed)


def fill_blocks(text: str, results: Results) -> str:
    """A document with each block `<!-- results:NAME -->` to its end filled; other text is left as it is.

    Raises:
        CardError: a block has a name nobody renders.
    """
    blocks: dict[str, Callable[[Results], str]] = {
        "validation": _summary,
        "training": lambda found: training_text.summary(found.training),
        "demo-evaluation": lambda found: demo_evaluation(found.others.get("demo")),
    }
    for name, render in BLOCKS.items():
        blocks[name] = lambda found, name=name, render=render: render(found.others.get(name))  # type: ignore[misc]

    def fill(found: re.Match[str]) -> str:
        if found[2] not in blocks:
            raise CardError(f"A document has a block results:{found[2]}; choose one of: {', '.join(blocks)}")
        return f"{found[1]}{blocks[found[2]](results)}\n{found[3]}"

    return BLOCK.sub(fill, text)


def _summary(results: Results) -> str:
    """The ensemble's figures for README.md."""
    if not results.validations:
        return "Not measured yet: `results/validation.json` is not there."
    sections = []
    for part in results.validations:
        rows = [
            [display(key), percent(entry["sensitivity"]), percent(entry["specificity"])]
            for key, entry in part["labels"].items()
            if entry["n"]
        ]
        measured = f"{part['n']} {part['data']} volumes, accuracy {percent(part['accuracy'])}"
        head = f"{measured} (`results/{part['file']}`):"
        listed = table(["label", "sensitivity with 95 % Wilson interval", "specificity"], rows)
        sections.append(f"{head}\n\n{listed}")
    return "\n\n".join(sections)
