"""Runs the commands of a how-to, as a scene lists them, and writes what they print to results/NAME.json.

    python3 template/scene.py template/scenes/NAME.txt -o results/NAME.json

A scene is run from the repository's root by one bash, top to bottom. Its lines: `[part]` begins a part;
`$ COMMAND` is run and recorded with its output; `$ COMMAND ## OTHER` is recorded as COMMAND while OTHER is
run; `- COMMAND` is run and not recorded, its failure ends the recording; `~ TEXT => TEXT` replaces text in
the record; `#` is a remark. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "\x01"  # stands before the number of a command in what bash prints


class SceneError(Exception):
    """A scene cannot be read, or one of its unrecorded commands failed; the message names the line."""


@dataclass
class Scene:
    """What a scene file says.

    Attributes:
        commands: part ("" where nothing is recorded), what is shown, what is run.
        replaced: texts and what takes their place in the record.
    """

    commands: list[tuple[str, str, str]] = field(default_factory=list)
    replaced: list[tuple[str, str]] = field(default_factory=list)


def read(text: str) -> Scene:
    """A scene from its text.

    Raises:
        SceneError: a line is of no known kind, or is recorded outside a part.
    """
    scene, part = Scene(), ""
    for number, line in enumerate(text.splitlines(), 1):
        kind, _, rest = line.strip().partition(" ")
        if kind.startswith("[") and kind.endswith("]"):
            part = kind[1:-1]
        elif kind == "$" and part:
            shown, _, other = rest.partition(" ## ")
            scene.commands.append((part, shown, other or shown))
        elif kind == "-":
            scene.commands.append(("", rest, rest))
        elif kind == "~" and " => " in rest:
            scene.replaced.append(tuple(rest.split(" => ", 1)))  # type: ignore[arg-type]
        elif kind and not kind.startswith("#"):
            raise SceneError(f"line {number} is neither [part], $, -, ~ nor #: {line}")
    return scene


def play(scene: Scene, folder: Path = ROOT) -> dict[str, list[list[str]]]:
    """Runs a scene; part -> commands, each with what it printed (stdout and stderr as they came).

    Raises:
        SceneError: an unrecorded command ended with another exit code than 0.
    """
    lines = []
    for number, (part, _, run) in enumerate(scene.commands):
        guard = "" if part else f"\n[ $? -eq 0 ] || {{ printf '\\n{MARK}failed\\n'; exit 1; }}"
        lines.append(f"printf '\\n{MARK}{number}\\n'\n{run}{guard}\n")
    bash = ["bash", "-c", "exec 2>&1\n" + "".join(lines)]
    done = subprocess.run(bash, cwd=folder, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    parts: dict[str, list[list[str]]] = {}
    printed = done.stdout.split(f"\n{MARK}")[1:]
    for piece in printed:
        mark, _, output = piece.partition("\n")
        if mark == "failed":
            said = printed[-2].partition("\n")[2].strip()
            raise SceneError(f"{scene.commands[len(printed) - 2][1]} failed: {said[-2000:]}")
        part, shown, _ = scene.commands[int(mark)]
        if part:
            for text, other in scene.replaced:
                shown, output = shown.replace(text, other), output.replace(text, other)
            parts.setdefault(part, []).append([shown, output.strip("\n")])
    return parts


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 recorded, 1 the scene could not be played."""
    parser = argparse.ArgumentParser(description="Runs a scene and records what it prints.")
    parser.add_argument("scene", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args(arguments)
    try:
        parts = play(read(asked.scene.read_text(encoding="utf-8")))
    except SceneError as error:
        print(f"{asked.scene}: {error}", file=sys.stderr)
        return 1
    asked.output.write_text(json.dumps(parts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
