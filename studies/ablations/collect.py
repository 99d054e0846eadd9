"""Figures of the networks trained by `ablate.py`: results/ablations.json and results/leave-source-out.json.

    python studies/ablations/collect.py OUT [--results results]

A volume gets the label whose mean score is highest, if it is above 0.5, else "other"; T1w becomes T1ce where
that score is above 0.5. No threshold is chosen, so none is chosen on the volumes it is measured on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from mrclass.stats import auc, proportion

SHARES_OF_CURVE = ("accuracy", "six_classes", "other_refused")
ASKED = ("t1w", "t2w", "flair", "adc", "swi")
Volume = dict[str, Any]


def decide(volume: Volume) -> str:
    """Label of a volume by its scores."""
    scores = volume["scores"]
    best = max((q for q in ASKED if scores[q] > 0.5), key=lambda q: scores[q], default="other")
    return "t1ce" if best == "t1w" and scores["t1ce"] > 0.5 else best


def share(hits: list[bool]) -> dict[str, Any]:
    """A proportion with its interval."""
    return proportion(sum(hits), len(hits))


def figures(volumes: list[Volume]) -> dict[str, Any]:
    """What was asked of the classifiers, on the volumes of one test."""
    pairs = [(v, decide(v)) for v in volumes]
    t1 = {key: [v["scores"]["t1ce"] for v in volumes if v["label"] == key] for key in ("t1w", "t1ce")}
    separate = {}
    for label in ASKED:
        wanted = ("t1w", "t1ce") if label == "t1w" else (label,)
        inside = [v["scores"][label] for v in volumes if v["label"] in wanted]
        outside = [v["scores"][label] for v in volumes if v["label"] not in wanted]
        separate[label] = auc(inside, outside)
    return {
        "accuracy": share([v["label"] == got for v, got in pairs]),
        "six_classes": share([v["label"] == got for v, got in pairs if v["label"] != "other"]),
        "other_refused": share([got == "other" for v, got in pairs if v["label"] == "other"]),
        "dwi_taken_for_flair": share([got == "flair" for v, got in pairs if v["kind"].startswith("DWI")]),
        "t1ce_against_t1w_auc": auc(t1["t1ce"], t1["t1w"]),
        "one_against_all_auc": separate,
        "sensitivity": {
            key: share([got == key for v, got in pairs if v["label"] == key])
            for key in (*ASKED, "t1ce")
            if any(v["label"] == key for v in volumes)
        },
    }


def curve(tests: list[tuple[int, list[Volume]]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The shares after so many views each, and all figures of the last test."""
    measured = [(views, figures(volumes)) for views, volumes in tests]
    points = [
        {"views": views, **{k: float(found[k]["value"]) for k in SHARES_OF_CURVE}}
        for views, found in measured
    ]
    return points, measured[-1][1]


def ablations(runs: dict[str, list[dict]]) -> dict[str, Any]:
    """Figures per setting and seed, with the curve over views."""
    content = {}
    for name, reports in sorted(runs.items()):
        seeds = []
        for report in reports:
            points, last = curve([(m["views"], m["volumes"]) for m in report["moments"]])
            seeds.append({"seed": report["seed"], **last, "curve": points})
        content[name] = {
            "setting": reports[0]["setting"],
            "views": reports[0]["views"],
            "slabs": reports[0]["slabs"],
            "mean_accuracy": float(np.mean([seed["accuracy"]["value"] for seed in seeds])),
            "seeds": seeds,
        }
    return content


def together(seeds: list[dict]) -> list[dict]:
    """Moments of one training, or of several seeds' with the mean of their scores."""
    moments = []
    for same in zip(*(seed["moments"] for seed in seeds), strict=True):
        volumes = [
            first
            | {
                "scores": {
                    q: sum(v["scores"][q] for v in (first, *rest)) / len(same) for q in first["scores"]
                }
            }
            for first, *rest in zip(*(moment["volumes"] for moment in same), strict=True)
        ]
        moments.append({"views": same[0]["views"], "volumes": volumes})
    return moments


def leave_source_out(folds: list[list[dict]]) -> dict[str, Any]:
    """All folds pooled: every volume judged by the network that saw nothing of its source."""
    tests = [
        (moments[0]["views"], [v for moment in moments for v in moment["volumes"]])
        for moments in zip(*(together(fold) for fold in folds), strict=True)
    ]
    points, last = curve(tests)
    volumes = tests[-1][1]
    errors = [
        {k: v[k] for k in ("label", "kind", "source", "scores")} | {"got": got}
        for v, got in ((v, decide(v)) for v in volumes)
        if v["label"] != got
    ]
    return {
        "n": len(volumes),
        "width": folds[0][0]["setting"]["width"],
        "seeds": len(folds[0]),
        "figures": last,
        "curve": points,
        "errors": errors,
    }


def main() -> None:
    """Collect what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--results", type=Path, default=Path("results"))
    args = parser.parse_args()
    runs: dict[str, list[dict]] = {}
    for path in sorted(args.out.glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        runs.setdefault(report["name"], []).append(report)
    folds = [runs.pop(name) for name in sorted(runs) if name.startswith("fold")]
    where = "studies/ablations; 104 x 104 pixels of 2 mm, not the published weights"
    for name, content in (
        ("ablations", ablations(runs) if runs else None),
        ("leave-source-out", leave_source_out(folds) if folds else None),
    ):
        if content:
            text = json.dumps(
                {
                    "command": "python studies/ablations/collect.py",
                    "networks": where,
                    **{"settings" if name == "ablations" else "folds": content},
                },
                indent=1,
            )
            (args.results / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
