"""The child process that reads DICOM headers: paths in on stdin, one JSON line per path out on stdout.

It runs alone, under limits, because public files exist that end the process of any reader; `_pool` starts it,
and starts it again after such a file. It imports nothing of this package.
Source: DICOM PS3.10 (file format), PS3.5 annex A (transfer syntaxes).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import sys
import time
import warnings
from runpy import run_path
from typing import Any, BinaryIO

# Loaded by their paths: no folder is on the child's path from which a stranger's module could be taken.
HERE = os.path.dirname(os.path.abspath(__file__))
POSITIONS = run_path(os.path.join(HERE, "_positions.py"))
ELEMENTS = run_path(os.path.join(HERE, "_elements.py"))
HEADER, PRIVATE_B, get = ELEMENTS["HEADER"], ELEMENTS["PRIVATE_B"], ELEMENTS["get"]

MAX_FRAGMENTS = 100_000  # fragments followed when looking for the end of encapsulated pixel data
UNDEFINED = 0xFFFFFFFF

IDENTITY = [
    "SpecificCharacterSet", "SeriesInstanceUID", "StudyInstanceUID", "SOPInstanceUID", "PatientID",
    "InstanceNumber", "AcquisitionNumber", "AcquisitionTime", "ContentTime", "ImagePositionPatient",
    "TemporalPositionIdentifier", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "ContrastBolusAgentSequence",
]  # fmt: skip
# Two files with one SOPInstanceUID are copies of each other only if they agree in all of these.
SIGNATURE = [
    "InstanceNumber", "AcquisitionNumber", "AcquisitionTime", "ContentTime", "ImagePositionPatient",
    "TemporalPositionIdentifier", "EchoTime", "EchoNumbers", "DiffusionBValue", "ImageType", "Rows",
    "Columns", "NumberOfFrames", "SamplesPerPixel",
]  # fmt: skip
NAMES = {
    "series": "SeriesInstanceUID", "study": "StudyInstanceUID", "instance": "SOPInstanceUID",
    "patient": "PatientID", "number": "InstanceNumber",
}  # fmt: skip
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
DEFLATED = "1.2.840.10008.1.2.1.99"


def limit(**limits: int) -> None:
    """Set soft limits of this process, such as AS=bytes or FSIZE=bytes, where the platform can."""
    try:
        import resource
    except ImportError:
        return  # not a POSIX platform: the parent's time limit remains
    for name, value in limits.items():
        try:
            what = getattr(resource, f"RLIMIT_{name}")
            resource.setrlimit(what, (value, resource.getrlimit(what)[1]))
        except (ValueError, OSError):
            sys.stderr.write(f"the limit {name} of the header reader could not be set on this platform\n")


def end_of_pixels(file: BinaryIO, size: int, explicit: bool, little: bool, length: int) -> str | None:
    """How the pixel data element at the file's position is cut off, in words, or None if it is whole."""
    start = file.tell() + (12 if explicit else 8)
    if length != UNDEFINED:
        there = size - start
        return f"the pixel data end after {max(there, 0)} of {length} bytes" if there < length else None
    order = "<" if little else ">"
    file.seek(start)
    for _ in range(MAX_FRAGMENTS):
        head = file.read(8)
        if len(head) < 8:
            return "the compressed pixel data end before their last fragment"
        group, element, fragment = struct.unpack(order + "HHL", head)
        if (group, element) != (0xFFFE, 0xE000):
            return None  # the end of the list, or no list of fragments at all: the decoder must judge
        if file.tell() + fragment > size:
            return "the compressed pixel data end inside a fragment"
        file.seek(fragment, os.SEEK_CUR)
    return None


def looks_like_dicom(head: bytes) -> str:
    """How a file begins: "dicom" (preamble), "bare" (a data set without preamble), or ""."""
    if head[128:132] == b"DICM":
        return "dicom"
    if len(head) < 16:
        return ""
    for order in "<>":
        group, element = struct.unpack(order + "HH", head[:4])
        explicit = head[4:6].isalpha() and head[4:6].isupper()
        length = struct.unpack(order + "L", head[4:8])[0]
        if group in (2, 8) and element <= 0x0100 and (explicit or length <= 256):
            return "bare"
    return ""


def read_dataset(file: BinaryIO, start: str, head: bytes, stop: Any) -> Any:
    """The wanted elements of one file up to its pixel data (pydicom FileDataset or Dataset)."""
    from pydicom import filereader
    from pydicom.datadict import tag_for_keyword

    wanted = [tag_for_keyword(word) for word in (*HEADER, *IDENTITY)] + [
        *PRIVATE_B,
        POSITIONS["MOSAIC_SLICES"],
    ]
    dataset = filereader.read_partial(
        file, stop_when=stop, force=start == "bare", specific_tags=[tag for tag in wanted if tag is not None]
    )
    if start == "bare" and not len(dataset) and head[4:6].isalpha():
        file.seek(0)  # pydicom takes a data set without any meta information for implicit VR
        dataset = filereader.read_dataset(file, False, head[0] in (2, 8), None, stop, specific_tags=wanted)
    return dataset


def read(path: bytes) -> dict[str, Any]:
    """One file's record: `kind` "dicom" with identity and header, or "none" / "broken" with a `reason`."""
    size = os.stat(path).st_size
    if not size:
        return {"kind": "none", "reason": "empty file"}
    with open(path, "rb") as file:
        head = file.read(132)
        start = looks_like_dicom(head)
        if not start:
            return {"kind": "none", "reason": "", "magic": head[:16].hex()}
        file.seek(0)
        pixel: dict[str, Any] = {}

        def stop(tag: Any, vr: str | None, length: int) -> bool:
            if int(tag) in PIXELS:
                pixel.update(explicit=vr is not None, length=length)
                return True
            return False

        try:
            dataset = read_dataset(file, start, head, stop)
        except RecursionError:
            return {"kind": "broken", "reason": "its sequences are nested too deeply to be read"}
        except MemoryError:
            return {"kind": "broken", "reason": "its header wants more memory than the reader is allowed"}
        except Exception as error:  # noqa: BLE001 - a stranger's file may raise anything in a parser
            if start == "bare":
                return {"kind": "none", "reason": "", "magic": head[:16].hex()}
            return {
                "kind": "broken",
                "reason": f"its header cannot be read ({type(error).__name__}: {str(error)[:200]})",
            }
        meta = getattr(dataset, "file_meta", {})
        syntax = get(meta, "TransferSyntaxUID")
        cut = None
        if pixel and syntax != DEFLATED:
            encoding = getattr(dataset, "original_encoding", (False, True))
            cut = end_of_pixels(file, size, pixel["explicit"], encoding[1] is not False, pixel["length"])
        if start == "bare" and not any(
            word in dataset for word in ("SOPClassUID", "Modality", "SeriesInstanceUID", "Rows")
        ):
            return {
                "kind": "broken",
                "reason": "it begins like a DICOM data set, but names neither object, series nor image",
            }
        return record(dataset, meta, syntax, bool(pixel), cut)


def record(dataset: Any, meta: Any, syntax: Any, pixels: bool, cut: str | None) -> dict[str, Any]:
    """What the parent is told of a data set."""
    from pydicom.uid import UID

    header = {keyword: get(dataset, keyword) for keyword in HEADER}
    ELEMENTS["functional"](dataset, header)
    if header["DiffusionBValue"] is None:
        header["DiffusionBValue"] = ELEMENTS["private_b"](dataset)
    if header["ContrastBolusAgent"] is None and "ContrastBolusAgentSequence" in dataset:
        try:
            header["ContrastBolusAgent"] = get(dataset["ContrastBolusAgentSequence"].value[0], "CodeMeaning")
        except Exception:  # noqa: BLE001 - an empty or broken sequence names no agent
            header["ContrastBolusAgent"] = None
    header["SOPClassUID"] = header["SOPClassUID"] or get(meta, "MediaStorageSOPClassUID")
    header["TransferSyntaxUID"] = syntax
    uid = str(header["SOPClassUID"] or "")
    signature = [header.get(word) if word in header else get(dataset, word) for word in SIGNATURE]
    return {
        "kind": "dicom",
        **{name: get(dataset, keyword) for name, keyword in NAMES.items()},
        "content": hashlib.sha256(json.dumps(signature).encode()).hexdigest()[:16],
        "object": UID(uid).name if uid else "",
        "pixels": pixels,
        "cut": cut,
        "stacks": POSITIONS["stacks"](dataset, get),
        "header": {keyword: value for keyword, value in header.items() if value is not None},
    }


def main() -> None:
    """Answer paths (hex of the bytes of the name, one a line) with JSON records until stdin ends.

    Arguments: megabytes of memory; seconds of processor time for one file.
    """
    megabytes, seconds = (int(word) for word in sys.argv[1:3])
    limit(AS=megabytes * 1024 * 1024, CORE=0)
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # nothing that a library prints may look like an answer
    warnings.simplefilter("ignore")
    import pydicom

    logging.getLogger("pydicom").disabled = True
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    limit(FSIZE=0)  # it writes to its pipe alone
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        limit(CPU=int(time.process_time()) + seconds)
        try:
            answer = read(bytes.fromhex(line.strip()))
        except OSError as error:
            answer = {"kind": "none", "reason": f"cannot be opened ({error.strerror or error})"}
        except MemoryError:
            answer = {"kind": "broken", "reason": "its header wants more memory than the reader is allowed"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
