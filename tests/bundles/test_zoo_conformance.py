"""What MONAI's model zoo asks of a bundle before it takes it, run offline on the six as they are committed.

Its quick look: these files, the version in the changelog, a metadata that its schema accepts. Its full look:
the properties of a workflow, the network's shapes, and weights that go into TorchScript.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow, ckpt_export, verify_metadata, verify_net_in_out
from mrclass.card import sha256_of
from rendered import BUNDLES, NAMES, read
from test_bundle_files import REQUIRED, data_home

# What the schema of 2024-07-25 asks for, as facts of our own: its file is not ours to ship.
TENSOR = {
    "type": "object",
    "required": ["type", "format", "num_channels", "spatial_shape", "dtype", "value_range", "channel_def"],
    "properties": {
        "type": {"enum": ["image", "probabilities"]},
        "num_channels": {"type": "integer", "minimum": 1},
        "spatial_shape": {"type": "array", "items": {"type": ["integer", "string"]}},
        "value_range": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "channel_def": {"type": "object", "patternProperties": {"^[0-9]+$": {"type": "string"}}},
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": REQUIRED,
    "properties": {
        "version": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        "changelog": {"type": "object", "additionalProperties": {"type": "string"}},
        "required_packages_version": {"type": "object", "additionalProperties": {"type": "string"}},
        "network_data_format": {
            "type": "object",
            "required": ["inputs", "outputs"],
            "properties": {
                "inputs": {"type": "object", "additionalProperties": TENSOR},
                "outputs": {"type": "object", "additionalProperties": TENSOR},
            },
        },
    },
}


@pytest.fixture(scope="module", params=NAMES)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of the six as committed, weights included, in a place of its own."""
    source = BUNDLES / request.param
    if not (source / "models" / "model.pt").is_file():
        pytest.skip(f"{request.param} has no weights here")
    folder = tmp_path_factory.mktemp("zoo") / request.param
    return Path(
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("eval", "*.ts", "*.onnx", "best*"))
    )


def where(bundle: Path) -> dict[str, str]:
    """The arguments that MONAI's checks take."""
    return {
        "meta_file": str(bundle / "configs" / "metadata.json"),
        "config_file": str(bundle / "configs" / "inference.json"),
        "bundle_root": str(bundle),
    }


def verified(bundle: Path, schema: Path) -> None:
    meta_file = str(bundle / "configs" / "metadata.json")
    verify_metadata(
        meta_file=meta_file, filepath=str(schema), hash_val=sha256_of(schema), hash_type="sha256"
    )


def test_the_files_the_zoo_looks_for_are_there(bundle: Path) -> None:
    for file in ("LICENSE", "configs/metadata.json", "configs/inference.json", "models/model.pt"):
        assert (bundle / file).is_file(), file
    assert not list(bundle.glob("large_files.*")), "everything is in the folder: nothing to download"


def test_monais_verify_metadata_accepts_it(bundle: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"  # a schema that is there already is not fetched
    schema.write_text(json.dumps(SCHEMA), encoding="utf-8")
    verified(bundle, schema)
    theirs = data_home().parent / "reference" / "meta_schema_20240725.json"
    if theirs.is_file():
        verified(bundle, Path(shutil.copy(theirs, tmp_path / "theirs.json")))


@pytest.mark.parametrize("key", ["network_data_format", "copyright"])
def test_monais_verify_metadata_refuses_it_without_a_required_key(tmp_path: Path, key: str) -> None:
    (tmp_path / "configs").mkdir()
    metadata = read(BUNDLES / "mrclass_t2w" / "configs" / "metadata.json")
    del metadata[key]
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    with pytest.raises(ValueError, match=f"'{key}' is a required property"):
        verified(tmp_path, tmp_path / "schema.json")


def test_the_network_takes_and_gives_what_metadata_says(bundle: Path) -> None:
    verify_net_in_out(net_id="network_def", **where(bundle))


def test_monais_verify_net_in_out_refuses_another_number_of_classes(bundle: Path, tmp_path: Path) -> None:
    metadata = read(bundle / "configs" / "metadata.json")
    metadata["network_data_format"]["outputs"]["pred"]["num_channels"] = 3
    (tmp_path / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    with pytest.raises(ValueError, match=re.compile("channel", re.IGNORECASE)):
        verify_net_in_out(
            net_id="network_def", **(where(bundle) | {"meta_file": str(tmp_path / "metadata.json")})
        )


def test_the_weights_go_into_torchscript_and_give_the_same_outputs(bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.ts"
    weights = bundle / "models" / "model.pt"
    ckpt_export(net_id="network_def", filepath=str(file), ckpt_file=str(weights), **where(bundle))
    parser = ConfigParser()
    parser.read_config(bundle / "configs" / "inference.json")
    plain = parser.get_parsed_content("network_def")
    plain.load_state_dict(torch.load(weights, weights_only=True))
    slices = torch.randn(1, 1, 224, 224)
    with torch.no_grad():
        assert torch.allclose(torch.jit.load(file)(slices), plain.eval()(slices), atol=1e-5)


@pytest.mark.parametrize("kind", ["inference", "train"])
def test_no_property_that_a_monai_workflow_needs_is_missing(kind: str, bundle: Path, volumes: Path) -> None:
    workflow = ConfigWorkflow(
        config_file=str(bundle / "configs" / f"{kind}.json"),
        meta_file=str(bundle / "configs" / "metadata.json"),
        workflow_type=kind,
        bundle_root=str(bundle),
        logging_file=False,
        datalist=str(volumes / "datalist.json"),
        dataset_dir=str(volumes),
    )
    workflow.initialize()
    assert workflow.check_properties() == []
