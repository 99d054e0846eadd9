"""What a bundle's metadata.json must say for its folder to be a member; no weights are read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mrclass.card import differences, read_card, versions
from mrclass.errors import BundleError
from tiny_bundles import change, change_block, make_card

METADATA = Path("configs") / "metadata.json"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_card(tmp_path / "mrclass_t2w", "t2w")


def test_a_card_is_what_the_metadata_says(bundle: Path) -> None:
    change_block(bundle, weights_sha256="AB")
    card = read_card(bundle)
    assert (card.name, card.folder, card.label, card.refines) == ("mrclass_t2w", bundle, "t2w", None)
    assert (card.threshold, card.temperature, card.spatial_shape) == (0.6, 1.0, (32, 32))
    assert versions([card])["mrclass_t2w"] == {
        "label": "t2w", "version": "0.1.0", "threshold": 0.6, "temperature": 1.0, "backend": "torch",
        "sha256": "ab", "config_sha256": "",
    }  # fmt: skip


def test_a_card_knows_the_inference_config_by_its_hash(bundle: Path) -> None:
    (bundle / "configs" / "inference.json").write_bytes(b"abc")
    assert read_card(bundle).config_sha256.startswith("ba7816bf")
    assert versions([read_card(bundle)])["mrclass_t2w"]["config_sha256"].startswith("ba7816bf")


def test_two_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    cards = [read_card(make_card(tmp_path / label / "v1", label)) for label in ("t2w", "flair")]
    assert list(versions(cards)) == ["v1", "v1 (flair)"]


def test_what_differs_between_two_runs_is_said_member_by_member() -> None:
    before = {"a": {"version": "1", "sha256": "x", "config_sha256": "y"}, "b": {"version": "1"}, "d": {}}
    now = {"a": {"version": "1", "sha256": "z", "config_sha256": "w"}, "c": {"version": "1"}, "d": {}}
    assert differences(before, now) == [
        "a (weights, configs/inference.json)", "b (not there now)", "c (not there before)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("channels", "accepted"),
    [
        ({"0": "other", "1": "T2w"}, True),
        ({"0": "other", "1": "t2-weighted"}, True),
        ({"0": "T2w", "1": "other"}, False),
        ({"0": "other", "1": "FLAIR"}, False),
        ({"0": "T2w"}, False),
        (["other", "T2w"], False),
    ],
)
def test_the_second_class_must_be_the_label(bundle: Path, channels: Any, accepted: bool) -> None:
    form = {
        "inputs": {"image": {"num_channels": 1, "spatial_shape": [32, 32]}},
        "outputs": {"pred": {"type": "probabilities", "num_channels": 2, "channel_def": channels}},
    }
    change(bundle / METADATA, network_data_format=form)
    if accepted:
        assert read_card(bundle).label == "t2w"
        return
    with pytest.raises(BundleError, match="names the classes .*; wanted everything else as 0 and t2w as 1"):
        read_card(bundle)


@pytest.mark.parametrize(
    ("shape", "kind", "reason"),
    [
        ([32, 32, 32], "probabilities", r"spatial_shape \[32, 32, 32\]; wanted \[rows, columns\]"),
        ([32, 32], "segmentation", "says the output is segmentation; wanted probabilities"),
    ],
)
def test_a_network_of_volumes_or_of_masks_is_refused(
    bundle: Path, shape: list[int], kind: str, reason: str
) -> None:
    form = {
        "inputs": {"image": {"num_channels": 1, "spatial_shape": shape}},
        "outputs": {"pred": {"type": kind, "num_channels": 2}},
    }
    change(bundle / METADATA, network_data_format=form)
    with pytest.raises(BundleError, match=reason):
        read_card(bundle)


def test_a_card_knows_whether_the_weights_are_there(bundle: Path) -> None:
    assert not read_card(bundle).has_weights
    (bundle / "models").mkdir()
    (bundle / "models" / "model.pt").touch()
    assert read_card(bundle).has_weights


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"label": "other"}, "label 'other'"),
        ({"label": "t2w", "refines": "t1w"}, "t2w refines 't1w'"),
        ({"label": "t1ce", "refines": None}, "t1ce refines None"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"threshold": "high"}, "threshold 'high'"),
        ({"temperature": 0}, "temperature 0"),
    ],
)
def test_a_block_that_describes_no_member_is_refused(
    bundle: Path, values: dict[str, Any], reason: str
) -> None:
    change_block(bundle, **values)
    with pytest.raises(BundleError, match=reason):
        read_card(bundle)


@pytest.mark.parametrize(("channels", "classes"), [(3, 2), (1, 7)])
def test_a_network_of_other_channels_is_refused(bundle: Path, channels: int, classes: int) -> None:
    form = {
        "inputs": {"image": {"num_channels": channels, "spatial_shape": [32, 32]}},
        "outputs": {"pred": {"num_channels": classes}},
    }
    change(bundle / METADATA, network_data_format=form)
    with pytest.raises(BundleError, match=f"{channels} input channels and {classes} outputs"):
        read_card(bundle)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("mrclass", 'no "mrclass" block'),
        ("network_data_format", "input and output"),
        ("version", "names no version"),
    ],
)
def test_metadata_without_its_entries_is_refused(bundle: Path, key: str, reason: str) -> None:
    change(bundle / METADATA, **{key: None})
    with pytest.raises(BundleError, match=reason):
        read_card(bundle)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "holds a list; wanted a JSON object"),
        ("{}", "names no version"),
        ('{"version": "1"}', 'no "mrclass" block'),
        ('{"version": "1", "mrclass": {}}', "lacks label, refines, threshold, weights_sha256"),
    ],
)
def test_metadata_that_describes_no_member_is_refused(bundle: Path, text: str, reason: str) -> None:
    (bundle / METADATA).write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match=f"metadata.json.*{reason}"):
        read_card(bundle)


def test_a_folder_without_metadata_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"metadata\.json is missing"):
        read_card(tmp_path)


def test_choosing_members_does_not_wait_for_torch() -> None:
    command = "import sys, mrclass.card, mrclass.members; print({'torch', 'monai'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", command], text=True) == "set()\n"
