"""What the elements of a DICOM header say, as plain JSON; loaded by the header reader, imports nothing.

Source: DICOM PS3.6 (keywords), PS3.3 C.7.6.16 (functional groups).
"""

from __future__ import annotations

from typing import Any

MAX_TEXT = 1024  # characters kept of one value
MAX_VALUES = 64  # values kept of one multi-valued element

# What `Series.header` holds. No name, ID, date or institution may ever be added here.
HEADER = [
    "Modality", "SeriesDescription", "ProtocolName", "ImageType", "SequenceName", "PulseSequenceName",
    "ScanningSequence", "SequenceVariant", "ScanOptions", "ContrastBolusAgent",
    "EchoTime", "RepetitionTime", "InversionTime", "FlipAngle", "EchoTrainLength",
    "EchoNumbers", "NumberOfTemporalPositions", "MagneticFieldStrength", "DiffusionBValue",
    "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "MRAcquisitionType", "SeriesNumber",
    "SOPClassUID", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "ImageOrientationPatient",
    "ComplexImageComponent", "AcquisitionContrast",
]  # fmt: skip
# Where the enhanced objects keep what classic ones have at the top: keyword -> (macro, attribute).
FUNCTIONAL = {
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "RepetitionTime": ("MRTimingAndRelatedParametersSequence", "RepetitionTime"),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence", "FlipAngle"),
    "EchoTrainLength": ("MRTimingAndRelatedParametersSequence", "EchoTrainLength"),
    "InversionTime": ("MRModifierSequence", "InversionTimes"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue"),
    "PixelSpacing": ("PixelMeasuresSequence", "PixelSpacing"),
    "SliceThickness": ("PixelMeasuresSequence", "SliceThickness"),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "ImageOrientationPatient"),
    "BodyPartExamined": ("FrameAnatomySequence", "BodyPartExamined"),
}
# Private b-values: Siemens, GE (b + 1e9 in the first of four), Philips, UIH.
PRIVATE_B = (0x0019100C, 0x00431039, 0x20011003, 0x00651009)


def plain(value: Any) -> Any:
    """A DICOM value as plain JSON: numbers, trimmed text, or a list of them; None for nothing."""
    if isinstance(value, bytes):
        value = value.decode("latin-1", "replace")
    if isinstance(value, str):
        return value.replace("\0", "").strip()[:MAX_TEXT] or None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        number = float(value)
        return number if abs(number) < 1e300 else None  # JSON knows neither NaN nor infinity
    if value is None:
        return None
    if hasattr(value, "__iter__"):
        return [plain(item) for item in list(value)[:MAX_VALUES]] or None
    try:  # decimal strings of unusual configuration
        return float(value)
    except (TypeError, ValueError):
        return str(value)[:MAX_TEXT]


def get(dataset: Any, keyword: Any) -> Any:
    """Value of one element as plain JSON; an element whose value breaks its VR gives its raw text, or
    None."""
    try:
        return plain(dataset[keyword].value) if keyword in dataset else None
    except Exception:  # noqa: BLE001 - any element of a stranger's file may break any rule of the standard
        try:
            return plain(dataset.get_item(keyword).value)
        except Exception:  # noqa: BLE001 - not even the raw bytes: as good as absent
            return None


def private_b(dataset: Any) -> float | None:
    """The b-value of a vendor's private element, s/mm2, or None."""
    for tag in PRIVATE_B:
        value = get(dataset, tag)
        first = value[0] if isinstance(value, list) else value
        try:
            number = float(first.split("\\")[0] if isinstance(first, str) else first)
        except (TypeError, ValueError):
            continue
        if number >= 1e9:  # GE adds a thousand millions as a flag
            number -= 1e9
        if 0 <= number < 100_000:
            return number
    return None


def functional(dataset: Any, header: dict[str, Any]) -> None:
    """Fill gaps of `header` from the shared functional groups, else from those of the first frame."""
    for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        try:
            item = dataset[group].value[0]
        except Exception:  # noqa: BLE001 - absent, empty or broken: the other group may serve
            continue
        for keyword, (macro, attribute) in FUNCTIONAL.items():
            if header.get(keyword) is None:
                try:
                    value = get(item[macro].value[0], attribute)
                except Exception:  # noqa: BLE001 - this macro is absent or broken
                    continue
                many = isinstance(value, list) and attribute == "InversionTimes"
                header[keyword] = value[0] if many else value
