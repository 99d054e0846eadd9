"""Where bundles are looked for, and what their metadata must say; no weights are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from mrclass.errors import BundleError, UsageError
from mrclass.members import choose, find_bundles, parse_members
from tiny_bundles import make_card


def test_members_come_in_the_order_of_the_label_table(tmp_path: Path) -> None:
    for label in ("swi", "t2w", "t1w", "pd"):
        make_card(tmp_path / f"mrclass_{label}", label)
    assert [card.label for card in choose(tmp_path)] == ["t1w", "t2w", "swi", "pd"]


def test_a_named_folder_takes_the_place_of_a_label(tmp_path: Path) -> None:
    make_card(tmp_path / "bundles" / "mrclass_t2w", "t2w")
    make_card(tmp_path / "bundles" / "mrclass_t1w", "t1w")
    other = make_card(tmp_path / "mine", "t2w")
    assert [card.name for card in choose(tmp_path / "bundles", {"t2w": other})] == ["mrclass_t1w", "mine"]


def test_a_replacement_of_another_label_is_refused(tmp_path: Path) -> None:
    flair = make_card(tmp_path / "mrclass_flair", "flair")
    with pytest.raises(BundleError, match="answers for flair; it cannot take the place of t2w"):
        choose(tmp_path, {"t2w": flair})


def test_two_bundles_of_one_label_are_both_named(tmp_path: Path) -> None:
    make_card(tmp_path / "mrclass_t2w", "t2w")
    make_card(tmp_path / "another_t2w", "t2w")
    with pytest.raises(BundleError, match="another_t2w and .*mrclass_t2w both answer for t2w"):
        choose(tmp_path)


def test_a_folder_without_bundles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds no bundle"):
        choose(tmp_path)
    with pytest.raises(BundleError, match="is not a folder"):
        choose(tmp_path / "nowhere")


def test_other_folders_beside_the_bundles_are_left_aside(tmp_path: Path) -> None:
    make_card(tmp_path / "mrclass_t2w", "t2w")
    (tmp_path / "notes").mkdir()
    assert [card.name for card in choose(tmp_path)] == ["mrclass_t2w"]


def test_a_member_is_named_in_any_spelling_of_its_label(tmp_path: Path) -> None:
    other = make_card(tmp_path / "mine", "t2w")
    assert parse_members([f"T2w={other}"]) == {"t2w": other}


@pytest.mark.parametrize("text", ["t2w", "=folder", "t2w=", "t2w=nowhere"])
def test_a_member_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--member"):
        parse_members([text])


def test_bundles_are_looked_for_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_card(tmp_path / "mrclass_t1w", "t1w")
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
    make_card(tmp_path / "bundles" / "mrclass_t1w", "t1w")
    assert find_bundles(None) == Path("bundles")
