"""What the configs call: checks before a run, and what a training starts from."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mrclass import workflow
from mrclass.errors import BundleError, UsageError, WeightsMismatchError, WeightsMissingError


class Small(torch.nn.Module):
    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 2, 3)
        self.fc = torch.nn.Linear(2, outputs)


def test_weights_of_the_named_hash_pass(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"abc")
    workflow.check_run(str(path), hashlib.sha256(b"abc").hexdigest(), [1])


def test_weights_without_a_hash_pass_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "model.pt").write_bytes(b"abc")
    workflow.check_run(str(tmp_path / "model.pt"), "", [1])
    assert "used unchecked" in caplog.text


def test_missing_and_foreign_weights_and_no_data_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "models" / "model.pt"
    with pytest.raises(WeightsMissingError, match=r"model\.pt is missing.*run train"):
        workflow.check_run(str(path), "", [1])
    path.parent.mkdir()
    path.write_bytes(b"abc")
    with pytest.raises(WeightsMismatchError, match=r"mrclass\.publish"):
        workflow.check_run(str(path), "00", [1])
    with pytest.raises(UsageError, match="--image"):
        workflow.check_run(str(path), "", [])


def test_the_command_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    started = SimpleNamespace(__spec__=SimpleNamespace(name="monai.bundle.__main__"))
    monkeypatch.setitem(sys.modules, "__main__", started)
    with pytest.raises(SystemExit, match="error: no volume"):
        workflow.refuse(UsageError("no volume"))


@pytest.mark.parametrize(
    ("given", "wanted"), [(True, True), ("true", True), ("False", False), (False, False)]
)
def test_switches_come_as_bool_or_text(given: Any, wanted: bool) -> None:
    assert workflow.flag(given) is wanted


def test_a_training_starts_from_given_weights(tmp_path: Path) -> None:
    given, network = Small(), Small()
    torch.save(given.half().state_dict(), tmp_path / "w.pt")
    workflow.start_from(network, str(tmp_path / "w.pt"))
    assert torch.equal(network.fc.weight, given.fc.weight.float())


def test_a_last_layer_of_another_size_stays_random_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given, network = Small(outputs=6), Small()
    torch.save(given.state_dict(), tmp_path / "w.pt")
    workflow.start_from(network, str(tmp_path / "w.pt"))
    assert torch.equal(network.conv1.weight, given.conv1.weight)
    assert "last layer starts at random" in caplog.text


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "w.pt")
    with pytest.raises(BundleError, match="conv1"):
        workflow.start_from(Small(), str(tmp_path / "w.pt"))
    with pytest.raises(WeightsMissingError):
        workflow.start_from(Small(), str(tmp_path / "none.pt"))


def test_two_starts_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="choose one"):
        workflow.start_from(Small(), "w.pt", imagenet=True)


def test_imagenets_three_channels_are_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import ResNet18_Weights, resnet18

    theirs = resnet18().state_dict()
    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", lambda self, **options: theirs)
    state = workflow._imagenet()
    assert torch.equal(state["conv1.weight"][:, 0], theirs["conv1.weight"].sum(dim=1))
    assert not [key for key in state if key.startswith("fc.")]


def test_without_a_network_imagenet_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import ResNet18_Weights

    def offline(self: Any, **options: Any) -> None:
        raise OSError("no route")

    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", offline)
    with pytest.raises(WeightsMissingError, match="--pretrained FILE"):
        workflow.start_from(Small(), imagenet=True)
