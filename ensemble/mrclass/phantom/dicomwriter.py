"""Simulated volumes -> a folder of DICOM instances (MR Image Storage, explicit VR little endian), seeded.

The affine (RAS+, voxel -> mm) becomes DICOM's LPS+ geometry here and nowhere else in the simulator.
Source: DICOM PS3.3 C.7.6.2 (image plane), C.8.3 (MR image); PS3.5 B.2 (UIDs derived from a UUID under 2.25).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrclass import __version__
from mrclass._rewrite import save
from mrclass.phantom import headers, techniques

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from mrclass.phantom.acquire import Acquired
    from mrclass.phantom.protocols import Protocol

COMMENT = "Simulated by mrclass.phantom"
#: No maker's name, and none whose first letters a converter takes for one (dcm2niix reads "Simulated"
#: as Siemens).
MANUFACTURER = "No scanner (simulated)"
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_STORED_MAXIMUM = 4095  # magnitude images of scanners fill 12 of their 16 bits
_MAP_MAXIMUM = 65535

# Directions (RAS+) of columns, rows and slices as pictures are hung: patient right at the left.
_HANGING: Mapping[str, tuple[tuple[int, int, int], ...]] = {
    "axial": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "sagittal": ((0, -1, 0), (0, 0, -1), (-1, 0, 0)),
    "coronal": ((-1, 0, 0), (0, 0, -1), (0, -1, 0)),
}


@dataclass(frozen=True)
class Study:
    """What all series of one simulated study share.

    Attributes:
        seed: seed of the whole export; every UID follows from it.
        patient: number of the patient, from 1.
        style: spelling of names, one of `headers.STYLES`.
        date: StudyDate, YYYYMMDD.
        weight: PatientWeight in kg.
    """

    seed: int
    patient: int
    style: str = "underscore"
    date: str = "20200102"
    weight: float = 70.0

    def uid(self, *parts: object) -> str:
        """A UID under 2.25 that is the same for the same seed, patient and parts."""
        return derived_uid(self.seed, self.patient, *parts)


@dataclass(frozen=True)
class WrittenSeries:
    """One series on disk: its UID, its files in the order of InstanceNumber, its SeriesDescription."""

    series_uid: str
    files: tuple[Path, ...]
    description: str


def derived_uid(*parts: object) -> str:
    """A UID under 2.25 from a name-based UUID of the parts (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, '|'.join(['mrclass.phantom', *map(str, parts)])).int}"


def hang(volume: NDArray[Any], affine: NDArray[Any], plane: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Frames as DICOM stores them, and the affine from (column, row, slice) to LPS+ mm.

    Args:
        volume: shape (i, j, k), any axis order.
        affine: shape (4, 4), voxel -> mm, RAS+.
        plane: axial, sagittal or coronal.

    Returns:
        frames, shape (slices, rows, columns); affine, float64, shape (4, 4), (column, row, slice) -> LPS+ mm.

    Raises:
        ValueError: the volume has not 3 dimensions or the plane is unknown.
    """
    if volume.ndim != 3:
        raise ValueError(f"Volume has {volume.ndim} dimensions {volume.shape}; a volume has 3.")
    if plane not in _HANGING:
        raise ValueError(f"{plane!r} is not a plane; choose one of: {', '.join(_HANGING)}")
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    wanted = np.array(_HANGING[plane], dtype=float)  # rows: column, row, slice direction
    slice_axis = int(np.argmax(np.abs(wanted[2] @ directions)))
    in_plane = [axis for axis in range(3) if axis != slice_axis]
    column_axis = max(in_plane, key=lambda axis: abs(float(wanted[0] @ directions[:, axis])))
    row_axis = next(axis for axis in in_plane if axis != column_axis)
    matrix, origin = np.empty((3, 3)), np.array(affine[:3, 3], dtype=float)
    for position, axis in enumerate((column_axis, row_axis, slice_axis)):
        step = affine[:3, axis]
        if wanted[position] @ directions[:, axis] < 0:
            volume = np.flip(volume, axis)
            origin = origin + step * (volume.shape[axis] - 1)
            step = -step
        matrix[:, position] = step
    lps = np.eye(4)
    lps[:3, :3], lps[:3, 3] = matrix, origin
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    return volume.transpose(slice_axis, row_axis, column_axis), lps  # (slices, rows, columns)


def write_series(
    acquired: Sequence[Acquired],
    folder: Path,
    study: Study,
    number: int,
    *,
    overrides: Mapping[str, Any] | None = None,
    name: Callable[[int], str] = "IM{:06d}".format,
    first_file: int = 1,
) -> WrittenSeries:
    """Write one series: the volumes of `acquired` one after the other (b-values, or planes of a localizer).

    Args:
        acquired: one or more volumes.
        folder: is made where it is missing; existing files of the same name are replaced.
        study: what the series shares with the others.
        number: SeriesNumber.
        overrides: DICOM keyword -> value put in every instance last; None removes the attribute.
            This is how a header is made to lie.
        name: file name of the n-th file, n from `first_file` on.
        first_file: number of the first file, so that series can share a folder.

    Raises:
        ValueError: no volume, or one that is not 3-D.
    """
    if not acquired:
        raise ValueError("A series needs at least one volume; got none.")
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    shown = ""
    slope, intercept = _rescale(acquired)
    for index, item in enumerate(acquired):
        frames, lps = hang(item.volume, item.affine, item.protocol.plane)
        window = np.percentile(frames, (1.0, 99.5)).tolist()
        for frame_index, frame in enumerate(frames):
            dataset = _instance(item, study, number, len(files) + 1)
            dataset.AcquisitionNumber = index + 1
            _put_geometry(dataset, lps, frame_index, item.protocol)
            _put_pixels(dataset, frame, slope, intercept, window, item.protocol.kind == "adc")
            for keyword, value in (overrides or {}).items():
                if value is None:
                    dataset.pop(keyword, None)
                else:
                    setattr(dataset, keyword, value)
            path = folder / name(first_file + len(files))
            save(dataset, path)
            files.append(path)
            shown = str(dataset.get("SeriesDescription", ""))
    return WrittenSeries(study.uid("series", number), tuple(files), shown)


def _rescale(acquired: Sequence[Acquired]) -> tuple[float, float]:
    """RescaleSlope and RescaleIntercept shared by all volumes of a series; an ADC map keeps its unit."""
    low = min(float(item.volume.min()) for item in acquired)
    high = max(float(item.volume.max()) for item in acquired)
    intercept = min(0.0, low)
    span = high - intercept
    if acquired[0].protocol.kind == "adc" and span <= _MAP_MAXIMUM:
        return 1.0, float(np.floor(intercept))
    return (span / _STORED_MAXIMUM if span > 0 else 1.0), intercept


def _instance(item: Acquired, study: Study, number: int, instance: int) -> Dataset:
    """Everything of one instance but geometry and pixels."""
    from pydicom.dataset import Dataset, FileMetaDataset

    protocol, style = item.protocol, study.style
    technique = techniques.technique(protocol.kind)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = EXPLICIT_VR_LITTLE_ENDIAN
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = headers.image_type(protocol, style, item.b_value)
    ds.SOPClassUID = MR_IMAGE_STORAGE
    ds.SOPInstanceUID = study.uid("series", number, "instance", instance)
    put_patient_and_study(ds, study)
    minutes = 9 * 60 + 5 * number  # a series every five minutes from nine o'clock
    ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = study.date
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = f"{minutes // 60 % 24:02d}{minutes % 60:02d}00"
    ds.Modality = "MR"
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = f"Phantom {protocol.field:g}T {style}"
    ds.SoftwareVersions = f"mrclass {__version__}"
    ds.BodyPartExamined = technique.body_part
    ds.PatientPosition = "HFS"
    ds.SeriesDescription = headers.description(protocol, style)
    ds.ProtocolName = headers.protocol_name(protocol, style)
    ds.SeriesInstanceUID = study.uid("series", number)
    ds.SeriesNumber = number
    ds.InstanceNumber = instance
    ds.FrameOfReferenceUID = study.uid("frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.ImageComments = COMMENT
    ds.ScanningSequence = list(technique.scanning)
    ds.SequenceVariant = list(technique.variant)
    ds.ScanOptions = list(technique.options) or ""
    ds.MRAcquisitionType = headers.acquisition_type(protocol)
    if sequence := headers.sequence_name(protocol, style, item.b_value):
        ds.SequenceName = sequence
    ds.RepetitionTime, ds.EchoTime = _ds(protocol.tr), _ds(protocol.te)
    if (inversion := headers.inversion_time(protocol)) is not None:
        ds.InversionTime = _ds(inversion)
    ds.FlipAngle, ds.EchoTrainLength = _ds(protocol.flip), technique.echo_train
    ds.NumberOfAverages, ds.EchoNumbers = "1", 1
    ds.MagneticFieldStrength = _ds(protocol.field)
    ds.ImagingFrequency, ds.ImagedNucleus = _ds(42.577 * protocol.field), "1H"
    if protocol.contrast_agent:
        ds.ContrastBolusAgent = headers.contrast_agent(style)
        ds.ContrastBolusRoute = "IV"
    if item.b_value is not None:
        ds.DiffusionBValue = float(item.b_value)
        ds.DiffusionDirectionality = "ISOTROPIC" if item.b_value else "NONE"
    return ds


def put_patient_and_study(ds: Dataset, study: Study) -> None:
    """Patient and study attributes, pseudonymous and without a birth date."""
    ds.PatientName = f"PHANTOM^{study.patient:03d}"
    ds.PatientID = f"PHANTOM{study.patient:03d}"
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.PatientWeight = _ds(study.weight)
    ds.StudyInstanceUID = study.uid("study")
    ds.StudyDate, ds.StudyTime = study.date, "090000"
    ds.StudyDescription = "Simulated brain MR"
    ds.StudyID = str(study.patient)
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""


def _put_geometry(ds: Dataset, lps: NDArray[np.float64], frame: int, protocol: Protocol) -> None:
    """Image plane attributes of one frame (PS3.3 C.7.6.2)."""
    column, row, step = lps[:3, 0], lps[:3, 1], lps[:3, 2]
    spacing = float(np.linalg.norm(step))
    position = lps[:3, 3] + frame * step
    normal = np.cross(column, row) / np.linalg.norm(np.cross(column, row))
    ds.ImagePositionPatient = [_ds(value) for value in position]
    ds.ImageOrientationPatient = [
        _ds(value) for value in (*(column / np.linalg.norm(column)), *(row / np.linalg.norm(row)))
    ]
    ds.PixelSpacing = [_ds(float(np.linalg.norm(row))), _ds(float(np.linalg.norm(column)))]  # rows first
    ds.SliceThickness = _ds(min(protocol.thickness, spacing) if protocol.gap >= 0 else protocol.thickness)
    ds.SpacingBetweenSlices = _ds(spacing)
    ds.SliceLocation = _ds(float(position @ normal))


def _put_pixels(
    ds: Dataset, frame: NDArray[Any], slope: float, intercept: float, window: Sequence[float], is_map: bool
) -> None:
    """Pixel, rescale and window attributes of one frame, shape (rows, columns)."""
    maximum = _MAP_MAXIMUM if is_map else _STORED_MAXIMUM
    stored = np.clip(np.rint((frame - intercept) / slope), 0, maximum).astype("<u2")
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated, ds.BitsStored = 16, 16 if is_map else 12
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = _ds(intercept), _ds(slope), "US"
    low, high = window
    ds.WindowCenter, ds.WindowWidth = _ds((low + high) / 2), _ds(max(high - low, 1e-3))
    ds.PixelData = np.ascontiguousarray(stored).tobytes()


def _ds(value: float) -> Any:
    """A decimal string of at most 16 characters (VR DS); minus zero becomes zero."""
    from pydicom.valuerep import DSfloat

    return DSfloat(float(value) + 0.0, auto_format=True)
