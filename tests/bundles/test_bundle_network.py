"""The network of each bundle: torchvision's ResNet-18 with one input channel, exportable, of known shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from monai.bundle import ConfigParser, ConfigWorkflow, ckpt_export, verify_net_in_out
from rendered import BUNDLES, network


def built(name: str) -> torch.nn.Module:
    parser = ConfigParser()
    parser.read_config(BUNDLES / name / "configs" / "inference.json")
    net = parser.get_parsed_content("network_def")
    assert isinstance(net, torch.nn.Module)
    return net


def test_outputs_equal_torchvisions_for_the_same_weights(name: str) -> None:
    torch.manual_seed(1)
    theirs = torchvision.models.resnet18(num_classes=2)
    theirs.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    ours = built(name)
    ours.load_state_dict(theirs.state_dict())  # strict: the keys are the same
    slices = torch.randn(2, 1, 224, 224)
    with torch.no_grad():
        assert torch.equal(ours.eval()(slices), theirs.eval()(slices))


def test_training_and_inference_build_the_same_network(name: str) -> None:
    parser = ConfigParser()
    parser.read_config(BUNDLES / name / "configs" / "train.json")
    trained = parser.get_parsed_content("network_def").state_dict()
    assert {k: v.shape for k, v in trained.items()} == {
        k: v.shape for k, v in built(name).state_dict().items()
    }


def test_the_network_takes_and_gives_what_metadata_says(name: str, alone: Path) -> None:
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(alone / "configs" / "metadata.json"),
        config_file=str(alone / "configs" / "inference.json"),
        bundle_root=str(alone),
    )


def test_the_weights_export_to_torchscript_with_the_same_outputs(name: str, alone: Path) -> None:
    file = alone / "models" / "model.ts"
    ckpt_export(
        net_id="network_def",
        filepath=str(file),
        ckpt_file=str(alone / "models" / "model.pt"),
        meta_file=str(alone / "configs" / "metadata.json"),
        config_file=str(alone / "configs" / "inference.json"),
        bundle_root=str(alone),
    )
    slices = torch.randn(1, 1, 224, 224)
    plain = network()
    plain.load_state_dict(torch.load(alone / "models" / "model.pt", weights_only=True))
    with torch.no_grad():
        assert torch.allclose(torch.jit.load(file)(slices), plain.eval()(slices), atol=1e-5)


@pytest.mark.parametrize("file", ["inference.json", "train.json"])
def test_no_property_that_a_monai_workflow_needs_is_missing(file: str, alone: Path, volumes: Path) -> None:
    workflow = ConfigWorkflow(
        config_file=str(alone / "configs" / file),
        workflow_type=file.removesuffix(".json"),
        bundle_root=str(alone),
        logging_file=False,
        datalist=str(volumes / "datalist.json"),
        dataset_dir=str(volumes),
    )
    workflow.initialize()
    assert workflow.check_properties() == []
