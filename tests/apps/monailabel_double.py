"""Light doubles of what the Label app takes from MONAI Label and FastAPI, for a machine without them.

Names, signatures and the order of construction are those of monailabel 0.8.5; `make test-apps` runs the app
in the real ones. The store keeps its labels in memory.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class HTTPException(Exception):
    def __init__(self, status_code: int, detail: str) -> None:
        super().__init__(detail)
        self.status_code, self.detail = status_code, detail


class DefaultLabelTag(str, enum.Enum):
    ORIGINAL = "original"
    FINAL = "final"


class Datastore:
    pass


class LocalDatastore(Datastore):
    def __init__(
        self,
        datastore_path: str,
        images_dir: str = ".",
        labels_dir: str = "labels",
        datastore_config: str = "datastore_v2.json",
        extensions: tuple[str, ...] = ("*.nii.gz", "*.nii"),
        auto_reload: bool = False,
        read_only: bool = False,
    ) -> None:
        folder = Path(datastore_path) / images_dir
        self.images: dict[str, Path] = {}
        self.labels: dict[tuple[str, str], dict[str, Any]] = {}
        for ending in (pattern.removeprefix("*") for pattern in extensions):
            for path in folder.glob(f"*{ending}"):
                self.images.setdefault(path.name.removesuffix(ending), path)

    def refresh(self) -> None:
        pass

    def list_images(self) -> list[str]:
        return sorted(self.images)

    def get_image_uri(self, image_id: str) -> str:
        return str(self.images[image_id].resolve()) if image_id in self.images else ""

    def get_labeled_images(self) -> list[str]:
        return [image for image in self.list_images() if (image, "final") in self.labels]

    def get_unlabeled_images(self) -> list[str]:
        return [image for image in self.list_images() if (image, "final") not in self.labels]

    def get_labels_by_image_id(self, image_id: str) -> dict[str, str]:
        return {tag: image for image, tag in self.labels if image == image_id}

    def get_label_info(self, label_id: str, label_tag: str) -> dict[str, Any]:
        return self.labels.get((label_id, label_tag), {})

    def get_label_uri(self, label_id: str, label_tag: str) -> str:
        return str(self.get_label_info(label_id, label_tag).get("file", ""))

    def save_label(
        self, image_id: str, label_filename: str, label_tag: str, label_info: dict[str, Any]
    ) -> str:
        self.labels[image_id, label_tag] = {**label_info, "file": label_filename, "ts": len(self.labels)}
        return image_id

    def remove_label(self, label_id: str, label_tag: str) -> None:
        del self.labels[label_id, label_tag]


class MONAILabelApp:
    def __init__(
        self,
        app_dir: str,
        studies: str,
        conf: dict[str, str],
        name: str = "",
        description: str = "",
        version: str = "2.0",
        labels: Any = None,
    ) -> None:
        self.app_dir, self.studies, self.conf = app_dir, studies, conf
        self.name, self.description, self.version, self.labels = name, description, version, labels
        self._datastore = self.init_datastore()
        self._infers = self.init_infers()
        self._trainers = self.init_trainers()
        self._strategies = self.init_strategies()
        self._batch_infer = self.init_batch_infer()

    def init_strategies(self) -> dict[str, Any]:
        return {"random": None}

    def datastore(self) -> Any:
        return self._datastore

    def infer(self, request: Mapping[str, Any], datastore: Any = None) -> dict[str, Any]:
        image = request["image"]
        path = image if Path(image).exists() else self._datastore.get_image_uri(image)
        file, params = self._infers[request["model"]]({**request, "image": path})
        label = file
        if file and request.get("save_label"):
            info = {"model": request["model"], "params": params}
            label = self._datastore.save_label(image, file, request.get("label_tag", "original"), info)
        return {"label": label, "tag": "original", "file": file, "params": params}

    def batch_infer(self, request: Mapping[str, Any]) -> Any:
        return self._batch_infer(request, self._datastore, self.infer)


class InferType(str, enum.Enum):
    CLASSIFICATION = "classification"


class InferTask:
    def __init__(self, type: Any, labels: Any, dimension: int, description: str, config: Any = None) -> None:
        self.type, self.labels, self.dimension, self.description = type, labels, dimension, description

    def info(self) -> dict[str, Any]:
        return {"type": self.type, "labels": self.labels, "description": self.description, "config": {}}


class BatchInferTask:
    def __call__(
        self, request: Mapping[str, Any], datastore: Any, infer: Callable[..., Any]
    ) -> dict[str, Any]:
        devices = ["cuda:0"][:0] if request.get("multi_gpu", True) else [request.get("device")]
        return {
            image: infer({**request, "image": image, "device": devices[index % len(devices)]}, datastore)
            for index, image in enumerate(datastore.list_images())
        }


SETTINGS = SimpleNamespace(
    MONAI_LABEL_DATASTORE_AUTO_RELOAD=True,
    MONAI_LABEL_DICOMWEB_USERNAME="",
    MONAI_LABEL_DICOMWEB_PASSWORD="",
    MONAI_LABEL_QIDO_PREFIX=None,
    MONAI_LABEL_WADO_PREFIX=None,
    MONAI_LABEL_STOW_PREFIX=None,
)


class Described:
    def __init__(self, description: str) -> None:
        self.description = description


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the doubles in the place of the packages for one test."""

    def name_to_device(device: str | None) -> str:
        return "cpu"

    contents: dict[str, dict[str, Any]] = {
        "dicomweb_client": {},
        "dicomweb_client.session_utils": {"create_session_from_user_pass": lambda user, password: None},
        "fastapi": {"HTTPException": HTTPException},
        "monailabel": {},
        "monailabel.config": {"settings": SETTINGS},
        "monailabel.datastore": {},
        "monailabel.datastore.dicom": {"DICOMwebClientX": SimpleNamespace},
        "monailabel.datastore.local": {"LocalDatastore": LocalDatastore},
        "monailabel.interfaces": {},
        "monailabel.interfaces.app": {"MONAILabelApp": MONAILabelApp},
        "monailabel.interfaces.datastore": {"Datastore": Datastore, "DefaultLabelTag": DefaultLabelTag},
        "monailabel.interfaces.tasks": {},
        "monailabel.interfaces.tasks.batch_infer": {"BatchInferTask": BatchInferTask},
        "monailabel.interfaces.tasks.infer_v2": {"InferTask": InferTask, "InferType": InferType},
        "monailabel.interfaces.tasks.strategy": {"Strategy": Described},
        "monailabel.interfaces.tasks.train": {"TrainTask": Described},
        "monailabel.utils": {},
        "monailabel.utils.others": {},
        "monailabel.utils.others.generic": {"name_to_device": name_to_device},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "lib.adapters", raising=False)
