"""The transforms the bundles name: kinds, shapes, metadata, and what they do to intensities."""

from __future__ import annotations

import logging
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, EnsureTyped, LoadImaged
from mrclass import transforms
from mrclass.errors import VolumeError
from mrclass.slab import slab
from mrclass.transforms import (
    AcquisitionSlab,
    AcquisitionSlabd,
    N4BiasFieldCorrection,
    N4BiasFieldCorrectiond,
    NormalizeForeground,
    NormalizeForegroundd,
)

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])


def ball(shape: tuple[int, int, int] = (60, 60, 10)) -> np.ndarray:
    """A disc of about 100 in air of about 3, both with texture; float32."""
    rng = np.random.default_rng(0)
    i, j, _ = np.indices(shape)
    inside = ((i - 29.5) / 24) ** 2 + ((j - 29.5) / 20) ** 2 < 1
    return np.where(inside, rng.normal(100, 10, shape), np.abs(rng.normal(0, 3, shape))).astype(np.float32)


def loaded(volume: np.ndarray | None = None) -> MetaTensor:
    """A volume as LoadImage and EnsureChannelFirst leave it."""
    data = ball() if volume is None else volume
    meta = {"spatial_shape": np.array(data.shape), "filename_or_obj": "a.nii.gz", "dim": np.zeros(8)}
    return MetaTensor(torch.from_numpy(data)[None], affine=torch.from_numpy(AFFINE), meta=meta)


def slices_of(values: Any) -> MetaTensor:
    """Slabs are what the second and third transform see."""
    return MetaTensor(torch.as_tensor(values, dtype=torch.float32), meta={"acquisition_plane": "axial"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "volume.nii.gz"
    nib.save(nib.Nifti1Image(ball(), AFFINE), file)
    return file


def preprocessing() -> Compose:
    """As a bundle with N4 has it."""
    steps: list[Any] = [LoadImaged("image", reader="NibabelReader"), EnsureChannelFirstd("image")]
    steps += [AcquisitionSlabd("image"), N4BiasFieldCorrectiond("image"), NormalizeForegroundd("image")]
    return Compose([*steps, EnsureTyped("image")])


@pytest.fixture
def chain() -> Compose:
    return preprocessing()


def test_a_loaded_volume_becomes_its_slab() -> None:
    cut, expected = AcquisitionSlab()(loaded()), slab(ball(), AFFINE)
    assert (tuple(cut.shape), cut.dtype) == ((10, 224, 224), torch.float32)
    np.testing.assert_array_equal(cut.numpy(), expected.slices)


def test_the_slab_says_where_it_lies_and_nothing_of_the_stored_shape() -> None:
    cut, expected = AcquisitionSlab()(loaded()), slab(ball(), AFFINE)
    assert "spatial_shape" not in cut.meta and "dim" not in cut.meta
    assert (cut.meta["acquisition_plane"], cut.meta["slice_axis"]) == ("axial", 2)
    assert cut.meta["filename_or_obj"] == "a.nii.gz"
    np.testing.assert_array_equal(cut.meta["slab_affine"], expected.affine)
    # MONAI counts (row, column, slice): slice 3, row 5, column 7 lie at the same point in both
    np.testing.assert_allclose(
        cut.affine @ torch.tensor([5.0, 7, 3, 1]).double(), expected.affine @ [3, 5, 7, 1]
    )


def test_spacing_size_and_slices_can_be_chosen() -> None:
    cut = AcquisitionSlab(spacing=4.0, size=32, slices=5)(loaded())
    assert tuple(cut.shape) == (5, 32, 32)
    np.testing.assert_allclose(np.linalg.norm(cut.meta["slab_affine"][:3, :3], axis=0), 4)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (torch.zeros(1, 4, 4, 4), "no affine"),
        (MetaTensor(torch.zeros(3, 4, 4, 4)), "3 channels .3 x 4 x 4 x 4."),
    ],
)
def test_what_is_no_loaded_volume_is_refused_in_words(given: torch.Tensor, reason: str) -> None:
    with pytest.raises(VolumeError, match=reason):
        AcquisitionSlab()(given)


def test_normalisation_gives_tissue_mean_zero_and_deviation_one() -> None:
    cut = AcquisitionSlab()(loaded())
    tissue = cut.numpy() > 50
    scores = NormalizeForeground()(cut).numpy()
    assert scores[tissue].mean() == pytest.approx(0, abs=0.01)
    assert scores[tissue].std() == pytest.approx(1, abs=0.01)


def test_normalisation_by_hand() -> None:
    # tissue 60 and 100, half each: mean 80, deviation 20; air 10 -> -3.5; padding 0 -> -4
    values = np.zeros((1, 20, 20))
    values[0, :8], values[0, 8:12], values[0, 12:16] = 60, 10, 0
    values[0, 12:20] = 100
    values[0, 8, 0] = 0
    scores = NormalizeForeground()(slices_of(values)).numpy()
    np.testing.assert_allclose(
        [scores[0, 0, 0], scores[0, 19, 0], scores[0, 9, 0], scores[0, 8, 0]], [-1, 1, -3.5, -4]
    )


def test_normalised_scores_stay_within_five_deviations() -> None:
    values = np.full((1, 40, 40), 100.0)
    values[0, ::2] = 102
    values[0, 0, 0], values[0, 1, 1] = 1e6, 0
    scores = NormalizeForeground()(slices_of(values)).numpy()
    assert (scores.min(), scores[0, 0, 0] <= 5) == (-5, True)
    assert np.abs(np.abs(scores[0, 2:]) - 1).max() < 0.01  # the stray voxel did not squeeze the tissue


def test_gain_does_not_change_normalised_scores() -> None:
    cut = AcquisitionSlab()(loaded()).numpy()
    one, many = (NormalizeForeground()(gain * cut) for gain in (1, 7.5))
    np.testing.assert_allclose(one, many, atol=1e-4)


def test_a_foreground_of_one_intensity_is_shifted_only() -> None:
    values = np.zeros((1, 8, 8))
    values[0, 2:6, 2:6] = 3
    scores = NormalizeForeground()(slices_of(values)).numpy()
    assert (scores.min(), scores.max()) == (-3, 0)


def test_an_empty_slab_normalises_to_zeros() -> None:
    assert NormalizeForeground()(slices_of(np.zeros((2, 8, 8)))).abs().max() == 0


def biased(depth: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tissue of two intensities under a smooth field of two to one; the same without; and where tissue is."""
    row, column = np.indices((96, 96))
    tissue = ((row - 47.5) ** 2 + (column - 47.5) ** 2) < 40**2
    checks = np.where((row // 6 + column // 6) % 2, 100.0, 130.0) * tissue
    clean = np.repeat(checks[None], depth, axis=0).astype(np.float32)
    field = np.exp(0.35 * np.sin(np.pi * (column - 47.5) / 96)).astype(np.float32)
    return clean * field, clean, clean > 0


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 10])
def test_n4_takes_a_smooth_field_out_of_slabs_of_any_depth(depth: int) -> None:
    shaded, clean, tissue = biased(depth)
    corrected = N4BiasFieldCorrection()(slices_of(shaded)).numpy()
    assert corrected.shape == shaded.shape

    def unevenness(values: np.ndarray) -> float:
        return float(np.std(np.log(values[tissue] / clean[tissue])))

    assert unevenness(corrected) < 0.5 * unevenness(shaded)


def test_n4_gives_the_same_twice() -> None:
    shaded = slices_of(biased(4)[0])
    torch.testing.assert_close(
        N4BiasFieldCorrection()(shaded), N4BiasFieldCorrection()(shaded), rtol=0, atol=0
    )


def test_n4_failing_is_a_warning_and_leaves_the_slab(caplog: pytest.LogCaptureFixture) -> None:
    empty = slices_of(np.zeros((4, 32, 32)))
    with caplog.at_level(logging.WARNING):
        assert N4BiasFieldCorrection()(empty) is empty
    assert len(caplog.records) == 1
    assert "without bias field correction" in caplog.text


@pytest.mark.parametrize("transform", [N4BiasFieldCorrection(), NormalizeForeground()])
def test_kind_and_metadata_are_kept(transform: Any) -> None:
    values = biased(4)[0]
    meta = transform(slices_of(values))
    assert isinstance(meta, MetaTensor) and meta.meta["acquisition_plane"] == "axial"
    assert type(transform(torch.from_numpy(values))) is torch.Tensor
    assert type(transform(values)) is np.ndarray
    np.testing.assert_array_equal(meta.numpy(), transform(values))


@pytest.mark.parametrize("transform", [AcquisitionSlab(), N4BiasFieldCorrection(), NormalizeForeground()])
def test_the_input_is_left_as_it_was(transform: Any) -> None:
    given = loaded() if isinstance(transform, AcquisitionSlab) else slices_of(biased(4)[0])
    before, keys = given.as_tensor().clone(), set(given.meta)
    transform(given)
    assert torch.equal(given.as_tensor(), before) and set(given.meta) == keys


def test_dictionary_twins_do_what_their_array_forms_do() -> None:
    data: dict[Any, Any] = {"image": loaded(), "label": 1}
    array: Any = loaded()
    for twin, transform in (
        (AcquisitionSlabd("image"), AcquisitionSlab()),
        (N4BiasFieldCorrectiond("image"), N4BiasFieldCorrection()),
        (NormalizeForegroundd("image"), NormalizeForeground()),
    ):
        given, data, array = data, twin(data), transform(array)
        assert given is not data and data["label"] == 1
        assert torch.equal(data["image"].as_tensor(), array.as_tensor())


def test_a_missing_key_is_an_error_unless_it_is_allowed() -> None:
    with pytest.raises(KeyError, match="image"):
        NormalizeForegroundd("image")({})
    assert NormalizeForegroundd("image", allow_missing_keys=True)({}) == {}


def test_transforms_can_be_pickled() -> None:
    for transform in (
        AcquisitionSlabd("image", size=32),
        N4BiasFieldCorrectiond("image"),
        NormalizeForegroundd("image"),
    ):
        again = pickle.loads(pickle.dumps(transform))
        assert vars(again.transform) == vars(transform.transform)


def batch_of_a_worker(path: str) -> tuple[np.ndarray, set[str]]:
    """Two slabs as a training's loader gives them, and the keys of their metadata."""
    loader = DataLoader(Dataset([{"image": path}] * 2, preprocessing()), batch_size=2, num_workers=1)
    batch = next(iter(loader))["image"]
    return batch.numpy(), set(batch.meta)


def test_batches_of_slabs_come_out_of_worker_processes(chain: Compose, path: Path) -> None:
    # In a process of its own: a loader forks, and this one holds the threads of every library tested so far.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        batch, meta = alone.submit(batch_of_a_worker, str(path)).result()
    assert batch.shape == (2, 10, 224, 224)
    np.testing.assert_array_equal(batch[0], chain({"image": str(path)})["image"].numpy())
    assert "spatial_shape" not in meta


def test_public_names_are_what_is_exported() -> None:
    assert set(transforms.__all__) == {
        "Slab", "slab", "AcquisitionSlab", "AcquisitionSlabd",
        "N4BiasFieldCorrection", "N4BiasFieldCorrectiond",
        "NormalizeForeground", "NormalizeForegroundd",
    }  # fmt: skip
    assert all(hasattr(transforms, name) for name in transforms.__all__)
