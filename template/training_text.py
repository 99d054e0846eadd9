"""What cards and README.md say of the training; reads nothing, every figure is of results/training.json.

Standard library only. What is not recorded is said to be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markup import CardError, table
from mrclass.labels import display


def own(row: Mapping[str, Any], training: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was recorded for one bundle alone."""
    found: Mapping[str, Any] = training.get("bundles", {}).get(row["name"], {})
    return found


def volumes_of(row: Mapping[str, Any], training: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The training data of a bundle: what all six were trained on, and what it saw besides."""
    return [*training.get("volumes", []), *own(row, training).get("volumes", [])]


def section(row: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """The training section of a card: sources with licence and counts, share of simulated volumes.

    Raises:
        CardError: a source is neither real nor derived nor simulated.
    """
    volumes = volumes_of(row, training)
    if not volumes:
        return "**Not recorded: there is no `results/training.json`.**"
    chosen = set(row["positives"]) | set(row["negatives"]) if row["negatives"] else None
    rows, totals = [], {"real": 0, "derived": 0, "simulated": 0}
    for entry in volumes:
        counts = {k: n for k, n in entry["labels"].items() if n and (chosen is None or k in chosen)}
        if not counts:
            continue
        kind = entry.get("data", "real")
        if kind not in totals:
            raise CardError(
                f"results/training.json: data {kind!r} of {entry['source']}; wanted real, derived, simulated"
            )
        totals[kind] += sum(counts.values())
        listed = ", ".join(f"{display(k)} {n}" for k, n in sorted(counts.items()))
        rows.append([entry["source"], entry["licence"], kind, listed])
    whole = sum(totals.values())
    share = 100 * totals["simulated"] / whole if whole else 0.0
    also = f", {totals['derived']} derived from real ones" if totals["derived"] else ""
    words = [f"{whole} volumes, {totals['simulated']} of them simulated ({share:.0f} %){also}."]
    recipe = own(row, training).get("recipe") or training.get("recipe")
    if recipe:
        words.append(str(recipe))
    return " ".join(words) + "\n\n" + table(["source", "licence", "data", "volumes"], rows)


def summary(training: Mapping[str, Any]) -> str:
    """What the six were trained on, for README.md."""
    everything = {"negatives": [], "positives": [], "name": ""}
    further = [name for name, one in training.get("bundles", {}).items() if one.get("volumes")]
    text = section(everything, training)
    if further:
        text += f"\n\nTrained on further data besides, which its card names: {', '.join(sorted(further))}."
    return text
