"""The network of each bundle: torchvision's ResNet-18 with one input channel."""

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
