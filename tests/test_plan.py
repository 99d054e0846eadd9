"""`mrclass.plan`: where a series lies, as its row names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from mrclass import plan


@pytest.mark.parametrize(
    ("files", "source"),
    [
        (["a/b/1.dcm"], "a/b/1.dcm"),
        (["a/b/1.dcm", "a/b/2.dcm"], "a/b"),
        (["1.dcm", "2.dcm"], "1.dcm"),
        (["a/1", "b/1"], "a/1"),
    ],
)
def test_a_source_is_the_file_or_the_folder_of_the_files_or_their_first(
    tmp_path: Path, files: list[str], source: str
) -> None:
    assert plan.locate([tmp_path / name for name in files], [tmp_path / "other", tmp_path]) == (
        tmp_path,
        source,
    )


def test_a_named_file_is_its_own_source(tmp_path: Path) -> None:
    (tmp_path / "t1.nii").touch()
    assert plan.locate([tmp_path / "t1.nii"], [tmp_path / "t1.nii"]) == (tmp_path, "t1.nii")
