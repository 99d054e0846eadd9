"""Marked blocks of documents from results/*.json, beside those of `cards`: one function for each result.

Standard library only. A result that is not there is said to be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrclass.labels import display

SCALE_HEAD = "| series done | run (MB) | worker (MB) | seconds per series |\n| --- | --- | --- | --- |"
NETWORKS = {
    "stand-in": "networks replaced by one linear layer each",
    "shipped": "the bundles' own networks",
}


def scale(content: Mapping[str, Any] | None) -> str:
    """Memory, pace, ledger and pages of a large archive (`python -m mrclass.scale`)."""
    if not content:
        return "Not measured yet: `results/scale.json` is not there."
    return "\n\n".join(_one_scale(name, figures) for name, figures in content.items())


def _one_scale(name: str, figures: Mapping[str, Any]) -> str:
    ledger, report = figures["ledger"], figures["report"]
    pages, idle = report["bytes"], figures["nothing_to_do"]
    lines = [
        f"**{figures['n_series']} {figures['data']} series** ({figures['n_files']} DICOM files of "
        f"{figures['slices_per_series']} slice a series; {NETWORKS.get(name, name)}; "
        f"{figures['jobs']} worker, {figures['seconds'] / 60:.0f} minutes, "
        f"begun {_times(figures['starts'])}):",
        "",
        SCALE_HEAD,
    ]
    for part in figures["parts"]:
        row = (part["series"], part["client_mb"], part["child_mb"], part["seconds_per_series"])
        lines.append("| " + " | ".join(str(value) for value in row) + " |")
    ratios = figures["last_to_second_part"]
    shown = ", ".join(
        f"{what} {ratios[key]}"
        for key, what in (("client_mb", "run"), ("child_mb", "worker"), ("seconds_per_series", "seconds"))
        if key in ratios
    )
    lines += [
        "",
        f"- Last tenth to second tenth: {shown}. While tables and pages are written at the end, the run "
        f"takes {figures['client_mb_while_pages_are_written']} MB.",
        f"- Ledger: {ledger['bytes_per_series']} bytes a series; {ledger['write_ms_full']} ms to write one "
        f"with {ledger['series']} in it, {ledger['write_ratio']} times a new ledger; "
        f"{ledger['ask_ms_full']} ms to ask for one, {ledger['ask_ratio']} times.",
        f"- The same command again, with nothing to do: {idle['seconds']} s, {idle['client_mb']} MB.",
        f"- `mrclass report`: {report['seconds']} s, {report['client_mb']} MB. The page opens with "
        f"{_kb(pages['report_html'])}, an index of {_kb(pages['index_js'])} and one of {pages['card_files']} "
        f"card files of at most {_kb(pages['largest_card_file'])}.",
    ]
    return "\n".join(lines)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _kb(size: int) -> str:
    return f"{size / 1000:.0f} kB"


def audit(content: Mapping[str, Any] | None) -> str:
    """How many headers agree with the label, disagree or are silent (`mrclass audit --json`)."""
    if not content:
        return "Not measured yet: `make audit` writes it."
    lines = [
        "| label | series | agree | disagree | silent | disagree or silent |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    entries = [*content["labels"].items(), ("all", content["all"])]
    for key, entry in entries:
        if entry["n"]:
            shares = [
                str(entry["agree"]["hits"]), _share(entry["disagree"]), str(entry["silent"]["hits"]),
                _share(entry["error"]),
            ]  # fmt: skip
            lines.append("| " + " | ".join([display(key), str(entry["n"]), *shares]) + " |")
    described, tags = content["descriptions"], content["contrast_agent"]
    misleading = _share(described["misleading"])
    named = ", ".join(
        f"{display(key)} {entry['names an agent']['hits']} of {entry['n']}" for key, entry in tags.items()
    )
    left = ", ".join(f"{n} {why}" for why, n in sorted(content["left_out"].items())) or "none"
    lines += [
        "",
        f"{described['distinct']} different descriptions, {misleading} of them misleading.",
        f"The contrast agent tag names an agent: {named}. Series not counted: {left}.",
    ]
    return "\n".join(lines)


def _share(entry: Mapping[str, Any]) -> str:
    """`3 (13.0 % [4.5, 32.1])`; a dash where there was nothing to count."""
    if entry["value"] is None:
        return "-"
    low, high = entry["ci95"]
    return f"{entry['hits']} ({100 * entry['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}])"


BLOCKS = {"scale": scale, "audit-demo": audit, "audit-public": audit}
