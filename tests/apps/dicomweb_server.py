"""A DICOMweb server small enough for tests: QIDO-RS for series, WADO-RS for the instances of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom

GIVEN = ("PatientID", "Modality", "SeriesDescription", "StudyInstanceUID", "SeriesInstanceUID")


@contextmanager
def dicomweb(files: list[Path]) -> Iterator[str]:
    """Serves DICOM files on 127.0.0.1; gives the address."""
    series: dict[tuple[str, str], list[Path]] = {}
    heads = {}
    for file in files:
        head = pydicom.dcmread(file, stop_before_pixels=True)
        key = (str(head.StudyInstanceUID), str(head.SeriesInstanceUID))
        series.setdefault(key, []).append(file)
        heads[key] = {name: str(head[name].value) for name in GIVEN if name in head}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            split = urlsplit(self.path)
            steps = split.path.strip("/").split("/")
            if steps == ["series"]:
                start = int(parse_qs(split.query).get("offset", ["0"])[0])
                listed = [as_json(heads[key], len(series[key])) for key in sorted(series)][start:]
                self.give("application/dicom+json", json.dumps(listed).encode())
            elif len(steps) == 4 and (steps[1], steps[3]) in series:
                body = b"".join(
                    b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + file.read_bytes() + b"\r\n"
                    for file in series[steps[1], steps[3]]
                )
                kind = 'multipart/related; type="application/dicom"; boundary=edge'
                self.give(kind, body + b"--edge--")
            else:
                self.send_error(404)

        def give(self, kind: str, body: bytes) -> None:
            self.send_response(200 if body != b"[]" else 204)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def as_json(head: dict[str, str], instances: int) -> dict[str, Any]:
    """A series in DICOM JSON."""
    found = pydicom.Dataset()
    for name, value in head.items():
        setattr(found, name, value)
    found.NumberOfSeriesRelatedInstances = str(instances)
    return dict(json.loads(found.to_json()))
