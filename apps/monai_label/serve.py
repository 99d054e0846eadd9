"""Starts the Label app on this machine alone, asks it about one series, and serves until it is interrupted.

    python apps/monai_label/serve.py STUDIES [--bundles FOLDER] [--work FOLDER] [--port N] [--once]

Prints the address, one curl line and its answer to stdout; the server talks to stderr. Nothing leaves the
machine: the server listens on 127.0.0.1 and fetches nothing but series of a DICOMweb server that was named.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from lib.studies import is_web

APP = Path(__file__).resolve().parent
HOST = "127.0.0.1"
PATIENCE_S = 1200  # for imports and the reading of all headers on a busy machine


def main(arguments: list[str] | None = None) -> int:
    """The command; exit code 0 after --once or an interrupt, 1 where the server did not start, 2 usage."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    if not is_web(args.studies) and not Path(args.studies).is_dir():
        parser.error(
            f"{args.studies} is not a folder; name one that holds DICOM or NIfTI files, or a DICOMweb address"
        )
    address = f"http://{HOST}:{args.port}"
    if _ask(address) is not None:
        parser.error(f"something answers on {address} already; name another --port")
    signal.signal(signal.SIGTERM, _stop)  # the server goes with this process, however that is ended
    print("MONAI Label starts and reads every header; the address follows when it answers.", file=sys.stderr)
    process = subprocess.Popen(command(args), env=environment(args.work), stdout=sys.stderr)
    try:
        if not _wait(process, address):
            print(f"error: the server on {address} did not start; its reasons stand above", file=sys.stderr)
            return 1
        print(
            f"MR-Class answers on {address} (its pages: {address}/, what it offers: {address}/info/)",
            flush=True,
        )
        _first_answer(address)
        sys.stdout.flush()
        if not args.once:
            process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="serve.py", description="MR-Class in MONAI Label, on this machine alone"
    )
    parser.add_argument(
        "studies", help="folder of DICOM or NIfTI files, or address of a DICOMweb server; it is only read"
    )
    parser.add_argument(
        "--bundles", type=Path, default=APP.parents[1] / "bundles", help="folder of the bundles"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("runs/label"), help="folder for all that is written"
    )
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--once", action="store_true", help="stop after the first answer")
    return parser


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


def copy_app(work: Path) -> Path:
    """The app below `work`: MONAI Label writes logs and more into the folder that it runs an app from."""
    folder = work.resolve() / "app"
    for path in (APP / "main.py", *(APP / "lib").glob("*.py")):
        place = folder / path.relative_to(APP)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return folder


def command(args: argparse.Namespace) -> list[str]:
    """The command line of MONAI Label."""
    conf = {"bundles": args.bundles.resolve(), "work": args.work.resolve()}
    line = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(copy_app(args.work))]
    studies = args.studies if is_web(args.studies) else str(Path(args.studies).resolve())
    line += ["--studies", studies, "--host", HOST, "--port", str(args.port)]
    for name, value in conf.items():
        line += ["--conf", name, str(value)]
    return line


def environment(work: Path) -> dict[str, str]:
    """MONAI Label's settings: what it would write into the home folder goes into `work`."""
    sessions = work.resolve() / "sessions"
    sessions.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "MONAI_LABEL_SESSION_PATH": str(sessions), "MONAI_LABEL_TRACKING_ENABLED": "false"}


def _ask(url: str, data: bytes | None = None, timeout_s: float = 3.0) -> Any:
    """JSON from the server, or None where nothing (or nothing of ours) answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=timeout_s) as answer:
            return json.loads(answer.read() or b"{}")
    except ValueError:
        return {}  # something answers, in another language
    except OSError as error:
        return {} if isinstance(error, urllib.error.HTTPError) else None


def _wait(process: subprocess.Popen[bytes], address: str) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        if (_ask(f"{address}/info/", timeout_s=30) or {}).get("models"):
            return True
        time.sleep(1)
    return False


def _first_answer(address: str) -> None:
    images = sorted((_ask(f"{address}/datastore/?output=all", timeout_s=30) or {}).get("objects", {}))
    if not images:
        print("No series to look at in the study folder; series.csv in the work folder says why.")
        return
    url = f"{address}/infer/mrclass?image={images[0]}&output=json"
    print(f"{len(images)} series. Ask about one:\n\n  curl -X POST {shlex.quote(url)}\n")
    answer = _ask(url, b"", timeout_s=PATIENCE_S)
    if not answer:
        print("error: no answer came; the server's reasons stand above", file=sys.stderr)
        return
    shown = {
        key: answer.get(key) for key in ("label", "score", "slice_votes", "conflict", "verdict", "status")
    }
    print(f"  {json.dumps(shown)}\n")
    print("(a part of the answer; of a series of several volumes, that of the first)")


if __name__ == "__main__":
    sys.exit(main())
