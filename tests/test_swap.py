"""Another bundle in the place of one classifier, as the how-to makes it: only its column changes."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import ConfigWorkflow
from mrclass import run
from mrclass.card import read_card
from mrclass.ensemble import Ensemble
from mrclass.errors import UsageError
from mrclass.shelf import add
from tiny_bundles import WITH_N4, change, make_bundle

ROOT = Path(__file__).resolve().parents[1]
HOW_TO = ROOT / "docs" / "how-to" / "swap-a-classifier.md"

pytestmark = pytest.mark.filterwarnings("ignore:parsing config_file")


def head(folder: Path, name: str, seed: int) -> Path:
    """A ball with texture in 24 x 24 x 12 voxels of 4 x 4 x 3 mm."""
    i, j, k = np.indices((24, 24, 12))
    ball = (i - 11.5) ** 2 + (j - 11.5) ** 2 + (k - 5.5) ** 2 < 81
    noise = np.random.default_rng(seed).uniform(0, 20, ball.shape)
    data = np.where(ball, 100 + 3 * i + 5 * (j % 3) + noise, 0).astype(np.float32)
    nib.save(nib.Nifti1Image(data, np.diag([4.0, 4.0, 3.0, 1.0])), folder / name)
    return folder / name


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    folder = tmp_path / "bundles"
    make_bundle(folder / "mrclass_t1w", "t1w", gain=0.5, steps=WITH_N4)
    make_bundle(folder / "mrclass_t2w", "t2w", gain=2.0, offset=1.0)
    make_bundle(folder / "mrclass_flair", "flair", gain=-1.0)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that the how-to's code makes, trained for one short epoch by its own train.json."""
    place = tmp_path_factory.mktemp("how-to")
    shutil.copytree(
        ROOT / "bundles" / "mrclass_t2w",
        place / "bundles" / "mrclass_t2w",
        ignore=shutil.ignore_patterns("models", "eval"),
    )
    code = re.search(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        exec(code[1], {})  # the reader would paste it
    labels = ["t2w", "t2w", "flair", "flair"]
    workflow = ConfigWorkflow(
        config_file=str(place / "my_t2w" / "configs" / "train.json"),
        workflow_type="train",
        logging_file=False,
        bundle_root=str(place / "my_t2w"),
        run_id="train",
        image=[str(head(place, f"{n}.nii.gz", n)) for n in range(4)],
        truth=labels,
        epochs=1,
        batch_size=20,
        device="cpu",
        quiet=True,
    )
    workflow.initialize()
    workflow.run()
    workflow.finalize()
    return place / "my_t2w"


def test_only_the_column_of_the_swapped_member_changes(trained: Path, bundles: Path, tmp_path: Path) -> None:
    volume = head(tmp_path, "scan.nii.gz", 9)
    before = Ensemble.from_folder(bundles).predict(volume)
    ensemble = Ensemble.from_folder(bundles, members={"t2w": trained})
    after = ensemble.predict(volume)
    assert type(ensemble.members[1].network).__name__ == "DenseNet121"
    changed = {label for label in before.scores if before.slice_scores[label] != after.slice_scores[label]}
    assert changed == {"t2w"}
    assert set(after.scores) == set(before.scores)

    add(trained, bundles, replace=True)
    by_folder = Ensemble.from_folder(bundles)
    assert by_folder.predict(volume).slice_scores == after.slice_scores
    assert by_folder.versions == ensemble.versions
    assert sorted(path.name for path in bundles.iterdir()) == [
        "mrclass_flair", "mrclass_t1w", "my_t2w", "replaced",
    ]  # fmt: skip


def test_a_run_names_weights_and_config_of_every_member_and_notices_a_changed_config(
    bundles: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    head(tmp_path / "in", "scan.nii.gz", 9)
    out = tmp_path / "out"

    def classify() -> None:
        run.classify([tmp_path / "in"], out, bundles=bundles, jobs=1, say=lambda text: None)

    classify()
    card = read_card(bundles / "mrclass_t2w")
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    said = f"mrclass_t2w 0.1.0 {card.sha256[:12]} config {card.config_sha256[:12]}"
    assert said in row["members"].split(" | ")
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    for place in (results["rows"][0]["members"], results["run"]["members"]):
        assert place["mrclass_t2w"]["config_sha256"] == card.config_sha256
        assert place["mrclass_t2w"]["sha256"] == card.sha256
    assert card.config_sha256 in (out / "report.html").read_text(encoding="utf-8")

    change(bundles / "mrclass_t2w" / "configs" / "inference.json", about="another")
    with pytest.raises(UsageError, match=r"differs: mrclass_t2w \(configs/inference\.json\)"):
        classify()
