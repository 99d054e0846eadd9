"""scores.csv and metrics.json of a bundle: decision, votes, truth."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from mrclass.scores import ScoreWriter, metrics


def output(scores: list[float], file: str = "a.nii.gz", **more: Any) -> dict[str, Any]:
    ones = torch.tensor(scores)
    both = torch.stack([1 - ones, ones], dim=1)
    return {"image": MetaTensor(torch.zeros(1), meta={"filename_or_obj": file}), "slice_scores": both,
            "pred": both.mean(dim=0), **more}  # fmt: skip


def written(folder: Path, outputs: list[dict[str, Any]], **options: Any) -> list[dict[str, str]]:
    engine = Engine(lambda engine, batch: [batch])
    ScoreWriter(str(folder), "t2w", **options).attach(engine)
    engine.run(outputs)
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_strict_majority_and_the_threshold_decide(tmp_path: Path) -> None:
    rows = written(
        tmp_path,
        [output([0.9, 0.9, 0.9]), output([0.9, 0.9, 0.4, 0.4]), output([0.7, 0.7, 0.7])],
        threshold=0.65,
    )
    assert [row["decision"] for row in rows] == ["t2w", "other", "t2w"]
    assert [row["votes"] for row in rows] == ["3", "2", "3"]
    assert [float(row["score"]) for row in rows] == pytest.approx([0.9, 0.65, 0.7])


def test_below_the_threshold_is_otherwise(tmp_path: Path) -> None:
    (row,) = written(tmp_path, [output([0.9])], threshold=0.95, otherwise="t1w")
    assert row["decision"] == "t1w"


def test_a_score_of_exactly_a_half_is_not_the_label(tmp_path: Path) -> None:
    (row,) = written(tmp_path, [output([0.6, 0.6, 0.3])], threshold=0.5)
    assert float(row["score"]) == 0.5
    assert row["decision"] == "other"


def test_each_volume_is_printed_under_one_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, [output([0.9], "a.nii.gz"), output([0.2], "b.nii.gz")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split("\t")[-1] == "file"
    assert lines[2].split("\t")[-1] == "b.nii.gz"


def test_without_truth_there_are_no_metrics(tmp_path: Path) -> None:
    written(tmp_path, [output([0.9])])
    assert not (tmp_path / "metrics.json").exists()


def test_with_truth_the_metrics_are_written(tmp_path: Path) -> None:
    rows = written(tmp_path, [output([0.9], label=1), output([0.8], label=0)], threshold=0.85)
    assert [row["truth"] for row in rows] == ["1", "0"]
    content = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert content["label"] == "t2w"
    assert content["accuracy"]["value"] == 1.0


def unread(file: str, **more: Any) -> dict[str, Any]:
    """What the network makes of the empty slab of a volume that could not be read."""
    image = MetaTensor(torch.zeros(1), meta={"filename_or_obj": file, "unreadable": "it is cut off"})
    return {**output([0.9], file), "image": image, **more}


def test_an_unreadable_volume_has_a_row_with_its_reason_and_no_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = written(tmp_path, [output([0.9]), unread("b.nii.gz")])
    assert (good["decision"], good["reason"]) == ("t2w", "")
    assert (bad["decision"], bad["reason"], bad["file"]) == ("unreadable", "it is cut off", "b.nii.gz")
    assert (bad["score"], bad["votes"], bad["n_slices"]) == ("", "", "0")
    assert "unreadable: it is cut off\tb.nii.gz" in capsys.readouterr().out


def test_an_unreadable_volume_counts_in_no_figure(tmp_path: Path) -> None:
    written(tmp_path, [output([0.9], label=1), unread("b.nii.gz", label=0)])
    content = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert (content["n"], content["unreadable"]) == (1, 1)


def test_sensitivity_is_the_recall_of_the_label() -> None:
    figures = metrics(
        truth=[1, 1, 1, 1, 0], scores=[0.9, 0.8, 0.7, 0.1, 0.6], chosen=[True, False, False, False, True]
    )
    assert figures["sensitivity"]["value"] == 0.25
    assert figures["specificity"]["value"] == 0.0
    assert figures["accuracy"]["value"] == 0.2
    assert figures["auc"] == 0.75
