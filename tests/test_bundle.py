"""A bundle folder becomes a member, or says in one sentence why it cannot."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from mrclass.bundle import load_member
from mrclass.errors import BundleError, WeightsMismatchError, WeightsMissingError
from tiny_bundles import NETWORK, PLAIN, WITH_N4, change, change_block, make_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "mrclass_t2w", "t2w", gain=1.5, offset=0.25)


def test_a_member_is_what_the_folder_says(bundle: Path) -> None:
    member = load_member(bundle)
    assert (member.name, member.label, member.refines, member.threshold) == ("mrclass_t2w", "t2w", None, 0.6)
    assert (member.version, member.temperature, member.folder) == ("0.1.0", 1.0, bundle)
    assert member.sha256 == hashlib.sha256((bundle / "models" / "model.pt").read_bytes()).hexdigest()
    assert [type(step.transform).__name__ for step in member.steps] == [
        step["_target_"].split(".")[-1] for step in PLAIN
    ]


def test_half_precision_weights_run_in_float32_and_evaluation_mode(bundle: Path) -> None:
    network = load_member(bundle).network
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    assert not network.training
    torch.testing.assert_close(network(torch.full((1, 1, 4, 4), 2.0)), torch.tensor([[0.0, 3.25]]))


def test_bundle_root_is_the_folder_and_not_the_current_directory(bundle: Path) -> None:
    steps: list[dict[str, Any]] = [
        *PLAIN,
        {"_target_": "Lambdad", "keys": "image", "func": "$lambda x: @bundle_root"},
    ]
    change(bundle / "configs" / "inference.json", preprocessing={"_target_": "Compose", "transforms": steps})
    assert load_member(bundle).steps[-1].transform({"image": 0})["image"] == str(bundle)


def test_equal_steps_of_two_bundles_have_equal_keys(tmp_path: Path, bundle: Path) -> None:
    other = load_member(make_bundle(tmp_path / "mrclass_t1w", "t1w", steps=WITH_N4))
    keys, others = ([step.key for step in member.steps] for member in (load_member(bundle), other))
    assert keys[:3] == others[:3]
    assert (keys[3], len(others)) == (others[4], 5)  # normalisation, after N4 in the other


def test_references_are_resolved_before_steps_are_compared(tmp_path: Path, bundle: Path) -> None:
    steps = [*PLAIN[:2], PLAIN[2] | {"size": "@size"}, PLAIN[3]]
    other = make_bundle(tmp_path / "mrclass_adc", "adc", steps=steps)
    change(other / "configs" / "inference.json", size=32)
    assert [step.key for step in load_member(other).steps] == [step.key for step in load_member(bundle).steps]


def test_a_disabled_step_is_no_step(bundle: Path) -> None:
    steps = [*WITH_N4[:3], WITH_N4[3] | {"_disabled_": True}, WITH_N4[4]]
    change(bundle / "configs" / "inference.json", preprocessing={"_target_": "Compose", "transforms": steps})
    assert len(load_member(bundle).steps) == 4


def test_missing_weights_are_named_with_the_way_to_get_them(bundle: Path) -> None:
    (bundle / "models" / "model.pt").unlink()
    with pytest.raises(WeightsMissingError, match=r"models/model\.pt is missing.*monai\.bundle run train"):
        load_member(bundle)


def test_weights_of_another_sha256_are_refused_before_they_are_unpacked(bundle: Path) -> None:
    (bundle / "models" / "model.pt").write_bytes(b"anything")  # unpacking it would raise something else
    with pytest.raises(WeightsMismatchError, match="has sha256 .* names"):
        load_member(bundle)


def test_weights_that_hold_code_are_refused(bundle: Path) -> None:
    path = bundle / "models" / "model.pt"
    torch.save({"2.weight": Path("/etc")}, path)
    change_block(bundle, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(BundleError, match="cannot be loaded as weights"):
        load_member(bundle)


def test_weights_of_another_network_are_refused(bundle: Path) -> None:
    path = bundle / "models" / "model.pt"
    torch.save({"fc.weight": torch.zeros(2, 1)}, path)
    change_block(bundle, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(BundleError, match="does not fit network_def"):
        load_member(bundle)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (", torch.nn.Softmax(dim=1))", "answers with probabilities; wanted logits"),
        (", torch.nn.Unflatten(1, (1, 2)))", r"answers two slices with shape \(2, 1, 2\); wanted \(2, 2\)"),
    ],
)
def test_a_network_that_answers_with_no_logits_is_refused(bundle: Path, ending: str, reason: str) -> None:
    change(bundle / "configs" / "inference.json", network_def=NETWORK.removesuffix(")") + ending)
    with pytest.raises(BundleError, match=reason):
        load_member(bundle)


def test_a_config_and_a_metadata_of_different_temperatures_are_refused(bundle: Path) -> None:
    change_block(bundle, temperature=2.0)
    reason = "temperature 1.0 in configs/inference.json and 2.0 in configs/metadata.json"
    with pytest.raises(BundleError, match=reason):
        load_member(bundle)


@pytest.mark.parametrize("key", ["network_def", "preprocessing"])
def test_a_config_without_its_ids_is_refused(bundle: Path, key: str) -> None:
    change(bundle / "configs" / "inference.json", **{key: None})
    with pytest.raises(BundleError, match=f"lacks {key}"):
        load_member(bundle)


def test_a_config_that_names_an_unknown_transform_is_refused(bundle: Path) -> None:
    steps = [{"_target_": "NoSuchTransformd", "keys": "image"}]
    change(bundle / "configs" / "inference.json", preprocessing={"_target_": "Compose", "transforms": steps})
    with pytest.raises(BundleError, match="cannot be used.*NoSuchTransformd"):
        load_member(bundle)


def test_a_config_and_a_metadata_of_different_thresholds_are_refused(bundle: Path) -> None:
    change(bundle / "configs" / "inference.json", threshold=0.9)
    with pytest.raises(BundleError, match=r"threshold 0\.9 in .* and 0\.6 in"):
        load_member(bundle)
