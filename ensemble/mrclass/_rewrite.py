"""The child process that rewrites DICOM files plainly: no compression, one frame each; folder in, folder out.

    python -I _rewrite.py LINKS PLAIN [first]

dcm2niix does not decode some compressions and does not accept some enhanced objects; pydicom and, for grey
images, the GDCM inside SimpleITK do. `convert` runs this under the limits of dcm2niix, and then dcm2niix once
more. With `first`, nothing is decoded: PLAIN gets a link to the first file at each position, for a series of
repeated positions in which images are missing. It imports nothing of this package.
Source: DICOM PS3.5 annex A (transfer syntaxes), PS3.3 C.7.6.16 (functional groups).
"""

from __future__ import annotations

import logging
import sys
import warnings
from inspect import signature
from pathlib import Path
from typing import Any

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
MAX_FRAMES = 10_000
# Macro of a functional group -> its attributes that a classic image holds at its top.
MACROS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "MRTimingAndRelatedParametersSequence": ("RepetitionTime", "FlipAngle", "EchoTrainLength"),
    "MREchoSequence": ("EffectiveEchoTime",),
}
RENAMED = {"EffectiveEchoTime": "EchoTime"}
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def decode(dataset: Any, path: Path) -> Any:
    """Stored pixel values: an integer array; a colour image's as RGB.

    Raises:
        Exception: nothing here decodes it; of any kind, as the decoders have them.
    """
    if not dataset.file_meta.TransferSyntaxUID.is_compressed:
        return dataset.pixel_array
    if dataset.get("SamplesPerPixel", 1) == 1:
        try:  # first: it obeys the sign inside a JPEG 2000 stream, not the header's
            return by_gdcm(dataset, path)
        except RuntimeError as error:
            print(f"{path.name}: GDCM: {str(error)[-200:]}", file=sys.stderr)
    dataset.decompress()
    return dataset.pixel_array


def by_gdcm(dataset: Any, path: Path) -> Any:
    """Stored values of a grey image through SimpleITK, which applies the slope: it is taken back."""
    import numpy as np
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path.resolve()))
    values = SimpleITK.GetArrayFromImage(reader.Execute()).squeeze()
    if values.dtype.kind == "f":
        slope = float(dataset.get("RescaleSlope", None) or 1)
        values = np.rint((values - float(dataset.get("RescaleIntercept", None) or 0)) / slope)
    signed = dataset.get("PixelRepresentation", 0) == 1 or float(values.min()) < 0
    return values.astype(np.int16 if signed else np.uint16)


def plain(dataset: Any, pixels: Any, path: Path) -> None:
    """Write one frame as a native, explicit little endian file."""
    from pydicom.uid import ExplicitVRLittleEndian

    for keyword in ("FloatPixelData", "DoubleFloatPixelData", "PixelData", "NumberOfFrames"):
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsAllocated - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = pixels.shape[2], 0
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    dataset["PixelData"].is_undefined_length = False
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    save(dataset, path)


def save(dataset: Any, path: Path) -> None:
    """Write a DICOM file with preamble and file meta information (PS3.10), in its transfer syntax."""
    if "enforce_file_format" in signature(dataset.save_as).parameters:
        dataset.save_as(path, enforce_file_format=True)
        return
    # pydicom below 3, which MONAI Label needs, has another name for it and does not look at the syntax
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.is_little_endian, dataset.is_implicit_VR = syntax.is_little_endian, syntax.is_implicit_VR
    dataset.save_as(path, write_like_original=False)


def frames(dataset: Any, pixels: Any, path: Path) -> None:
    """Write each frame of an enhanced object as a classic MR image."""
    import copy

    from pydicom.uid import generate_uid

    shared = dataset.get(GROUPS[0]) or [None]
    each = list(dataset[GROUPS[1]].value)
    base = copy.copy(dataset)
    for keyword in (*GROUPS, "PixelData", "NumberOfFrames"):
        if keyword in base:
            delattr(base, keyword)
    for index, frame in enumerate(each[:MAX_FRAMES]):
        one = copy.copy(base)
        one.file_meta = copy.copy(dataset.file_meta)
        for group in (shared[0], frame):
            for macro, attributes in MACROS.items():
                item: Any = group.get(macro) if group is not None else None
                for attribute in attributes if item else ():
                    if attribute in item[0]:
                        setattr(one, RENAMED.get(attribute, attribute), item[0][attribute].value)
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = MR_IMAGE
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        one.InstanceNumber = index + 1
        plain(one, pixels[index], path.with_name(f"{path.stem}-{index:05d}.dcm"))


def first_of_each(links: Path, out: Path) -> int:
    """Link the first file, by instance number, at each position; exit code 1 where a file has no position."""
    import pydicom

    found = []
    for path in sorted(links.iterdir()):
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            where = [*dataset.ImageOrientationPatient, *dataset.ImagePositionPatient]
            place = tuple(round(float(value), 2) for value in where)
            found.append((int(dataset.get("InstanceNumber") or 0), path, place))
        except Exception as error:  # noqa: BLE001 - a stranger's header may raise anything
            print(f"{path.name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
            return 1
    chosen: dict[tuple[float, ...], Path] = {}
    for _, path, place in sorted(found):
        chosen.setdefault(place, path)
    for path in chosen.values():
        (out / path.name).symlink_to(path.readlink())
    return 0


def main() -> int:
    """Rewrite every file of a folder; exit code 1 where one could not be, with the reason on stderr."""
    import pydicom

    links, out = Path(sys.argv[1]), Path(sys.argv[2])
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").disabled = True
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    if sys.argv[3:] == ["first"]:
        return first_of_each(links, out)
    failed = 0
    for path in sorted(links.iterdir()):
        try:
            dataset = pydicom.dcmread(path, force=True)
            pixels = decode(dataset, path)
            many = int(dataset.get("NumberOfFrames") or 1) > 1
            if many and GROUPS[1] in dataset:
                frames(dataset, pixels, out / path.name)
            elif not many:
                plain(dataset, pixels, out / path.name)
            else:
                raise ValueError("several frames without functional groups")
        except Exception as error:  # noqa: BLE001 - a stranger's file may raise anything in a decoder
            failed = 1
            print(f"{path.name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
