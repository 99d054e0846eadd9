"""Blocks of the ablations and of leave-source-out (studies/ablations), from their JSON in results/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markup import interval, table
from mrclass.labels import display

MEANING = {
    "both": "the recipe: real, derived and simulated",
    "real": "real and derived only",
    "simulated": "simulated only",
    "not derived": "nothing derived from real scans",
    "half the sources": "two of the four folds of real sources",
    "not stripped": "nothing without its skull",
    "axial only": "axial slabs only",
    "no augmentation": "no augmentation",
    "size 208": "208 x 208 pixels: twice the padding",
    "half width": "half the width of ResNet-18",
    "full width": "the full width of ResNet-18",
}


def percent(share: Mapping[str, Any]) -> str:
    """A proportion with its interval, or that there was nothing."""
    return interval(share) if share["n"] else "none"


def ablations(content: Mapping[str, Any] | None) -> str:
    """A line per setting and seed."""
    if not content:
        return "Not measured yet: `results/ablations.json` is not there."
    lines = []
    order = sorted(content["settings"].items(), key=lambda item: -item[1]["mean_accuracy"])
    for name, setting in order:
        for seed in setting["seeds"]:
            ranks = [value for value in seed["one_against_all_auc"].values() if value is not None]
            lines.append(
                [
                    f"{name}: {MEANING.get(name, '')}",
                    str(seed["seed"]),
                    f"{setting['views']:,}",
                    f"{setting['slabs']:,}",
                    percent(seed["accuracy"]),
                    percent(seed["six_classes"]),
                    percent(seed["other_refused"]),
                    f"{sum(ranks) / len(ranks):.3f}",
                ]
            )
    head = ["trained on", "seed", "views", "slabs", "accuracy", "the six", "*other* refused", "mean AUC"]
    return table(head, lines)


def left_out(content: Mapping[str, Any] | None) -> str:
    """Figures, sensitivities and the curve over views of the pooled folds."""
    if not content:
        return "Not measured yet: `results/leave-source-out.json` is not there."
    folds = content["folds"]
    part, separate = folds["figures"], folds["figures"]["t1ce_against_t1w_auc"]
    line = [
        percent(part["accuracy"]),
        percent(part["six_classes"]),
        percent(part["other_refused"]),
        "-" if separate is None else f"{separate:.3f}",
        percent(part["dwi_taken_for_flair"]),
    ]
    head = ["accuracy", "the six", "*other* refused", "T1w against T1ce AUC", "DWI as FLAIR"]
    each = [
        [display(label), f"{share['hits']} of {share['n']}", percent(share)]
        for label, share in part["sensitivity"].items()
    ]
    curve = [
        [
            f"{point['views']:,}",
            *(f"{100 * point[k]:.1f} %" for k in ("accuracy", "six_classes", "other_refused")),
        ]
        for point in folds["curve"]
    ]
    return "\n\n".join(
        [
            f"{folds['n']} volumes, each judged by {_judges(folds)} that saw nothing of its source.",
            table(head, [line]),
            table(["label", "found", "sensitivity"], each),
            table(["views", "accuracy", "the six", "*other* refused"], curve),
        ]
    )


def _judges(folds: Mapping[str, Any]) -> str:
    """Who judged a volume that was left out; older results do not say how wide it was."""
    if "width" not in folds:
        return "a network"
    one = f"network of {folds['width']:g} of the width"
    return f"a {one}" if folds["seeds"] == 1 else f"the mean of {folds['seeds']} seeds of a {one}"


GROUP_NAMES = {"dwi": "DWI, b 0", "epi": "EPI (fMRI)", "asl": "ASL, M0", "fa": "FA map"}
RUN_NAMES = {
    "before": "realism 1, all",
    "before-matched": "realism 1",
    "after-matched": "realism 2",
}


def realism(content: Mapping[str, Any] | None) -> str:
    """How well a small network tells simulated from real slices, a column per run (studies/realism)."""
    if not content:
        return "Not measured yet: `results/realism.json` is not there."
    runs = {RUN_NAMES.get(name, name): run for name, run in content["runs"].items()}
    first = next(iter(runs.values()))
    rows = []
    for group, entry in first["groups"].items():
        name = GROUP_NAMES.get(group) or display(group)
        real = f"{entry['real']['slabs']} of {entry['real']['sources']} sources"
        rows.append([name, real, *(_told(run["groups"][group]) for run in runs.values())])
    rows.append(["mean", "", *(f"**{run['mean_auc']:.2f}**" for run in runs.values())])
    lines = [table(["", "real slabs", *runs], rows), ""]
    for name, run in runs.items():
        n = sum(entry["simulated"]["slabs"] for entry in run["groups"].values())
        subjects = max(entry["simulated"]["subjects"] for entry in run["groups"].values())
        lines.append(
            f"- {name}: phantom realism {run['phantom']['realism']}, {n} simulated slabs of {subjects} "
            f"subjects, {run['views']:,} slices a network, seed {', '.join(map(str, run['seeds']))}, "
            f"{run['folds']} folds."
        )
    return "\n".join([*lines, *_moved(content["runs"])])


def _moved(runs: Mapping[str, Any]) -> list[str]:
    """What the network tells less well, and what better, than before; nothing without both runs."""
    if not {"before-matched", "after-matched"} <= set(runs):
        return []
    before, after = (runs[name]["groups"] for name in ("before-matched", "after-matched"))
    found = []
    for group, entry in before.items():
        values = entry["auc"]["value"], after.get(group, {}).get("auc", {}).get("value")
        if None not in values:
            name = GROUP_NAMES.get(group) or display(group)
            found.append((round(values[1] - values[0], 2), f"{name} ({values[0]:.2f} to {values[1]:.2f})"))
    found.sort()
    parts = [
        f"{words}: {', '.join(told) or 'none'}"
        for words, told in (
            ("Told less well", [text for change, text in found if change < 0]),
            ("told as well or better", [text for change, text in found[::-1] if change >= 0]),
        )
    ]
    return ["", f"**What moved** from realism 1 to realism 2. {'; '.join(parts)}."]


def _told(entry: Mapping[str, Any]) -> str:
    """`0.93 [0.88, 0.97], n = 70`; a dash where nothing could be compared."""
    value, n = entry["auc"]["value"], entry["simulated"]["slabs"]
    if value is None:
        return f"-, n = {n}"
    low, high = entry["auc"]["ci95"] or (0, 0)
    # one source and one subject in each fold: drawing them again draws the same
    interval = f"[{low:.2f}, {high:.2f}]" if high - low >= 0.02 else "(no interval)"
    return f"{value:.2f} {interval}, n = {n}"


def refined(content: Mapping[str, Any] | None) -> str:
    """One line on the four members trained on from published ones (studies/first_weights/refine.py)."""
    if not content:
        return "Not measured yet: `results/refined.json` is not there."
    areas = [
        f"{display(name)} {member['auc']:.3f}"
        for name, member in content["members"].items()
        if member["auc"] is not None
    ]
    head = ["accuracy", "the six", "*other* refused", "area under the ROC curve"]
    shown = [percent(content[key]) for key in ("accuracy", "accuracy_of_the_six", "refusal_of_other")]
    note = (
        f"{content['n']} {content['data']} volumes, thresholds chosen on them; "
        f"in conflict: {content['conflicts']}."
    )
    return f"{table(head, [[*shown, ', '.join(areas)]])}\n\n{note}"
