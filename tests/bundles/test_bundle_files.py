"""What each bundle folder holds: files, metadata, ids, and the checks of MONAI's model zoo in our words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from rendered import BUNDLES, NAMES, read

FILES = (
    "LICENSE",
    "configs/evaluate.json",
    "configs/inference.json",
    "configs/logging.conf",
    "configs/metadata.json",
    "configs/multi_gpu_train.json",
    "configs/train.json",
    "docs/README.md",
    "docs/data_license.txt",
)
PICTURES = {"docs/threshold.svg", "docs/failures.png"}  # of a card; each is there once it was measured
# The keys that the schema of 2024-07-25 requires.
REQUIRED = [
    "schema",
    "version",
    "monai_version",
    "pytorch_version",
    "numpy_version",
    "required_packages_version",
    "task",
    "description",
    "authors",
    "copyright",
    "network_data_format",
]
# Ids in which two bundles may differ; everything else is the template's.
MAY_DIFFER = {
    "inference.json": {"label", "otherwise", "threshold", "temperature", "preprocessing"},
    "train.json": {"positives", "negatives", "preprocessing"},
    "evaluate.json": {"positives", "negatives"},
    "multi_gpu_train.json": set(),
    "metadata.json": {
        "name", "task", "description", "label_classes", "pred_classes", "network_data_format", "mrclass",
        "eval_metrics",
    },
}  # fmt: skip
ZOO_LIMIT = 25_000_000  # bytes a file


def data_home() -> Path:
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("MRCLASS_SHARED_DATA", default))


def test_a_bundle_holds_these_files_and_no_code(name: str) -> None:
    folder = BUNDLES / name
    held = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    held = {path for path in held if path.partition("/")[0] not in ("models", "eval")}
    assert held - PICTURES == set(FILES)


def test_no_file_of_a_bundle_is_over_the_zoos_limit(name: str) -> None:
    published = [*(BUNDLES / name).glob("*/*.*"), BUNDLES / name / "LICENSE"]
    kept = [path for path in published if path.parent.name != "models" or path.name == "model.pt"]
    assert all(path.stat().st_size < ZOO_LIMIT for path in kept)


def test_the_changelog_has_the_version(name: str) -> None:
    metadata = read(BUNDLES / name / "configs" / "metadata.json")
    assert metadata["version"] in metadata["changelog"]


def test_the_packages_a_bundle_imports_are_named_with_their_versions(name: str) -> None:
    metadata = read(BUNDLES / name / "configs" / "metadata.json")
    needed = {
        "mrclass",
        "monai",
        "torchio",
        "SimpleITK",
        "nibabel",
        "pytorch-ignite",
        "torchvision",
        "tensorboard",
    }
    assert needed <= set(metadata["required_packages_version"])


def test_metadata_names_the_label_its_folder_is_called_after(name: str) -> None:
    block = read(BUNDLES / name / "configs" / "metadata.json")["mrclass"]
    assert f"mrclass_{block['label']}" == name
    assert set(block) == {"label", "refines", "threshold", "temperature", "weights_sha256"}


def test_only_t1ce_refines_and_its_threshold_is_a_half() -> None:
    blocks = {name: read(BUNDLES / name / "configs" / "metadata.json")["mrclass"] for name in NAMES}
    assert {name: block["refines"] for name, block in blocks.items() if block["refines"]} == {
        "mrclass_t1ce": "t1w"
    }
    assert blocks["mrclass_t1ce"]["threshold"] == 0.5


def test_threshold_temperature_and_label_are_the_same_in_config_and_metadata(name: str) -> None:
    config, block = (read(BUNDLES / name / "configs" / f"{file}.json") for file in ("inference", "metadata"))
    for key in ("threshold", "temperature", "label"):
        assert config[key] == block["mrclass"][key]


@pytest.mark.parametrize("file", MAY_DIFFER)
def test_two_bundles_differ_in_these_ids_only(file: str) -> None:
    configs = [read(BUNDLES / name / "configs" / file) for name in NAMES]
    first = configs[0]
    for other in configs[1:]:
        assert list(other) == list(first)
        assert {key for key in first if other[key] != first[key]} <= MAY_DIFFER[file]


def test_only_the_two_t1_bundles_correct_the_bias_field() -> None:
    def steps(name: str, file: str) -> list[str]:
        transforms = read(BUNDLES / name / "configs" / file)["preprocessing"]["transforms"]
        return [step["_target_"].rpartition(".")[2] for step in transforms]

    plain = ["LoadImaged", "EnsureChannelFirstd", "AcquisitionSlabd", "NormalizeForegroundd", "EnsureTyped"]
    with_n4 = [*plain[:3], "N4BiasFieldCorrectiond", *plain[3:]]
    for name in NAMES:
        wanted = with_n4 if name in ("mrclass_t1w", "mrclass_t1ce") else plain
        assert steps(name, "inference.json") == steps(name, "train.json") == wanted


def test_training_and_inference_preprocess_alike(name: str) -> None:
    train, inference = (read(BUNDLES / name / "configs" / f"{file}.json") for file in ("train", "inference"))

    def told(step: dict[str, Any]) -> dict[str, Any]:
        knobs = {k: train[v[1:]] if isinstance(v, str) and v.startswith("@") else v for k, v in step.items()}
        knobs.pop("track_meta", None)  # a cached slab keeps no meta; its voxels are the same
        return knobs

    assert [told(step) for step in train["preprocessing"]["transforms"]] == inference["preprocessing"][
        "transforms"
    ]


def test_the_defaults_are_the_papers(name: str) -> None:
    train = read(BUNDLES / name / "configs" / "train.json")
    wanted: dict[str, Any] = {
        "epochs": 100, "batch_size": 50, "learning_rate": 0.001, "lr_factor": 0.1, "lr_patience": 3,
        "stop_patience": 5, "validation_share": 0.2, "size": 224, "spacing": 2.0, "slices": 10,
    }  # fmt: skip
    assert {key: train[key] for key in wanted} == wanted
    assert train["optimizer"]["_target_"] == "torch.optim.SGD"
    assert train["optimizer"]["momentum"] == 0.9


def test_the_licence_is_apache(name: str) -> None:
    text = (BUNDLES / name / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0" in text
