"""Broken and hostile files for the tests: small whole ones, and what can be done to their bytes.

    python tests/broken.py EXPORT SERIES     writes the export of docs/how-to/broken-input.md

SERIES is a folder of a whole series, which is copied into EXPORT.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
from dicom_files import image, write
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

DEFLATED = "1.2.840.10008.1.2.1.99"
LONGEST = 0xFFFFFFFE


def whole(folder: Path) -> dict[str, bytes]:
    """One small whole file of each kind: ending -> bytes."""
    made = {"explicit.dcm": write(folder / "a", image(11)).read_bytes()}
    made["implicit.dcm"] = write(folder / "a", image(12), ImplicitVRLittleEndian).read_bytes()
    made["deflated.dcm"] = write(folder / "a", image(13), DEFLATED).read_bytes()
    for number, syntax in enumerate((JPEG2000Lossless, JPEGLSLossless, RLELossless), 14):
        squeezed = image(number, PixelData=encapsulate([zlib.compress(b"no image" * 40)]))
        squeezed["PixelData"].is_undefined_length = True
        made[f"squeezed-{number}.dcm"] = write(folder / "a", squeezed, syntax).read_bytes()
    volume = nibabel.Nifti1Image(np.arange(4000, dtype=np.int16).reshape(20, 20, 10), np.diag([4, 4, 5, 1]))
    made["volume.nii"] = volume.to_bytes()
    made["volume.nii.gz"] = gzip.compress(volume.to_bytes())
    made["volume.json"] = b'{"EchoTime": 0.1, "ImageType": ["ORIGINAL"]}'
    return made


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A change of a file's bytes: flips, cuts, insertions, absurd lengths, pieces doubled or zeroed."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "length", "double", "zero", "none"]))
    places = draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8))
    values = draw(st.binary(min_size=8, max_size=8))
    count = draw(st.integers(1, 64))

    def change(data: bytes) -> bytes:
        broken = bytearray(data)
        for place, value in zip(places, values, strict=False):
            at = int(place * len(broken))
            if kind == "flip":
                broken[at] ^= value or 1
            elif kind == "cut":
                return bytes(broken[:at])
            elif kind == "insert":
                broken[at:at] = values * count
            elif kind == "length":
                broken[at : at + 4] = (LONGEST - (value & 1)).to_bytes(4, "little")
            elif kind == "double":
                broken[at:at] = broken[at : at + count]
            elif kind == "zero":
                broken[at : at + count] = bytes(min(count, len(broken) - at))
        return bytes(broken)

    return change


def swelling_frame(path: Path, megabytes: int = 64) -> Path:
    """An image whose one frame is deflated (1.2.840.10008.1.2.8.1, which pydicom does not write)."""
    squeezed = image(4, PixelData=encapsulate([zlib.compress(bytes(megabytes << 20))]))
    squeezed["PixelData"].is_undefined_length = True
    data = write(path, squeezed, JPEG2000Lossless).read_bytes()
    path.write_bytes(data.replace(b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.8.1\0", 1))
    return path


def hostile(export: Path, swollen_mb: int = 2048) -> Path:
    """An export of broken and hostile things, each once.

    Args:
        export: the folder, which may hold other things.
        swollen_mb: what the deflated header swells to.
    """
    export.mkdir(parents=True, exist_ok=True)
    made = whole(export)
    (export / "a").unlink()
    (export / "line\nbreak").mkdir()
    (export / "line\nbreak" / "\x1b[31m.dcm").write_bytes(made["explicit.dcm"])
    (export / "new\nline.dcm").write_bytes(b"no header at all, but a name")
    (export / "header-cut.dcm").write_bytes(made["implicit.dcm"][:500])
    cut = write(export / "pixels-cut.dcm", image(17))
    cut.write_bytes(cut.read_bytes()[:-100])
    write(export / "absurd.dcm", image(3, Rows=65535, Columns=65535, NumberOfFrames=2**31 - 1))
    swelling_frame(export / "frame.dcm")
    bomb(export / "bomb.dcm", swollen_mb)
    nested(export / "nested.dcm")
    (export / "cut.nii.gz").write_bytes(made["volume.nii.gz"][:300])
    (export / "empty.nii").touch()
    (export / "empty").touch()
    (export / "up").symlink_to(".")
    (export / "loop.dcm").symlink_to("loop.dcm")
    os.mkfifo(export / "pipe.dcm")
    os.mkfifo(export / "cut.json")  # where a sidecar may lie
    return export


def nested(path: Path, levels: int = 20_000) -> Path:
    """A DICOM file whose header is sequences in sequences."""
    data = write(path, image(2, PixelData=None)).read_bytes()
    item = b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path.write_bytes(data[: data.index(b"\x08\x00\x08\x00")] + item * levels)
    return path


def bomb(path: Path, megabytes: int) -> Path:
    """A deflated DICOM file of a kilobyte for each megabyte that it swells to."""
    data = write(path, image(1), DEFLATED).read_bytes()
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    stream = io.BytesIO()
    plain = zlib.decompress(data[_body(data) :], wbits=-zlib.MAX_WBITS)
    private = b"\x09\x00\x10\x10OB\0\0" + (megabytes << 20).to_bytes(4, "little")
    at = plain.index(b"\x10\x00\x10\x00")  # before PatientName
    stream.write(packer.compress(plain[:at] + private) + packer.flush(zlib.Z_FULL_FLUSH))
    # after a full flush the same bytes mean the same: one block is enough
    stream.write((packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)) * megabytes)
    stream.write(packer.compress(plain[at:]) + packer.flush())
    path.write_bytes(data[: _body(data)] + stream.getvalue())
    return path


def _body(data: bytes) -> int:
    """Where the data set begins: after the meta information, whose length its first element tells."""
    return 144 + int.from_bytes(data[140:144], "little")


def snapshot(*folders: Path) -> dict[str, tuple[object, ...]]:
    """Everything below some folders: path -> kind, mode, and for files size, time of change and hash."""
    found: dict[str, tuple[object, ...]] = {}
    for folder in folders:
        for root, inner, files in os.walk(folder):
            for name in (*inner, *files):
                path = os.path.join(root, name)
                about = os.lstat(path)
                if not os.path.isfile(path) or os.path.islink(path):
                    found[path] = (about.st_mode,)
                    continue
                with open(path, "rb") as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
                found[path] = (about.st_mode, about.st_size, about.st_mtime_ns, digest)
    return found


if __name__ == "__main__":
    shutil.copytree(sys.argv[2], hostile(Path(sys.argv[1])) / "whole")
