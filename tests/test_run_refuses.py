"""When a run does not begin, or cannot: the sentence it ends with, and that nothing was changed."""

from __future__ import annotations

from pathlib import Path

import doubles
import pytest
from doubles import classify, write
from mrclass import run
from mrclass.errors import BundleError, LedgerError, MRClassError, UsageError


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


def test_a_bundle_that_cannot_serve_ends_the_run_with_its_own_sentence(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    with pytest.raises(BundleError, match=r"model\.pt is missing"):
        classify(export, tmp_path / "out", rooms=doubles.NO_ROOMS)
    assert classify(export, tmp_path / "out").rows[0]["status"] == "done", "the series was not blamed for it"


def test_workers_that_die_at_the_start_end_the_run(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    with pytest.raises(MRClassError, match="cannot start: the last one ended with exit code 7"):
        classify(export, tmp_path / "out", rooms=doubles.DYING_ROOMS)


@pytest.mark.parametrize("below", ["", "series"])
def test_input_inside_the_output_is_refused(export: Path, below: str) -> None:
    (export / "series").mkdir()
    with pytest.raises(UsageError, match="lies in the output folder"):
        classify(export / below, export)
    assert sorted(path.name for path in export.iterdir()) == ["series"]


def test_a_folder_with_other_things_in_it_is_no_place_for_a_run(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "results.csv").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        classify(export, tmp_path / "home")
    assert (tmp_path / "home" / "results.csv").read_text() == "mine"


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere does not exist"):
        classify(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "words"), [([], "no files"), (["a.pdf", "b.pdf"], "2 files, none of them")]
)
def test_an_input_without_series_is_said(export: Path, tmp_path: Path, names: list[str], words: str) -> None:
    for name in names:
        (export / name).write_text("no image")
    with pytest.raises(MRClassError, match=words):
        classify(export, tmp_path / "out")


def test_a_ledger_that_is_none_is_refused(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mrclass.sqlite").write_text("no database at all " * 80)
    with pytest.raises(LedgerError):
        classify(export, tmp_path / "out")


def test_two_runs_into_one_folder_are_kept_apart(export: Path, tmp_path: Path) -> None:
    write(export, a="t1w")
    out = tmp_path / "out"
    out.mkdir()
    with run._locked(out), pytest.raises(UsageError, match="Another run"):
        classify(export, out)
