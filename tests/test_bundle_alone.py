"""Each of the six bundles gives the same scores run alone by monai.bundle and inside the ensemble."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow
from mrclass.bundle import load_member
from mrclass.ensemble import Ensemble
from tiny_bundles import WITH_N4, change_block, make_bundle

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"
FOLDERS = sorted(path.parents[1] for path in BUNDLES.glob("*/configs/metadata.json"))


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the bundle; where it has no weights yet, with random ones: equality holds for any."""
    folder = tmp_path / request.param.name
    shutil.copytree(request.param, folder)
    weights = folder / "models" / "model.pt"
    if not weights.is_file():
        torch.manual_seed(0)
        parser = ConfigParser(ConfigParser.load_config_file(folder / "configs" / "inference.json"))
        state = parser.get_parsed_content("network_def").state_dict()
        weights.parent.mkdir(exist_ok=True)
        halves = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
        torch.save(halves, weights)
        change_block(folder, weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest())
    return folder


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A head-like ball with texture and some noise around it: 40 x 48 x 8 voxels, oblique."""
    rng = np.random.default_rng(3)
    i, j, k = np.indices((40, 48, 8))
    ball = ((i - 19.5) / 16) ** 2 + ((j - 23.5) / 20) ** 2 + ((k - 3.5) / 6) ** 2 < 1
    data = np.where(ball, 300 + 40 * np.sin(i / 3) * np.cos(j / 4), 10) + rng.normal(0, 6, ball.shape)
    affine = np.array([[4, 0, 0.5, 0], [0, 4, 1, 0], [0, -0.8, 6, 0], [0, 0, 0, 1.0]])
    path = tmp_path / "volume.nii.gz"
    nib.save(nib.Nifti1Image(np.abs(data).astype(np.float32), affine), path)
    return path


def alone(bundle: Path, volume: Path, output: Path) -> np.ndarray:
    """Slice scores of the label, as the bundle's own evaluator gives them."""
    workflow = ConfigWorkflow(
        config_file=str(bundle / "configs" / "inference.json"),
        workflow_type="inference",
        logging_file=False,
        bundle_root=str(bundle),
        image=[str(volume)],
        output_dir=str(output),
        device="$torch.device('cpu')",
    )
    workflow.initialize()
    workflow.run()
    (seen,) = workflow.parser.get_parsed_content("evaluator").state.output
    return seen["slice_scores"][:, 1].numpy()


def test_a_bundle_alone_and_in_the_ensemble_gives_the_same_scores(
    bundle: Path, volume: Path, tmp_path: Path
) -> None:
    member = load_member(bundle)
    members = [member]
    if member.refines is not None:  # asked only where T1w won
        members.append(load_member(make_bundle(tmp_path / "t1w", "t1w", offset=4.0, steps=WITH_N4)))
    inside = Ensemble(members).predict(volume).slice_scores[member.label]
    np.testing.assert_allclose(inside, alone(bundle, volume, tmp_path / "out"), atol=1e-5)
    assert len(set(inside)) > 1  # the network looked


def test_the_six_need_two_preprocessings() -> None:
    if not FOLDERS:
        pytest.skip("no bundles rendered")
    seen: dict[str, tuple[str, ...]] = {}
    for folder in FOLDERS:
        config = ConfigParser.load_config_file(folder / "configs" / "inference.json")
        steps = [step for step in config["preprocessing"]["transforms"] if not step.get("_disabled_")]
        seen[folder.name] = tuple(step["_target_"] for step in steps)
    assert len(set(seen.values())) == 2
    with_n4 = {name for name, steps in seen.items() if "mrclass.transforms.N4BiasFieldCorrectiond" in steps}
    assert with_n4 == {"mrclass_t1w", "mrclass_t1ce"}
