"""The Label app as MONAI Label builds and calls it, in doubles of MONAI Label."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest
from dicom_files import stack, uid
from monailabel_double import HTTPException, install
from tiny_bundles import NO, make_bundle
from tiny_volumes import write_volume

MAIN = Path(__file__).resolve().parents[2] / "apps" / "monai_label" / "main.py"


@pytest.fixture
def start(tmp_path: Path, bundles: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts the app on a folder of one NIfTI file and one DICOM series."""
    install(monkeypatch)
    monkeypatch.setenv("MRCLASS_LABEL_SERVER", str(os.getpid()))
    spec = importlib.util.spec_from_file_location("label_main", MAIN)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    write_volume(tmp_path / "studies" / "scan.nii.gz")
    stack(tmp_path / "studies" / "series", 4)
    conf = {"bundles": str(bundles), "work": str(tmp_path / "work")}
    return lambda: module.MRClass(str(MAIN.parent), str(tmp_path / "studies"), conf)


@pytest.fixture
def app(start: Any) -> Any:
    return start()


def test_a_long_task_in_a_process_of_its_own_leaves_the_images_as_they_are(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    (tmp_path / "studies" / "scan.nii.gz").rename(tmp_path / "studies" / "moved.nii.gz")
    monkeypatch.setenv("MRCLASS_LABEL_SERVER", "1")  # the server is another process
    images = start().work / "images"
    assert (images / "scan.nii.gz").is_symlink() and not (images / "moved.nii.gz").is_symlink()


def test_the_ensemble_and_each_bundle_are_classification_tasks(app: Any) -> None:
    assert list(app._infers) == ["mrclass", "mrclass_t1w", "mrclass_t1ce", "mrclass_t2w", "mrclass_flair"]
    infos = {name: task.info() for name, task in app._infers.items()}
    assert {info["type"] for info in infos.values()} == {"classification"}
    assert infos["mrclass_t1ce"]["labels"] == ["t1w", "t1ce"]
    assert infos["mrclass_t1ce"]["description"] == "T1ce against T1w"
    assert infos["mrclass_t2w"]["version"] == "0.1.0"
    assert list(app._trainers) == list(infos)[1:]
    assert list(app._strategies) == ["uncertain", "random"]


def test_an_image_is_asked_about_by_its_id_or_by_a_posted_file(app: Any, tmp_path: Path) -> None:
    by_id = app.infer({"model": "mrclass", "image": "scan"})
    posted = write_volume(tmp_path / "tmp123.nii.gz")
    by_file = app.infer({"model": "mrclass", "image": str(posted)})
    assert by_id["params"]["label"] == by_file["params"]["label"] == "t2w"
    assert by_id["file"] is None  # nothing to save was asked for


def test_an_image_that_is_not_there_is_not_found(app: Any) -> None:
    with pytest.raises(HTTPException, match="no such image"):
        app.infer({"model": "mrclass", "image": "nowhere"})


def test_batch_inference_saves_an_answer_for_every_series_without_a_gpu(app: Any) -> None:
    answers = app.batch_infer({"model": "mrclass"})
    assert set(answers) == {"scan", uid(4, 1)}
    info = app.datastore().get_label_info("scan", "original")
    assert info["params"]["label"] == "t2w"
    assert json.loads(Path(info["file"]).read_text())["label"] == "t2w"
    assert app.datastore().get_unlabeled_images() == [uid(4, 1), "scan"]  # an answer is no person's label


def test_the_strategy_offers_what_is_left_and_ends(app: Any) -> None:
    strategy, store = app._strategies["uncertain"], app.datastore()
    assert "not looked at yet" in strategy({}, store)["reason"]
    app.batch_infer({"model": "mrclass"})
    first = strategy({}, store)
    assert "threshold" in first["reason"] and first["queue"] == 2
    assert strategy({"skip": [first["id"]]}, store)["id"] != first["id"]
    for image in store.list_images():
        store.save_label(image, "", "final", {"label": "t2w"})
    assert strategy({}, store) is None


def test_after_a_training_what_was_asked_before_counts_as_unseen(app: Any, tmp_path: Path) -> None:
    app.batch_infer({"model": "mrclass"})
    make_bundle(app.work / "bundles" / "mrclass_t2w", "t2w", offset=NO)
    assert "the bundles changed" in app._strategies["uncertain"]({}, app.datastore())["reason"]


def test_a_label_that_is_none_is_refused_and_not_kept(app: Any, tmp_path: Path) -> None:
    file = tmp_path / "label.json"
    file.write_text('{"label": "T3w"}')
    app.datastore().save_label("scan", str(file), "final", {})
    with pytest.raises(HTTPException, match="choose one of"):
        app.on_save_label("scan", "scan")
    assert app.datastore().get_labeled_images() == []
    file.write_text('{"label": "T2w"}')
    app.datastore().save_label("scan", str(file), "final", {})
    assert app.on_save_label("scan", "scan") == {"mrclass": "t2w"}


def test_the_trainer_takes_the_labels_of_people_with_their_patients(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lib.adapters

    given: dict[str, Any] = {}

    def train(bundle: Path, entries: Any, work: Path, serving: Path, knobs: Any, say: Any) -> dict[str, Any]:
        given.update(bundle=bundle, entries=entries, serving=serving)
        return {"bundle": str(bundle)}

    monkeypatch.setattr(lib.adapters, "train", train)
    app.batch_infer({"model": "mrclass"})
    store = app.datastore()
    store.save_label("scan", "", "final", {"label": "T2w"})
    store.save_label(uid(4, 1), "", "final", {"label": "t1w"})
    app._trainers["mrclass_t2w"]({"model": "mrclass_t2w"}, store)
    assert given["serving"] == app.work / "bundles"
    by_label = {entry["label"]: entry for entry in given["entries"]}
    assert by_label["t2w"]["patient"] == "scan"
    assert by_label["t1w"]["patient"] not in ("", "SECRET-ID")
    assert Path(by_label["t1w"]["image"]).is_file()
    assert app._trainers["mrclass_t2w"].stats() == {"bundle": str(given["bundle"])}
