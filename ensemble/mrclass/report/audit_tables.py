"""Tables of an audit: for the terminal, and audit.csv, audit-series.csv, proposed-descriptions.csv."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrclass import labels
from mrclass.audit import DISAGREE, TAGS, Audit, Finding, Proposal, proposals
from mrclass.files import replace_parts
from mrclass.report import text
from mrclass.report.tables import csv_line, guard, printable

SHARES = ("agree", "disagree", "silent", "error")
_PATTERNS = 12  # patterns in the terminal; the page and the CSV hold all


def write(out: Path, found: Audit, figures: Mapping[str, Any]) -> None:
    """Write the three CSVs into a folder, each in one step.

    Raises:
        OSError: the folder cannot be written.
    """
    tables = {
        "audit.csv": labels_csv(figures),
        "audit-series.csv": series_csv(found.findings),
        "proposed-descriptions.csv": proposals_csv(proposals(found)),
    }
    for name, lines in tables.items():
        replace_parts(out / name, (line.encode() for line in lines))


def percent(entry: Mapping[str, Any]) -> str:
    """`20.0 % [3.6, 62.4]`, or a dash where there was nothing to count."""
    if entry["value"] is None:
        return "-"
    low, high = entry["ci95"]
    return f"{100 * entry['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def table(found: Audit, figures: Mapping[str, Any], width: int | None = None) -> str:
    """An audit for the terminal.

    Args:
        found: the audit.
        figures: `audit.measure` of it.
        width: columns to fill; the terminal's, or 100 where there is none.
    """
    columns = width or shutil.get_terminal_size((100, 24)).columns
    lines = [
        f"{'LABEL':<7}{'SERIES':>7}{'AGREE':>7}{'DISAGREE':>10}{'SILENT':>8}  "
        f"{'DISAGREE, 95 % INTERVAL':<25}DISAGREE OR SILENT"
    ]
    lines += [_share_line(labels.display(key), entry) for key, entry in _with_series(figures)]
    lines.append(_share_line("all", figures["all"]))
    if figures["patterns"]:
        lines += ["", "DISAGREEMENTS, most frequent first"]
        lines += [
            _pattern_line(pattern, shown_by(found), columns) for pattern in figures["patterns"][:_PATTERNS]
        ]
        more = len(figures["patterns"]) - _PATTERNS
        lines += [f"  and {more} more, see audit.html"] if more > 0 else []
    agent = figures["contrast_agent"]
    if any(entry["n"] for entry in agent.values()):
        lines += ["", f"{'CONTRAST AGENT TAG':<20}" + "".join(f"{tag:>18}" for tag in TAGS)]
        for key, entry in agent.items():
            shown = "".join(f"{entry[tag]['hits']:>18}" for tag in TAGS)
            lines.append(f"{labels.display(key) + ' by ' + shown_by(found):<20}{shown}")
    return printable("\n".join([*lines, "", _sentence(found, figures)]))


def _with_series(figures: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((key, entry) for key, entry in figures["labels"].items() if entry["n"])


def _share_line(name: str, entry: Mapping[str, Any]) -> str:
    counts = f"{entry['agree']['hits']:>7}{entry['disagree']['hits']:>10}{entry['silent']['hits']:>8}"
    return f"{name:<7}{entry['n']:>7}{counts}  {percent(entry['disagree']):<25}{percent(entry['error'])}"


def shown_by(found: Audit) -> str:
    """The word for what the labels rest on, before a label."""
    return "image" if found.by == "content" else "truth"


def _pattern_line(pattern: Mapping[str, Any], word: str, columns: int) -> str:
    head = f"  {pattern['hits']:>4}  header {labels.display(pattern['header']):<6}"
    head += f"{word} {labels.display(pattern['label']):<6}"
    said = (f"{text.clean(name) or 'no description'} ({n})" for name, n in pattern["descriptions"].items())
    return head + text.fit(", ".join(said), max(20, columns - len(head))).rstrip()


def descriptions(figures: Mapping[str, Any]) -> str:
    """How many descriptions differ, and how many are of series labelled otherwise; "" if there are none."""
    described = figures["descriptions"]
    if not described["distinct"]:
        return ""
    hits = described["misleading"]["hits"]
    return f"{described['distinct']} different descriptions, {hits} of them on series labelled otherwise"


def _sentence(found: Audit, figures: Mapping[str, Any]) -> str:
    parts = [f"{told}."] if (told := descriptions(figures)) else []
    parts += [f"{n} series {word}, not counted." for word, n in sorted(found.left_out.items())]
    if figures["proposed_descriptions"]:
        n = figures["proposed_descriptions"]
        parts.append(
            f"{n} {'description' if n == 1 else 'descriptions'} proposed where the header is silent."
        )
    return " ".join(parts)


def labels_csv(figures: Mapping[str, Any]) -> Iterator[str]:
    """Lines of audit.csv, Table 2: per label and in all the counts and shares with their 95 % intervals."""
    shares = [f"{name}{part}" for name in SHARES for part in ("", "_share", "_low", "_high")]
    yield csv_line(["label", "n", *shares])
    for key, entry in [*figures["labels"].items(), ("all", figures["all"])]:
        cells: list[Any] = [labels.display(key), entry["n"]]
        for name in SHARES:
            share = entry[name]
            cells += [share["hits"], share["value"], *(share["ci95"] or (None, None))]
        yield csv_line("" if cell is None else cell for cell in cells)


def series_csv(findings: Iterable[Finding]) -> Iterator[str]:
    """Lines of audit-series.csv: every finding, disagreements first."""
    yield csv_line(
        ("verdict", "header_label", "label", "score", "description", "contrast_agent", "contrast_agent_says",
         "volumes", "header_evidence", "source", "series_uid", "series_key")
    )  # fmt: skip
    for one in sorted(findings, key=lambda finding: finding.verdict != DISAGREE):
        row, score = one.row, text.number(one.row["score"])
        evidence = " | ".join(map(str, row["header_evidence"]))
        yield csv_line(
            [one.verdict, labels.display(one.header), labels.display(one.label)]
            + ["" if score is None else round(score, 6)]
            + [guard(row["description"]), guard(row["contrast_agent"]), one.tag or "", one.n_volumes]
            + [guard(evidence), guard(row["source"]), guard(row["series_uid"]), guard(row["series_key"])]
        )


def proposals_csv(made: Sequence[Proposal]) -> Iterator[str]:
    """Lines of proposed-descriptions.csv: SeriesInstanceUID, proposed SeriesDescription, what it rests on."""
    yield csv_line(
        ("SeriesInstanceUID", "proposed_SeriesDescription", "SeriesDescription", "label", "score", "note",
         "source")
    )  # fmt: skip
    for one in made:
        row, score = one.row, text.number(one.row["score"])
        yield csv_line(
            [
                guard(row["series_uid"]),
                guard(one.text),
                guard(row["description"]),
                labels.display(str(row["label"])),
            ]
            + ["" if score is None else round(score, 6), guard(one.note), guard(row["source"])]
        )
