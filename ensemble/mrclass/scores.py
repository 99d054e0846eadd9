"""Writes what a bundle says of each volume: a line, scores.csv, and metrics.json where the truth is known.

A leaf: the bundles' configs name it, it imports nothing of ours but readable, stats and workflow. Source:
paper, sections 2.4 to 2.6 (majority vote, threshold, sensitivity and specificity).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from ignite import distributed as idist
from ignite.engine import Engine, Events

from .readable import UNREADABLE
from .stats import auc, proportion
from .workflow import end

COLUMNS = ("file", "label", "score", "votes", "n_slices", "decision", "reason")
PRINTED = ("label", "score", "votes", "n_slices", "decision", "file")


class ScoreWriter:
    """Collects the scores of an evaluator and writes them when it has seen all volumes.

    Each decollated output holds slice_scores, float32, shape (slices, 2), softmax values of the classes 0 and
    1; pred, shape (2,), their mean; image, a MetaTensor that knows its file; and label, 0 or 1, where the
    truth is known.

    scores.csv has one row a volume: file, label (the bundle's), score (mean softmax value of class 1, in [0,
    1]), votes (slices above 0.5), n_slices, decision (the bundle's label where a strict majority of slices
    votes for it and the score is above 0.5 and reaches the threshold, else `otherwise`), reason, and truth (1
    or 0) where it is known. A volume that `readable.ReadableVolumes` could not read has the decision
    "unreadable" and the reason, no score and no slices; it counts in no figure of metrics.json but
    `unreadable`.

    Args:
        output_dir: folder of the two files, made if needed.
        label: label of class 1.
        otherwise: word for class 0.
        threshold: least score for class 1.
    """

    def __init__(self, output_dir: str, label: str, otherwise: str = "other", threshold: float = 0.5) -> None:
        self.output_dir = Path(output_dir)
        self.label, self.otherwise, self.threshold = label, otherwise, threshold
        self.rows: list[dict[str, Any]] = []
        self.unreadable = 0

    def exit(self) -> None:
        """After the run: ends `python -m monai.bundle run` with exit code 3 where a volume was unreadable."""
        if self.unreadable:
            end(f"{self.unreadable} of the volumes could not be read; scores.csv has the reasons.")

    def attach(self, engine: Engine) -> None:
        """To the evaluator."""
        engine.add_event_handler(Events.EPOCH_STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.finish)

    def start(self, engine: Engine) -> None:
        """Forgets the rows of an earlier run; prints the header."""
        self.rows = []
        print("\t".join(PRINTED))

    def __call__(self, engine: Engine) -> None:
        """Adds and prints the rows of one batch."""
        for output in engine.state.output:
            row = self._row(output)
            if output.get("label") is not None:
                row["truth"] = int(output["label"])
            self.rows.append(row)
            shown = {**row, "score": "" if row["score"] is None else f"{row['score']:.4f}"}
            shown["decision"] += f": {row['reason']}" if row["reason"] else ""
            print("\t".join(str(shown[key]) for key in PRINTED), flush=True)

    def _row(self, output: dict[str, Any]) -> dict[str, Any]:
        """One volume's row, without its truth."""
        meta = output["image"].meta
        row: dict[str, Any] = {"file": str(meta.get("filename_or_obj", "")), "label": self.label}
        if meta.get(UNREADABLE):
            unread = {"score": None, "votes": "", "n_slices": 0, "decision": UNREADABLE}
            return {**row, **unread, "reason": meta[UNREADABLE]}
        scores = torch.as_tensor(output["slice_scores"])[:, 1]
        votes, score = int((scores > 0.5).sum()), float(output["pred"][1])
        chosen = 2 * votes > len(scores) and score > 0.5 and score >= self.threshold
        decision = self.label if chosen else self.otherwise
        told = {"score": round(score, 6), "votes": votes, "n_slices": len(scores), "decision": decision}
        return {**row, **told, "reason": ""}

    def finish(self, engine: Engine) -> None:
        """Writes scores.csv, and metrics.json where every row has its truth."""
        rows = (
            [row for part in idist.all_gather(json.dumps(self.rows)) for row in json.loads(part)]
            if (idist.get_world_size() > 1)
            else self.rows
        )
        if idist.get_rank() != 0:
            return
        self.output_dir.mkdir(parents=True, exist_ok=True)
        known = all("truth" in row for row in rows)
        with (self.output_dir / "scores.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*COLUMNS, "truth"] if known else COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        read = [row for row in rows if row["decision"] != UNREADABLE]
        self.unreadable = len(rows) - len(read)
        if known and read:
            measured = metrics(
                [row["truth"] for row in read],
                [row["score"] for row in read],
                [row["decision"] == self.label for row in read],
            )
            head = {"label": self.label, "threshold": self.threshold, UNREADABLE: self.unreadable}
            text = json.dumps({**head, **measured}, indent=2)
            (self.output_dir / "metrics.json").write_text(text + "\n", encoding="utf-8")


def metrics(truth: Sequence[int], scores: Sequence[float], chosen: Sequence[bool]) -> dict[str, Any]:
    """The paper's figures of one bundle.

    Args:
        truth: 1 or 0 for each volume.
        scores: in [0, 1].
        chosen: whether the bundle decided for its label.

    Returns:
        n; accuracy, sensitivity (share of class 1 that was chosen) and specificity (share of class 0 that was
        not) as of `stats.proportion`; auc, None where a class is empty.
    """
    hits = {
        1: [c for t, c in zip(truth, chosen, strict=True) if t],
        0: [not c for t, c in zip(truth, chosen, strict=True) if not t],
    }
    by_class = {
        target: [s for s, t in zip(scores, truth, strict=True) if bool(t) == bool(target)]
        for target in (0, 1)
    }
    return {
        "n": len(truth),
        "accuracy": proportion(sum(hits[0]) + sum(hits[1]), len(truth)),
        "sensitivity": proportion(sum(hits[1]), len(hits[1])),
        "specificity": proportion(sum(hits[0]), len(hits[0])),
        "auc": auc(by_class[1], by_class[0]),
    }
