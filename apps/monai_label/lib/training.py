"""Trains one bundle on the labels that were given: a datalist, the bundle's own train.json, a new bundle.

Reads labels and images of the local store; writes below its own folder only. The bundle that is trained is
a copy; the folder of bundles that the server was started with is never changed. Source: the bundle's
train.json.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrclass.convert import convert
from mrclass.datalist import describe, load
from mrclass.errors import MRClassError, SeriesError, UsageError
from mrclass.labels import parse

from lib.arrivals import series_of
from lib.threshold import ENOUGH, choose

# Knobs of train.json that a request may turn, with what they are called in the Label client.
KNOBS: dict[str, Any] = {
    "epochs": 10, "batch_size": 50, "learning_rate": 0.001, "stop_patience": 5, "validation_share": 0.2,
    "seed": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """One image with the label a person gave it."""

    image: str
    path: Path
    label: str
    patient: str


def label_of(info: Mapping[str, Any], file: Path | None = None) -> str:
    """Key of the label that came with a saved label: `params` {"label": "T2w"}, or a JSON or text file.

    Raises:
        UsageError: neither names a label of the table.
    """
    text = info.get("label")
    if text is None and file is not None and file.is_file() and file.stat().st_size < 10_000:
        content = file.read_text(encoding="utf-8", errors="replace").strip()
        try:
            loaded = json.loads(content)
        except ValueError:
            loaded = content
        text = loaded.get("label") if isinstance(loaded, dict) else loaded
    if not isinstance(text, str):
        raise UsageError('The label was not named. Send params={"label": "T2w"}, or such a JSON as the file.')
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def datalist(labelled: Iterable[Labelled], folder: Path) -> list[dict[str, str]]:
    """Entries of a datalist, one a volume; DICOM series are converted into `folder` first.

    Raises:
        UsageError: none could be used.
    """
    entries: list[dict[str, str]] = []
    problems: list[str] = []
    for one in labelled:
        try:
            for path in _volumes(one, folder):
                entries.append({"image": str(path), "label": one.label, "patient": one.patient})
        except SeriesError as error:
            problems.append(f"{one.image}: {error}")
    if not entries:
        raise UsageError(f"No labelled series to train on{': ' + problems[0] if problems else ''}.")
    return entries


def _volumes(one: Labelled, folder: Path) -> list[Path]:
    """NIfTI files of one labelled image; those of a DICOM series stay for the next training."""
    place = folder / one.image
    if place.is_dir():
        return sorted(place.glob("*.nii"))
    with tempfile.TemporaryDirectory(prefix="mrclass-label-") as scratch:
        series = series_of(one.path, Path(scratch))
        if series.kind == "nifti":
            volumes = convert(series, Path(scratch))
            if [volume.path for volume in volumes] == [one.path]:
                return [one.path]
        else:
            volumes = convert(series, Path(scratch))
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
        for volume in volumes:
            shutil.copyfile(volume.path, part / f"{volume.index:03d}.nii")
    part.rename(place)
    return sorted(place.glob("*.nii"))


def train(
    bundle: Path,
    entries: list[dict[str, str]],
    work: Path,
    serving: Path,
    knobs: Mapping[str, Any],
    say: Any = print,
) -> dict[str, Any]:
    """Trains a copy of a bundle from its present weights and puts the copy where the server looks first.

    Args:
        bundle: folder of the bundle that serves now.
        entries: of `datalist`.
        work: folder for the copy while it trains; a training before it there is removed.
        serving: folder that the server takes bundles from first.
        knobs: values for KNOBS; `scratch` true starts from random weights, `device` names the device,
            `threshold_volumes` is the number from which on a threshold is chosen.
        say: takes the lines of the training.

    Returns:
        bundle (folder that serves from now on), sha256 of its weights, volumes of each label, threshold (of
        `threshold.choose`).

    Raises:
        UsageError: a knob is unknown or not a number, or the labels cannot train this bundle.
        MRClassError: the training failed; the message holds its last lines.
    """
    place = work / bundle.name
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(bundle, place, ignore=shutil.ignore_patterns("eval", "checkpoint*", "best*"))
    file = place.with_suffix(".json")
    file.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    config = json.loads((place / "configs/train.json").read_text(encoding="utf-8"))
    # what train.json would refuse, refused here in one sentence
    sections = load(str(file), positives=config["positives"], negatives=config["negatives"],
                    fraction=_number("validation_share", knobs.get("validation_share", 0.2)),
                    seed=int(_number("seed", knobs.get("seed", 0))))  # fmt: skip
    command = [sys.executable, "-m", "monai.bundle", "run", "train", "--config_file", "configs/train.json"]
    command += ["--datalist", str(file.resolve()), "--bundle_root", "."]
    for name, default in KNOBS.items():
        value = _number(name, knobs.get(name, default))
        command += [f"--{name}", str(int(value) if isinstance(default, int) else value)]
    if not knobs.get("scratch"):
        command += ["--pretrained", "models/model.pt"]
    if knobs.get("device") == "cpu":
        command += ["--device", "$torch.device('cpu')"]
    enough = int(_number("threshold_volumes", knobs.get("threshold_volumes", ENOUGH)))
    _run(command, place, say)
    threshold = choose(place, sections["validation"], enough)
    say(f"threshold {threshold['threshold']:g}, {threshold['why']}")
    serving.mkdir(parents=True, exist_ok=True)
    target, old = serving / bundle.name, serving / f".{bundle.name}.old"
    if target.exists():
        target.rename(old)
    shutil.copytree(place, part := serving / f".{bundle.name}.part", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("eval", "checkpoint*", "best*"))  # fmt: skip
    part.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    metadata = json.loads((target / "configs/metadata.json").read_text(encoding="utf-8"))
    return {
        "bundle": str(target),
        "sha256": metadata["mrclass"]["weights_sha256"],
        "volumes": {name: describe(items) for name, items in sections.items()},
        "threshold": threshold,
    }


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} is {value!r}; wanted a number.") from error


def _run(command: list[str], place: Path, say: Any) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MONAI_LABEL")}
    last: deque[str] = deque(maxlen=8)
    errors: deque[str] = deque(maxlen=4)
    with subprocess.Popen(
        command, cwd=place, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip():
                say(line.rstrip())
                (errors if re.match(r"[\w.]+(Error|Exception): ", line) else last).append(line.rstrip())
    if process.returncode != 0:
        raise MRClassError(
            f"Training of {place.name} ended with code {process.returncode}: " + " | ".join(errors or last)
        )
