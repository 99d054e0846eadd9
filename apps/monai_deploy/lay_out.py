"""Lays out the folder that `monai-deploy package` makes a MAP of: the application, and mrclass beside it.

    python apps/monai_deploy/lay_out.py runs/map

A container has no checkout, so mrclass lies beside __main__.py and requirements.txt names what both need.
Writes the named folder only.
"""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import requires
from pathlib import Path

APP = Path(__file__).resolve().parent
PACKAGE = APP.parents[1] / "ensemble" / "mrclass"
PARTS = ("__main__.py", "app.yaml", "mrclass_deploy")


def lay_out(place: Path) -> list[str]:
    """Make the folder anew and return the lines of its requirements.txt."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
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


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))
    print(f"{sys.argv[1]} is laid out; the next line makes the MAP where there are docker and a network:")
    print(
        f"  .venv-deploy/bin/monai-deploy package {sys.argv[1]} -c {sys.argv[1]}/app.yaml -m bundles "
        "--platform x86_64 --sdk monai-deploy -t mrclass"
    )
