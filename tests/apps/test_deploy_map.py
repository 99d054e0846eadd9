"""The folder that a MAP is made of, and the settings it comes with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mrclass import __version__
from mrclass.errors import UsageError
from mrclass_deploy import settings

APP = Path(__file__).resolve().parents[2] / "apps" / "monai_deploy"


@pytest.fixture
def laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(APP))
    from lay_out import lay_out

    lay_out(tmp_path / "map")
    return tmp_path / "map"


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def section() -> dict[str, Any]:
    """The section `mrclass` of app.yaml, one line a knob."""
    lines = (APP / "app.yaml").read_text().split("\nmrclass:\n")[1].splitlines()
    found = dict(
        line.split("#")[0].strip().split(": ") for line in lines if not line.lstrip().startswith("#")
    )
    return {key: int(value) if value.isdecimal() else value.strip('"') for key, value in found.items()}


def test_the_folder_holds_the_application_and_the_package(laid: Path) -> None:
    names = _names(laid)
    assert {"__main__.py", "app.yaml", "mrclass_deploy/app.py", "mrclass/run.py", "requirements.txt"} <= names
    assert "mrclass/report/page.css" in names
    assert not any("__pycache__" in name for name in names)


def test_its_requirements_pin_what_the_constraints_pin_and_name_what_mrclass_needs(laid: Path) -> None:
    lines = (laid / "requirements.txt").read_text().splitlines()
    assert {
        "monai-deploy-app-sdk==4.0.0",
        "torch==2.14.1",
        "holoscan-cli==4.2.0",
        "dcm2niix>=1.0.20220715",
    } <= {*lines}
    assert not any(line.startswith("#") or "extra ==" in line for line in lines)


def test_laying_out_again_leaves_nothing_of_a_module_that_is_no_more(
    laid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "mrclass"
    package.mkdir()
    (package / "old.py").write_text("")
    module = sys.modules["lay_out"]
    with monkeypatch.context() as before:
        before.setattr(module, "PACKAGE", package)
        module.lay_out(laid)
    assert sorted(os.listdir(laid / "mrclass")) == ["old.py"]
    module.lay_out(laid)
    assert not (laid / "mrclass" / "old.py").exists() and (laid / "mrclass" / "run.py").is_file()


@pytest.mark.parametrize("name", ["notes.txt", "mrclass/notes.txt", "bundles/mrclass_t1w/model.pt"])
def test_a_file_that_somebody_put_into_the_folder_is_refused_and_kept(
    laid: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (laid / name).parent.mkdir(parents=True, exist_ok=True)
    (laid / name).write_text("years of work")
    assert sys.modules["lay_out"].main([str(laid)]) == 2
    assert (laid / name).read_text() == "years of work" and (laid / "mrclass" / "run.py").is_file()
    said = capsys.readouterr().err
    assert f"holds {name.split('/m')[0]}" in said and "wanted a new or empty folder" in said


def test_files_of_the_same_names_that_were_not_laid_out_are_refused_and_kept(
    laid: Path, tmp_path: Path
) -> None:
    for name in ("mrclass/run.py", "mrclass_deploy/app.py", "requirements.txt"):
        (tmp_path / "theirs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "theirs" / name).write_text("years of work")
    with pytest.raises(UsageError, match="was not laid out here"):
        sys.modules["lay_out"].lay_out(tmp_path / "theirs")
    assert (tmp_path / "theirs" / "requirements.txt").read_text() == "years of work"


def test_a_call_that_ended_halfway_can_be_made_again(
    laid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, copied = sys.modules["lay_out"], []

    def copy(source: Path, target: Path) -> None:
        if len(copied) == 3:
            raise KeyboardInterrupt
        copied.append(target.write_bytes(source.read_bytes()))

    with monkeypatch.context() as ends:
        ends.setattr(module.shutil, "copyfile", copy)
        with pytest.raises(KeyboardInterrupt):
            module.lay_out(tmp_path / "half")
    module.lay_out(tmp_path / "half")
    assert _names(tmp_path / "half") == _names(laid)


def test_bytecode_of_a_run_does_not_stand_in_the_way(laid: Path) -> None:
    (laid / "mrclass" / "__pycache__").mkdir()
    (laid / "mrclass" / "__pycache__" / "run.cpython-312.pyc").write_bytes(b"")
    sys.modules["lay_out"].lay_out(laid)
    assert not (laid / "mrclass" / "__pycache__").exists()


def test_a_file_is_no_place_to_lay_out(laid: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UsageError, match="is a file"):
        sys.modules["lay_out"].lay_out(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept"


def test_no_folder_is_a_wrong_use(laid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.modules["lay_out"].main([])
    assert ended.value.code == 2 and "FOLDER" in capsys.readouterr().err


def test_app_yaml_names_the_version_of_the_package() -> None:
    assert f"\n  version: {__version__}\n" in (APP / "app.yaml").read_text()


def test_app_yaml_says_what_the_defaults_are() -> None:
    assert section() == settings.DEFAULTS


def test_auto_is_the_cpu_where_torch_sees_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = settings.read(section())
    assert (found.device, found.jobs, found.timeout_s, found.rules) == ("cpu", None, 300.0, "")


def test_auto_is_a_gpu_with_one_worker_where_torch_sees_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    found = settings.read({})
    assert (found.device, found.jobs) == ("cuda", 1)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"devise": "cpu"}, "choose among device, jobs, timeout_s, rules"),
        ({"jobs": -1}, "wanted a number of processes"),
        ({"timeout_s": "long"}, "wanted seconds"),
        ({"rules": "MR"}, "no JSON object"),
        ({"rules": "[]"}, "no JSON object"),
        ({"rules": '{"selection": []}'}, "list of name and conditions"),
    ],
)
def test_a_knob_that_is_none_is_refused_with_what_was_wanted(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings.read(knobs)
