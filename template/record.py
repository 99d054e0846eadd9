"""Plays the scenes of documents, and keeps what their commands printed in results/outputs.json.

    python3 template/record.py [SCENE ...]

Reads template/scenes/NAME.txt, each played from the project's folder by one bash, top to bottom, with this
Python's programs first. Its lines:

    ? PATH PROGRAM    what the scene, or the part it stands in, needs; where it is missing, the record stays
    ~ TEXT => OTHER   replaces a text in what is recorded
    [part]            begins a part: the block `output:NAME-part`
    $ COMMAND         is run, and recorded with what it prints (stdout and stderr as they come)
    $2..1 COMMAND     the same, of its output the first two lines and the last (either number may be left out)
    $ SHOWN ## RUN    is recorded as SHOWN while RUN is run
    - COMMAND         is run and not recorded; its failure ends the scene
    # ...             is a remark

A document shows a block between `<!-- output:NAME-part -->` and `<!-- /output:NAME-part -->`; render.py puts
it there. Pseudonyms are salted anew by every run: they are counted in the order of their appearance instead
(`stable`). Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCENES, RECORD = "template/scenes", "results/outputs.json"
BLOCK = re.compile(r"(<!-- output:([a-z0-9-]+) -->\n).*?(<!-- /output:\2 -->)", re.DOTALL)
MARK = "\x01"  # stands before the number of a command in what bash prints
END = "end"  # stands for the number when the last command is over
SHOWN = re.compile(r"\$(?:(?P<first>\d*)\.\.(?P<last>\d*))?$")
# Keys, patients, subjects, sessions, studies, and the part of a series' name that a class folder ends with.
PSEUDONYM = re.compile(
    r"(?P<head>(?<![0-9A-Za-z])(?:S-|P-|F-|sub-[PF]|ses-|study-)|-(?=[0-9a-f]{8}(?:/|_\d+\.nii)))"
    r"(?P<hex>[0-9a-f]{8,24})(?![0-9A-Za-z])"
)


class RecordError(Exception):
    """A scene cannot be read or played, or a block not be shown; the message says why."""


@dataclass(frozen=True)
class Step:
    """One command of a scene.

    Attributes:
        line: as the scene has it.
        part: where it stands, "" before the first part.
        shown: the command as recorded; None where it is not.
        run: the command as run.
        cut: how many of the first and of the last lines of its output are shown; None: all.
    """

    line: str
    part: str
    shown: str | None
    run: str
    cut: tuple[int, int] | None = None


@dataclass
class Scene:
    """What a scene file says.

    Attributes:
        steps: its commands, in their order.
        replaced: texts and what takes their place in the record.
        needs: part ("" for the whole scene) -> paths and programs it needs.
        parts: names of its parts, in their order.
    """

    steps: list[Step] = field(default_factory=list)
    replaced: list[tuple[str, str]] = field(default_factory=list)
    needs: dict[str, list[str]] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    def commands(self, part: str) -> list[str]:
        """The recorded lines of a part, as the scene has them."""
        return [step.line for step in self.steps if step.part == part and step.shown is not None]

    def replace(self, text: str) -> str:
        """A text with the scene's replacements."""
        for old, new in self.replaced:
            text = text.replace(old, new)
        return text


def parse(text: str) -> Scene:
    """A scene from its text.

    Raises:
        RecordError: a line is of no known kind, or is recorded outside a part; the message names it.
    """
    scene, part = Scene(), ""
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        kind, _, rest = line.partition(" ")
        begun, asked = re.fullmatch(r"\[([a-z0-9-]+)\]", line), SHOWN.match(kind)
        if begun and begun[1] not in scene.parts:
            part = begun[1]
            scene.parts.append(part)
        elif asked and part and rest:
            shown, _, other = rest.partition(" ## ")
            cut = None if asked["first"] is None else (int(asked["first"] or 0), int(asked["last"] or 0))
            scene.steps.append(Step(line, part, shown, other or shown, cut))
        elif kind == "-" and rest:
            scene.steps.append(Step(line, part, None, rest))
        elif kind == "~" and " => " in rest:
            old, _, new = rest.partition(" => ")
            scene.replaced.append((old, new))
        elif kind == "?" and rest:
            scene.needs.setdefault(part, []).extend(rest.split())
        elif kind and not kind.startswith("#"):
            raise RecordError(
                f"line {number} is neither a new [part], $ COMMAND in a part, - COMMAND, ? NEED, "
                f"~ TEXT => OTHER nor # remark: {line}"
            )
    return scene


def stable(text: str) -> str:
    """A text with its pseudonyms counted: the first becomes ...001, the same one always the same."""
    known: dict[str, int] = {}

    def count(found: re.Match[str]) -> str:
        digits = found["hex"]
        number = known.setdefault(digits, len(known) + 1)
        return f"{found['head']}{number:0{len(digits)}d}"

    return PSEUDONYM.sub(count, text)


def shortened(lines: Sequence[str], cut: tuple[int, int] | None) -> list[str]:
    """What is shown of a command's output: all, or its first and last lines, `...` between them."""
    if cut is None or len(lines) <= sum(cut):
        return list(lines)
    return [*lines[: cut[0]], "...", *lines[len(lines) - cut[1] :]]


def surroundings() -> dict[str, str]:
    """The environment of a scene: this Python's programs first, lines of 120 characters, no language."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": programs, "COLUMNS": "120", "LC_ALL": "C.UTF-8"}


def missing(scene: Scene, part: str, root: Path = ROOT) -> list[str]:
    """What a part ("" for the whole scene) needs that is neither a path of the project nor a program."""
    programs, needs = surroundings()["PATH"], scene.needs.get(part, ())
    return [need for need in needs if not ((root / need).exists() or shutil.which(need, path=programs))]


def play(scene: Scene, parts: Sequence[str], root: Path = ROOT) -> dict[str, list[str]]:
    """Plays these parts of a scene, and what stands before the first; part -> its lines, commands after `$`.

    Raises:
        RecordError: a command that is not recorded failed, a recorded one was not found or ended with a
            traceback, or bash ended before the last.
    """
    steps = [step for step in scene.steps if step.part in ("", *parts)]
    lines = ["exec 2>&1", "code=0"]  # each command finds the exit code of the one before in $?
    for number, step in enumerate(steps):
        lines += [f"printf '\\n{MARK}{number}\\n'; (exit $code)", step.run, "code=$?"]
        if step.shown is None:
            lines.append("[ $code -eq 0 ] || exit 1")
    done = subprocess.run(
        ["bash", "-c", "\n".join([*lines, f"printf '\\n{MARK}{END}\\n'"])],
        cwd=root,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    text = done.stdout.decode(errors="replace").replace(f"{root}{os.sep}", "")
    told = [piece.partition("\n") for piece in text.split(f"\n{MARK}")[1:]]
    ended = None if told[-1][0] == END else len(told) - 1
    kept: dict[str, list[str]] = {part: [] for part in parts}
    for number, (step, (_, _, said)) in enumerate(zip(steps, told, strict=False)):
        trips = step.shown is not None and ("command not found" in said or "Traceback" in said)
        if trips or number == ended:
            raise RecordError(f"failed: {step.line}\n{said.strip()[-2000:]}")
        if step.shown is not None:
            output = [line.rstrip() for line in said.rstrip().splitlines()]
            kept[step.part] += [f"$ {step.shown}", *shortened(output, step.cut)]
    return {part: stable(scene.replace("\n".join(lines))).split("\n") for part, lines in kept.items()}


def rendered(scenes: Mapping[str, Scene], record: Mapping[str, Any]) -> dict[str, str]:
    """Block -> its text as documents show it.

    Raises:
        RecordError: a block was recorded with other commands than it has now.
    """
    texts = {}
    for name, scene in scenes.items():
        for part in scene.parts:
            found = record.get(f"{name}-{part}")
            if found is None:
                texts[f"{name}-{part}"] = f"Not recorded yet: `make docs-output BLOCKS={name}` does."
                continue
            if found["commands"] != scene.commands(part):
                raise RecordError(
                    f"output:{name}-{part} is of other commands; make docs-output BLOCKS={name}"
                )
            texts[f"{name}-{part}"] = "\n".join(["```", *found["lines"], "```"])
    return texts


def fill(text: str, texts: Mapping[str, str]) -> str:
    """A document with each block `<!-- output:NAME -->` to its end filled.

    Raises:
        RecordError: a block has a name that no scene has.
    """

    def put(found: re.Match[str]) -> str:
        if found[2] not in texts:
            raise RecordError(f"a document has a block output:{found[2]}; choose one of: {', '.join(texts)}")
        return f"{found[1]}{texts[found[2]]}\n{found[3]}"

    return BLOCK.sub(put, text)


def read(root: Path = ROOT) -> tuple[dict[str, Scene], dict[str, Any]]:
    """The scenes of a project by name, and what is recorded by block; empty where there is none.

    Raises:
        RecordError: a scene cannot be read.
    """
    scenes = {}
    for path in sorted((root / SCENES).glob("*.txt")):
        try:
            scenes[path.stem] = parse(path.read_text(encoding="utf-8"))
        except RecordError as error:
            raise RecordError(f"{path.relative_to(root)}: {error}") from None
    path = root / RECORD
    return scenes, json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def record(names: Sequence[str], root: Path = ROOT) -> Iterator[str]:
    """Plays scenes (by default all) and keeps each as it is done; yields the names of its blocks.

    Raises:
        RecordError: there is no such scene or block, or one failed; the record stays as it was then.
    """
    scenes, _ = read(root)
    blocks = {f"{name}-{part}": name for name, scene in scenes.items() for part in scene.parts}
    unknown = sorted(set(names) - set(scenes) - set(blocks))
    if unknown:
        raise RecordError(f"no scene {', '.join(unknown)}; choose of: {', '.join(scenes)}")
    for name in dict.fromkeys(blocks.get(name, name) for name in names or scenes):
        scene, parts = scenes[name], []
        for part in ("", *scene.parts):
            lacking = missing(scene, part, root)
            if lacking:
                told = f"{name}-{part}" if part else name
                print(f"{told}: left as it was, {', '.join(lacking)} is not there", file=sys.stderr)
                if not part:
                    break
            elif part:
                parts.append(part)
        if not parts:
            continue
        try:
            played = play(scene, parts, root)
        except RecordError as error:
            raise RecordError(f"{SCENES}/{name}.txt: {error}") from None
        made = {f"{name}-{part}": {"commands": scene.commands(part), "lines": played[part]} for part in parts}
        known = {**read(root)[1], **made}
        kept = {key: known[key] for key in blocks if key in known}
        (root / RECORD).write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        yield from made


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 done, 1 a scene failed, 2 usage."""
    parser = argparse.ArgumentParser(description="Records the output that documents show.")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="or a block of it; by default all")
    try:
        for name in record(parser.parse_args(arguments).scenes):
            print(name)
    except RecordError as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
