"""How far the headers of a run can be trusted: ledger rows in, the paper's Table 2 and more out; pure.

What is counted is series. A series whose volumes show several labels counts once under each; where the header
says different things of volumes of one label, the worst counts. The label is that of the content, so that a
disagreement is a header that misleads or a mistake of the classifiers: pictures tell which.
Source: paper, section 3.1 and Table 2 (per label, the share of headers that do not name it).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from mrclass import labels
from mrclass._header_rules import NO_AGENT
from mrclass.stats import proportion

Row = Mapping[str, Any]
AGREE, DISAGREE, SILENT = "agree", "disagree", "header silent"
VERDICTS = (AGREE, DISAGREE, SILENT)
_WORST = (DISAGREE, SILENT, AGREE)
# What ContrastBolusAgent says.
NAMED, DENIED, ABSENT = "names an agent", "says none", "absent or empty"
TAGS = (NAMED, DENIED, ABSENT)
WITHOUT_HEADER = "without a header"
LONGEST_DESCRIPTION = 64  # characters of a SeriesDescription (DICOM PS3.5, value representation LO)
_KEPT = (
    "series_key", "series_uid", "study_uid", "source", "kind", "description", "contrast_agent", "label",
    "score", "scores", "conflict", "acquisition_plane", "header_label", "header_evidence", "verdict",
    "volume_note", "thumbnails",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One series under one label, with what its header says of it.

    Attributes:
        row: the volume that decides, one of those with the worst verdict (its keys as in the ledger).
        n_volumes: volumes of the series under this label.
    """

    row: Row
    n_volumes: int

    @property
    def label(self) -> str:
        """Key of the label that counts: of the content, or of a truth put in its place."""
        return str(self.row["label"])

    @property
    def header(self) -> str:
        """Key of the label that the header claims, "" where it claims none."""
        return str(self.row["header_label"] or "")

    @property
    def verdict(self) -> str:
        """agree, disagree or header silent."""
        return str(self.row["verdict"])

    @property
    def description(self) -> str:
        """SeriesDescription, white space at its ends removed."""
        return str(self.row["description"] or "").strip()

    @property
    def tag(self) -> str | None:
        """What ContrastBolusAgent says; None where there is no DICOM header to ask."""
        return agent_tag(str(self.row["contrast_agent"] or "")) if self.row["kind"] == "dicom" else None


@dataclass(frozen=True)
class Pattern:
    """Findings whose header claims one label where the label is another."""

    header: str
    label: str
    findings: Sequence[Finding] = field(repr=False)

    @property
    def descriptions(self) -> list[tuple[str, int]]:
        """Descriptions with their counts, most frequent first; numbers in them count as equal."""
        first: dict[str, str] = {}
        counted: Counter[str] = Counter()
        for finding in self.findings:
            alike = re.sub(r"\d{3,}", "#", finding.description.lower())
            first.setdefault(alike, finding.description)
            counted[alike] += 1
        return [(first[key], n) for key, n in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))]


@dataclass(frozen=True)
class Proposal:
    """A SeriesDescription for a series whose header is silent, or why none is proposed.

    Attributes:
        row: a volume of the series.
        text: the proposal, "" where there is none.
        note: why there is none, or what the header does say.
    """

    row: Row
    text: str
    note: str


@dataclass(frozen=True)
class Audit:
    """Everything counted of one run.

    Attributes:
        findings: in the order of the rows.
        left_out: number of series that are not counted, by the reason: a status, or no header.
        by: what the label rests on: "content", or the name of a truth.
    """

    findings: Sequence[Finding]
    left_out: Mapping[str, int]
    by: str = "content"

    def of(self, label: str) -> list[Finding]:
        """Findings of one label."""
        return [one for one in self.findings if one.label == label]

    @property
    def labels(self) -> list[str]:
        """Labels that occur, in the order of the label table."""
        return sorted({one.label for one in self.findings}, key=lambda key: (labels.sort_key(key), key))

    def patterns(self) -> list[Pattern]:
        """The disagreements by what the header claims and what the label is, most frequent first."""
        found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        for one in self.findings:
            if one.verdict == DISAGREE:
                found[one.header, one.label].append(one)
        order = sorted(found, key=lambda key: (-len(found[key]), *map(labels.sort_key, key), key))
        return [Pattern(header, label, found[header, label]) for header, label in order]


def audit(rows: Iterable[Row], by: str = "content") -> Audit:
    """Count the headers of a run.

    Args:
        rows: of the ledger; those of one series follow each other. Gone through once.
        by: what their labels and verdicts rest on.
    """
    findings: list[Finding] = []
    left_out: Counter[str] = Counter()
    for _, group in groupby(rows, key=lambda row: row["series_key"]):
        volumes = list(group)
        done = [row for row in volumes if row["status"] == "done" and row["label"]]
        if not done:
            left_out[str(volumes[0]["status"])] += 1
        elif all(row["kind"] == "nifti" and not row["header_label"] for row in done):
            left_out[WITHOUT_HEADER] += 1  # a NIfTI file and no sidecar: nothing there to be silent
            continue
        findings += _of_series(done)
    return Audit(findings, dict(left_out), by)


def nothing_to_compare(found: Audit) -> str:
    """Why an audit without findings has none: the end of a sentence about a run."""
    why = "whose header could be compared with its label"
    if found.left_out:
        why += f" (series: {', '.join(f'{n} {reason}' for reason, n in sorted(found.left_out.items()))})"
    if WITHOUT_HEADER in found.left_out:
        why += "; a NIfTI file has a header where its JSON sidecar lies beside it"
    return f"{why}."


def _of_series(volumes: Sequence[Row]) -> Iterator[Finding]:
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in volumes:
        by_label[str(row["label"])].append(row)
    for rows in by_label.values():
        worst = min(rows, key=lambda row: _WORST.index(row["verdict"] or SILENT))
        yield Finding({key: worst[key] for key in _KEPT}, len(rows))


def agent_tag(text: str) -> str:
    """What the text of ContrastBolusAgent says: one of `TAGS`."""
    plain = re.sub(r"\s", "", text).lower()
    if not plain:
        return ABSENT
    return DENIED if plain in NO_AGENT else NAMED


def proposals(found: Audit) -> list[Proposal]:
    """A description for every DICOM series of which the header is silent under a label that says something.

    A description belongs to a series, so that none is proposed for a series of several labels; none for a
    conflict, which a person has to settle.
    """
    by_series: dict[str, list[Finding]] = defaultdict(list)
    for one in found.findings:
        by_series[str(one.row["series_key"])].append(one)
    made = []
    for findings in by_series.values():
        silent = next((f for f in findings if f.verdict == SILENT and f.label != labels.OTHER), None)
        if silent is None or silent.row["kind"] != "dicom":
            continue
        if len(findings) > 1:
            named = ", ".join(labels.display(one.label) for one in findings)
            made.append(Proposal(silent.row, "", f"its volumes are several things: {named}"))
        elif silent.row["conflict"]:
            made.append(Proposal(silent.row, "", "a conflict: several labels reach their thresholds"))
        else:
            words = f"{labels.display(silent.label)} {silent.row['acquisition_plane'] or ''}".strip()
            evidence = silent.row["header_evidence"] or ["No header."]
            made.append(Proposal(silent.row, words[:LONGEST_DESCRIPTION], " ".join(map(str, evidence))))
    return made


def measure(found: Audit) -> dict[str, Any]:
    """All figures of an audit, JSON-able; proportions with their 95 % Wilson intervals.

    Per label and in all: `n` series, those that `agree`, `disagree`, are `silent`, and `error`, the paper's
    column: headers that do not name the label, because they disagree or are silent. `contrast_agent`: what
    the tag says, of series T1ce and of series T1w without an agent.
    """
    keys = [*labels.KEYS, *(key for key in found.labels if key not in labels.KEYS)]
    described = {one.description for one in found.findings if one.description}
    misleading = {one.description for one in found.findings if one.verdict == DISAGREE} & described
    return {
        "unit": "series",
        "labels_by": found.by,
        "all": _shares(found.findings),
        "labels": {key: _shares(found.of(key)) for key in sorted(keys, key=labels.sort_key)},
        "left_out": dict(found.left_out),
        "descriptions": {
            "distinct": len(described),
            "misleading": proportion(len(misleading), len(described)),
            "empty": proportion(sum(not one.description for one in found.findings), len(found.findings)),
        },
        "patterns": [
            {
                "header": pattern.header,
                "label": pattern.label,
                **proportion(len(pattern.findings), len(found.findings)),
                "descriptions": dict(pattern.descriptions[:20]),
            }
            for pattern in found.patterns()
        ],
        "contrast_agent": {key: _tags(found.of(key)) for key in ("t1ce", "t1w")},
        "proposed_descriptions": sum(bool(one.text) for one in proposals(found)),
    }


def _shares(findings: Sequence[Finding]) -> dict[str, Any]:
    counted = Counter(one.verdict for one in findings)
    n = len(findings)
    names = {"agree": AGREE, "disagree": DISAGREE, "silent": SILENT}
    return {
        "n": n,
        **{name: proportion(counted[verdict], n) for name, verdict in names.items()},
        "error": proportion(counted[DISAGREE] + counted[SILENT], n),
    }


def _tags(findings: Sequence[Finding]) -> dict[str, Any]:
    counted = Counter(one.tag for one in findings if one.tag)
    n = sum(counted.values())
    return {"n": n, **{tag: proportion(counted[tag], n) for tag in TAGS}}
