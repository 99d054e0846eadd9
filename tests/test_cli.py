"""What the command line prints, where it prints it, and the codes it ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import doubles
import pytest
from mrclass import __version__, cli, run
from tiny_bundles import make_card

COMMANDS = ("classify", "report", "audit", "sort", "evaluate", "calibrate", "datalist", "bundles", "phantom")
HEAVY = {
    "torch",
    "monai",
    "numpy",
    "scipy",
    "SimpleITK",
    "nibabel",
    "pydicom",
    "nilearn",
    "PIL",
    "tqdm",
    "matplotlib",
}


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `classify` go through the light doubles."""
    original = run.classify

    def classify(*paths: Any, **options: Any) -> run.Result:
        return original(*paths, **options, rooms=doubles.ROOMS, scan=doubles.scan)

    monkeypatch.setattr(run, "classify", classify)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "a.txt").write_text("t1w")
    return tmp_path / "export"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_answers_without_loading_anything_heavy(command: str) -> None:
    code = (
        "import sys; from mrclass.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    arguments = [command, "--help"] if command else ["--help"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    *text, loaded = done.stdout.splitlines()
    assert text[0].startswith("usage: mrclass")
    assert not HEAVY & set(loaded.split())


def test_the_first_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)
    assert tuple(cli.COMMANDS) == COMMANDS


def test_the_version_is_the_packages_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"mrclass {__version__}\n"


def test_a_run_prints_its_table_and_names_the_report_last(
    light: None, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["classify", str(export), "-o", str(tmp_path / "out"), "--jobs", "1"]) == 0
    out, err = capsys.readouterr()
    assert "T1w" in out
    assert "1 series" in out
    assert err.splitlines() == [
        "1 series found.",
        "1 file in = 1 in volumes + 0 explained.",
        f"Report: {tmp_path / 'out' / 'report.html'}",
    ]
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert facts["command"] == f"mrclass classify {export} -o {tmp_path / 'out'} --jobs 1"


def test_rows_can_be_had_as_json(
    light: None, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["classify", str(export), "-o", str(tmp_path / "out"), "--jobs", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["label"], row["source"]) == ("t1w", "a.txt")


def test_a_run_with_an_unreadable_series_ends_with_three(
    light: None, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (export / "b.txt").write_text("broken")
    assert cli.main(["classify", str(export), "-o", str(tmp_path / "out"), "--jobs", "1"]) == 3
    assert cli.main(["classify", str(export), "-o", str(tmp_path / "out"), "--jobs", "1"]) == 3
    assert "Nothing to do" in capsys.readouterr().err


def test_pages_are_written_anew_from_the_ledger(
    light: None, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["classify", str(export), "-o", str(out), "--jobs", "1"]) == 0
    names = ("report.html", "results.csv", "results.json", "run.json")
    before = {name: (out / name).read_bytes() for name in names}
    for name in names:
        (out / name).unlink()
    assert cli.main(["report", str(out)]) == 0
    assert {name: (out / name).read_bytes() for name in names} == before
    assert capsys.readouterr().err.splitlines()[-1] == f"Report: {out / 'report.html'}"


def test_the_headers_of_a_run_are_audited(
    light: None, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (export / "b.txt").write_text("t2w")  # the double's header says T1w of everything
    out = tmp_path / "out"
    cli.main(["classify", str(export), "-o", str(out), "--jobs", "1"])
    capsys.readouterr()
    assert cli.main(["audit", str(out), "--json", str(tmp_path / "audit.json")]) == 0
    printed, _ = capsys.readouterr()
    assert "     1  header T1w   image T2w   t2w (1)" in printed.splitlines()
    assert "proposed-descriptions.csv" in {path.name for path in out.iterdir()}
    figures = json.loads((tmp_path / "audit.json").read_text())
    assert (figures["all"]["n"], figures["all"]["disagree"]["hits"]) == (2, 1)
    assert figures["made_by"]["command"].startswith("mrclass audit")


def test_a_run_is_compared_with_its_truth(
    light: None, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (export / "b.txt").write_text("t2w")
    cli.main(["classify", str(export), "-o", str(tmp_path / "out"), "--jobs", "1"])
    (export / "truth.csv").write_text("file,label\na.txt,T1w\nb.txt,MRA\nc.txt,T1w\n")
    arguments = [
        "evaluate",
        str(tmp_path / "out"),
        "--truth",
        str(export / "truth.csv"),
        "--data",
        "simulated",
    ]
    capsys.readouterr()
    assert cli.main([*arguments, "--map", "MRA=other", "-o", str(tmp_path / "x.json")]) == 0
    out, err = capsys.readouterr()
    assert "accuracy: 50.0 %" in out
    assert err.splitlines()[0].startswith("1 files of")
    assert json.loads((tmp_path / "x.json").read_text())["data"] == "simulated"
    assert cli.main([*arguments, "--map", "MRA=other", "--page", str(tmp_path / "figures")]) == 0
    assert "evaluate.html" in capsys.readouterr().err
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".html", ".png"}
    assert cli.main([*arguments, "--map", "MRA=angio"]) == 2
    assert cli.main([*arguments, "--map", "MRA"]) == 2


def test_bundles_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_card(tmp_path / "mrclass_t1ce", "t1ce", refines="t1w", threshold=0.5)
    assert cli.main(["bundles", "list", "--bundles", str(tmp_path)]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == ["mrclass_t1ce", "T1ce", "when", "T1w", "won", "0.5", "0.1.0", "missing"]
    assert cli.main(["bundles", "--bundles", str(tmp_path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["sha256"], told["has_weights"]) == ("ab" * 32, False)
    assert told["folder"] == str(tmp_path / "mrclass_t1ce")


@pytest.mark.parametrize(
    "arguments",
    [[], ["classify"], ["classify", "x"], ["phantom", "x"], ["phantom", "x", "--demo", "--subjects", "1"],
     ["sort"], ["classify", "x", "-o", "y", "--jobs", "0"], ["evaluate", "x", "--truth", "t.csv"]],
)  # fmt: skip
def test_a_command_that_is_off_ends_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["classify", "nowhere", "-o", "out"], 2, "nowhere does not exist"),
        (["classify", ".", "-o", "."], 2, "lies in the output folder"),
        (["classify", ".", "-o", "out", "--bundles", "nowhere"], 2, "No bundles in nowhere"),
        (["classify", ".", "-o", "out", "--member", "t2w"], 2, "write LABEL=FOLDER"),
        (["phantom", "out", "--demo", "--realism", "2"], 2, "The demo is of realism 1"),
        (["report", "nowhere"], 1, "is missing"),
        (["audit", "nowhere"], 1, "is missing"),
        (
            ["evaluate", "nowhere", "--truth", "nowhere.csv", "--data", "real"],
            2,
            "cannot be read as a truth CSV",
        ),
    ],
)
def test_an_expected_failure_is_one_sentence(
    arguments: list[str], code: int, words: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("mrclass: ")
    assert words in err


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_is_one_sentence() -> None:
    command = 'exec "$0" -m mrclass bundles list > /dev/full'
    done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "mrclass: No space left on device\n")


def test_an_output_that_cannot_be_written_is_one_sentence(
    light: None, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["classify", str(export), "-o", str(tmp_path / "file" / "out")]) == 1
    assert capsys.readouterr().err.startswith("mrclass: Not a directory")


def test_a_reader_that_has_gone_is_no_error_message() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "mrclass", "bundles", "list"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (1, "")
