"""Series that the SDK's loader drops or mixes up: kept without rules, told as what they are with rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deploy_helpers import small_bundles, start
from dicom_files import image, stack, uid
from mrclass_deploy.intake import NOT_CHOSEN, ask, choose, take

ONLY_T2 = '{"selections": [{"name": "t2", "conditions": {"SeriesDescription": "T2"}}]}'
BARE, TWICE, NAMELESS = uid(4, 1), uid(4, 2), uid(4, 3)
UNASKED = "the selection rules could not be asked: MONAI Deploy's loader does not take its first image"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Series 1 without preamble and file meta, 2 in two studies, 3 without SOPClassUID."""
    folder = tmp_path_factory.mktemp("deploy")
    (folder / "study" / "bare").mkdir(parents=True)
    for number in range(1, 5):
        bare = image(1, number)
        bare.save_as(folder / "study" / "bare" / f"{number}", implicit_vr=True, little_endian=True)
    stack(folder / "study" / "first", 4, series=2, SeriesDescription="AX T2")
    stack(folder / "study" / "second", 4, series=2, SeriesDescription="AX T2", StudyInstanceUID=uid(3, 2))
    stack(folder / "study" / "nameless", 4, series=3, SOPClassUID=None)
    small_bundles(folder / "models")
    return folder


def told(place: Path, out: str, rules: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Runs the app; (study, series) -> status, reason."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        start(monkeypatch, place / "study", place / out, place / "models", rules=rules)
    content = json.loads((place / out / "mrclass.json").read_text())
    return {
        (study["study_uid"], one["series_uid"]): (one["status"], one["reason"])
        for study in content["studies"]
        for one in study["series"]
    }


def test_without_rules_every_series_is_looked_at_whatever_the_loader_takes(place: Path) -> None:
    assert told(place, "all", "") == {
        (uid(3), BARE): ("done", ""),
        (uid(3), TWICE): ("done", ""),
        (uid(3, 2), TWICE): ("done", ""),
        (uid(3), NAMELESS): ("done", ""),
    }


def test_with_rules_what_the_loader_does_not_take_has_a_reason_of_its_own(place: Path) -> None:
    assert told(place, "chosen", ONLY_T2) == {
        (uid(3), BARE): ("skipped", UNASKED),
        (uid(3), TWICE): ("done", ""),
        (uid(3, 2), TWICE): ("done", ""),
        (uid(3), NAMELESS): ("skipped", UNASKED),
    }


def test_a_file_that_the_loader_ends_at_is_a_row_and_the_other_series_are_asked_about(place: Path) -> None:
    held = take(place / "study", place / "out")
    third = next(one for one in held.series if one.series_uid == NAMELESS)

    def load(folder: Path) -> list[Any]:
        if (folder / "0.dcm").resolve() == third.files[0]:
            raise RecursionError("a sequence in a sequence in a sequence of SECRET^NAME")
        return []

    asked, studies = ask(held, load)
    reasons = {(one.study_uid, one.series_uid): one.skip_reason for one in asked.series}
    assert studies == []
    assert reasons.pop((uid(3), NAMELESS)) == f"{UNASKED} (RecursionError)"
    assert set(reasons.values()) == {UNASKED}


def test_what_the_rules_were_not_asked_about_is_not_said_to_be_refused_by_them(place: Path) -> None:
    asked, _ = ask(take(place / "study", place / "out"), lambda _: [])
    reasons = {one.skip_reason for one in choose(asked, set()).series}
    assert reasons == {UNASKED} and NOT_CHOSEN not in reasons
