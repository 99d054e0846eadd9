"""Datalists: what is read, split, refused, weighted and put into batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mrclass import datalist
from mrclass.errors import UsageError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in "abcdefgh":
        (tmp_path / f"{name}.nii.gz").write_bytes(name.encode())
    return tmp_path


def entry(name: str, label: str, patient: str | None = None) -> dict[str, str]:
    return {"image": f"{name}.nii.gz", "label": label, "patient": patient or name}


def load(place: Path, content: Any, **more: Any) -> dict[str, list[dict[str, Any]]]:
    (place / "list.json").write_text(json.dumps(content), encoding="utf-8")
    return datalist.load(str(place / "list.json"), dataset_dir=str(place), **{"positives": ["t2w"], **more})


def item(truth: str, patient: str) -> dict[str, str]:
    return {"truth": truth, "patient": patient, "image": f"{truth}-{patient}"}


def test_sections_become_binary_targets(place: Path) -> None:
    content = {
        "training": [entry("a", "T2w"), entry("b", "flair")],
        "validation": [entry("c", "t2w"), entry("d", "other")],
    }
    chosen = load(place, content)
    assert [i["label"] for i in chosen["training"]] == [1, 0]
    assert [i["truth"] for i in chosen["validation"]] == ["t2w", "other"]


def test_named_negatives_leave_all_other_labels_out(place: Path) -> None:
    content = {
        "training": [entry("a", "t1ce"), entry("b", "t1w"), entry("c", "adc")],
        "validation": [entry("d", "t1ce"), entry("e", "t1w")],
    }
    chosen = load(place, content, positives=["t1ce"], negatives=["t1w"])
    assert [i["truth"] for i in chosen["training"]] == ["t1ce", "t1w"]


def test_a_label_of_ones_own_is_known_where_the_bundle_names_it(place: Path) -> None:
    content = {
        "training": [entry("a", "dwi"), entry("b", "t1w")],
        "validation": [entry("c", "dwi"), entry("d", "adc")],
    }
    assert [i["label"] for i in load(place, content, positives=["dwi"])["training"]] == [1, 0]


def test_a_plain_list_is_split_by_patient(place: Path) -> None:
    chosen = load(place, [entry(n, "t2w" if n in "abcd" else "t1w") for n in "abcdefgh"], fraction=0.25)
    assert [len(chosen[name]) for name in datalist.SECTIONS] == [6, 2]
    assert {i["truth"] for i in chosen["validation"]} == {"t1w", "t2w"}


@pytest.mark.parametrize("key", ["patient", "image"])
def test_a_leak_is_refused_by_name(place: Path, key: str) -> None:
    content = {
        "training": [entry("a", "t2w", "p1"), entry("b", "t1w", "p2")],
        "validation": [entry("c", "t2w", "p3"), entry("d", "t1w", "p4")],
    }
    content["validation"][0][key] = content["training"][0][key]
    with pytest.raises(UsageError, match="in both training and validation"):
        load(place, content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([{"image": "a.nii.gz", "label": "t2w"}], "wanted image, label and patient"),
        ([entry("a", "mystery")], "'mystery' is not a label"),
        ([entry("z", "t2w")], "z.nii.gz does not exist"),
        ({"test": []}, "neither a list nor"),
        ({"training": [entry("a", "t2w")], "validation": [entry("b", "t1w")]}, "holds no volume of"),
    ],
)
def test_what_is_wrong_with_a_datalist_is_said(place: Path, content: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(place, content)


def test_no_data_and_a_broken_file_are_refused(place: Path) -> None:
    with pytest.raises(UsageError, match="--datalist"):
        datalist.load(positives=["t2w"])
    (place / "a.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="is not JSON"):
        datalist.load(str(place / "a.json"), positives=["t2w"])
    with pytest.raises(UsageError, match="1 labels were named"):
        datalist.load(image=["a", "b"], label=["t2w"], positives=["t2w"])


def test_the_split_is_the_same_for_any_order_and_differs_by_seed() -> None:
    items = [item("t1w", str(n)) for n in range(20)]

    def validation(given: list[dict[str, str]], seed: int) -> set[str]:
        return {i["patient"] for i in datalist.split_by_patient(given, 0.2, seed)["validation"]}

    assert validation(items, 1) == validation(items[::-1], 1)
    assert len(validation(items, 1)) == 4
    assert validation(items, 1) != validation(items, 2)


def test_a_patient_stays_whole_and_every_label_reaches_validation() -> None:
    items = [item(truth, f"p{n}") for n in range(10) for truth in ("t1w", "t2w")] + [
        item("swi", "x"),
        item("swi", "y"),
    ]
    parts = datalist.split_by_patient(items, 0.2, 0)
    patients = [{i["patient"] for i in parts[name]} for name in datalist.SECTIONS]
    assert not patients[0] & patients[1]
    assert {i["truth"] for i in parts["validation"]} == {"t1w", "t2w", "swi"}


def test_of_two_patients_the_one_whose_labels_the_other_has_goes_to_validation() -> None:
    # one has T1ce, which the other has not: it must stay to train with
    items = [item("t1ce", "a"), item("t1w", "a"), item("swi", "a"), item("t1w", "b"), item("swi", "b")]
    for seed in range(4):
        parts = datalist.split_by_patient(items, 0.2, seed)
        assert {i["patient"] for i in parts["validation"]} == {"b"}


def test_class_weights_are_the_largest_size_over_each_size() -> None:
    assert datalist.class_weights([{"label": 1}] + [{"label": 0}] * 4) == [1.0, 4.0]
    with pytest.raises(UsageError):
        datalist.class_weights([{"label": 1}])


def test_slabs_of_unequal_depth_become_one_batch_of_slices() -> None:
    batch = datalist.collate_slices(
        [{"image": torch.zeros(3, 4, 5), "label": 1}, {"image": torch.ones(1, 4, 5), "label": 0}]
    )
    assert batch["image"].shape == (4, 1, 4, 5)
    assert batch["label"].tolist() == [1, 1, 1, 0]


def test_named_images_win_over_the_folder(place: Path) -> None:
    assert datalist.images(str(place / "a.nii.gz")) == [{"image": str(place / "a.nii.gz")}]
    assert len(datalist.images([], str(place))) == 8
    with pytest.raises(UsageError, match="does not exist"):
        datalist.images("none.nii.gz")


def test_a_changed_file_has_another_stamp(place: Path) -> None:
    content = {
        "training": [entry("a", "t2w"), entry("b", "t1w")],
        "validation": [entry("c", "t2w"), entry("d", "t1w")],
    }
    before = load(place, content)["training"][0]["stamp"]
    (place / "a.nii.gz").write_bytes(b"longer")
    assert load(place, content)["training"][0]["stamp"] != before


def test_a_plain_list_is_evaluated_whole(place: Path) -> None:
    (place / "list.json").write_text(json.dumps([entry("a", "t2w"), entry("b", "t1w")]), encoding="utf-8")
    chosen = datalist.evaluation(str(place / "list.json"), dataset_dir=str(place), positives=["t2w"])
    assert [i["label"] for i in chosen] == [1, 0]
