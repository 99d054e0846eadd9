"""Blocks of the exports and of the bench, from their JSON in results/; stdlib only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markup import table
from mrclass.labels import display

STAGES = {
    "convert": "DICOM to volumes (dcm2niix)",
    "slab": "loading, slab, normalisation",
    "n4": "N4",
    "networks": "networks",
    "report": "pictures and pages",
}


def exports(content: Mapping[str, Any] | None) -> str:
    """Differences of each export's scores from PyTorch's (`make exports`)."""
    if not content:
        return "Not measured yet: `make exports` writes it."
    entries = content["bundles"]
    backends = list(next(iter(entries.values()))["backends"])
    rows, reasons = [], {}
    for name, entry in entries.items():
        cells = []
        for backend in backends:
            one = entry["backends"][backend]
            if "reason" in one:
                reasons[backend] = one["reason"]
            told = f"{one['max_score_difference']:.1e}" if "max_score_difference" in one else one["status"]
            cells.append(f"**{told}**" if one["status"] == "differs" else told)
        rows.append([name, entry["n_slices"], *cells])
    data = "real" if content["data"] == "named volumes" else "simulated"
    lines = [
        f"Largest difference of a slice's score from PyTorch's, on slabs of {content['n_volumes']} {data} "
        f"volumes; wanted is at most {content['tolerance']:g} (`results/exports.json`, torch "
        f"{content['made_by']['torch']}):",
        "",
        table(["bundle", "slices", *backends], rows),
    ]
    lines += ["", *(f"- {backend} skipped: {reason}." for backend, reason in reasons.items())]
    mixed = content.get("mixture")
    if mixed:
        where = ", ".join(f"{display(label)} on {backend}" for label, backend in mixed["backends"].items())
        lines.append(
            f"- All backends in one ensemble ({where}): {mixed['same_label']} of {mixed['n_volumes']} "
            "volumes get the label that PyTorch alone gives, scores within "
            f"{mixed['max_score_difference']:.1e}."
        )
    return "\n".join(lines)


def bench(content: Mapping[str, Any] | None) -> str:
    """Seconds per series and stage (`make bench`)."""
    if not content:
        return "Not measured yet: `make bench` writes it."
    made = content["made_by"]
    rows = [
        [STAGES[stage], f"{entry['seconds_per_series']:.2f}", f"{100 * entry['share']:.0f} %"]
        for stage, entry in content["stages"].items()
    ]
    simulated = content.get("data") == "simulated"  # files of earlier versions do not say
    kind = "simulated" if simulated else "real or simulated: not recorded"
    threads = "one thread" if made["threads"] == 1 else f"{made['threads']} threads"
    return "\n".join(
        [
            f"**{content['seconds_per_series']:.2f} s a series** (median "
            f"{content['median_seconds_per_series']:.2f} s), measured on {content['n_series']} series of "
            f"{made['data']} ({kind}), {threads} on {made['device']} "
            f"(load {made['load_at_the_end']} at the end; `results/bench.json`):",
            "",
            table(["stage", "s a series", "share"], rows),
            "",
            f"Each bundle by itself, sharing nothing, would take {content['plain_to_ensemble']:.1f} times as "
            "long for slab, N4 and networks.",
        ]
    )


BLOCKS: dict[str, Callable[[Mapping[str, Any] | None], str]] = {"exports": exports, "bench": bench}
