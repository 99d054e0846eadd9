"""The app's parts in the forms that MONAI Label asks for; each only translates.

Source: monailabel 0.8.5, interfaces/tasks and interfaces/app.py.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from dicomweb_client.session_utils import create_session_from_user_pass
from fastapi import HTTPException
from monailabel.config import settings
from monailabel.datastore.dicom import DICOMwebClientX
from monailabel.datastore.local import LocalDatastore
from monailabel.interfaces.datastore import DefaultLabelTag
from monailabel.interfaces.tasks.batch_infer import BatchInferTask
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask
from monailabel.utils.others.generic import name_to_device
from mrclass.card import versions
from mrclass.errors import MRClassError, SeriesError

from lib.classifier import ENSEMBLE, Classifier
from lib.ranking import queue
from lib.studies import TABLE, nifti_patient, patients
from lib.threshold import ENOUGH
from lib.training import KNOBS, Labelled, datalist, label_of, train
from lib.web import fetch

logger = logging.getLogger(__name__)


def web_client(address: str) -> Any:
    """A client of a DICOMweb server, with Label's own settings for its prefixes and log-in."""
    user, password = settings.MONAI_LABEL_DICOMWEB_USERNAME, settings.MONAI_LABEL_DICOMWEB_PASSWORD
    return DICOMwebClientX(
        url=address.rstrip("/"),
        session=create_session_from_user_pass(user, password) if user and password else None,
        qido_url_prefix=settings.MONAI_LABEL_QIDO_PREFIX,
        wado_url_prefix=settings.MONAI_LABEL_WADO_PREFIX,
        stow_url_prefix=settings.MONAI_LABEL_STOW_PREFIX,
    )


class WebStore(LocalDatastore):
    """The local store over series of a DICOMweb server: an image comes when asked for, labels stay here.

    Label's own DICOMweb store turns series into NIfTI, without their headers, and keeps labels as DICOM SEG,
    which a word is not.
    """

    def __init__(self, client: Any, work: Path, **more: Any) -> None:
        self._client, self._work = client, work
        super().__init__(str(work), **more)

    def get_image_uri(self, image_id: str) -> str:
        """The folder of the series, fetched where it is empty."""
        uri: str = super().get_image_uri(image_id)
        source = patients(self._work / TABLE, "source").get(image_id, "")
        if source and Path(uri).is_dir() and not any(Path(uri).iterdir()):
            try:
                count = patients(self._work / TABLE, "files").get(image_id, "")
                fetch(self._client, source, Path(uri), int(count or 0))
            except SeriesError as error:
                raise HTTPException(502, str(error)) from error
        return uri


class Classify(InferTask):
    """One model of the app: the whole ensemble, or one bundle alone."""

    def __init__(
        self, classifier: Classifier, model: str, labels: list[str], description: str, version: str
    ) -> None:
        super().__init__(InferType.CLASSIFICATION, labels, dimension=3, description=description)
        self.classifier, self.model, self.version = classifier, model, version

    def info(self) -> dict[str, Any]:
        """What /info says of it."""
        return {**super().info(), "version": self.version}

    def is_valid(self) -> bool:
        """Whether /info lists it."""
        return True

    def __call__(self, request: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """The answer; as a file too where the label is to be saved in the local store."""
        if not request.get("image"):  # what Label makes of an id that its store does not know
            raise HTTPException(404, "There is no such image; /datastore/?output=all lists what there is.")
        device = name_to_device(request.get("device"))
        answer = self.classifier.answer(self.model, Path(request["image"]), device)
        if not request.get("save_label"):
            return None, answer
        handle, path = tempfile.mkstemp(suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(answer, file)
        return path, answer


class Batch(BatchInferTask):
    """Label's own batch inference; on a machine without a GPU its default `multi_gpu` divides by zero."""

    def __call__(self, request: Mapping[str, Any], datastore: Any, infer: Callable[..., Any]) -> Any:
        """Asks for every image, answers saved under the request's tag (default "original")."""
        asked = {**request, "save_label": True}
        if not torch.cuda.is_available():
            asked |= {"multi_gpu": False, "device": "cpu"}
        return super().__call__(asked, datastore, infer)


class Uncertain(Strategy):
    """Offers first what the members disagree on or score near their threshold."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__(
            "Series on which the members disagree, then those nearest to a threshold (after batch inference)"
        )
        self.classifier = classifier

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any] | None:
        """The unlabelled image to label next; `skip` in the request names images to pass over."""
        datastore.refresh()  # batch inference saved its answers from another process
        images = datastore.get_unlabeled_images()
        members = versions(self.classifier.cards())
        found = queue(images, answers(datastore, images), members, request.get("skip") or ())
        if not found:
            return None
        first = found[0]
        return {"id": first.image, "reason": first.reason, "margin": first.margin, "queue": len(found)}


class TrainBundle(TrainTask):
    """Trains one bundle on the labels collected, by its own train.json."""

    def __init__(self, classifier: Classifier, bundle: str, work: Path) -> None:
        super().__init__(f"Trains {bundle} from its present weights on the labels given so far")
        self.classifier, self.bundle, self.work = classifier, bundle, work
        self._stats: dict[str, Any] = {}

    def config(self) -> dict[str, Any]:
        """Knobs that a request may turn."""
        return {**KNOBS, "threshold_volumes": ENOUGH, "scratch": False, "device": ""}

    def stats(self) -> dict[str, Any]:
        """What came of the last training."""
        path = self.work / "training" / f"{self.bundle}.stats.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any]:
        """Trains; the server uses the new weights from its next answer on."""
        folder = self.work / "volumes"
        folder.mkdir(parents=True, exist_ok=True)
        entries = datalist(labelled(datastore, self.work / TABLE), folder)
        bundle = next(card.folder for card in self.classifier.cards() if card.name == self.bundle)
        done = train(bundle, entries, self.work / "training", self.classifier.trained, request, logger.info)
        path = self.work / "training" / f"{self.bundle}.stats.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(done), encoding="utf-8")
        return done


def answers(datastore: Any, images: list[str]) -> dict[str, dict[str, Any]]:
    """The ensemble's saved answer for each image that has one, the latest where several tags do."""
    found: dict[str, tuple[float, dict[str, Any]]] = {}
    for image in images:
        for tag in datastore.get_labels_by_image_id(image):
            info = datastore.get_label_info(image, tag)
            params = info.get("params") or {}
            if info.get("model") == ENSEMBLE and params:
                found[image] = max(
                    found.get(image, (-1.0, {})), (float(info.get("ts", 0)), params), key=lambda o: o[0]
                )
    return {image: params for image, (_, params) in found.items()}


def labelled(datastore: Any, table: Path) -> list[Labelled]:
    """Images with a label that a person gave (tag "final"); one that names no label is left out, and told."""
    tag = DefaultLabelTag.FINAL.value
    known = patients(table)
    result = []
    for image in datastore.get_labeled_images():
        info = datastore.get_label_info(image, tag)
        path = Path(datastore.get_image_uri(image))
        try:
            label = label_of(info, Path(datastore.get_label_uri(image, tag)))
        except MRClassError as error:
            logger.warning("%s is left out: %s", image, error)
            continue
        patient = str(info.get("patient") or known.get(image) or nifti_patient(path.name))
        result.append(Labelled(image, path, label, patient))
    return result
