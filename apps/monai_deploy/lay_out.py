"""Lays out the folder that `monai-deploy package` makes a MAP of: the application, and mrclass beside it.

    python apps/monai_deploy/lay_out.py runs/map

A container has no checkout, so mrclass lies beside __main__.py and requirements.txt names what both need.
Writes the named folder only, and makes it anew where it laid it out before; any other that holds something is
refused.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import requires
from pathlib import Path

from mrclass.errors import UsageError

APP = Path(__file__).resolve().parent
PACKAGE = APP.parents[1] / "ensemble" / "mrclass"
PARTS = ("__main__.py", "app.yaml", "mrclass_deploy")
OWN = ("mrclass_deploy", "mrclass")  # both lie side by side only where this was called before


def lay_out(place: Path) -> list[str]:
    """Make the folder anew and return the lines of its requirements.txt.

    Raises:
        UsageError: the place is a file, or a folder that holds what was not laid out here.
    """
    if place.exists() and not place.is_dir():
        raise UsageError(f"{place} is a file; wanted a folder to lay the application out in. Name another.")
    if place.is_dir() and any(place.iterdir()):
        if not all((place / own).is_dir() for own in OWN):
            raise UsageError(
                f"{place} holds files that were not laid out here; wanted a new or empty folder, or one of "
                f"an earlier call (with {' and '.join(OWN)} in it). Name another."
            )
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    no_bytes = shutil.ignore_patterns("__pycache__")
    for name in PARTS:
        source = APP / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=no_bytes)
        else:
            shutil.copyfile(source, place / name)
    shutil.copytree(PACKAGE, place / "mrclass", ignore=no_bytes)
    lines = [*_lines("constraints.txt"), *_lines("requirements.txt"), *_own()]
    (place / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


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
