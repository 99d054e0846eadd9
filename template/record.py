"""Runs the commands whose output documents show, and keeps what they printed in results/outputs.json.

    python3 template/record.py [BLOCK ...]

Reads template/outputs.json: a block's name -> `needs` (paths without which it stays as it was), `fresh`
(paths removed before), `before` (commands not shown), `in` (folder, by default the project's) and `commands`,
each a text, or {"run", "first", "last"} where only so many lines of its output are shown. Those of a block
run in one shell, with this Python's programs first. A document shows a block between `<!-- output:NAME -->`
and `<!-- /output:NAME -->`; render.py puts it there. Pseudonyms are salted anew by every run: they are
counted in the order of their appearance instead (`stable`). Standard library only.
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SPEC, RECORD = "template/outputs.json", "results/outputs.json"
BLOCK = re.compile(r"(<!-- output:([a-z0-9-]+) -->\n).*?(<!-- /output:\2 -->)", re.DOTALL)
MARK = "@@ next @@"  # between two commands' output
# Keys, patients, subjects, sessions, studies, and the part of a series' name that a class folder ends with.
PSEUDONYM = re.compile(
    r"(?P<head>(?<![0-9A-Za-z])(?:S-|P-|F-|sub-[PF]|ses-|study-)|-(?=[0-9a-f]{8}(?:/|_\d+\.nii)))"
    r"(?P<hex>[0-9a-f]{8,24})(?![0-9A-Za-z])"
)


class RecordError(Exception):
    """A block cannot be recorded; the message says why."""


def shown(command: str | Mapping[str, Any]) -> str:
    """The command line of one command."""
    return command if isinstance(command, str) else str(command["run"])


def stable(text: str) -> str:
    """A text with its pseudonyms counted: the first becomes ...001, the same one always the same."""
    known: dict[str, int] = {}

    def count(found: re.Match[str]) -> str:
        digits = found["hex"]
        number = known.setdefault(digits, len(known) + 1)
        return f"{found['head']}{number:0{len(digits)}d}"

    return PSEUDONYM.sub(count, text)


def cut(lines: Sequence[str], command: str | Mapping[str, Any]) -> list[str]:
    """What is shown of a command's output: all, or its first and last lines, `...` between them."""
    if isinstance(command, str) or not {"first", "last"} & set(command):
        return list(lines)
    first, last = int(command.get("first", 0)), int(command.get("last", 0))
    if len(lines) <= first + last:
        return list(lines)
    return [*lines[:first], "...", *lines[len(lines) - last :]]


def run(block: Mapping[str, Any], root: Path = ROOT) -> list[str]:
    """Runs one block; its lines, commands after `$`.

    Raises:
        RecordError: a command that prepares it failed, or a shown one could not be found.
    """
    for name in block.get("fresh", ()):
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    lines = ["code=0"]
    for command in block["commands"]:
        lines += [f"(exit $code); {shown(command)}", "code=$?", f"echo '{MARK}'"]
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": tools, "COLUMNS": "120", "LC_ALL": "C.UTF-8"}
    for command in block.get("before", ()):
        if subprocess.run(["bash", "-c", command], cwd=root, env=environment).returncode:
            raise RecordError(f"what prepares the block failed: {command}")
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=root / block.get("in", "."),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    text = stable(done.stdout.decode(errors="replace").replace(f"{root}{os.sep}", ""))
    told = text.split(f"{MARK}\n")
    if "command not found" in text or "Traceback" in text or len(told) != len(block["commands"]) + 1:
        raise RecordError(f"a command failed:\n{text}")
    kept = []
    for command, said in zip(block["commands"], told, strict=False):
        kept += [f"$ {shown(command)}", *cut([line.rstrip() for line in said.rstrip().splitlines()], command)]
    return kept


def rendered(spec: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """Name -> the text of a block as documents show it.

    Raises:
        RecordError: a block was recorded with other commands than it has now.
    """
    texts = {}
    for name, block in spec.items():
        found = record.get(name)
        if found is None:
            texts[name] = "Not recorded yet: `make docs-output` does."
            continue
        if found["commands"] != block["commands"]:
            raise RecordError(f"output:{name} is of other commands; make docs-output BLOCKS={name}")
        texts[name] = "\n".join(["```", *found["lines"], "```"])
    return texts


def fill(text: str, texts: Mapping[str, str]) -> str:
    """A document with each block `<!-- output:NAME -->` to its end filled.

    Raises:
        RecordError: a block has a name that outputs.json has not.
    """

    def put(found: re.Match[str]) -> str:
        if found[2] not in texts:
            raise RecordError(f"a document has a block output:{found[2]}; choose one of: {', '.join(texts)}")
        return f"{found[1]}{texts[found[2]]}\n{found[3]}"

    return BLOCK.sub(put, text)


def read(root: Path = ROOT) -> tuple[dict[str, Any], dict[str, Any]]:
    """The spec and the record of a project; empty where there is none."""
    found = []
    for name in (SPEC, RECORD):
        path = root / name
        found.append(json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {})
    return found[0], found[1]


def record(names: Sequence[str], root: Path = ROOT) -> Iterator[str]:
    """Runs blocks and keeps each as it is done; yields its name.

    Raises:
        RecordError: there is no such block, or one failed.
    """
    spec, _ = read(root)
    unknown = sorted(set(names) - set(spec))
    if unknown:
        raise RecordError(f"no block {', '.join(unknown)}; choose of: {', '.join(spec)}")
    for name in names or spec:
        missing = [path for path in spec[name].get("needs", ()) if not (root / path).exists()]
        if missing:
            print(f"{name}: left as it was, {', '.join(missing)} is not there", file=sys.stderr)
            continue
        made = {"commands": spec[name]["commands"], "lines": run(spec[name], root)}
        known = {**read(root)[1], name: made}
        kept = {key: known[key] for key in spec if key in known}
        (root / RECORD).write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        yield name


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 done, 1 a block failed, 2 usage."""
    parser = argparse.ArgumentParser(description="Records the output that documents show.")
    parser.add_argument("blocks", nargs="*", metavar="BLOCK", help="by default all")
    try:
        for name in record(parser.parse_args(arguments).blocks):
            print(name)
    except RecordError as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
