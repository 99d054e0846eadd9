"""Runs with their truth -> thresholds.json: reads ledgers and truth CSVs, writes the JSON and bundle configs.

Source: docs/decisions/0005-thresholds.md; the choice itself is `calibrate.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrclass import __version__, calibrate, labels
from mrclass.card import METADATA, read_card, read_json
from mrclass.errors import BundleError, UsageError
from mrclass.files import replace_text
from mrclass.truth import Compared, Truth, compare
from mrclass.vote import EVEN, REFINEMENT

INFERENCE = "configs/inference.json"
ABOUT = (
    "Chosen on these volumes, so the figures here are a little too good; quality_unseen is the mean of "
    "sensitivity and specificity on volumes that a resampled choice had not seen. Each run weighs the same."
)


@dataclass(frozen=True)
class Source:
    """A run to choose on: its folder, what is known of it, and `real` or `simulated`."""

    out: Path
    truth: Truth
    data: str


def parse_run(words: Sequence[str]) -> Source:
    """`OUT TRUTH.csv real [NAME=VALUE ...]` of the command line.

    Raises:
        UsageError: another form.
    """
    form = "--run " + " ".join(words) + ": write --run OUT TRUTH.csv real|simulated [NAME=VALUE ...]"
    if len(words) < 3 or words[2] not in ("real", "simulated") or any("=" not in word for word in words[3:]):
        raise UsageError(form)
    where = dict(word.split("=", 1) for word in words[3:])
    return Source(Path(words[0]), Truth(Path(words[1]), where=where), words[2])


def choose(sources: Sequence[Source], apply_temperature: bool = False, command: str = "") -> dict[str, Any]:
    """Thresholds of all bundles that made some runs, with what they were chosen on.

    Args:
        sources: at least one.
        apply_temperature: take the fitted temperatures over, and choose on the scores they give.
        command: the command line, as typed.

    Raises:
        UsageError: a truth does not fit its run, or the runs were made by different weights.
        LedgerError: a folder holds no usable ledger.
    """
    found = [(source, compare(source.out, source.truth)) for source in sources]
    members = found[0][1].members
    for source, compared in found:
        if _weights(compared) != _weights(found[0][1]):
            raise UsageError(
                f"{source.out} and {sources[0].out} were made by different bundles; wanted runs of the same "
                "weights. Classify one of them anew, into a new folder."
            )
        lacking = sorted(name for name, member in compared.members.items() if "label" not in member)
        if lacking:
            raise UsageError(
                f"The run in {source.out} does not say what {', '.join(lacking)} is: "
                "an earlier version made it. Classify its files anew, into a new folder."
            )
    runs = [
        calibrate.Run(
            source.data,
            compared.cases,
            {member["label"]: member.get("temperature", 1.0) for member in compared.members.values()},
        )
        for source, compared in found
    ]
    order = sorted(members, key=lambda name: (labels.sort_key(members[name]["label"]), name))
    bundles = {}
    for name in order:
        member = members[name]
        now, heat = float(member.get("threshold", EVEN)), float(member.get("temperature", 1.0))
        chosen = calibrate.one_bundle(member["label"], runs, now, heat, apply_temperature)
        bundles[name] = {"label": member["label"], "weights_sha256": member.get("sha256", ""), **chosen}
    one_vs_all = {b["label"]: b["threshold"] for b in bundles.values() if b["label"] != REFINEMENT}
    heats = {b["label"]: b["temperature"] for b in bundles.values()}
    return {
        "about": ABOUT,
        "runs": [
            {
                "data": source.data,
                "n": len(compared.cases),
                "labels": dict(sorted(Counter(case.truth for case in compared.cases).items())),
                "where": dict(source.truth.where or {}),
                "truth_sha256": compared.made_by["truth_sha256"],
            }
            for source, compared in found
        ],
        "bundles": bundles,
        "ensemble": [calibrate.together(run, one_vs_all, heats) for run in runs],
        "made_by": {"command": command, "mrclass": __version__},
    }


def _weights(compared: Compared) -> dict[str, Any]:
    return {name: member.get("sha256") for name, member in compared.members.items()}


def table(figures: Mapping[str, Any]) -> str:
    """Compact text of the choice, for a terminal."""
    lines = [
        f"{'BUNDLE':<16}{'THRESHOLD':<11}{'BEST RANGE':<14}{'RESAMPLED':<14}{'QUALITY':<9}{'UNSEEN':<8}"
        f"{'TARGETS':<9}{'OTHERS':<8}TEMPERATURE"
    ]
    for name, one in figures["bundles"].items():
        head = f"{name:<16}{one['threshold']:<11.2f}"
        if "curve" not in one:
            lines.append(f"{head}{one['kept']}")
            continue
        fitted = one["scores"]["temperature"]
        best, resampled = ("{:.2f}-{:.2f}".format(*ends) for ends in (one["best"], one["resampled"][::2]))
        unseen = "-" if one["quality_unseen"] is None else f"{one['quality_unseen']:.3f}"
        heat = (
            f"{fitted['fitted']:.2f} (loss {fitted['nll']:.3f}, fitted {fitted['nll_fitted']:.3f}, "
            f"unseen {fitted['nll_unseen']:.3f})"
        )
        lines.append(
            f"{head}{best:<14}{resampled:<14}{one['quality']:<9.3f}{unseen:<8}"
            f"{sum(one['targets'].values()):<9}{sum(one['others'].values()):<8}{heat}"
        )
    for run in figures["ensemble"]:
        before, chosen = ("{hits} of {n}".format(**run[name]["accuracy"]) for name in ("before", "chosen"))
        lines.append(f"{run['data']}: {before} right with the run's thresholds, {chosen} with these")
    return "\n".join(lines)


def put(bundle: Path, figures: Mapping[str, Any]) -> str:
    """Write a chosen threshold and temperature into a bundle's own configs.

    Args:
        bundle: folder whose weights the choice was made with.
        figures: of `choose`.

    Returns:
        One sentence of what was written.

    Raises:
        BundleError: the choice has no bundle of these weights, or the folder's configs do not fit.
    """
    card = read_card(bundle)
    fitting = [one for one in figures["bundles"].values() if one["weights_sha256"] == card.sha256]
    if not fitting or fitting[0]["label"] != card.label:
        raise BundleError(
            f"{bundle} has weights {card.sha256[:12] or 'without a hash'}; the thresholds were chosen for "
            "others. Classify with this bundle first: mrclass classify ... --member "
            f"{card.label}={bundle}"
        )
    chosen = {name: fitting[0][name] for name in ("threshold", "temperature")}
    metadata, inference = read_json(bundle / METADATA), read_json(bundle / INFERENCE)
    if not set(chosen) <= set(inference):
        raise BundleError(f"{bundle / INFERENCE} has no ids threshold and temperature to write.")
    metadata["mrclass"].update(chosen)
    inference.update(chosen)
    for path, content in ((bundle / METADATA, metadata), (bundle / INFERENCE, inference)):
        replace_text(path, json.dumps(content, indent=4, ensure_ascii=False) + "\n")
    return f"{bundle}: threshold {chosen['threshold']:g}, temperature {chosen['temperature']:g}"
