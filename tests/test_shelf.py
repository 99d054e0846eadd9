"""Bundles are tried before they are used, and put into a folder without losing the one they replace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mrclass import cli
from mrclass.card import read_card
from mrclass.errors import BundleError, UsageError
from mrclass.shelf import add, check
from tiny_bundles import PLAIN, change_block, make_bundle


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "shelf" / "mrclass_t2w", "t2w")
    make_bundle(tmp_path / "shelf" / "mrclass_flair", "flair")
    return tmp_path / "shelf"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_of_a_new_label_joins_the_shelf(shelf: Path, tmp_path: Path) -> None:
    tof = make_bundle(tmp_path / "tof_by_me", "tof")
    (tof / "eval").mkdir()
    assert add(tof, shelf) == (shelf / "tof_by_me", None)
    assert names(shelf) == ["mrclass_flair", "mrclass_t2w", "tof_by_me"]
    assert names(shelf / "tof_by_me") == ["configs", "models"]
    assert read_card(shelf / "tof_by_me").label == "tof"


def test_a_taken_place_is_refused_unless_asked_for(shelf: Path, tmp_path: Path) -> None:
    mine = make_bundle(tmp_path / "mine", "t2w", gain=1.0)
    with pytest.raises(UsageError, match="mrclass_t2w answers for T2w already; add --replace"):
        add(mine, shelf)
    assert names(shelf) == ["mrclass_flair", "mrclass_t2w"]


def test_what_is_replaced_is_kept_under_a_name_of_its_own(shelf: Path, tmp_path: Path) -> None:
    digest = read_card(shelf / "mrclass_t2w").sha256[:8]
    mine = make_bundle(tmp_path / "mrclass_t2w", "t2w", gain=1.0)
    place, moved = add(mine, shelf, replace=True)
    assert (place, moved) == (shelf / "mrclass_t2w", shelf / "replaced" / f"mrclass_t2w-0.1.0-{digest}")
    assert read_card(place).sha256 == read_card(mine).sha256
    assert moved is not None and read_card(moved).sha256.startswith(digest)
    back = make_bundle(tmp_path / "again" / "mrclass_t2w", "t2w")
    add(back, shelf, replace=True)
    add(mine, shelf, replace=True)
    assert f"mrclass_t2w-0.1.0-{digest}-2" in names(shelf / "replaced")


def test_a_name_that_another_label_has_is_refused(shelf: Path, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "mrclass_flair", "tof")
    with pytest.raises(UsageError, match="mrclass_flair is there already and answers for another label"):
        add(other, shelf)


def test_a_bundle_that_does_not_fit_is_not_added(shelf: Path, tmp_path: Path) -> None:
    mine = make_bundle(tmp_path / "mine", "t2w")
    change_block(mine, weights_sha256="00")
    with pytest.raises(BundleError, match="has sha256"):
        add(mine, shelf, replace=True)
    thin = make_bundle(tmp_path / "thin", "tof", steps=[*PLAIN[:2], PLAIN[2] | {"slices": 4}, PLAIN[3]])
    assert check(thin).label == "tof", "alone it would do"
    with pytest.raises(BundleError, match="different numbers of slices"):
        add(thin, shelf)
    assert names(shelf) == ["mrclass_flair", "mrclass_t2w"]


def test_the_first_bundle_makes_its_folder(tmp_path: Path) -> None:
    mine = make_bundle(tmp_path / "mine", "t2w")
    assert add(mine, tmp_path / "new" / "shelf")[0] == tmp_path / "new" / "shelf" / "mine"
    with pytest.raises(UsageError, match="is in .* already"):
        add(tmp_path / "new" / "shelf" / "mine", tmp_path / "new" / "shelf")


def test_the_command_checks_each_bundle_and_ends_with_one_where_some_do_not_fit(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bundles", "check", "--bundles", str(shelf)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2].partition(",")[0] for line in lines] == [
        "fits: T2w against everything else", "fits: FLAIR against everything else",
    ]  # fmt: skip
    (shelf / "mrclass_flair" / "models" / "model.pt").unlink()
    assert (
        cli.main(["bundles", "check", str(shelf / "mrclass_flair"), "--bundles", str(shelf), "--json"]) == 1
    )
    (found,) = json.loads(capsys.readouterr().out)
    assert found["folder"] == str(shelf / "mrclass_flair")
    assert "models/model.pt is missing" in found["reason"]


def test_the_command_adds_and_says_where_the_old_one_is(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = make_bundle(tmp_path / "mine", "t2w", gain=1.0)
    assert cli.main(["bundles", "add", str(mine), "--bundles", str(shelf)]) == 2
    assert cli.main(["bundles", "add", str(mine), "--bundles", str(shelf), "--replace"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{shelf / 'mine'}: T2w against everything else")
    assert "The bundle it replaces is now" in err
    assert cli.main(["bundles", "add", "--bundles", str(shelf)]) == 2
    assert cli.main(["bundles", "list", str(mine), "--bundles", str(shelf)]) == 2
