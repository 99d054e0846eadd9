"""Runs dcm2niix on one series' files with limits and reads its words; writes below the given folder only."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrclass.errors import ConversionError, ConversionTimeoutError

STEM = "v"
MEMORY_MB = 8192
FILE_MB = 8192
KEPT_WORDS = 65536  # bytes of dcm2niix's talk that are read
SYNTAXES = {
    "1.2.840.10008.1.2.1.99": "deflated",
    "1.2.840.10008.1.2.4.51": "JPEG with 12 bits (process 2 and 4)",
    "1.2.840.10008.1.2.4.53": "JPEG spectral selection (process 6 and 8)",
    "1.2.840.10008.1.2.4.55": "JPEG full progression (process 10 and 12)",
    "1.2.840.10008.1.2.4.92": "JPEG 2000 part 2",
    "1.2.840.10008.1.2.4.93": "JPEG 2000 part 2",
    "1.2.840.10008.1.2.4.100": "MPEG-2 video",
    "1.2.840.10008.1.2.4.102": "MPEG-4 video",
    "1.2.840.10008.1.2.4.201": "high-throughput JPEG 2000",
    "1.2.840.10008.1.2.4.202": "high-throughput JPEG 2000",
    "1.2.840.10008.1.2.4.203": "high-throughput JPEG 2000",
}
# dcm2niix's words -> ours; the first that fits its output, most telling first.
REASONS = (
    (r"not large enough to store image data|FileSize < ", "the file is shorter than its image"),
    (r"(?:Unsupported transfer syntax|Transfer Syntax) '?([0-9.]+)'?", 
     "dcm2niix does not decode its compression ({}); decompress it with gdcmconv or dcmdjpeg first"),
    (r"appears corrupt|Illegal DICOM tag", "its DICOM encoding is damaged"),
    (r"OpenJPEG failed|Unable to decode JPEG2000", "its JPEG 2000 image cannot be decoded"),
    (r"JPEG-LS|CharLS", "its JPEG-LS image cannot be decoded"),
    (r"fragments?: decompress", "dcm2niix does not decode frames split like these; decompress it first"),
    (r"Unsupported DICOM bit-depth (\d+) with (\d+) samples", "colour images of {} bits are not decoded"),
    (r"Unable to decode", "its compressed image cannot be decoded"),
    (r"[Oo]ut of memory|malloc|bad_alloc", "it needs more memory than the converter is allowed"),
    (r"No space left|disk full", "the disk is full"),
    (r"Unable to find any DICOM|No valid DICOM images", "dcm2niix finds no image in it"),
)  # fmt: skip
# Signals that a limit of ours sends.
LIMITS = {
    "SIGXCPU": "as when it uses more processor time than it is allowed",
    "SIGXFSZ": "as when it writes a larger file than it is allowed",
}
TELLING = re.compile(r"error|unsupported|unable|corrupt|illegal|filesize|no valid|not large", re.I)
# Warnings about what is seen: geometry, missing or uneven slices, decoding. The rest is about metadata.
WORTH = re.compile(
    r"missing images|interslice|bogus spatial|slice direction|slice thickness|fragments|partial volume", re.I
)


@dataclass(frozen=True)
class Output:
    """What dcm2niix left: NIfTI files, the stem of their names, its links, and its warnings about what is
    seen."""

    files: tuple[Path, ...]
    stem: str
    links: Path
    warnings: tuple[str, ...]


def binary() -> str:
    """Path of dcm2niix: the Python package's own, else the one on PATH.

    Raises:
        ConversionError: there is none.
    """
    try:
        import dcm2niix
    except ImportError:
        found = shutil.which("dcm2niix")
    else:
        found = str(dcm2niix.bin) if os.path.exists(dcm2niix.bin) else shutil.which("dcm2niix")
    if not found:
        raise ConversionError("dcm2niix is not installed. Install it with: pip install dcm2niix")
    return found


def run(files: Sequence[Path], work: Path, timeout_s: float) -> Output:
    """Convert `files` (one series) into `work`.

    Raises:
        ConversionError: it wrote no image; the message says why.
        ConversionTimeoutError: it did not end within `timeout_s`.
    """
    links, home = work / "in", work / "home"
    links.mkdir()
    home.mkdir()
    for number, path in enumerate(files):
        os.symlink(path, links / f"{number:06d}.dcm")
    # -ba y: neither names nor dates in the sidecar; -g i and a home of its own: no defaults of the user's.
    # -x i: 3-D acquisitions keep their slices along the third axis (docs/decisions/0006-acquisition-axis.md).
    options = ["-g", "i", "-b", "y", "-ba", "y", "-z", "n", "-w", "2", "-x", "i"]
    options += ["-f", STEM + "%s", "-o", str(work), str(links)]
    status, talk = _process([binary(), *options], home, work / "words.txt", timeout_s)
    shutil.rmtree(home, ignore_errors=True)
    written = tuple(
        sorted(path for path in work.iterdir() if path.suffix == ".nii" and path.name.startswith(STEM))
    )
    words = _clean(talk, work, links, files)
    if not written:
        raise ConversionError(reason(status, words))
    kept = [line for line in words if WORTH.search(line)]
    if status:
        kept.insert(0, f"dcm2niix reported a problem: {_quote(words) or f'exit status {status}'}")
    return Output(written, _stem(written), links, tuple(dict.fromkeys(kept)))


def rewrite(work: Path, timeout_s: float, *how: str) -> list[Path]:
    """The files that `run` linked, rewritten without compression by `_rewrite`; [] where one cannot be.

    They lie in `work`/plain. With "first" as `how` they are links to the first file at each position. The
    child has the limits of dcm2niix.
    """
    plain, home = work / "plain", work / "home"
    plain.mkdir()
    home.mkdir(exist_ok=True)
    script = str(Path(__file__).with_name("_rewrite.py"))
    command = [sys.executable, "-I", "-B", script, str(work / "in"), str(plain), *how]
    try:
        status, _ = _process(command, home, work / "words.txt", max(1.0, timeout_s))
    except ConversionTimeoutError:
        status = 1
    shutil.rmtree(home, ignore_errors=True)
    if status:
        shutil.rmtree(plain, ignore_errors=True)
        return []
    return sorted(plain.iterdir())


def reason(status: int, words: Sequence[str]) -> str:
    """Why there is no image, in plain words, with dcm2niix's own at the end."""
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        why = LIMITS.get(name, "which a damaged file can do")
        return f"No volume could be made: dcm2niix was ended by {name}, {why}."
    text = "\n".join(words)
    plain = "dcm2niix wrote no image"
    for pattern, meaning in REASONS:
        found = re.search(pattern, text)
        if found:
            plain = meaning.format(*(SYNTAXES.get(item, item) for item in found.groups()))
            break
    quote = _quote(words)
    return f"No volume could be made: {plain}." + (f" dcm2niix says: {quote}" if quote else "")


def _process(command: list[str], home: Path, talk: Path, timeout_s: float) -> tuple[int, str]:
    """Run in a session of its own with limits; exit status (negative: signal) and the start of what it
    said."""
    environment = {"HOME": str(home), "LC_ALL": "C", "TMPDIR": str(home), "PATH": os.defpath}
    if (
        os.name == "posix"
    ):  # the shell sets the limits and becomes dcm2niix; no Python runs between fork and exec
        limits = (
            f"ulimit -c 0; ulimit -v {MEMORY_MB * 1024} 2>/dev/null; ulimit -f {FILE_MB * 2048} 2>/dev/null; "
            f"ulimit -t {max(1, math.ceil(timeout_s))} 2>/dev/null"
        )
        command = ["/bin/sh", "-c", f'{limits}; exec "$0" "$@"', *command]
    with open(talk, "wb") as stream:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=home,
            start_new_session=True,
        )
        try:
            status = child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ConversionTimeoutError(
                f"No volume could be made: dcm2niix did not end within {timeout_s:g} s."
            ) from error
        finally:
            _end(child)
    with open(talk, "rb") as said:
        text = said.read(KEPT_WORDS).decode("utf-8", "replace")
    talk.unlink()
    return status, text


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's process group."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.poll()  # all of it has ended already
    child.wait()


def _clean(text: str, work: Path, links: Path, files: Sequence[Path]) -> list[str]:
    """Lines that say something, with the names of links replaced by those of the files."""
    lines = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith(
            ("Chris Rorden", "Convert ", "Conversion required", "Defaults", "Found ", "::")
        ):
            continue
        line = re.sub(
            re.escape(str(links)) + r"/(\d+)\.dcm",
            lambda m: files[int(m[1])].name if int(m[1]) < len(files) else "",
            line,
        )
        lines.append(line.replace(str(links), "the series").replace(str(work), "")[:400])
    return lines


def _quote(words: Sequence[str]) -> str:
    telling = [line for line in dict.fromkeys(words) if TELLING.search(line)]
    return " | ".join(telling[:3])[:500]


def _stem(files: Sequence[Path]) -> str:
    """The part of the names before dcm2niix's endings: "v" and the series number."""
    found = re.match(rf"{STEM}\d*", files[0].name)
    return found[0] if found else STEM
