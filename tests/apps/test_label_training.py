"""Labels into a datalist, and a bundle trained where nothing of the user's is changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import lib.training
import pytest
from dicom_files import stack
from lib.training import Labelled, datalist, label_of, train
from mrclass.errors import MRClassError, UsageError
from mrclass.publish import publish
from tiny_volumes import write_volume

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "mrclass_t2w"


def test_a_label_comes_with_the_parameters_or_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "label.json"
    assert label_of({"label": "T2w"}) == "t2w"
    file.write_text('{"label": "T1-Gd"}')
    assert label_of({}, file) == "t1ce"
    file.write_text("FLAIR\n")
    assert label_of({}, file) == "flair"


@pytest.mark.parametrize("content", ["", "[1]", '{"other": 1}', "T3w"])
def test_what_names_no_label_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "label").write_text(content)
    with pytest.raises(UsageError):
        label_of({}, tmp_path / "label")


def test_nifti_files_are_used_where_they_are_and_dicom_is_converted_once(tmp_path: Path) -> None:
    (tmp_path / "volumes").mkdir()
    nifti = write_volume(tmp_path / "scan.nii.gz")
    stack(tmp_path / "series", 4)
    labelled = [Labelled("scan", nifti, "t2w", "a"), Labelled("1.2.3", tmp_path / "series", "t1w", "b")]
    entries = datalist(labelled, tmp_path / "volumes")
    made = tmp_path / "volumes" / "1.2.3" / "000.nii"
    assert entries == [
        {"image": str(nifti), "label": "t2w", "patient": "a"},
        {"image": str(made), "label": "t1w", "patient": "b"},
    ]
    shutil.rmtree(tmp_path / "series")
    assert datalist(labelled, tmp_path / "volumes") == entries


def test_no_usable_series_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "broken.nii").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="No labelled series to train on: scan: "):
        datalist([Labelled("scan", tmp_path / "broken.nii", "t2w", "a")], tmp_path)


@pytest.fixture
def entries(tmp_path: Path) -> list[dict[str, str]]:
    """Two patients of t2w and two of flair."""
    return [
        {"image": str(write_volume(tmp_path / f"{i}.nii.gz", i)), "label": label, "patient": f"p{i}"}
        for i, label in enumerate(["t2w", "t2w", "flair", "flair"])
    ]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """In the place of the training's process: it changes one weight and publishes."""
    seen: list[list[str]] = []

    def run(command: list[str], place: Path, say: Any) -> None:
        import torch

        seen.append(command)
        state = torch.load(place / "models" / "model.pt", weights_only=True)
        state["fc.bias"] += 1
        torch.save(state, place / "models" / "best.pt")
        publish(place)

    monkeypatch.setattr(lib.training, "_run", run)
    return seen


def test_a_copy_is_trained_and_serves_and_the_bundle_stays(
    tmp_path: Path, entries: list[dict[str, str]], commands: list[list[str]]
) -> None:
    before = (BUNDLE / "models" / "model.pt").read_bytes()
    for epochs in (1, 3):  # a second training takes the place of the first
        done = train(BUNDLE, entries, tmp_path / "work", tmp_path / "serving", {"epochs": epochs})
    assert (BUNDLE / "models" / "model.pt").read_bytes() == before
    assert [path.name for path in (tmp_path / "serving").iterdir()] == ["mrclass_t2w"]
    metadata = json.loads((tmp_path / "serving/mrclass_t2w/configs/metadata.json").read_text())
    assert done["sha256"] == metadata["mrclass"]["weights_sha256"]
    assert done["volumes"] == {"training": "FLAIR 1, T2w 1", "validation": "FLAIR 1, T2w 1"}
    assert not done["threshold"]["chosen"] and "1 validation volumes of its label" in done["threshold"]["why"]
    command = commands[1]
    assert command[command.index("--epochs") + 1] == "3"
    assert command[command.index("--pretrained") + 1] == "models/model.pt"


def test_too_few_labels_are_refused_before_anything_is_trained(
    tmp_path: Path, entries: list[dict[str, str]], commands: list[list[str]]
) -> None:
    with pytest.raises(UsageError, match="section holds no volume of"):
        train(BUNDLE, entries[:2], tmp_path / "work", tmp_path / "serving", {})
    assert commands == [] and not (tmp_path / "serving").exists()


def test_a_knob_that_is_no_number_is_refused(tmp_path: Path, entries: list[dict[str, str]]) -> None:
    with pytest.raises(UsageError, match="epochs is 'many'"):
        train(BUNDLE, entries, tmp_path / "work", tmp_path / "serving", {"epochs": "many"})


def test_a_training_that_fails_says_its_last_lines_and_serves_nothing(
    tmp_path: Path, entries: list[dict[str, str]]
) -> None:
    broken = tmp_path / "mrclass_t2w"
    shutil.copytree(BUNDLE, broken)
    config = json.loads((broken / "configs" / "train.json").read_text())
    config["initialize"] = ["$__import__('no_such_module_anywhere')"]
    (broken / "configs" / "train.json").write_text(json.dumps(config))
    with pytest.raises(MRClassError, match="no_such_module_anywhere"):
        train(broken, entries, tmp_path / "work", tmp_path / "serving", {"epochs": 1}, say=lambda line: None)
    assert not (tmp_path / "serving").exists()
