"""What each source of a header says of the weighting, a small rule with its reason for each; pure.

The words and values that the rules look for are tables (`_header_rules`). A rule knows nothing of the others:
`mrclass.header` combines them. Source: DICOM PS3.3 C.8.3 and C.8.13; vendors' habits in public series.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mrclass import _header_rules as rules
from mrclass._header_text import codes_of, list_of, normal, number_of, quoted, text_of
from mrclass.labels import OTHER, display


@dataclass(frozen=True)
class Claim:
    """What one source says: a label (None: nothing about the weighting) and a sentence."""

    source: str
    label: str | None
    sentence: str


def image_type(header: Mapping[str, Any]) -> Claim | None:
    """ImageType where it names a computed image; ORIGINAL, DERIVED, PRIMARY and the like are believed
    nowhere."""
    values = {str(value).strip().upper() for value in list_of(header, "ImageType")}
    values.update(str(value).strip().upper() for value in list_of(header, "ComplexImageComponent"))
    for wanted, label, meaning in rules.IMAGE_TYPE:
        found = sorted(values & wanted)
        if found:
            return Claim("ImageType", label, f"ImageType has {found[0]}: {meaning}.")
    return None


def description(header: Mapping[str, Any]) -> Claim | None:
    """The words of SeriesDescription."""
    return by_words("SeriesDescription", header, study_words=True)


def protocol(header: Mapping[str, Any]) -> Claim | None:
    """The words of ProtocolName, less those by which people name whole studies ("MRV HEAD")."""
    if normal(text_of(header, "ProtocolName")) == normal(text_of(header, "SeriesDescription")):
        return None
    return by_words("ProtocolName", header, study_words=False)


def b_value(header: Mapping[str, Any]) -> Claim | None:
    """A b-value: a diffusion-weighted volume, and so none of the six."""
    value = number_of(header, "DiffusionBValue")
    # Some vendors write b = 0 on everything; of a volume that was split by its b-value it is the b0 image.
    if value is None or value < 0 or (value == 0 and not header.get("SplitByBValue")):
        return None
    kind = "diffusion-weighted" if value else "the unweighted image of a diffusion series"
    return Claim("b-value", OTHER, f"b-value {value:g} s/mm2: {kind}.")


def acquisition_contrast(header: Mapping[str, Any]) -> Claim | None:
    """AcquisitionContrast of enhanced objects, where it can be believed."""
    value = text_of(header, "AcquisitionContrast").upper()
    label = rules.ACQUISITION_CONTRAST.get(value)
    return Claim("AcquisitionContrast", label, f"AcquisitionContrast is {value}.") if label else None


def sequence_name(header: Mapping[str, Any]) -> Claim | None:
    """The vendor's name of the pulse sequence, else echo-planar readout by ScanningSequence."""
    for keyword in ("SequenceName", "PulseSequenceName"):
        name = text_of(header, keyword).lower().lstrip("*_ %")
        for pattern, label, meaning in rules.SEQUENCE_NAMES:
            if re.match(pattern, name):
                return Claim(keyword, label, f"{keyword} {quoted(text_of(header, keyword))}: {meaning}.")
    if "EP" in codes_of(header, "ScanningSequence"):
        return Claim("ScanningSequence", OTHER, "ScanningSequence has EP: echo-planar imaging.")
    return None


def timing(header: Mapping[str, Any]) -> Claim | None:
    """The weighting that TR, TE and TI make with a spin echo, or with a 2-D or inversion-prepared gradient
    echo."""
    tr, te, ti = (number_of(header, keyword) for keyword in ("RepetitionTime", "EchoTime", "InversionTime"))
    codes = codes_of(header, "ScanningSequence")
    if tr is None or te is None or not codes & {"SE", "IR", "GR"}:
        return None
    times = f"TR {tr:g}, TE {te:g}" + (f", TI {ti:g}" if ti else "") + " ms"
    if ti and ti > 1400 and te >= 60 and tr >= 3500:
        return Claim("timing", "flair", f"{times}: FLAIR.")
    if ti and 500 <= ti <= 1400 and te <= 40:
        return Claim("timing", "t1w", f"{times}: T1-weighted by inversion.")
    if ti and 80 <= ti <= 300 and tr >= 1500:
        return Claim("timing", OTHER, f"{times}: STIR.")
    if ti and ti > 20:
        return None
    if "GR" in codes and "SE" not in codes:
        flip = number_of(header, "FlipAngle") or 0.0
        if te >= 12 and flip <= 35:
            return Claim("timing", OTHER, f"{times}, flip angle {flip:g}: T2*.")
        if (
            text_of(header, "MRAcquisitionType").upper() == "2D"
            and 100 <= tr <= 900
            and te <= 12
            and flip >= 50
        ):
            return Claim("timing", "t1w", f"{times}, flip angle {flip:g}: T1-weighted gradient echo.")
        return None
    if "IR" in codes:
        return None  # an inversion whose time is not told
    if tr <= 950 and te <= 30:
        return Claim("timing", "t1w", f"{times}: T1-weighted spin echo.")
    if tr >= 1800 and te >= 65:
        return Claim("timing", "t2w", f"{times}: T2-weighted spin echo.")
    if tr >= 1800 and te <= 45:
        return Claim("timing", OTHER, f"{times}: proton density.")
    return None


def bids_guess(header: Mapping[str, Any]) -> Claim | None:
    """dcm2niix's own guess; last, for it reads the same tags."""
    guess = [str(part) for part in list_of(header, "BidsGuess")]
    if len(guess) < 2:
        return None
    label = rules.BIDS_SUFFIX.get(guess[-1].rsplit("_", 1)[-1]) or rules.BIDS_FOLDER.get(guess[0])
    return (
        Claim("BidsGuess", label, f"dcm2niix guesses {display(label)} ({'/'.join(guess)}).")
        if label
        else None
    )


def contrast(header: Mapping[str, Any]) -> tuple[bool, str] | None:
    """Whether a contrast agent was given, with the sentence; None where no tag says anything.

    The words of the series outrank ContrastBolusAgent, which is often left over from the series before or
    says that none was given in words of its own.
    """
    agent = text_of(header, "ContrastBolusAgent")
    none_given = re.sub(r"\s", "", agent).lower() in rules.NO_AGENT
    for keyword in ("SeriesDescription", "ProtocolName"):
        text = normal(text_of(header, keyword))
        for pattern, given, meaning in rules.CONTRAST:
            if pattern.search(text):
                if given is None:
                    break
                said = f"{keyword} {quoted(text_of(header, keyword))}: {meaning}"
                if agent and given == none_given:
                    said += f", against ContrastBolusAgent {quoted(agent)}"
                return given, said + "."
    if not agent:
        return None
    if none_given:
        return False, f"ContrastBolusAgent {quoted(agent)}: none was given."
    return True, f"ContrastBolusAgent {quoted(agent)}."


def by_words(keyword: str, header: Mapping[str, Any], study_words: bool) -> Claim | None:
    text = normal(text_of(header, keyword))
    for words in rules.DESCRIPTION:
        if words.pattern.search(text) and (study_words or words.everywhere):
            label = words.label
            if label is None:  # a double echo: which of the two, the echo time tells
                te = number_of(header, "EchoTime")
                label = None if te is None else "t2w" if te >= 60 else OTHER
            sentence = f"{keyword} {quoted(text_of(header, keyword))}: {words.meaning}."
            return Claim(keyword, label, sentence)
    return None


# In the order of rank: the first that names a label decides.
RULES: tuple[Callable[[Mapping[str, Any]], Claim | None], ...] = (
    image_type,
    description,
    protocol,
    b_value,
    acquisition_contrast,
    sequence_name,
    timing,
    bids_guess,
)
