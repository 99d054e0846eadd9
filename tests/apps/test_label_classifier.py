"""The Label app's answers, on bundles small enough to follow by hand."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import lib.arrivals
import lib.classifier
import pytest
from dicom_files import stack
from lib.classifier import Classifier
from lib.slabs import SlabStore
from mrclass.ensemble import Ensemble
from mrclass.errors import UsageError
from tiny_bundles import NO, YES, make_bundle
from tiny_volumes import write_volume


@pytest.fixture
def classifier(bundles: Path, tmp_path: Path) -> Classifier:
    return Classifier(bundles, tmp_path / "work" / "bundles", SlabStore(tmp_path / "work" / "slabs"))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return write_volume(tmp_path / "volume.nii.gz")


def test_the_ensembles_answer_is_what_the_ensemble_predicts(
    classifier: Classifier, bundles: Path, volume: Path
) -> None:
    answer = classifier.answer("mrclass", volume)
    prediction = Ensemble.from_folder(bundles).predict(volume)
    assert (answer["status"], answer["label"], answer["conflict"]) == ("done", "t2w", False)
    assert answer["score"] == prediction.score
    assert answer["slice_votes"] == prediction.votes == {"t1w": 0, "t2w": 10, "flair": 0}
    assert answer["slice_scores"] == prediction.slice_scores
    assert answer["prediction"][1] == {"idx": 1, "label": "t2w", "score": prediction.score}
    assert answer["thresholds"] == {"t1w": 0.6, "t2w": 0.6, "flair": 0.6}
    assert answer["members"]["mrclass_t2w"]["version"] == "0.1.0"
    assert len(answer["volumes"]) == 1


def test_a_bundle_alone_says_its_label_or_the_rest(classifier: Classifier, volume: Path) -> None:
    yes, no = (classifier.answer(f"mrclass_{label}", volume) for label in ("t2w", "t1w"))
    assert (yes["label"], no["label"]) == ("t2w", "other")
    assert [one["label"] for one in no["prediction"]] == ["other", "t1w"]
    assert sum(one["score"] for one in no["prediction"]) == pytest.approx(1)
    assert "conflict" not in yes and "verdict" not in yes
    assert list(yes["members"]) == ["mrclass_t2w"]


def test_t1ce_alone_says_t1w_where_it_says_no(classifier: Classifier, bundles: Path, volume: Path) -> None:
    shutil.rmtree(bundles / "mrclass_t1ce")
    make_bundle(bundles / "mrclass_t1ce", "t1ce", offset=NO, refines="t1w")
    answer = classifier.answer("mrclass_t1ce", volume)
    assert answer["label"] == "t1w"
    assert [one["label"] for one in answer["prediction"]] == ["t1w", "t1ce"]


def test_the_second_question_finds_the_slabs(
    classifier: Classifier, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = classifier.answer("mrclass", volume)
    monkeypatch.setattr(lib.classifier, "convert", None)  # would fail if it were called
    second, alone = classifier.answer("mrclass", volume), classifier.answer("mrclass_t1ce", volume)
    assert (first["kept"], second["kept"], alone["kept"]) == (False, True, True)
    assert {**second, "kept": False} == first


def test_what_the_header_told_of_a_volume_is_kept_with_its_slabs(
    classifier: Classifier, tmp_path: Path
) -> None:
    stack(tmp_path / "series", 4)
    first, second = (classifier.answer("mrclass", tmp_path / "series") for _ in range(2))
    assert second["kept"] and {**second, "kept": False} == first
    (kept,) = classifier.slabs.find(next((tmp_path / "work" / "slabs").iterdir()).name, []) or []
    assert (kept.volume.shape[2], len(kept.volume.orientation), kept.volume.affine.shape) == (4, 6, (4, 4))


def test_an_ensemble_is_tried_out_once(
    classifier: Classifier, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = classifier.answer("mrclass", volume)
    monkeypatch.setattr(lib.classifier, "Ensemble", None)  # would fail if one were made
    assert {**classifier.answer("mrclass", volume), "kept": False} == first


def test_the_same_content_under_another_name_finds_them_too(classifier: Classifier, volume: Path) -> None:
    classifier.answer("mrclass", volume)
    twin = Path(shutil.copy(volume, volume.with_name("posted.nii.gz")))
    assert classifier.answer("mrclass", twin)["kept"]
    assert not classifier.answer("mrclass", write_volume(twin, seed=1))["kept"]


def test_kept_slabs_that_are_damaged_are_made_anew(
    classifier: Classifier, volume: Path, tmp_path: Path
) -> None:
    first = classifier.answer("mrclass", volume)
    for file in (tmp_path / "work" / "slabs").glob("*/*.npy"):
        file.write_bytes(b"nonsense")
    assert classifier.answer("mrclass", volume) == first


def test_a_trained_bundle_takes_over_at_once(classifier: Classifier, volume: Path, tmp_path: Path) -> None:
    assert classifier.answer("mrclass", volume)["label"] == "t2w"
    make_bundle(tmp_path / "work" / "bundles" / "mrclass_t2w", "t2w", offset=NO)
    answer = classifier.answer("mrclass", volume)
    assert (answer["label"], answer["kept"]) == ("other", True)


def test_two_claims_are_a_conflict(bundles: Path, tmp_path: Path, volume: Path) -> None:
    shutil.rmtree(bundles / "mrclass_flair")
    make_bundle(bundles / "mrclass_flair", "flair", offset=YES)
    classifier = Classifier(bundles, tmp_path / "none", SlabStore(tmp_path / "slabs"))
    answer = classifier.answer("mrclass", volume)
    assert (answer["conflict"], answer["candidates"]) == (True, ["t2w", "flair"])


def test_a_dicom_series_is_answered_with_its_header_label(classifier: Classifier, tmp_path: Path) -> None:
    stack(tmp_path / "series", 4)
    answer = classifier.answer("mrclass", tmp_path / "series")
    assert (answer["status"], answer["header_label"], answer["verdict"]) == ("done", "t1w", "disagree")


def test_a_zipped_series_is_answered_alike(classifier: Classifier, tmp_path: Path) -> None:
    files = stack(tmp_path / "series", 4)
    with zipfile.ZipFile(tmp_path / "series.zip", "w") as archive:
        for index, file in enumerate(files):
            archive.write(file, f"../../{index}/evil.dcm")  # no name in a zip decides a path
    folder, zipped = (classifier.answer("mrclass", tmp_path / name) for name in ("series", "series.zip"))
    assert zipped["kept"] and {**zipped, "kept": False} == folder
    assert not list(tmp_path.parent.glob("*/evil.dcm"))


def test_a_zip_that_unpacks_too_large_is_a_reason(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lib.arrivals, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.dcm", bytes(1_000_000))
    answer = classifier.answer("mrclass", tmp_path / "bomb.zip")
    assert answer["status"] == "unreadable" and "unpacks to more" in answer["reason"]


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty file"), (b"not a NIfTI file", "not a readable NIfTI file")]
)
def test_a_file_that_cannot_be_read_is_an_answer_with_a_reason(
    classifier: Classifier, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(content)
    answer = classifier.answer("mrclass", tmp_path / "broken.nii.gz")
    assert (answer["status"], answer["volumes"], answer["prediction"]) == ("unreadable", [], [])
    assert said in answer["reason"]


def test_a_file_that_is_gone_is_an_answer_with_a_reason(classifier: Classifier, tmp_path: Path) -> None:
    assert (
        classifier.answer("mrclass", tmp_path / "gone.nii.gz")["reason"]
        == "gone.nii.gz is not there any more."
    )


def test_several_series_at_once_are_a_reason(classifier: Classifier, tmp_path: Path) -> None:
    stack(tmp_path / "study" / "1", 3, series=1)
    stack(tmp_path / "study" / "2", 3, series=2)
    assert classifier.answer("mrclass", tmp_path / "study")["reason"].startswith("2 series came at once")


def test_a_wrong_model_lists_the_choices(classifier: Classifier, volume: Path) -> None:
    with pytest.raises(UsageError, match="mrclass, mrclass_t1w, mrclass_t1ce, mrclass_t2w"):
        classifier.answer("mrclass_t3w", volume)


def test_slabs_used_least_lately_make_room(bundles: Path, tmp_path: Path) -> None:
    store = SlabStore(tmp_path / "slabs", limit=200_000)  # two preprocessings of 10 x 32 x 32: 82 kB a series
    classifier = Classifier(bundles, tmp_path / "none", store)
    files = [write_volume(tmp_path / f"{seed}.nii.gz", seed) for seed in range(3)]
    for file in (files[0], files[1], files[0], files[2]):
        classifier.answer("mrclass", file)
    assert [classifier.answer("mrclass", file)["kept"] for file in (files[0], files[2])] == [True, True]
    assert not classifier.answer("mrclass", files[1])["kept"]
