"""Answers for one image: what the ensemble, or one of its bundles alone, says of each volume of a series.

Reads the bundles and the image, writes kept slabs below its own folder. A bundle whose files changed is
loaded anew, so that what was trained serves from the next question on. Source: mrclass.worker, which makes
the rows of `mrclass classify`; an answer holds the same values.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mrclass import __version__
from mrclass.bundle import CONFIG, Member, load_member
from mrclass.card import METADATA, WEIGHTS, Card, read_card, versions
from mrclass.convert import convert
from mrclass.ensemble import Ensemble, Prediction
from mrclass.errors import SeriesError, UsageError
from mrclass.labels import OTHER
from mrclass.members import choose
from mrclass.worker import Rooms, process

from lib.arrivals import series_of
from lib.slabs import KeptWork, SlabStore, chain

logger = logging.getLogger(__name__)
ENSEMBLE = "mrclass"
VOLUME_KEYS = (
    "label", "score", "conflict", "candidates", "scores", "slice_scores", "n_slices", "acquisition_plane",
    "header_label", "header_evidence", "verdict", "remarks",
)  # fmt: skip


class Classifier:
    """The bundles of a folder, ready to be asked.

    Args:
        bundles: folder of the bundles.
        trained: folder of bundles that take the place of those of their label; need not exist.
        slabs: where prepared slabs are kept.
        timeout_s: seconds that a conversion may take.

    Raises:
        BundleError: no bundle, or two of one label.
    """

    def __init__(self, bundles: Path, trained: Path, slabs: SlabStore, timeout_s: float = 300.0) -> None:
        self.bundles, self.trained, self.slabs, self.timeout_s = bundles, trained, slabs, timeout_s
        self._lock = threading.Lock()
        self._loaded: dict[str, Loaded] = {}  # by device
        self.cards()

    def cards(self) -> list[Card]:
        """Cards of the bundles that serve now, in the order of the label table."""
        taken = {}
        for path in sorted(self.trained.glob(f"*/{METADATA}")):
            folder = path.parents[1]
            taken[read_card(folder).label] = folder
        return choose(self.bundles, taken)

    def answer(self, model: str, image: Path, device: str = "cpu") -> dict[str, Any]:
        """What a model says of the series that `image` holds; a data problem is an answer with a reason.

        Args:
            model: "mrclass", or the name of a bundle.
            image: NIfTI or DICOM file, folder of one DICOM series, or zip of one.
            device: where the networks run.

        Returns:
            JSON-able: status ("done" or "unreadable"), reason, volumes (each with note, label, score,
            slice_votes, n_slices, conflict, candidates, scores, slice_scores, acquisition_plane, remarks;
            for the ensemble header_label, header_evidence and verdict), the values of the first volume
            beside them, prediction (label and score of each member, as MONAI Label's own classification
            gives them), thresholds, members (as of `card.versions`), mrclass, kept (whether prepared slabs
            were at hand).

        Raises:
            UsageError: there is no such model.
            BundleError: a bundle cannot be loaded.
        """
        with self._lock:
            loaded = self._members(device)
            asked = self._asked(model, loaded.members)
            ensemble = loaded.asked(model, asked, device)
            scratch = Path(tempfile.mkdtemp(prefix="mrclass-label-"))
            try:
                series = series_of(image, scratch)
                passage = Passage(self.slabs, series, ensemble, loaded.members)
                rooms = Rooms(convert=passage.convert, thumbnail=_no_picture)
                outcome = process(series, passage, rooms, scratch, self.timeout_s)
                status, reason, rows = outcome.status, outcome.reason, outcome.volumes
                if outcome.trace:
                    logger.error("%s: %s\n%s", image, reason, outcome.trace)
                    reason = reason.replace("errors.log", "the server's log")
            except SeriesError as error:
                status, reason, rows, passage = "unreadable", str(error), [], None
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        alone = asked[0] if model != ENSEMBLE else None
        volumes = [_volume(row, alone) for row in rows if row.get("status") == "done"]
        first: Mapping[str, Any] = volumes[0] if volumes else {}
        return {
            "model": model,
            "status": status,
            "reason": reason,
            **first,
            "prediction": _prediction(first, alone),
            "volumes": volumes,
            "thresholds": {one.label: one.threshold for one in asked if one.refines is None or alone},
            "members": versions(asked),
            "mrclass": __version__,
            "kept": bool(passage and passage.kept),
        }

    def _asked(self, model: str, members: Sequence[Member]) -> list[Member]:
        if model == ENSEMBLE:
            return list(members)
        found = [one for one in members if one.name == model]
        if not found:
            names = ", ".join([ENSEMBLE, *(one.name for one in members)])
            raise UsageError(f"There is no model {model!r}; choose one of: {names}")
        return found

    def _members(self, device: str) -> Loaded:
        """The members, loaded anew where a file of a bundle changed."""
        cards = self.cards()
        state = [(str(card.folder), _state(card.folder)) for card in cards]
        if device not in self._loaded or self._loaded[device].state != state:
            self._loaded[device] = Loaded(state, [load_member(card.folder) for card in cards])
        return self._loaded[device]


@dataclass
class Loaded:
    """The members on one device, and the ensembles of them that were asked: each is tried out once.

    Attributes:
        state: of the bundles' files when they were loaded.
        members: in the order of the label table.
        ensembles: by model.
    """

    state: Any
    members: list[Member]
    ensembles: dict[str, Ensemble] = field(default_factory=dict)

    def asked(self, model: str, members: Sequence[Member], device: str) -> Ensemble:
        """The ensemble of all members, or of the one that is asked alone."""
        if model not in self.ensembles:
            alone = model != ENSEMBLE
            self.ensembles[model] = Ensemble(
                [replace(members[0], refines=None)] if alone else members, device
            )
        return self.ensembles[model]


class Passage:
    """One series on its way through the worker: converted and prepared, or found as it was kept.

    Args:
        slabs: where slabs are kept.
        series: of the intake.
        ensemble: what is asked.
        members: all members, of which each preprocessing is kept: the next question may be another's.
    """

    def __init__(self, slabs: SlabStore, series: Any, ensemble: Ensemble, members: Sequence[Member]) -> None:
        self.slabs, self.ensemble, self.members = slabs, ensemble, members
        self.key = slabs.key(series.files)
        self.works: dict[Path, KeptWork] = {}
        self.kept = False
        self._volumes: list[Any] = []

    def convert(self, series: Any, folder: Path, timeout_s: float) -> Sequence[Any]:
        """In the place of `mrclass.convert.convert`."""
        found = self.slabs.find(self.key, {chain(one) for one in self.members})
        if found is not None:
            self.kept = True
            self.works = {one.volume.path: KeptWork(None, one.slabs, one.plane) for one in found}
            return [one.volume for one in found]
        self._volumes = list(convert(series, folder, timeout_s=timeout_s))
        return self._volumes

    def predict(self, volume: Path) -> Prediction:
        """In the place of `Ensemble.predict`; keeps the slabs after the last volume of the series."""
        if self.kept:
            return self.ensemble.predict(volume, self.works[volume])
        work = KeptWork.of(volume)
        prediction = self.ensemble.predict(volume, work)
        for one in self.members:
            work.prepared(one)
        self.works[volume] = work
        if len(self.works) == len(self._volumes):
            self.slabs.keep(self.key, self._volumes, list(self.works.values()))
        return prediction


def _volume(row: Mapping[str, Any], alone: Member | None) -> dict[str, Any]:
    """One volume of an answer; what a single bundle cannot know is left out."""
    volume = {
        "note": row["volume_note"],
        **{key: row[key] for key in VOLUME_KEYS},
        "slice_votes": row["votes"],
    }
    if alone is not None:
        for key in ("conflict", "candidates", "header_label", "header_evidence", "verdict"):
            del volume[key]
        if volume["label"] == OTHER:
            volume["label"] = alone.refines or OTHER
    return volume


def _prediction(volume: Mapping[str, Any], alone: Member | None) -> list[dict[str, Any]]:
    """Label and score as MONAI Label's own classification task lists them."""
    if not volume:
        return []
    scores = dict(volume["scores"])
    if alone is not None:
        score = scores[alone.label]
        scores = {alone.refines or OTHER: 1 - score, alone.label: score}
    return [
        {"idx": index, "label": label, "score": score} for index, (label, score) in enumerate(scores.items())
    ]


def _state(folder: Path) -> tuple[Any, ...]:
    """Changes whenever a bundle is trained, published or edited."""
    found = []
    for name in (METADATA, CONFIG, WEIGHTS):
        path = folder / name
        stat = path.stat() if path.is_file() else None
        found.append((stat.st_mtime_ns, stat.st_size) if stat else None)
    return tuple(found)


def _no_picture(slices: Any, path: Path) -> Path:
    path.write_bytes(b"")
    return path
