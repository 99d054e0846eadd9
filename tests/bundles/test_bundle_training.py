"""Each bundle alone in an empty place: a short training, resumed, started from weights, in two processes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser
from mrclass.card import sha256_of
from rendered import BUNDLES, Runner, copy_alone, read

TRAIN = ["train.json"]
SHORT: dict[str, Any] = {"epochs": 1, "size": 32, "slices": 4, "batch_size": 8}


def data(volumes: Path) -> dict[str, str]:
    return {"datalist": str(volumes / "datalist.json"), "dataset_dir": str(volumes)}


def test_one_short_epoch_trains_and_publishes(name: str, tmp_path: Path, volumes: Path, run: Runner) -> None:
    folder = copy_alone(name, tmp_path)
    run(folder, TRAIN, "train", **SHORT, **data(volumes))
    checkpoint = torch.load(folder / "models" / "checkpoint.pt", weights_only=True)
    assert checkpoint["epoch"] == 1
    digest = read(folder / "configs" / "metadata.json")["mrclass"]["weights_sha256"]
    assert digest == sha256_of(folder / "models" / "model.pt")
    best = torch.load(folder / "models" / "best.pt", weights_only=True)
    published = torch.load(folder / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(published[k], best[k].half()) for k in best if best[k].is_floating_point())
    assert list((folder / "eval").glob("events.out.tfevents.*"))


def test_a_training_goes_on_after_the_epoch_it_was_stopped_in(
    tmp_path: Path, volumes: Path, run: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copy_alone("mrclass_t1ce", tmp_path)
    run(folder, TRAIN, "run", **SHORT, **data(volumes))
    slabs = len(list((folder / "eval" / "slabs").glob("*.pt")))
    with caplog.at_level(logging.INFO, "mrclass.handlers"):
        run(folder, TRAIN, "run", **{**SHORT, "epochs": 2}, **data(volumes), resume="true")
    assert "resumed after epoch 1" in caplog.text
    assert torch.load(folder / "models" / "checkpoint.pt", weights_only=True)["epoch"] == 2
    assert slabs == len(list((folder / "eval" / "slabs").glob("*.pt"))) == 4  # cut once, two a section


def test_volumes_named_on_the_command_line_train(tmp_path: Path, volumes: Path, run: Runner) -> None:
    folder = copy_alone("mrclass_t2w", tmp_path)
    image = [str(volumes / f"{label}-{n}.nii.gz") for label in ("t2w", "t1w") for n in (0, 1)]
    workflow = run(folder, TRAIN, "train", **SHORT, image=image, truth=["t2w", "t2w", "t1w", "t1w"])
    chosen = workflow.parser.get_parsed_content("volumes")
    assert [sorted(item["truth"] for item in chosen[s]) for s in ("training", "validation")] == [
        ["t1w", "t2w"]
    ] * 2


def test_a_training_starts_from_given_weights(
    tmp_path: Path, volumes: Path, run: Runner, random_weights: Path
) -> None:
    folder = copy_alone("mrclass_adc", tmp_path)
    run(folder, TRAIN, "run", **SHORT, **data(volumes), pretrained=str(random_weights), learning_rate=0.0)
    given = torch.load(random_weights, weights_only=True)
    best = torch.load(folder / "models" / "best.pt", weights_only=True)
    weights = [k for k in given if k.endswith("weight") and given[k].ndim == 4]
    assert all(torch.equal(best[k], given[k]) for k in weights)


def test_the_learning_rate_falls_to_a_tenth_after_three_epochs_without_a_lower_loss(name: str) -> None:
    parser = ConfigParser()
    parser.read_config(BUNDLES / name / "configs" / "train.json")
    parser["device"] = "cpu"
    scheduler, optimizer = (parser.get_parsed_content(key) for key in ("lr_scheduler", "optimizer"))
    rates = []
    for loss in (1.0, 1.0, 1.1, 1.0, 0.9, 0.9):
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4])


def test_every_step_of_the_augmentation_keeps_a_slab_in_its_plane_and_shape(name: str) -> None:
    config = read(BUNDLES / name / "configs" / "train.json")
    steps = config["augmentation"]["transform"]["transforms"]
    for chosen in [inner for step in steps for inner in step.get("transforms", [step])]:
        chosen.update({key: 1.0 for key in ("p", "prob") if key in chosen})
    parser = ConfigParser(config)
    slab = torch.full((3, 224, 224), -1.0)
    slab[:, 60:160, 70:150] = 1.0
    augment = parser.get_parsed_content("augmentation")
    for _ in range(4):
        result = augment({"image": slab.clone()})["image"]
        assert result.shape == slab.shape
        assert not torch.equal(torch.as_tensor(result), slab)
        assert (
            abs(float(result.mean()) - float(slab.mean())) < 0.2
        )  # an empty picture has -1; this one about -0.7


HIDING = ["RandThicknessd", "RandStrippedd", "RandFieldOfViewd", "RandWindowd", "RandJPEGd"]


def trained_through(name: str, **ids: Any) -> tuple[list[str], list[str]]:
    """Classes of the steps of a training, and of those that hide the source, in order."""
    parser = ConfigParser()
    parser.read_config(BUNDLES / name / "configs" / "train.json")
    for key, value in ids.items():
        parser[key] = value
    steps = parser.get_parsed_content("train::preprocessing").transforms
    inner = next((step for step in steps if type(step).__name__ == "Compose"), None)
    return [type(step).__name__ for step in steps], [
        type(step).__name__ for step in (inner.transforms if inner is not None else ())
    ]


def test_a_training_hides_the_source_between_slab_and_z_score(name: str) -> None:
    steps, hiding = trained_through(name)
    place = steps.index("Compose")
    assert steps[place - 1] in ("AcquisitionSlabd", "N4BiasFieldCorrectiond")
    assert steps[place + 1 :] == ["NormalizeForegroundd", "EnsureTyped", "EachSliced"]
    assert hiding == HIDING


@pytest.mark.parametrize("off", [False, "false"])
def test_one_id_gives_the_papers_recipe(name: str, off: bool | str) -> None:
    steps, hiding = trained_through(name, domain_randomisation=off)
    inference = [
        step["_target_"].rpartition(".")[2]
        for step in read(BUNDLES / name / "configs" / "inference.json")["preprocessing"]["transforms"]
    ]
    assert steps == [*inference, "EachSliced"]
    assert hiding == []


@pytest.mark.slow
def test_two_processes_train_together_on_the_cpu(tmp_path: Path, volumes: Path) -> None:
    folder = copy_alone("mrclass_t2w", tmp_path)
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone",
            "-m", "monai.bundle", "run", "train",
            "--config_file", "['configs/train.json','configs/multi_gpu_train.json']",
            "--datalist", str(volumes / "datalist.json"), "--dataset_dir", str(volumes),
            "--epochs", "1", "--size", "32", "--slices", "4", "--batch_size", "8",
        ],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    checkpoint = torch.load(folder / "models" / "checkpoint.pt", weights_only=True)
    assert checkpoint["epoch"] == 1
    assert not any(key.startswith("module.") for key in checkpoint["network"])
    digest = read(folder / "configs" / "metadata.json")["mrclass"]["weights_sha256"]
    assert digest == sha256_of(folder / "models" / "model.pt")
