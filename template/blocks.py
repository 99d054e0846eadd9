"""Marked blocks of documents from results/*.json, beside those of `cards`: one function for each result.

Standard library only. A result that is not there is said to be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markup import interval, table
from mrclass.labels import display
from study_blocks import ablations, left_out, realism, refined
from tool_blocks import BLOCKS as TOOL_BLOCKS

SCALE_HEAD = ["series done", "run (MB)", "worker (MB)", "seconds per series"]
SCALE_KEYS = ("series", "client_mb", "child_mb", "seconds_per_series")
NETWORKS = {
    "stand-in": "networks replaced by one linear layer each",
    "shipped": "the bundles' own networks",
}
EMPTY = "empty-files"
RUNS = {"demo": "the demo export (simulated)", "public": "290 folders of public DICOM"}


def scale(content: Mapping[str, Any] | None) -> str:
    """Memory, pace, ledger and pages of a large archive (`python -m mrclass.scale`)."""
    if not content:
        return "Not measured yet: `results/scale.json` is not there."
    texts = [_one_scale(name, figures) for name, figures in content.items() if name != EMPTY]
    return "\n\n".join([*texts, *([_empty(content[EMPTY])] if EMPTY in content else [])])


def _empty(figures: Mapping[str, Any]) -> str:
    """Few and many empty files (`python -m mrclass.scale --empty`)."""
    head = ["files", "run (MB)", "seconds", "processor seconds", "explained"]
    rows = []
    for part in (figures["few"], figures["many"]):
        keys = ("client_mb", "seconds", "cpu_seconds")
        rows.append([part["n_empty"], *(part[key] for key in keys), part["balance"]["explained"]])
    ratio = figures["client_mb_ratio"]
    return f"**Empty files** (memory of the run {ratio} times):\n\n{table(head, rows)}"


def _one_scale(name: str, figures: Mapping[str, Any]) -> str:
    ledger, report = figures["ledger"], figures["report"]
    pages, idle = report["bytes"], figures["nothing_to_do"]
    lines = [
        f"**{figures['n_series']} {figures['data']} series** ({figures['n_files']} DICOM files of "
        f"{figures['slices_per_series']} slice a series; {NETWORKS.get(name, name)}; "
        f"{figures['jobs']} worker, {figures['seconds'] / 60:.0f} minutes, "
        f"begun {_times(figures['starts'])}):",
        "",
        table(SCALE_HEAD, [[part[key] for key in SCALE_KEYS] for part in figures["parts"]]),
    ]
    ratios = figures["last_to_second_part"]
    shown = ", ".join(
        f"{what} {ratios[key]}"
        for key, what in (("client_mb", "run"), ("child_mb", "worker"), ("seconds_per_series", "seconds"))
        if key in ratios
    )
    writing = figures["client_mb_while_pages_are_written"]  # 0 where that was over between two samples
    lines += [
        "",
        f"- Last tenth to second tenth: {shown}."
        + (f" While tables and pages are written at the end, the run takes {writing} MB." if writing else ""),
        f"- Ledger: {ledger['bytes_per_series']} bytes a series; {ledger['write_ms_full']} ms to write one "
        f"with {ledger['series']} in it, {ledger['write_ratio']} times a new ledger; "
        f"{ledger['ask_ms_full']} ms to ask for one, {ledger['ask_ratio']} times.",
        f"- The same command again, with nothing to do: {idle['seconds']} s, {idle['client_mb']} MB.",
        f"- `mrclass report`: {report['seconds']} s, {report['client_mb']} MB. The page opens with "
        f"{_kb(pages['report_html'])}, an index of {_kb(pages['index_js'])} and one of {pages['card_files']} "
        f"card files of at most {_kb(pages['largest_card_file'])}.",
    ]
    return "\n".join(lines)


def balance(content: Mapping[str, Any] | None) -> str:
    """Files in, in volumes and explained of the runs that were counted (`python -m mrclass.balance`)."""
    if not content:
        return "Not measured yet: `results/balance.json` is not there."
    keys = ("on_disk", "in_volumes", "explained", "unexplained")
    rows = [[RUNS.get(name, name), *(run[key] for key in keys)] for name, run in content["runs"].items()]
    lines = [table(["run", "files in", "in volumes", "explained", "not explained"], rows), ""]
    for name, figures in content["runs"].items():
        reasons = ", ".join(f"{n} {reason}" for reason, n in figures["reasons"].items())
        lines.append(f"- {RUNS.get(name, name)}: {reasons or 'nothing to explain'}.")
    return "\n".join(lines)


def header(content: Mapping[str, Any] | None) -> str:
    """Header labels against a catalogue's, ours beside others (`studies/header/measure.py`)."""
    if not content:
        return "Not measured yet: `results/header.json` is not there."
    labels = next(iter(content["methods"].values()))["labels"]
    head = ["", "right", "wrong", "silent", "right of all", f"right of the {content['n_distinct']} images"]
    head += [f"{display(key)} (n = {entry['n']})" for key, entry in labels.items()]
    rows = []
    for name, figures in content["methods"].items():
        cells = [f"{name} {content['made_by'].get(name, '')}".strip()]
        cells += [str(figures[key]) for key in ("right", "wrong", "silent")]
        cells += [interval(figures["accuracy"]), interval(figures["distinct"]["accuracy"])]
        cells += [str(entry["right"]) for entry in figures["labels"].values()]
        rows.append(cells)
    lines = [
        table(head, rows),
        "",
        "Each source of `mrclass.header` on its own, in the folders where it names a label:",
        "",
    ]
    ranked = sorted(content["sources"].items(), key=lambda item: -item[1]["n"])
    named = [[name, found["n"], found["right"]] for name, found in ranked]
    lines.append(table(["source", "names a label in", "right"], named))
    return "\n".join(lines)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _kb(size: int) -> str:
    return f"{size / 1000:.0f} kB"


def audit(content: Mapping[str, Any] | None) -> str:
    """How many headers agree with the label, disagree or are silent (`mrclass audit --json`)."""
    if not content:
        return "Not measured yet: `make audit` writes it."
    rows = []
    entries = [*content["labels"].items(), ("all", content["all"])]
    for key, entry in entries:
        if entry["n"]:
            shares = [
                str(entry["agree"]["hits"]), _share(entry["disagree"]), str(entry["silent"]["hits"]),
                _share(entry["error"]),
            ]  # fmt: skip
            rows.append([display(key), entry["n"], *shares])
    described, tags = content["descriptions"], content["contrast_agent"]
    misleading = _share(described["misleading"])
    named = ", ".join(
        f"{display(key)} {entry['names an agent']['hits']} of {entry['n']}" for key, entry in tags.items()
    )
    left = ", ".join(f"{n} {why}" for why, n in sorted(content["left_out"].items())) or "none"
    lines = [
        table(["label", "series", "agree", "disagree", "silent", "disagree or silent"], rows),
        "",
        f"{described['distinct']} different descriptions, {misleading} of them on series labelled otherwise.",
        f"The contrast agent tag names an agent: {named}. Series not counted: {left}.",
    ]
    return "\n".join(lines)


def _share(entry: Mapping[str, Any]) -> str:
    """`3 (13.0 % [4.5, 32.1])`; a dash where there was nothing to count."""
    if entry["value"] is None:
        return "-"
    return f"{entry['hits']} ({interval(entry)})"


def demo(content: Mapping[str, Any] | None) -> str:
    """What `make demo` prints and which of its volumes are wrong (`make demo-results`)."""
    if not content:
        return "Not measured yet: `results/demo.json` is not there."
    accuracy, errors = content["accuracy"], content["errors"]
    wrong = [
        f"`{error['file']}` shows {error['truth']} and was taken for {error['predicted']}" for error in errors
    ]
    judged = f"{accuracy['hits']} of {accuracy['n']} volumes are right"
    mistakes = "." if not wrong else f"; wrong: {'; '.join(wrong)}."
    lies = f"{len(content['lies'])} headers lie on purpose: {', '.join(content['lies'])}."
    printed = "\n".join(content["table"])
    return f"```\n{printed}\n```\n\n{judged}{mistakes} {lies}"


def demo_evaluation(content: Mapping[str, Any] | None) -> str:
    """What `mrclass evaluate` prints of the demo (`make demo-results`)."""
    if not content or "evaluation" not in content:
        return "Not measured yet: `make demo-results` writes it."
    return "\n".join(["```", *content["evaluation"], "```"])


BLOCKS = {
    "scale": scale,
    "audit-demo": audit,
    "audit-public": audit,
    "balance": balance,
    "header": header,
    "demo": demo,
    "ablations": ablations,
    "leave-source-out": left_out,
    "realism": realism,
    "refined": refined,
    **TOOL_BLOCKS,
}
