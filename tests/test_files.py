"""`mrclass.files`: a file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import mrclass
import pytest
from mrclass import files

PACKAGE = Path(mrclass.__file__).parent
CONFIGS = Path(__file__).resolve().parents[1] / "bundles"
# Modules that the bundles' configs name; see docs/decisions/0001-rendered-bundles.md.
NAMED = sorted(
    {
        name
        for config in CONFIGS.glob("*/configs/*.json")
        for name in re.findall(r"\bmrclass\.([a-z_]+)\.", config.read_text())
    }
)


def test_a_write_that_fails_halfway_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    files.replace_text(path, "old")

    def parts() -> Iterator[bytes]:
        yield b"half of the new"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.replace_parts(path, parts())
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["table.csv"])


def test_a_new_file_may_be_read_by_whom_the_mask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.replace_bytes(tmp_path / "new" / "a", b"a")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "a").stat().st_mode & 0o777 == 0o640


def test_the_part_has_the_name_of_the_file_and_may_lie_in_another_folder(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "a.ts", tmp_path) as part:
        assert part.name == "a.ts" and part.parents[1] == tmp_path
        part.symlink_to("elsewhere")
    assert os.readlink(tmp_path / "a.ts") == "elsewhere"


def test_what_a_killed_write_leaves_is_no_file_of_the_project(tmp_path: Path) -> None:
    ignored = (CONFIGS.parent / ".gitignore").read_text().splitlines()
    with files.replacing(tmp_path / "model.pt") as part:
        part.write_bytes(b"half")
        assert any(fnmatch(f"{part.parent.name}/", line) for line in ignored)


def test_no_other_module_puts_files_in_place_by_itself() -> None:
    folders = {"shelf.py", "archive.py", "demo.py", "study.py"}  # these move whole folders
    others = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "files.py"]
    assert {path.name for path in others if "os.replace(" in path.read_text()} <= folders


def test_a_module_that_bundles_name_imports_leaves_only() -> None:
    waiting, seen = list(NAMED), set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for node in ast.walk(ast.parse((PACKAGE / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                found = [node.module] if node.module else [alias.name for alias in node.names]
                waiting += [one for one in found if one and one not in seen and one[0] != "_"]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mrclass."):
                waiting.append((node.module or "").removeprefix("mrclass."))
    leaves = {"files", "errors", "labels", "stats", "slab", "card", "publish", "readable", "volume"}
    leaves |= {"geometry", "vote", "brain"}
    assert {"transforms", "randomise", "cached", "readable"} <= {*NAMED}
    assert seen <= {*NAMED, *leaves}, "bundles never import the ensemble"
    assert "files" in seen
