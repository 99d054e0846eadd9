"""Chooses the threshold of a bundle that was just trained, on the validation volumes of the labels collected.

Reads the bundle and the volumes; writes the bundle's configs where there are enough volumes to choose on.
Source: docs/decisions/0005-thresholds.md (`mrclass.calibrate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass.bundle import load_member
from mrclass.calibrate import Run, one_bundle
from mrclass.card import read_card
from mrclass.ensemble import Ensemble
from mrclass.errors import VolumeError
from mrclass.evaluate import Case
from mrclass.labels import OTHER
from mrclass.thresholds import put

ENOUGH = 10  # of its label, and as many others: the choice among fewer would hang on single volumes


def choose(bundle: Path, validation: Sequence[Mapping[str, Any]], enough: int = ENOUGH) -> dict[str, Any]:
    """Puts a threshold into a trained bundle, or says why its threshold stays.

    Args:
        bundle: folder of the bundle; its configs are written where a threshold is chosen.
        validation: items of `mrclass.datalist.load`: image, and label 1 or 0.
        enough: volumes of either kind from which on the choice is made.

    Returns:
        JSON-able: threshold, before, chosen (whether it was chosen now), why (one sentence), targets and
        others (volumes looked at); where chosen also resampled and quality_unseen, as of `calibrate`.
    """
    card = read_card(bundle)
    kept = {"threshold": card.threshold, "before": card.threshold, "chosen": False}
    if card.refines is not None:
        return {**kept, "why": "kept: it divides what another bundle won by the majority of the slices alone"}
    labels = [int(item["label"]) for item in validation]
    counts = {"targets": sum(labels), "others": len(labels) - sum(labels)}
    if min(counts.values()) < enough:
        why = (
            f"kept: the labels hold {counts['targets']} validation volumes of its label and "
            f"{counts['others']} others; from {enough} of each on a threshold is chosen"
        )
        return {**kept, **counts, "why": why}
    ensemble = Ensemble([load_member(bundle)])
    cases = []
    for item in validation:
        truth = card.label if item["label"] else OTHER
        try:
            prediction = ensemble.predict(item["image"])
        except VolumeError:  # as the ensemble would refuse it
            continue
        seen = {card.label: prediction.slice_scores[card.label]}
        cases.append(Case(str(item["image"]), truth, prediction.label, slice_scores=seen))
    run = Run("real", cases, {card.label: card.temperature})
    chosen = one_bundle(card.label, [run], card.threshold, card.temperature, apply=False)
    put(bundle, {"bundles": {card.name: {"label": card.label, "weights_sha256": card.sha256, **chosen}}})
    return {
        **kept,
        **counts,
        "threshold": chosen["threshold"],
        "chosen": True,
        "why": (
            f"chosen on {counts['targets']} validation volumes of its label and {counts['others']} others; "
            "they chose the best epoch too: measure it on other patients"
        ),
        **{name: chosen[name] for name in ("resampled", "quality_unseen")},
    }
