"""MR-Class in MONAI Label: the six bundles and their ensemble as classification tasks, strategy and trainers.

    monailabel start_server --app apps/monai_label --studies FOLDER --host 127.0.0.1 --conf bundles bundles

Reads the study folder and the bundles; writes below --conf work (default runs/label) only.
Knobs (--conf NAME VALUE): bundles, work, cache_gb (of kept slabs, default 4), timeout (seconds for a series).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from lib.adapters import Batch, Classify, TrainBundle, Uncertain, WebStore, web_client
from lib.classifier import ENSEMBLE, Classifier
from lib.slabs import SlabStore
from lib.studies import ENDINGS, TABLE, is_web, lay_out
from lib.training import label_of
from lib.web import offer
from monailabel.config import settings
from monailabel.datastore.local import LocalDatastore
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore, DefaultLabelTag
from mrclass import __version__
from mrclass.errors import MRClassError
from mrclass.labels import KEYS, OTHER, display
from mrclass.members import find_bundles

logger = logging.getLogger(__name__)
LAID = "MRCLASS_LABEL_SERVER"  # id of the process that laid the studies out; its long tasks need not again


class MRClass(MONAILabelApp):
    """The app; MONAI Label makes one when the server starts, and one in each process for a long task."""

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        conf = conf or {}
        place = hashlib.sha256(str(studies).encode()).hexdigest()[:8]
        self.work = Path(conf.get("work") or "runs/label").resolve() / place
        bundles = find_bundles(Path(conf["bundles"]) if conf.get("bundles") else None).resolve()
        slabs = SlabStore(self.work / "slabs", int(float(conf.get("cache_gb", 4)) * (1 << 30)))
        self.classifier = Classifier(bundles, self.work / "bundles", slabs, float(conf.get("timeout", 300)))
        super().__init__(
            app_dir,
            studies,
            conf,
            name="MR-Class",
            description="Tells what a brain MR series is from its image content. Research use only",
            version=__version__,
            labels=list(KEYS),
        )

    def init_datastore(self) -> Datastore:
        """The series of the study folder, laid out as links, or those of a DICOMweb server."""
        client = web_client(self.studies) if is_web(self.studies) else None
        if os.environ.get(LAID, str(os.getpid())) == str(os.getpid()):
            images = self.work / "images"
            laid = offer(client, images, self.work / TABLE) if client else lay_out(Path(self.studies), images)
            offered = sum(bool(one.image) for one in laid)
            aside = len(laid) - offered
            logger.info("%d series to look at, %d left aside: %s", offered, aside, self.work / "series.csv")
            os.environ[LAID] = str(os.getpid())
        more: dict[str, Any] = {"images_dir": "images", "extensions": ENDINGS}
        more["auto_reload"] = settings.MONAI_LABEL_DATASTORE_AUTO_RELOAD
        if client:
            return WebStore(client, self.work, **more)
        return LocalDatastore(str(self.work), **more)

    def init_infers(self) -> dict[str, Classify]:
        """The ensemble, and each bundle alone."""
        text = "All bundles together: one label, slice votes, conflict, header label"
        tasks = {ENSEMBLE: Classify(self.classifier, ENSEMBLE, list(KEYS), text, __version__)}
        for card in self.classifier.cards():
            rest = display(card.refines) if card.refines else "everything else"
            classes = [card.refines or OTHER, card.label]
            text = f"{display(card.label)} against {rest}"
            tasks[card.name] = Classify(self.classifier, card.name, classes, text, card.version)
        return tasks

    def init_trainers(self) -> dict[str, TrainBundle]:
        """One for each bundle."""
        cards = self.classifier.cards()
        return {card.name: TrainBundle(self.classifier, card.name, self.work) for card in cards}

    def init_strategies(self) -> dict[str, Any]:
        """Label's own random choice beside ours."""
        return {"uncertain": Uncertain(self.classifier), **super().init_strategies()}

    def init_batch_infer(self) -> Callable[..., Any]:
        """Batch inference over the study folder."""
        return Batch()

    def on_save_label(self, image_id: str, label_id: str) -> dict[str, str]:
        """Refuses what names no label, so that nothing unusable waits for a training."""
        store, tag = self.datastore(), DefaultLabelTag.FINAL.value
        info, uri = store.get_label_info(image_id, tag), store.get_label_uri(image_id, tag)
        if not uri:  # saved under another tag: not a person's label
            return {}
        try:
            return {"mrclass": label_of(info, Path(uri))}
        except MRClassError as error:
            store.remove_label(label_id, tag)
            raise HTTPException(status_code=422, detail=str(error)) from error
