"""Tables and captions of the page of an evaluation, from its JSON; reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mrclass import labels
from mrclass.evaluate import percent
from mrclass.report.card import chip
from mrclass.report.pictures import used_columns
from mrclass.report.text import escape, score

HEADINGS = {
    "labels": "Sensitivity and specificity of each label",
    "confusion": "What was taken for what",
    "scores": "Right and wrong scores of each member",
    "groups": "Planes and sources",
    "reliability": "How far a score can be read as a chance",
    "refusal": "Accuracy against what is refused",
}


# Under each figure: how it is drawn, and how not to read it.
CAPTIONS = {
    "labels": "Shares with 95 % Wilson intervals. Two intervals that overlap do not tell two labels apart.",
    "confusion": "Truth in rows, what was named in columns. In a row of few volumes a single one moves"
    " the shares by much.",
    "scores": "Bins of 0.01; the height is the square root of the number. What reaches the threshold is"
    " refused all the same where half of its slices or more do not vote for it.",
    "groups": "Accuracy with 95 % Wilson intervals. Groups differ in their labels too: a source of difficult"
    " labels alone looks like a difficult source.",
    "reliability": "On the dashed line a score is the chance it looks like; below it, scores promise too"
    " much. Larger dots are of more volumes; lines are 95 % Wilson intervals.",
    "refusal": "Each step refuses the answers of the next lowest score as well. The curve starts at the share"
    " that the run itself refused or could not read. Towards the right few answers are left.",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table of escaped cells; the first of each line is its heading."""
    first = "".join(f"<th scope=col>{word}</th>" for word in head)
    lines = "".join(
        f"<tr><th scope=row>{cells[0]}</th>{''.join(f'<td>{cell}</td>' for cell in cells[1:])}</tr>"
        for cells in rows
    )
    named = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="wide"><table class="grid">{named}<thead><tr>{first}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _share(entry: Mapping[str, Any]) -> str:
    """A share with its interval and what was counted."""
    if entry["value"] is None:
        return "–"
    return f'{percent(entry)}<span class="range">{entry["hits"]} of {entry["n"]}</span>'


def per_label(figures: Mapping[str, Any]) -> str:
    """Sensitivity and specificity of each label, and how well T1ce is told from T1w."""
    rows = [
        [chip(key), str(entry["n"]), _share(entry["sensitivity"]), _share(entry["specificity"])]
        for key, entry in figures["labels"].items()
        if entry["n"]
    ]
    refined, told = figures["t1w_against_t1ce"], ""
    if refined["auc"] is not None:
        told = (
            "<p>T1ce against T1w, where the T1w member had won: area under the ROC curve"
            f" {refined['auc']:.3f} ({refined['n_t1ce']} and {refined['n_t1w']} volumes).</p>"
        )
    return table(["label", "volumes", "sensitivity", "specificity"], rows) + told


def confusion(matrix: Mapping[str, Any]) -> str:
    """Both confusion matrices."""
    columns = used_columns(matrix)
    head = ["truth", *(escape(labels.display(matrix["columns"][at])) for at in columns)]
    shown = []
    for name, word in (("raw", "Volumes"), ("row_normalised", "Share of the row")):
        rows = [
            [chip(key), *(_cell(line[at]) for at in columns)]
            for key, line, raw in zip(matrix["rows"], matrix[name], matrix["raw"], strict=True)
            if any(raw)
        ]
        shown.append(table(head, rows, word))
    return f"<details><summary>The same as tables</summary>{''.join(shown)}</details>"


def _cell(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def per_member(figures: Mapping[str, Any]) -> str:
    """What each member did by itself, with its threshold."""
    rows = []
    for name, entry in figures["scores"].items():
        counts = (
            sum(n for _, n in entry["histogram"][kind]) for kind in ("right", "missed", "wrong", "refused")
        )
        own = figures["members"].get(name, {})
        area = own.get("auc") if own else figures["t1w_against_t1ce"]["auc"]
        rows.append(
            [
                chip(name),
                score(entry["threshold"], 2),
                *map(str, counts),
                "–" if area is None else f"{area:.3f}",
            ]
        )
    head = ["member", "threshold", "rightly claimed", "wrongly refused", "wrongly claimed", "rightly refused",
            "area under the ROC curve"]  # fmt: skip
    return table(head, rows) if rows else ""


def per_group(figures: Mapping[str, Any]) -> str:
    """Accuracy per plane and per source."""
    shown = []
    for word in ("plane", "source"):
        entries = figures[f"{word}s"]
        if entries:
            rows = [[escape(name, 120), str(entry["n"]), _share(entry)] for name, entry in entries.items()]
            rest = figures["n"] - sum(entry["n"] for entry in entries.values())
            left = f"{rest} {'volume has' if rest == 1 else 'volumes have'} none." if rest else ""
            shown.append(table([word, "volumes", "accuracy"], rows, left))
    return "".join(shown)


def reliability(figures: Mapping[str, Any]) -> str:
    """How far scores can be read as chances, and the bins."""
    parts = [("the labels given", figures["reliability"])]
    parts += [(chip(name), entry["reliability"]) for name, entry in figures["scores"].items()]
    whole = [
        [
            word,
            str(found["n"]),
            *("–" if found[key] is None else f"{found[key]:.3f}" for key in ("ece", "brier")),
        ]
        for word, found in parts
    ]
    bins = [
        [word, f"{edge:.1f} to {edge + 0.1:.1f}", str(n), f"{said:.3f}",
         f"{came:.3f} [{low:.3f}, {high:.3f}]"]
        for word, found in parts
        for (edge, n, said, came), (low, high) in zip(found["bins"], found["ci95"], strict=True)
    ]  # fmt: skip
    head = ["of", "scores", "volumes", "mean score", "share that was so"]
    return (
        table(["of", "volumes", "mean gap (expected calibration error)", "Brier score"], whole)
        + f"<details><summary>The bins as a table</summary>{table(head, bins)}</details>"
        if bins
        else ""
    )


def refusal(curve: Mapping[str, Any]) -> str:
    """The refusal curve."""
    if not curve["bar"]:
        return ""
    names = ("bar", "refused", "answered", "right", "accuracy", "low", "high")
    rows = [
        [f"{bar:.3f}", f"{100 * refused:.1f} %", f"{answered}", f"{right}",
         f"{100 * accuracy:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"]
        for bar, refused, answered, right, accuracy, low, high in zip(*(curve[n] for n in names), strict=True)
    ]  # fmt: skip
    head = ["least score", "refused", "answered", "of them right", "accuracy of the answers"]
    return (
        f"<p>{100 * curve['other']:.1f} % of the volumes are <i>other</i> by the truth"
        " and should be refused.</p>"
        f"<details><summary>The curve as a table</summary>{table(head, rows)}</details>"
    )
