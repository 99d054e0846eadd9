"""The start of the Label server: where it runs the app, what it asks of MONAI Label, what it refuses."""

from __future__ import annotations

import importlib.util
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

SERVE = Path(__file__).resolve().parents[2] / "apps" / "monai_label" / "serve.py"


@pytest.fixture
def serve() -> Any:
    spec = importlib.util.spec_from_file_location("label_serve", SERVE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_app_runs_from_a_copy_that_a_later_start_renews(serve: Any, tmp_path: Path) -> None:
    folder = serve.copy_app(tmp_path / "work")
    (folder / "lib" / "ranking.py").write_text("")
    (folder / "logs").mkdir()
    serve.copy_app(tmp_path / "work")
    held = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    assert held == {"main.py", *(f"lib/{path.name}" for path in (SERVE.parent / "lib").glob("*.py"))}
    assert (folder / "lib/ranking.py").read_bytes() == (SERVE.parent / "lib/ranking.py").read_bytes()


def test_the_server_is_of_this_machine_alone_and_writes_below_its_work_folder(
    serve: Any, tmp_path: Path
) -> None:
    args = serve.make_parser().parse_args([str(tmp_path), "--work", str(tmp_path / "work"), "--port", "8123"])
    line = serve.command(args)
    assert line[line.index("--host") + 1] == "127.0.0.1" and line[line.index("--port") + 1] == "8123"
    assert line[line.index("--app") + 1] == str(tmp_path / "work" / "app")
    settings = serve.environment(args.work)
    assert settings["MONAI_LABEL_SESSION_PATH"] == str(tmp_path / "work" / "sessions")


def test_a_study_folder_that_is_not_there_is_a_wrong_usage(
    serve: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        serve.main([str(tmp_path / "nowhere")])
    assert "is not a folder" in capsys.readouterr().err


def test_an_address_that_is_taken_is_not_taken_for_ours(
    serve: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        Thread(target=stranger.serve_forever, daemon=True).start()
        with pytest.raises(SystemExit, match="2"):
            serve.main([str(tmp_path), "--port", str(stranger.server_port)])
        stranger.shutdown()
    assert "something answers" in capsys.readouterr().err
