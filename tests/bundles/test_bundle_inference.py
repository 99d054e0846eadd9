"""Each bundle alone in an empty place: inference and evaluation of named NIfTI files, and what is refused."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from monai.data import MetaTensor
from mrclass.errors import UsageError, WeightsMismatchError, WeightsMissingError
from rendered import Runner, copy_alone, read, with_weights

INFERENCE = ["inference.json"]
EVALUATE = ["inference.json", "evaluate.json"]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_named_volume_gets_its_row(
    alone: Path, volumes: Path, run: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    workflow = run(alone, INFERENCE, "inference", image=str(volumes / "t1w-0.nii.gz"))
    label = read(alone / "configs" / "metadata.json")["mrclass"]["label"]
    (row,) = rows(alone / "eval")
    assert row["file"].endswith("t1w-0.nii.gz")
    assert row["label"] == label
    assert 0 <= float(row["score"]) <= 1
    assert 0 <= int(row["votes"]) <= int(row["n_slices"]) == 10
    assert label in capsys.readouterr().out
    output = workflow.parser.get_parsed_content("evaluator").state.output[0]
    assert isinstance(output["pred"], MetaTensor)
    assert output["pred"].shape == (2,)
    assert float(output["pred"].sum()) == pytest.approx(1)


def test_run_is_inference_and_a_folder_is_searched(
    tmp_path: Path, volumes: Path, run: Runner, random_weights: Path
) -> None:
    folder = with_weights("mrclass_t2w", tmp_path, random_weights)
    run(
        folder,
        INFERENCE,
        "run",
        dataset_dir=str(volumes),
        pattern="t*-0.nii.gz",
        output_dir=str(tmp_path / "out"),
    )
    assert [Path(row["file"]).name for row in rows(tmp_path / "out")] == [
        "t1ce-0.nii.gz",
        "t1w-0.nii.gz",
        "t2w-0.nii.gz",
    ]


def test_named_volumes_are_evaluated(alone: Path, volumes: Path, run: Runner) -> None:
    label = read(alone / "configs" / "metadata.json")["mrclass"]["label"]
    other = "t1w" if label == "t1ce" else "flair" if label != "flair" else "t2w"
    image = [str(volumes / f"{label}-0.nii.gz"), str(volumes / f"{other}-0.nii.gz")]
    run(alone, EVALUATE, "evaluate", image=image, truth=[label, other])
    metrics = read(alone / "eval" / "metrics.json")
    assert metrics["n"] == 2
    assert metrics["sensitivity"]["n"] == metrics["specificity"]["n"] == 1
    assert [row["truth"] for row in rows(alone / "eval")] == ["1", "0"]


def test_a_datalists_validation_section_is_evaluated(
    tmp_path: Path, volumes: Path, run: Runner, random_weights: Path
) -> None:
    folder = with_weights("mrclass_t1ce", tmp_path, random_weights)
    run(folder, EVALUATE, "evaluate", datalist=str(volumes / "datalist.json"), dataset_dir=str(volumes))
    assert [Path(row["file"]).name for row in rows(folder / "eval")] == ["t1w-1.nii.gz", "t1ce-1.nii.gz"]


def test_the_temperature_pulls_scores_to_a_half(
    tmp_path: Path, volumes: Path, run: Runner, random_weights: Path
) -> None:
    folder = with_weights("mrclass_t2w", tmp_path, random_weights)
    image = str(volumes / "t2w-0.nii.gz")
    run(folder, INFERENCE, "run", image=image, output_dir=str(tmp_path / "one"))
    run(folder, INFERENCE, "run", image=image, output_dir=str(tmp_path / "ten"), temperature=1000.0)
    one, ten = (float(rows(tmp_path / name)[0]["score"]) for name in ("one", "ten"))
    assert abs(ten - 0.5) < 0.01 < abs(one - 0.5)


def test_missing_weights_are_refused_with_the_file_and_the_way_to_get_it(
    name: str, tmp_path: Path, volumes: Path, run: Runner
) -> None:
    folder = copy_alone(name, tmp_path)
    with pytest.raises(RuntimeError) as caught:
        run(folder, INFERENCE, "run", image=str(volumes / "t1w-0.nii.gz"))
    cause = root_of(caught.value)
    assert isinstance(cause, WeightsMissingError)
    assert str(folder / "models" / "model.pt") in str(cause)
    assert f"bundles/{name}/models/" in str(cause)
    assert "run train" in str(cause)


def test_weights_that_the_metadata_does_not_name_are_refused(
    tmp_path: Path, volumes: Path, run: Runner, random_weights: Path
) -> None:
    folder = with_weights("mrclass_swi", tmp_path, random_weights)
    shutil.copy(random_weights, folder / "models" / "model.pt")  # float32: not the published file
    with pytest.raises(RuntimeError) as caught:
        run(folder, INFERENCE, "run", image=str(volumes / "t1w-0.nii.gz"))
    assert isinstance(root_of(caught.value), WeightsMismatchError)


def test_a_run_without_any_volume_is_refused(tmp_path: Path, run: Runner, random_weights: Path) -> None:
    folder = with_weights("mrclass_adc", tmp_path, random_weights)
    with pytest.raises(RuntimeError) as caught:
        run(folder, INFERENCE, "run", dataset_dir=str(tmp_path / "nothing"))
    assert isinstance(root_of(caught.value), UsageError)


def test_an_unreadable_volume_is_a_row_and_does_not_end_the_run(
    alone: Path, volumes: Path, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "bad.nii.gz").write_bytes((volumes / "t1w-0.nii.gz").read_bytes()[:2000])
    run(alone, INFERENCE, "run", image=[str(tmp_path / "bad.nii.gz"), str(volumes / "t1w-0.nii.gz")])
    bad, good = rows(alone / "eval")
    assert (bad["decision"], bad["score"]) == ("unreadable", "") and bad["reason"]
    assert float(good["score"]) > 0 and not good["reason"]


@pytest.mark.slow
def test_the_command_works_from_elsewhere_and_refuses_in_one_sentence(
    tmp_path: Path, volumes: Path, random_weights: Path
) -> None:
    folder = with_weights("mrclass_flair", tmp_path / "far", random_weights)
    command = [sys.executable, "-m", "monai.bundle", "run", "inference", "--config_file"]
    config, image = str(folder / "configs" / "inference.json"), str(volumes / "flair-0.nii.gz")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*command, config, "--image", image], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "flair-0.nii.gz" in done.stdout
    assert len(rows(folder / "eval")) == 1
    (tmp_path / "bad.nii").write_text("no image")
    some = subprocess.run(
        [*command, config, "--image", f"['{tmp_path / 'bad.nii'}','{image}']"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (some.returncode, len(rows(folder / "eval"))) == (3, 2)
    assert "Traceback" not in some.stderr
    (folder / "models" / "model.pt").unlink()
    refused = subprocess.run(
        [*command, "configs/inference.json", "--image", image],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "error: models/model.pt is missing." in refused.stderr.replace("./", "")


def root_of(error: BaseException) -> BaseException:
    """What MONAI wrapped."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def test_the_weights_of_a_copy_are_half_precision(alone: Path) -> None:
    state = torch.load(alone / "models" / "model.pt", weights_only=True)
    assert {v.dtype for k, v in state.items() if not k.endswith("num_batches_tracked")} == {torch.float16}
