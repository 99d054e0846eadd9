"""Where bundles are looked for, and what their metadata must say; no weights are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mrclass.errors import BundleError, UsageError
from mrclass.members import find_bundles, parse_members, read_card, read_cards


def bundle(folder: Path, label: str, refines: str | None = None, **more: Any) -> Path:
    block = {"label": label, "refines": refines, "threshold": 0.9, "weights_sha256": "ab", **more}
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_text(json.dumps({"version": "0.1.0", "mrclass": block}))
    return folder


def test_members_come_in_the_order_of_the_label_table(tmp_path: Path) -> None:
    for label in ("swi", "t2w", "t1w", "pd"):
        bundle(tmp_path / f"mrclass_{label}", label)
    assert [card.label for card in read_cards(tmp_path, {})] == ["t1w", "t2w", "swi", "pd"]


def test_a_named_folder_takes_the_place_of_a_label(tmp_path: Path) -> None:
    bundle(tmp_path / "bundles" / "mrclass_t2w", "t2w")
    bundle(tmp_path / "bundles" / "mrclass_t1w", "t1w")
    other = bundle(tmp_path / "mine", "t2w")
    assert [card.name for card in read_cards(tmp_path / "bundles", {"t2w": other})] == ["mrclass_t1w", "mine"]


def test_a_member_is_named_in_any_spelling_of_its_label(tmp_path: Path) -> None:
    other = bundle(tmp_path / "mine", "t2w")
    assert parse_members([f"T2w={other}"]) == {"t2w": other}


@pytest.mark.parametrize("text", ["t2w", "=folder", "t2w=", "t2w=nowhere"])
def test_a_member_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--member"):
        parse_members([text])


def test_bundles_are_looked_for_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(tmp_path / "mrclass_t1w", "t1w")
    monkeypatch.setenv("MRCLASS_BUNDLES", str(tmp_path))
    assert find_bundles(None) == tmp_path
    with pytest.raises(UsageError, match=r"No bundles in .*nowhere"):
        find_bundles(tmp_path / "nowhere")


def test_bundles_of_the_working_folder_come_before_those_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MRCLASS_BUNDLES", raising=False)
    monkeypatch.chdir(tmp_path)
    assert find_bundles(None) == Path(__file__).parents[1] / "bundles"
    bundle(tmp_path / "bundles" / "mrclass_t1w", "t1w")
    assert find_bundles(None) == Path("bundles")


@pytest.mark.parametrize(
    "text", ["no JSON", "[]", "{}", '{"version": "1"}', '{"version": "1", "mrclass": {}}']
)
def test_metadata_that_describes_no_member_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "metadata.json").write_text(text)
    with pytest.raises(BundleError, match="metadata.json"):
        read_card(tmp_path)


def test_a_folder_without_metadata_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        read_card(tmp_path)
