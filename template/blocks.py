"""Marked blocks of documents from results/*.json, beside those of `cards`: one function for each result.

Standard library only. A result that is not there is said to be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


BLOCKS = {"scale": scale}
