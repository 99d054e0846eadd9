"""Lays out the folder that `monai-deploy package` makes a MAP of: the application, and mrclass beside it.

    python apps/monai_deploy/lay_out.py runs/map

A container has no checkout, so mrclass lies beside __main__.py and requirements.txt names what both need.
Writes the named folder only, and in it laid-out.txt: the names of its files, before they are written. Called
again, it removes those and makes them anew; a folder that holds anything else is refused.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import requires
from pathlib import Path, PurePosixPath

from mrclass.errors import UsageError

APP = Path(__file__).resolve().parent
PACKAGE = APP.parents[1] / "ensemble" / "mrclass"
PARTS = ("__main__.py", "app.yaml", "mrclass_deploy")
REQUIREMENTS = "requirements.txt"
WRITTEN = "laid-out.txt"


def lay_out(place: Path) -> list[str]:
    """Make the folder anew and return the lines of its requirements.txt.

    Raises:
        UsageError: the place is a file, or a folder that holds what was not laid out here.
    """
    if place.exists() and not place.is_dir():
        raise UsageError(f"{place} is a file; wanted a folder to lay the application out in. Name another.")
    sources = {name: source for part in PARTS for name, source in _files(APP / part, part)}
    sources |= dict(_files(PACKAGE, PACKAGE.name))
    known = _clear(place)
    place.mkdir(parents=True, exist_ok=True)
    with (place / WRITTEN).open("a", encoding="utf-8") as file:  # no name is lost if this ends halfway
        file.writelines(f"\n{name}" for name in [*sources, REQUIREMENTS] if name not in known)
    for name, source in sources.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place / name)
    lines = [*_lines("constraints.txt"), *_lines(REQUIREMENTS), *_own()]
    (place / REQUIREMENTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def _files(source: Path, name: str) -> list[tuple[str, Path]]:
    """A file, or all below a folder but bytecode: its name where it is laid out, and itself."""
    found = sorted(source.rglob("*")) if source.is_dir() else [source]
    return [
        (PurePosixPath(name, path.relative_to(source).as_posix()).as_posix(), path)
        for path in found
        if path.is_file() and not _is_bytecode(path)
    ]


def _is_bytecode(path: Path) -> bool:
    return path.name == "__pycache__" or (path.parent.name == "__pycache__" and path.suffix == ".pyc")


def _clear(place: Path) -> set[str]:
    """Removes what earlier calls wrote; the names of laid-out.txt, which stays.

    Raises:
        UsageError: there is something else; all stays.
    """
    book = place / WRITTEN
    names = {*book.read_text(encoding="utf-8").splitlines()} - {""} if book.is_file() else set()
    known = {place / name for name in names}
    folders = {folder for path in known for folder in path.parents} - {place, *place.parents}
    here = sorted(place.rglob("*"))
    others = [
        path
        for path in here
        if path != book
        and not (_is_bytecode(path) and folders.intersection(path.parents))
        and not (path in folders and path.is_dir() and not path.is_symlink())
        and not (path in known and not path.is_dir())
    ]
    if others:
        raise UsageError(
            f"{place} holds {others[0].relative_to(place)}, which was not laid out here; wanted a new or "
            "empty folder, or one of an earlier call as it was left. Name another, or move that away."
        )
    for path in reversed(here):  # a folder comes after what it holds
        if path != book:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    return names


def _lines(name: str) -> list[str]:
    text = (APP / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _own() -> list[str]:
    """What mrclass itself needs, without its extras."""
    return [line for line in requires("mrclass") or [] if "extra ==" not in line]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 laid out, 2 usage."""
    parser = argparse.ArgumentParser(description="Lays out the folder that `monai-deploy package` wants.")
    parser.add_argument("place", type=Path, metavar="FOLDER", help="new, empty, or of an earlier call")
    place = parser.parse_args(arguments).place
    try:
        lay_out(place)
    except UsageError as error:
        print(f"lay_out: {error}", file=sys.stderr)
        return 2
    print(f"{place} is laid out; the next line makes the MAP where there are docker and a network:")
    print(
        f"  .venv-deploy/bin/monai-deploy package {place} -c {place}/app.yaml -m bundles "
        "--platform x86_64 --sdk monai-deploy -t mrclass"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
