"""What a bundle's metadata.json must say for its folder to be a member; no weights are read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mrclass.card import read_card, versions
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
    assert versions([card]) == {"mrclass_t2w": {"version": "0.1.0", "sha256": "ab"}}


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
