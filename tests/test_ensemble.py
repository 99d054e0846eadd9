"""The ensemble on bundles small enough to follow by hand, and on the six where their weights are."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import mrclass
import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImaged
from mrclass import transforms
from mrclass.ensemble import Ensemble, windowed
from mrclass.errors import BundleError, UsageError, VolumeError
from tiny_bundles import NO, PLAIN, WITH_N4, YES, change_block, make_bundle, make_folder
from tiny_volumes import write_volume


def logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return write_volume(tmp_path / "volume.nii.gz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "bundles")


@pytest.fixture
def t1w_wins(tmp_path: Path) -> dict[str, Path]:
    return {
        "t1w": make_bundle(tmp_path / "yes" / "mrclass_t1w", "t1w", offset=YES, steps=WITH_N4),
        "t2w": make_bundle(tmp_path / "no" / "mrclass_t2w", "t2w", offset=NO),
    }


def count(monkeypatch: pytest.MonkeyPatch, kind: type, name: str = "__call__") -> list[int]:
    """Counts the calls of a method."""
    calls = [0]
    original = getattr(kind, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        return original(*args, **kwargs)

    monkeypatch.setattr(kind, name, counted)
    return calls


def test_the_member_that_says_yes_names_the_label(folder: Path, volume: Path) -> None:
    prediction = Ensemble.from_folder(folder).predict(volume)
    assert (prediction.label, prediction.conflict, prediction.candidates) == ("t2w", False, ("t2w",))
    assert prediction.score == pytest.approx(logistic(YES), abs=1e-6)
    assert prediction.votes == {"t1w": 0, "t2w": 10, "flair": 0}
    assert prediction.slice_scores["flair"] == pytest.approx([logistic(NO)] * 10, abs=1e-6)
    assert (prediction.n_slices, prediction.acquisition_plane) == (10, "axial")
    assert (prediction.slices.dtype, prediction.slices.shape) == (np.uint8, (10, 32, 32))
    assert set(prediction.seconds) == {"slab", "n4", "networks"}
    assert min(prediction.seconds.values()) > 0


def test_a_path_as_text_and_an_image_in_memory_give_the_same_prediction(folder: Path, volume: Path) -> None:
    ensemble = Ensemble.from_folder(folder, {"t2w": make_bundle(folder.parent / "gain", "t2w", gain=1.0)})
    predictions = [ensemble.predict(one) for one in (volume, str(volume), nib.load(volume))]
    assert predictions[0].slice_scores == predictions[1].slice_scores == predictions[2].slice_scores


def test_each_distinct_step_is_done_once(folder: Path, volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (
        LoadImaged,
        transforms.AcquisitionSlab,
        transforms.N4BiasFieldCorrection,
        transforms.NormalizeForeground,
    )
    ensemble = Ensemble.from_folder(folder)
    calls = [count(monkeypatch, kind) for kind in kinds]
    ensemble.predict(volume)
    # t1w with N4, t2w and flair without: one loading, one slab, one N4, two normalisations
    assert [one[0] for one in calls] == [1, 1, 1, 2]


def test_t1ce_is_asked_only_where_t1w_won(
    folder: Path, volume: Path, t1w_wins: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Ensemble.from_folder(folder)
    calls = count(monkeypatch, type(other.refining["t1w"].network))
    assert "t1ce" not in other.predict(volume).scores
    assert calls == [3]
    ensemble = Ensemble.from_folder(folder, t1w_wins)
    calls[0] = 0  # loading tries each network
    refined = ensemble.predict(volume)
    assert calls == [4]
    assert (refined.label, refined.candidates) == ("t1ce", ("t1w",))
    assert refined.score == pytest.approx(logistic(YES), abs=1e-6)
    assert len(refined.slice_scores["t1ce"]) == 10


def test_a_member_is_replaced_by_path(folder: Path, volume: Path) -> None:
    other = make_bundle(folder.parent / "mine", "t2w", offset=NO)
    ensemble = Ensemble.from_folder(folder, {"t2w": other})
    assert ensemble.predict(volume).label == "other"
    assert set(ensemble.versions) == {"mrclass_t1w", "mrclass_t1ce", "mine", "mrclass_flair"}
    mine = ensemble.versions["mine"]
    assert (mine["label"], mine["version"], mine["threshold"]) == ("t2w", "0.1.0", 0.6)
    for key, file in (("sha256", "models/model.pt"), ("config_sha256", "configs/inference.json")):
        assert mine[key] == hashlib.sha256((other / file).read_bytes()).hexdigest()


def test_a_replaced_member_need_not_be_loadable(folder: Path, volume: Path) -> None:
    (folder / "mrclass_t2w" / "models" / "model.pt").unlink()
    other = make_bundle(folder.parent / "mine", "t2w", offset=YES)
    assert Ensemble.from_folder(folder, {"t2w": other}).predict(volume).label == "t2w"


def test_a_seventh_bundle_joins_without_a_code_change(folder: Path, volume: Path) -> None:
    make_bundle(folder / "tof_by_somebody", "tof", offset=YES + 1)
    prediction = Ensemble.from_folder(folder).predict(volume)
    assert (prediction.label, prediction.candidates, prediction.conflict) == ("tof", ("tof", "t2w"), True)


def test_two_loaded_members_of_one_label_are_refused(folder: Path) -> None:
    with pytest.raises(BundleError, match="both answer for t1w"):
        Ensemble(Ensemble.from_folder(folder).members[:1] * 2)


def test_temperature_divides_the_logits(folder: Path, volume: Path) -> None:
    other = make_bundle(folder.parent / "warm", "t2w", offset=YES, temperature=2.0)
    prediction = Ensemble.from_folder(folder, {"t2w": other}).predict(volume)
    assert prediction.score == pytest.approx(logistic(YES / 2), abs=1e-6)


def test_the_threshold_of_the_metadata_decides(folder: Path, volume: Path) -> None:
    change_block(folder / "mrclass_t2w", threshold=0.99)
    prediction = Ensemble.from_folder(folder).predict(volume)
    assert (prediction.label, prediction.candidates) == ("other", ())
    assert prediction.score == pytest.approx(logistic(YES), abs=1e-6)


def test_a_single_slice_is_looked_at(folder: Path) -> None:
    data = np.zeros((24, 24, 1), np.float32)
    data[4:20, 4:20] = 50
    data[8:12, 8:12] = 90
    prediction = Ensemble.from_folder(folder).predict(nib.Nifti1Image(data, np.diag([2.0, 2.0, 5.0, 1.0])))
    assert (prediction.label, prediction.n_slices) == ("t2w", 1)


def test_the_steps_give_what_the_bundle_alone_gives(folder: Path, volume: Path) -> None:
    member = Ensemble.from_folder(folder).one_vs_all[0]
    alone = member.preprocessing({"image": str(volume)})["image"]
    data: dict[str, Any] = {"image": str(volume)}
    for step in member.steps:
        data = step.transform(data)
    np.testing.assert_array_equal(alone.numpy(), data["image"].numpy())


def image(dtype: Any = np.float32, shape: tuple[int, ...] = (8, 8, 8)) -> nib.Nifti1Image:
    return nib.Nifti1Image(np.ones(shape, dtype), np.eye(4))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (image(np.complex64), "complex"),
        (image(np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])), "colours"),
        (image(shape=(8, 8, 8, 3)), "4 dimensions"),
        (image(), "constant"),
    ],
)
def test_an_image_no_network_can_see_is_refused_in_words(
    folder: Path, given: nib.Nifti1Image, reason: str
) -> None:
    with pytest.raises(VolumeError, match=reason):
        Ensemble.from_folder(folder).predict(given)


def test_a_trailing_dimension_of_one_is_no_dimension(folder: Path, volume: Path) -> None:
    stored = nib.load(volume)
    given = nib.Nifti1Image(stored.get_fdata(dtype=np.float32)[..., None], stored.affine)
    assert Ensemble.from_folder(folder).predict(given).label == "t2w"


def test_files_that_are_no_nifti_are_refused_in_words(folder: Path, volume: Path, tmp_path: Path) -> None:
    ensemble = Ensemble.from_folder(folder)
    (tmp_path / "text.nii.gz").write_text("no image")
    (tmp_path / "cut.nii.gz").write_bytes(volume.read_bytes()[:600])
    for name in ("text.nii.gz", "cut.nii.gz", "nowhere.nii.gz"):
        with pytest.raises(VolumeError, match=f"{name} cannot be read"):
            ensemble.predict(tmp_path / name)


def test_anything_else_is_a_wrong_call(folder: Path) -> None:
    with pytest.raises(UsageError, match="got a list"):
        Ensemble.from_folder(folder).predict([1, 2])  # type: ignore[arg-type]


def test_an_absent_device_is_a_wrong_call(folder: Path) -> None:
    with pytest.raises(UsageError, match="cuda:99 is not there"):
        Ensemble.from_folder(folder, device="cuda:99")


def test_weights_that_are_not_numbers_are_named(folder: Path, volume: Path) -> None:
    other = make_bundle(folder.parent / "broken", "t2w", gain=math.nan)
    with pytest.raises(BundleError, match="broken answers with scores that are not finite"):
        Ensemble.from_folder(folder, {"t2w": other})


def test_slices_of_another_size_than_the_metadata_says_are_refused(folder: Path) -> None:
    steps = [*PLAIN[:2], PLAIN[2] | {"size": 48}, PLAIN[3]]
    other = make_bundle(folder.parent / "large", "t2w", steps=steps)
    with pytest.raises(BundleError, match="large gives slices of 48 x 48, its metadata says 32 x 32"):
        Ensemble.from_folder(folder, {"t2w": other})


def test_a_member_that_looks_at_another_number_of_slices_is_refused(folder: Path) -> None:
    steps = [*PLAIN[:2], PLAIN[2] | {"slices": 4}, PLAIN[3]]
    other = make_bundle(folder.parent / "thin", "t2w", steps=steps)
    with pytest.raises(BundleError, match="different numbers of slices of one volume: thin at 4, .* at 10"):
        Ensemble.from_folder(folder, {"t2w": other})


def test_preprocessing_that_fails_is_refused_before_any_series(folder: Path) -> None:
    steps = [*PLAIN, {"_target_": "Lambdad", "keys": "image", "func": "$lambda x: x[99]"}]
    other = make_bundle(folder.parent / "wrong", "t2w", steps=steps)
    with pytest.raises(BundleError, match="wrong cannot look at a simulated volume: "):
        Ensemble.from_folder(folder, {"t2w": other})


def test_pictures_run_from_black_to_white() -> None:
    picture = np.zeros((1, 10, 10), np.float32)
    picture[0, 5:] = np.arange(1, 51).reshape(5, 10)
    shown = windowed(picture)
    assert (shown.min(), shown.max(), shown[0, 0, 0]) == (0, 255, 0)
    assert shown[0, 9, 9] == 255


def test_the_package_gives_the_ensemble_by_name() -> None:
    assert mrclass.Ensemble is Ensemble
    with pytest.raises(AttributeError, match="nothing"):
        _ = mrclass.nothing  # type: ignore[attr-defined]
