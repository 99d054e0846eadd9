"""Bundles with random weights, a few tiny NIfTI files, and a way to run a workflow in this process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow
from rendered import NAMES, Runner, network, with_weights

# Every kind of volume that some bundle needs as its class 0 or 1, twice: once to train, once to validate.
LABELS = ("t1w", "t2w", "flair", "adc", "swi", "t1ce")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: starts processes that import MONAI anew, tens of seconds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MONAI's own advice about GPU codecs and strangers' configs is no news here."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader"))
            item.add_marker(pytest.mark.filterwarnings("ignore:parsing config_file"))


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each of the six."""
    return str(request.param)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State dict file with the weights a fresh network has."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "model.pt"
    torch.save(network().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with two volumes of 20 x 24 x 6 voxels at 8 x 8 x 4 mm for each label, and their datalist."""
    folder = tmp_path_factory.mktemp("volumes")
    draw = np.random.default_rng(0)
    x, y, _ = np.mgrid[:20, :24, :6]
    radius = ((x - 9.5) / 8) ** 2 + ((y - 11.5) / 10) ** 2
    sections: dict[str, list[dict[str, str]]] = {"training": [], "validation": []}
    for number, section in enumerate(sections):
        for label in LABELS:
            voxels = 100.0 * (radius < 1) + 50.0 * LABELS.index(label) * (radius < 0.2)
            voxels += draw.uniform(0, 5, voxels.shape)
            file = folder / f"{label}-{number}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(voxels.astype(np.float32), np.diag([8.0, 8.0, 4.0, 1.0])), file)
            sections[section].append({"image": file.name, "label": label, "patient": f"{section}-{label}"})
    (folder / "datalist.json").write_text(json.dumps(sections), encoding="utf-8")
    return folder


@pytest.fixture
def alone(name: str, tmp_path: Path, random_weights: Path) -> Path:
    """The bundle alone in an empty place, with random weights that its metadata names."""
    return with_weights(name, tmp_path, random_weights)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs a workflow of a bundle in this process, as `python -m monai.bundle run` does in its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # MONAI puts the bundle into it

    def start(folder: Path, files: list[str], run_id: str, **overrides: Any) -> ConfigWorkflow:
        workflow = ConfigWorkflow(
            config_file=[str(folder / "configs" / file) for file in files],
            workflow_type="train" if "train.json" in files else "inference",
            logging_file=False,
            run_id=run_id,
            device="cpu",
            **overrides,
        )
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        return workflow

    return start
