"""The real MONAI Label serving the app over HTTP, with the six bundles as they are; `make test-apps`."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from dicom_files import stack, uid
from dicomweb_server import dicomweb
from tiny_volumes import write_volume

ROOT = Path(__file__).resolve().parents[2]
SERVE = ROOT / "apps" / "monai_label" / "serve.py"
BUNDLES = ["mrclass_t1w", "mrclass_t1ce", "mrclass_t2w", "mrclass_flair", "mrclass_adc", "mrclass_swi"]
SERIES = uid(4, 1)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("monailabel") is None,
    reason="MONAI Label is not installed here; make test-apps installs it in an environment of its own",
)


@dataclass
class Server:
    """What the server was started on, and its HTTP."""

    address: str
    studies: Path
    work: Path
    said: str = ""

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, kind: str = "") -> Any:
        headers = {"Content-Type": kind} if kind else {}
        with urlopen(Request(self.address + path, body, headers, method=method), timeout=600) as answer:
            return json.loads(answer.read() or b"null")

    def post(self, path: str, content: Any = None) -> Any:
        return self.ask(path, "POST", json.dumps(content or {}).encode(), "application/json")

    def send(self, path: str, method: str, field: str, name: str, content: bytes, **more: str) -> Any:
        """A file and fields of a form, as `curl -F` sends them."""
        mark = uuid.uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in more.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        parts.append(head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content)
        parts.append(f"\r\n--{mark}--\r\n".encode())
        return self.ask(path, method, b"".join(parts), f"multipart/form-data; boundary={mark}")

    def wait(self, path: str, **done: str) -> Any:
        """The task at `path` once its status is one of those that end it."""
        while (task := self.ask(path))["status"] in ("SUBMITTED", "RUNNING"):
            time.sleep(1)
        return task


def hashes() -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted((ROOT / "bundles").glob("*/[cm]*/*"))}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests, on four NIfTI files of four patients and a DICOM series."""
    folder = tmp_path_factory.mktemp("label")
    studies, work = folder / "studies", folder / "work"
    for index in range(4):
        write_volume(studies / f"sub-{index}" / "scan.nii.gz", index)
    stack(studies / "dicom", 4)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "ensemble"), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, str(SERVE), str(studies), "--work", str(work), "--port", str(port)]
    line += ["--bundles", str(ROOT / "bundles")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=folder
        )
        assert process.stdout is not None
        said = ""
        for text in process.stdout:
            said += text
            if text.startswith("(a part of the answer"):
                break
        else:
            pytest.fail(f"The server did not start: {(folder / 'log').read_text()[-3000:]}")
        yield Server(f"http://127.0.0.1:{port}", studies, work, said)
        process.terminate()
        process.wait(60)
        process.stdout.close()


def test_it_prints_the_address_and_a_question_with_its_answer(server: Server) -> None:
    assert f"MR-Class answers on {server.address}" in server.said
    assert f"curl -X POST '{server.address}/infer/mrclass?image=" in server.said
    assert '"slice_votes": {' in server.said


def test_info_lists_the_ensemble_and_the_six_bundles(server: Server) -> None:
    info = server.ask("/info/")
    assert list(info["models"]) == ["mrclass", *BUNDLES]
    assert {model["type"] for model in info["models"].values()} == {"classification"}
    assert list(info["trainers"]) == BUNDLES
    assert list(info["strategies"]) == ["uncertain", "random"]
    assert info["datastore"]["total"] == 5


def test_a_series_of_the_study_folder_is_asked_about_by_its_id(server: Server) -> None:
    answer = server.post(f"/infer/mrclass?image={SERIES}&output=json")
    assert (answer["status"], answer["header_label"]) == ("done", "t1w")
    assert set(answer["slice_votes"]) == set(answer["scores"]) - {"t1ce"}
    assert {"label", "score", "conflict", "verdict"} <= set(answer)
    assert list(answer["members"]) == BUNDLES


def test_each_bundle_answers_alone(server: Server) -> None:
    for name in BUNDLES:
        answer = server.post(f"/infer/{name}?image=sub-0--scan&output=json")
        assert list(answer["members"]) == [name]
        assert [one["label"] for one in answer["prediction"]][1] == name.removeprefix("mrclass_")


def test_a_posted_nifti_file_and_a_posted_zip_of_dicom_are_answered_like_the_ids(
    server: Server, tmp_path: Path
) -> None:
    packed = tmp_path / "series.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted((server.studies / "dicom").iterdir()):
            archive.write(file, file.name)
    for file, image in (
        (server.studies / "sub-1" / "scan.nii.gz", "sub-1--scan"),
        (packed, SERIES),
    ):
        by_id = server.post(f"/infer/mrclass?image={image}&output=json")
        posted = server.send("/infer/mrclass?output=json", "POST", "file", file.name, file.read_bytes())
        assert posted == {**by_id, "kept": True}


def test_a_posted_dicom_file_is_a_series_of_one_slice(server: Server) -> None:
    file = sorted((server.studies / "dicom").iterdir())[0]
    answer = server.send("/infer/mrclass?output=json", "POST", "file", "IM1.dcm", file.read_bytes())
    assert (answer["status"], answer["n_slices"], answer["header_label"]) == ("done", 1, "t1w")


def test_an_image_that_is_not_there_is_not_found(server: Server) -> None:
    with pytest.raises(HTTPError, match="404"):
        server.post("/infer/mrclass?image=nowhere&output=json")


def test_label_learn_and_ask_again(server: Server) -> None:
    """Batch inference, the strategy, labels of a person, a training, and answers of the new weights."""
    before, kept = server.post("/infer/mrclass?image=sub-0--scan&output=json"), hashes()
    unseen = server.post("/activelearning/uncertain")
    assert unseen["reason"] == "not looked at yet: run batch inference"

    server.ask("/batch/infer/mrclass", "POST")  # with Label's own defaults, which ask for GPUs
    assert server.wait("/batch/infer")["status"] == "DONE"
    first = server.post("/activelearning/uncertain")
    assert server.ask("/datastore/")["label_tags"] == {"original": 5}
    assert first["queue"] == 5 and ("threshold" in first["reason"] or "disagree" in first["reason"])

    for index, label in enumerate(("T2w", "T2w", "FLAIR", "FLAIR")):
        server.send(
            f"/datastore/label?image=sub-{index}--scan", "PUT", "label", "label.json", b"{}",
            params=json.dumps({"label": label}),
        )  # fmt: skip
    assert server.ask("/datastore/")["completed"] == 4
    assert server.post("/activelearning/uncertain")["id"] == SERIES

    server.post("/train/mrclass_t2w", {"epochs": 1, "batch_size": 20})
    task = server.wait("/train/")
    assert task["status"] == "DONE", task["details"]
    stats = server.ask("/info/")["train_stats"]["mrclass_t2w"]
    assert stats["volumes"] == {"training": "FLAIR 1, T2w 1", "validation": "FLAIR 1, T2w 1"}
    assert not stats["threshold"]["chosen"] and "from 10 of each on" in stats["threshold"]["why"]
    after = server.post("/infer/mrclass?image=sub-0--scan&output=json")
    weights = {name: one["sha256"] for name, one in before["members"].items()}
    now = {name: one["sha256"] for name, one in after["members"].items()}
    assert now == {**weights, "mrclass_t2w": stats["sha256"]} and now != weights
    assert after["kept"] and after["scores"]["flair"] == before["scores"]["flair"]
    assert hashes() == kept  # the bundles that the server was given stay as they were
    assert "the bundles changed" in server.post("/activelearning/uncertain")["reason"]


def test_everything_is_written_below_the_work_folder(server: Server) -> None:
    assert sorted(path.name for path in server.work.parent.iterdir()) == ["log", "studies", "work"]
    assert not any((SERVE.parent / name).exists() for name in ("model", "logs", "bin"))


def test_series_of_a_dicomweb_server_are_asked_about_like_those_of_a_folder(tmp_path: Path) -> None:
    stack(tmp_path / "pacs", 4)
    with dicomweb(sorted((tmp_path / "pacs").iterdir())) as address, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        line = [sys.executable, str(SERVE), address, "--work", str(tmp_path / "work"), "--port", str(port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "ensemble"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*line, "--once"], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "1 series. Ask about one" in done.stdout and f"image={SERIES}&" in done.stdout
    assert '"status": "done"' in done.stdout, done.stdout
