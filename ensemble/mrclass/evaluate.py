"""Volumes of known label and what was predicted -> the paper's tables; pure, reads and writes nothing.

Source: paper, sections 2.4.2 and 3.3 (accuracy with 95 % Wilson interval, sensitivity, specificity, raw and
row-normalised confusion matrices). Sensitivity is the recall of the target; Fig. 6 has the two swapped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mrclass import labels
from mrclass.stats import auc, proportion
from mrclass.vote import REFINED, REFINEMENT

UNREADABLE = "unreadable"
SIX = tuple(key for key in labels.KEYS if key != labels.OTHER)
# What a member is trained to claim, where that is more than its own label: T1ce is T1-weighted as well, and
# is told apart only after the T1w member has won.
TARGETS: dict[str, tuple[str, ...]] = {"t1w": ("t1w", "t1ce")}


@dataclass(frozen=True)
class Case:
    """One volume with known label.

    Attributes:
        file: as the truth names it.
        truth: label key.
        predicted: label key, or `unreadable`.
        score: of the predicted label; None where there is none.
        scores: score of each member that looked.
        candidates: labels that reached their thresholds.
        source: where the volume comes from, or "".
        note: what distinguishes it from other volumes of its series, or why it is unreadable.
        slice_scores: softmax value of each slice, for each member that looked.
        plane: acquisition plane, or "".
        pictures: files of its pictures, relative to the run's folder.
    """

    file: str
    truth: str
    predicted: str
    score: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    candidates: tuple[str, ...] = ()
    source: str = ""
    note: str = ""
    slice_scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    plane: str = ""
    pictures: tuple[str, ...] = ()


def measure(cases: Sequence[Case]) -> dict[str, Any]:
    """All figures of some cases; pure.

    A volume that could not be read counts as an error of its label, and as not claimed by any other.
    """
    keys = sorted(
        {*labels.KEYS, *(case.truth for case in cases)}, key=lambda key: (labels.sort_key(key), key)
    )
    six = [case for case in cases if case.truth != labels.OTHER]
    other = [case for case in cases if case.truth == labels.OTHER]
    return {
        "n": len(cases),
        "accuracy": accuracy(cases),
        "accuracy_of_the_six": accuracy(six),
        "refusal_of_other": accuracy(other),
        "labels": {key: _one_label(key, cases) for key in keys},
        "members": _members(cases),
        "t1w_against_t1ce": _refined(cases),
        "confusion": confusion(cases, keys),
        "sources": _grouped(cases, "source"),
        "planes": _grouped(cases, "plane"),
        "conflicts": sum(len(case.candidates) > 1 for case in cases),
        "unreadable": sum(case.predicted == UNREADABLE for case in cases),
        "errors": [_error(case) for case in wrong(cases)],
    }


def wrong(cases: Sequence[Case]) -> list[Case]:
    """Cases that were not named as they are, in their order: that of `errors`."""
    return [case for case in cases if case.predicted != case.truth]


def asked(name: str, cases: Sequence[Case]) -> list[Case]:
    """Cases on which a member is judged by itself: those it looked at; for T1ce the T1-weighted ones."""
    among = (REFINED, REFINEMENT) if name == REFINEMENT else None
    return [
        case
        for case in cases
        if case.predicted != UNREADABLE and name in case.scores and (among is None or case.truth in among)
    ]


def targets(name: str) -> tuple[str, ...]:
    """Labels that a member should claim."""
    return TARGETS.get(name, (name,))


def claims(name: str, case: Case) -> bool:
    """Whether a member claimed a case: majority and threshold reached."""
    return case.predicted == name if name == REFINEMENT else name in case.candidates


def accuracy(cases: Sequence[Case]) -> dict[str, Any]:
    """Share of cases that were named as they are, with its interval."""
    return proportion(sum(case.predicted == case.truth for case in cases), len(cases))


def _grouped(cases: Sequence[Case], by: str) -> dict[str, Any]:
    """Accuracy of the cases of each source or plane; those without one are in none."""
    names = sorted({getattr(case, by) for case in cases} - {""})
    return {name: accuracy([case for case in cases if getattr(case, by) == name]) for name in names}


def _one_label(key: str, cases: Sequence[Case]) -> dict[str, Any]:
    """Sensitivity and specificity of the ensemble's answer for one label against all others."""
    of_it = [case.predicted == key for case in cases if case.truth == key]
    of_others = [case.predicted != key for case in cases if case.truth != key]
    return {
        "n": len(of_it),
        "sensitivity": proportion(sum(of_it), len(of_it)),
        "specificity": proportion(sum(of_others), len(of_others)),
    }


def _members(cases: Sequence[Case]) -> dict[str, Any]:
    """Each one-vs-all member by itself: whether it reaches its threshold, and how well its score ranks."""
    looked = [case for case in cases if case.predicted != UNREADABLE]
    names = {name for case in looked for name in case.scores} - {REFINEMENT}
    found = {}
    for name in sorted(names, key=lambda key: (labels.sort_key(key), key)):
        wanted, mine = targets(name), asked(name, cases)
        positive = [case for case in mine if case.truth in wanted]
        negative = [case for case in mine if case.truth not in wanted]
        area = auc([case.scores[name] for case in positive], [case.scores[name] for case in negative])
        found[name] = {
            "targets": list(wanted),
            "sensitivity": proportion(sum(claims(name, case) for case in positive), len(positive)),
            "specificity": proportion(sum(not claims(name, case) for case in negative), len(negative)),
            "auc": None if area is None else round(area, 4),
        }
    return found


def _refined(cases: Sequence[Case]) -> dict[str, Any]:
    """The member that tells T1ce from T1w, on the volumes where T1w had won and it was asked."""
    asked = [case for case in cases if "t1ce" in case.scores and case.truth in ("t1w", "t1ce")]
    t1ce = [case.scores["t1ce"] for case in asked if case.truth == "t1ce"]
    t1w = [case.scores["t1ce"] for case in asked if case.truth == "t1w"]
    area = auc(t1ce, t1w)
    return {
        "n_t1ce": len(t1ce),
        "n_t1w": len(t1w),
        "auc": None if area is None else round(area, 4),
        "accuracy": accuracy(asked),
    }


def confusion(cases: Sequence[Case], keys: Sequence[str]) -> dict[str, Any]:
    """Raw and row-normalised confusion matrix: rows are the truth, columns what was predicted."""
    counts: Counter[tuple[str, str]] = Counter((case.truth, case.predicted) for case in cases)
    strangers = sorted(
        {case.predicted for case in cases} - set(keys)
    )  # `unreadable`, or a seventh bundle's label
    columns = [*keys, *strangers]
    raw = [[counts[row, column] for column in columns] for row in keys]
    shares = [[round(n / sum(line), 4) if sum(line) else None for n in line] for line in raw]
    return {"rows": list(keys), "columns": columns, "raw": raw, "row_normalised": shares}


def _error(case: Case) -> dict[str, Any]:
    return {
        "file": case.file,
        "truth": case.truth,
        "predicted": case.predicted,
        "score": None if case.score is None else round(case.score, 4),
        "scores": {name: round(score, 4) for name, score in case.scores.items()},
        **({"candidates": list(case.candidates)} if len(case.candidates) > 1 else {}),
        **{name: getattr(case, name) for name in ("source", "plane", "note") if getattr(case, name)},
    }


# ---- for people


def table(figures: Mapping[str, Any]) -> str:
    """Compact text of the figures: per label, totals, confusion matrix, errors."""
    lines = [f"{'LABEL':<8}{'N':>5}  {'SENSITIVITY':<22}SPECIFICITY"]
    for key, entry in figures["labels"].items():
        if entry["n"]:
            sensitivity, specificity = percent(entry["sensitivity"]), percent(entry["specificity"])
            lines.append(f"{labels.display(key):<8}{entry['n']:>5}  {sensitivity:<22}{specificity}")
    lines.append("")
    for name, text in (
        ("accuracy", "accuracy"),
        ("accuracy_of_the_six", "accuracy of the six labels"),
        ("refusal_of_other", "refusal of other"),
    ):
        if figures[name]["n"]:
            lines.append(f"{text}: {percent(figures[name])}, {figures[name]['hits']} of {figures[name]['n']}")
    refined = figures["t1w_against_t1ce"]
    if refined["auc"] is not None:
        lines.append(
            f"T1ce against T1w: AUC {refined['auc']:.3f} ({refined['n_t1ce']} and {refined['n_t1w']} volumes)"
        )
    lines += ["", *_matrix(figures["confusion"])]
    if figures["errors"]:
        lines += ["", "ERRORS"]
        for error in figures["errors"]:
            score = "" if error["score"] is None else f" {error['score']:.2f}"
            predicted = f"{labels.display(error['predicted'])}{score}"
            lines.append(f"  {labels.display(error['truth']):<6} as {predicted:<11} {error['file']}")
    return "\n".join(lines)


def percent(entry: Mapping[str, Any]) -> str:
    """`20.0 % [3.6, 62.4]`, or a dash where there was nothing to count."""
    if entry["value"] is None:
        return "-"
    low, high = entry["ci95"]
    return f"{100 * entry['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _matrix(matrix: Mapping[str, Any]) -> list[str]:
    columns, lines = matrix["columns"], []
    used = [i for i in range(len(columns)) if i < len(matrix["rows"]) or any(row[i] for row in matrix["raw"])]
    width = max(len(labels.display(columns[i])) for i in used) + 2
    lines.append(
        "TRUTH \\ PREDICTED".ljust(18) + "".join(labels.display(columns[i]).rjust(width) for i in used)
    )
    for key, row in zip(matrix["rows"], matrix["raw"], strict=True):
        if any(row):
            lines.append(labels.display(key).ljust(18) + "".join(str(row[i]).rjust(width) for i in used))
    return lines
