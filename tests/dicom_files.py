"""Small DICOM files for the intake's tests: one MR image of a few pixels per file, any tag replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mrclass.phantom.dicomwriter import save
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

ROOT = "1.2.826.0.1.3680043.10.999"  # below the root that the pydicom project hands out for free use
SIZE = 16


def uid(*numbers: int) -> str:
    """A UID of the tests' own, the same for the same numbers."""
    return ".".join([ROOT, *(str(number) for number in numbers)])


def image(series: int = 1, number: int = 1, **tags: Any) -> Dataset:
    """One axial MR slice of 16 x 16 pixels, 2 mm, at z = 3 mm x `number`.

    `tags` replace elements; a value of None removes its element.
    """
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = uid(2, series, number)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(3), uid(4, series)
    ds.FrameOfReferenceUID = uid(5)
    ds.PatientID, ds.PatientName, ds.PatientBirthDate = "SECRET-ID", "Secret^Name", "19010203"
    ds.Modality, ds.Manufacturer = "MR", "Nobody"
    ds.SeriesDescription, ds.ProtocolName = "AX T1", "AX T1"
    ds.SeriesNumber, ds.InstanceNumber = series, number
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.ScanningSequence, ds.SequenceVariant = "SE", "NONE"
    ds.RepetitionTime, ds.EchoTime, ds.FlipAngle = 500, 12, 90
    ds.MRAcquisitionType = "2D"
    ds.ImagePositionPatient = [-16, -16, 3 * number]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = [2, 2], 3, 3
    ds.PatientPosition = "HFS"
    ds.Rows, ds.Columns = SIZE, SIZE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    pixels: np.ndarray = np.arange(SIZE * SIZE, dtype="<u2").reshape(SIZE, SIZE) + 100 * number
    ds.PixelData = pixels.tobytes()
    with config.disable_value_validation():  # the tests write what the standard forbids
        for keyword, value in tags.items():
            if keyword in ds:  # an element keeps the validation it was made with
                delattr(ds, keyword)
            if value is not None:
                setattr(ds, keyword, value)
    return ds


def write(path: Path, ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a data set as a DICOM file with preamble."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", MRImageStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", uid(9))
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    save(ds, path)
    return path


def stack(folder: Path, count: int = 4, series: int = 1, **tags: Any) -> list[Path]:
    """A series of `count` slices, one file each: IM1.dcm, IM2.dcm ..."""
    return [write(folder / f"IM{n}.dcm", image(series, n, **tags)) for n in range(1, count + 1)]
