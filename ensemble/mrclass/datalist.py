"""Turns datalists and file names into what a bundle trains on: splits, targets, class weights, batches.

Reads a datalist (JSON) and names of NIfTI files; writes nothing. A leaf: the bundles' configs name it, it
imports nothing of ours but labels and errors. Source: paper, section 2.4 (80/20 stratified by class, weights
by class size); split by patient: a stricter reading.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError
from .labels import DISPLAY, parse

if TYPE_CHECKING:
    import torch

SECTIONS = ("training", "validation")
SHARE = 0.2  # for validation (paper, section 2.4)
PATIENT = "patient"  # key of an entry, and column of a catalogue
SMALLEST = 20  # pixels of 2 mm: 40 mm; a smaller picture of a head shows no head
Item = dict[str, Any]


def images(image: str | Sequence[str] = (), dataset_dir: str = ".", pattern: str = "*.nii*") -> list[Item]:
    """Volumes to classify: the named files, or where none is named those in a folder.

    Args:
        image: NIfTI file, or several.
        dataset_dir: folder that is looked into where `image` is empty; also where named files are sought that
            the current folder does not hold.
        pattern: glob pattern inside `dataset_dir`; `**/*.nii.gz` looks into its sub-folders.

    Returns:
        One {"image": path} for each volume; empty where the folder holds none.

    Raises:
        UsageError: a named file does not exist.
    """
    named = [image] if isinstance(image, str) and image else list(image)
    if named:
        return [{"image": str(_existing(name, dataset_dir))} for name in named]
    return [{"image": str(path)} for path in sorted(Path(dataset_dir).glob(pattern)) if path.is_file()]


def load(
    datalist: str = "",
    image: str | Sequence[str] = (),
    label: str | Sequence[str] = (),
    dataset_dir: str = ".",
    positives: Sequence[str] = (),
    negatives: Sequence[str] = (),
    fraction: float = SHARE,
    seed: int = 0,
) -> dict[str, list[Item]]:
    """Training and validation volumes of one bundle.

    Args:
        datalist: JSON file, {"training": [{"image", "label", "patient"}, ...], "validation": [...]}, or one
            list, which is split by patient.
        image: NIfTI files, instead of a datalist; each counts as a patient of its own.
        label: their labels, in the same order.
        dataset_dir: folder that relative names in the datalist start from.
        positives: labels of class 1.
        negatives: labels of class 0; empty: all others.
        fraction: share of patients for validation where the datalist has no validation section.
        seed: of that split.

    Returns:
        {"training": items, "validation": items}; an item holds image (path), label (0 or 1), truth (label
        key), patient, and stamp (size and time of the file: a cached slab of a changed file is not used).

    Raises:
        UsageError: no data, an unknown label, a missing file, a patient or file in both sections, or a
            section without volumes of one class.
    """
    sections = read(datalist, image, label, dataset_dir, extra=[*positives, *negatives])
    if "validation" not in sections:
        # The whole list is split before a bundle picks its classes: the six bundles share one split.
        sections = split_by_patient(sections["training"], fraction, seed)
    refuse_leaks(sections)
    chosen = {name: binary(items, positives, negatives) for name, items in sections.items()}
    for name in SECTIONS:
        for target, labels in ((1, list(positives)), (0, list(negatives) or ["any other label"])):
            if not any(item["label"] == target for item in chosen[name]):
                raise UsageError(
                    f"The {name} section holds no volume of {' or '.join(labels)}; wanted at least one, from "
                    "another patient than those of the other section. Add some, or give both sections."
                )
    return chosen


def evaluation(
    datalist: str = "",
    image: str | Sequence[str] = (),
    label: str | Sequence[str] = (),
    dataset_dir: str = ".",
    positives: Sequence[str] = (),
    negatives: Sequence[str] = (),
    section: str = "validation",
) -> list[Item]:
    """Labelled volumes to evaluate one bundle on: of a datalist, or all of a plain list or named files.

    Arguments, items and errors are those of `load`.
    """
    sections = read(datalist, image, label, dataset_dir, extra=[*positives, *negatives])
    if "validation" not in sections and section == "validation":
        section = "training"  # a plain list: nothing was set aside, so all of it is meant
    if section not in sections:
        raise UsageError(f"{datalist} has no section {section!r}; choose one of: {', '.join(sections)}")
    return binary(sections[section], positives, negatives)


def read(
    datalist: str,
    image: str | Sequence[str],
    label: str | Sequence[str],
    dataset_dir: str,
    extra: Sequence[str] = (),
) -> dict[str, list[Item]]:
    """Sections of a datalist, every file found and every label known; a plain list is the section "training".

    Raises:
        UsageError: as in `load`.
    """
    if image and label:
        names = [image] if isinstance(image, str) else list(image)
        labels = [label] if isinstance(label, str) else list(label)
        if len(names) != len(labels):
            raise UsageError(
                f"{len(names)} images and {len(labels)} labels were named; wanted one label for each image."
            )
        sections: Mapping[str, Any] = {
            "training": [{"image": n, "label": t, "patient": n} for n, t in zip(names, labels, strict=True)]
        }
    elif datalist:
        sections = _sections(Path(datalist))
    else:
        raise UsageError(
            "No labelled data was named. Give --datalist FILE.json, or --image \"['a.nii.gz','b.nii.gz']\" "
            "--truth \"['t1w','t2w']\"."
        )
    return {
        name: [_item(item, f"{name}[{i}]", dataset_dir, extra) for i, item in enumerate(items)]
        for name, items in sections.items()
    }


def _sections(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"Datalist {path} does not exist.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"Datalist {path} is not JSON: {error}") from error
    sections = {"training": content} if isinstance(content, list) else content
    known = isinstance(sections, dict) and "training" in sections
    if not known or not all(isinstance(sections.get(name, []), list) for name in SECTIONS):
        raise UsageError(f'Datalist {path} is neither a list nor {{"training": [...], "validation": [...]}}.')
    return {name: sections[name] for name in SECTIONS if name in sections}


def _item(item: Any, where: str, dataset_dir: str, extra: Sequence[str]) -> Item:
    """One checked entry of a datalist, with its label's key as `truth`."""
    if not isinstance(item, dict) or not {"image", "label", "patient"} <= set(item):
        held = ", ".join(item) if isinstance(item, dict) else type(item).__name__
        raise UsageError(f"Datalist entry {where} holds {held}; wanted image, label and patient.")
    name = str(item["label"])
    try:
        truth = name if name in extra else parse(name)
    except ValueError as error:
        raise UsageError(f"Datalist entry {where}: {error}") from error
    path = _existing(str(item["image"]), dataset_dir)
    state = path.stat()
    return {
        "image": str(path),
        "truth": truth,
        "patient": str(item["patient"]),
        "stamp": f"{state.st_size}-{state.st_mtime_ns}",
    }


def _existing(name: str, dataset_dir: str) -> Path:
    for path in (Path(name), Path(dataset_dir) / name):
        if path.exists():
            return path
    raise UsageError(
        f"{name} does not exist, neither here nor in dataset_dir ({Path(dataset_dir).resolve()})."
    )


def split_by_patient(items: Sequence[Item], fraction: float = SHARE, seed: int = 0) -> dict[str, list[Item]]:
    """Splits volumes so that no patient is in both parts and each label keeps about the same share.

    A patient with several labels counts for the rarest of them; of each label with two patients or more, at
    least one goes to validation, unless that would leave some label without any in training. The same items
    and seed give the same split, in whatever order the items come.

    Args:
        items: volumes with truth and patient.
        fraction: share of the patients of each label for validation, in (0, 1).
        seed: of the choice.

    Returns:
        {"training": items, "validation": items}, each in the order given.
    """
    size: dict[str, int] = defaultdict(int)
    held: dict[str, set[str]] = defaultdict(set)
    for item in items:
        size[item["truth"]] += 1
        held[item["patient"]].add(item["truth"])
    strata: dict[str, list[str]] = defaultdict(list)
    for patient in sorted(held):
        strata[min(held[patient], key=lambda truth: (size[truth], truth))].append(patient)
    draw = random.Random(seed)
    validation: set[str] = set()
    for truth in sorted(strata):
        patients = strata[truth]
        draw.shuffle(patients)
        wanted = round(fraction * len(patients))
        validation.update(patients[: max(wanted, 1) if len(patients) > 1 else 0])
    for truth in sorted(size, key=lambda truth: (size[truth], truth)):
        holders = {patient for patient in held if truth in held[patient]}
        if len(holders) > 1 and not holders & validation:
            spare = [patient for patient in sorted(holders) if _can_go(patient, held, validation)]
            validation.update(draw.sample(spare, min(1, len(spare))))
    return {
        "training": [item for item in items if item["patient"] not in validation],
        "validation": [item for item in items if item["patient"] in validation],
    }


def _can_go(patient: str, held: Mapping[str, set[str]], gone: set[str]) -> bool:
    """Whether every label of a patient is held by another that stays in training."""
    staying = (truths for other, truths in held.items() if other != patient and other not in gone)
    return held[patient] <= set[str]().union(*staying)


def refuse_leaks(sections: Mapping[str, Sequence[Item]], keys: Sequence[str] = ("patient", "image")) -> None:
    """Raises UsageError where a patient or a file is in both sections: validation would measure memory."""
    for key in keys:
        first, second = ({item[key] for item in sections[name]} for name in SECTIONS)
        both = sorted(first & second)
        if both:
            shown = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
            raise UsageError(
                f"{len(both)} {key}{'s' if len(both) > 1 else ''} in both training and validation ({shown}); "
                "wanted none. Move each to one section."
            )


def binary(items: Sequence[Item], positives: Sequence[str], negatives: Sequence[str] = ()) -> list[Item]:
    """Items a bundle looks at, `label` 1 for its positives and 0 for its negatives (empty: all others)."""
    return [
        {**item, "label": int(item["truth"] in positives)}
        for item in items
        if item["truth"] in positives or not negatives or item["truth"] in negatives
    ]


def class_weights(items: Sequence[Item]) -> list[float]:
    """Weights of classes 0 and 1 in the loss: size of the largest class / size of the class (paper, 2.4)."""
    sizes = [sum(item["label"] == target for item in items) for target in (0, 1)]
    if not all(sizes):
        raise UsageError(f"Classes 0 and 1 hold {sizes[0]} and {sizes[1]} volumes; wanted at least one each.")
    return [max(sizes) / size for size in sizes]


def collate_slices(batch: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """One batch of slices from several slabs.

    Args:
        batch: each with image, shape (slices, H, W), and label 0 or 1; numbers of slices may differ.

    Returns:
        image: float32, shape (all slices, 1, H, W); label: int64, shape (all slices,).
    """
    import torch

    slabs = [torch.as_tensor(item["image"]) for item in batch]
    targets = [torch.full((len(slab),), int(item["label"])) for slab, item in zip(slabs, batch, strict=True)]
    return {"image": torch.cat(slabs)[:, None], "label": torch.cat(targets)}


def describe(items: Sequence[Item]) -> str:
    """Volumes for each label, as one line for a log."""
    counts = {key: sum(item["truth"] == key for item in items) for key in {item["truth"] for item in items}}
    return ", ".join(f"{DISPLAY.get(key, key)} {counts[key]}" for key in sorted(counts))
