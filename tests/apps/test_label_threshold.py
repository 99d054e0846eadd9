"""The threshold of a bundle that was trained on collected labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lib.threshold import choose
from mrclass.card import read_card, read_json
from mrclass.ensemble import Ensemble
from tiny_bundles import change, make_bundle
from tiny_volumes import write_volume


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """T2w; its score depends on how strong the texture is: below one half, then above."""
    folder = make_bundle(tmp_path / "mrclass_t2w", "t2w", gain=10.0, offset=30.0, threshold=0.99)
    change(folder / "configs" / "inference.json", threshold=0.99)
    return folder


@pytest.fixture
def validation(tmp_path: Path) -> list[dict[str, Any]]:
    """Three volumes of T2w with strong texture, three others with less."""
    return [
        {"image": str(write_volume(tmp_path / f"{n}.nii.gz", n, texture)), "label": int(texture > 10)}
        for n, texture in enumerate([60.0, 60.0, 60.0, 3.0, 3.0, 3.0])
    ]


def scores(bundle: Path, validation: list[dict[str, Any]]) -> list[float]:
    ensemble = Ensemble.from_folder(bundle.parent, {"t2w": bundle})
    return [ensemble.predict(item["image"]).scores["t2w"] for item in validation]


def test_enough_labels_choose_the_threshold_and_both_configs_say_it(
    bundle: Path, validation: list[dict[str, Any]]
) -> None:
    seen = scores(bundle, validation)
    assert 0.6 < min(seen[:3]) < 0.99 and max(seen[3:]) < 0.5  # 0.99 would refuse all
    found = choose(bundle, validation, enough=3)
    assert found["chosen"] and found["before"] == 0.99
    assert 0.5 <= found["threshold"] <= min(seen[:3])
    assert (found["targets"], found["others"]) == (3, 3)
    assert read_card(bundle).threshold == found["threshold"]
    assert read_json(bundle / "configs" / "inference.json")["threshold"] == found["threshold"]


def test_too_few_labels_leave_the_threshold_and_say_so(
    bundle: Path, validation: list[dict[str, Any]]
) -> None:
    before = (bundle / "configs" / "metadata.json").read_bytes()
    found = choose(bundle, validation)
    assert (found["chosen"], found["threshold"]) == (False, 0.99)
    assert "3 validation volumes of its label and 3 others; from 10 of each on" in found["why"]
    assert (bundle / "configs" / "metadata.json").read_bytes() == before


def test_a_volume_that_nobody_can_look_at_is_left_out_of_the_choice(
    bundle: Path, validation: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(b"nothing")
    broken = {"image": str(tmp_path / "broken.nii.gz"), "label": 1}
    assert choose(bundle, [*validation, broken], enough=3)["chosen"]


def test_t1ce_has_no_threshold_to_choose(tmp_path: Path, validation: list[dict[str, Any]]) -> None:
    bundle = make_bundle(tmp_path / "mrclass_t1ce", "t1ce", refines="t1w", threshold=0.5)
    found = choose(bundle, validation, enough=1)
    assert (found["chosen"], found["threshold"]) == (False, 0.5) and "majority" in found["why"]
