"""What a header claims: evidence from each tag on its own, combined into a header label; pure.

The rules are tables (`_header_rules`). The order of the sources follows how often each of them lies in public
data: an ImageType that names a computed image, then the words of SeriesDescription, those of ProtocolName,
the b-value and the sequence's name, last the timing (which cannot tell a lie of the description apart: the
content label does that). Source: paper, section 2.6 (SeriesDescription and Contrast/Bolus Agent against the
content).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mrclass import _header_rules as rules
from mrclass.labels import OTHER, display

# Sidecar fields in seconds -> header fields in milliseconds.
MAX_TEXT = 256  # characters of a value that are looked at: a stranger's sidecar may hold megabytes
TIMES = ("EchoTime", "RepetitionTime", "InversionTime")
FROM_SIDECAR = """
    SeriesDescription ProtocolName ImageType SequenceName PulseSequenceName ScanningSequence SequenceVariant
    FlipAngle DiffusionBValue ContrastBolusAgent MRAcquisitionType
"""


@dataclass(frozen=True)
class HeaderLabel:
    """What a header claims.

    Attributes:
        label: key of the label, or None: the header is silent.
        evidence: one plain sentence per source that says something, the deciding one first.
        basis: the source that decided ("SeriesDescription", "ImageType", ..., "timing"), "" if silent.
        sources: every source that says something, with the label it means or None, in the order of rank.
    """

    label: str | None
    evidence: list[str] = field(default_factory=list)
    basis: str = ""
    sources: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class Claim:
    """What one source says: a label (None: nothing about the weighting) and a sentence."""

    source: str
    label: str | None
    sentence: str


def header_label(header: Mapping[str, Any], sidecar: Mapping[str, Any] | None = None) -> HeaderLabel:
    """Label that a header claims for one volume.

    Args:
        header: `Series.header`: DICOM keywords, times in ms.
        sidecar: the volume's JSON by dcm2niix, times in s; where it has a field, it describes this volume
        better than the
            header of the series' first file does.
    """
    merged = _merge(header, sidecar or {})
    claims = [
        claim
        for rule in (
            image_type,
            description,
            protocol,
            b_value,
            acquisition_contrast,
            sequence_name,
            timing,
            bids_guess,
        )
        if (claim := rule(merged)) is not None
    ]
    decided = next((claim for claim in claims if claim.label is not None), None)
    agent = contrast(merged)
    sources = tuple((claim.source, claim.label) for claim in claims)
    evidence = [claim.sentence for claim in sorted(claims, key=lambda claim: claim is not decided)]
    if not _text(merged, "SeriesDescription"):
        evidence.append("SeriesDescription is empty.")
    if decided is None:
        return HeaderLabel(None, evidence + ([agent[1]] if agent else []), sources=sources)
    label = decided.label
    if agent:
        evidence.append(agent[1])
        if label == "t1w" and agent[0]:
            label = "t1ce"
    return HeaderLabel(label, evidence, decided.source, sources)


def verdict(claimed: HeaderLabel | str | None, content_label: str) -> str:
    """ "agree", "disagree" or "header silent": a header's claim against the label of the content.

    Timings alone are no claim, since nobody wrote down what the series is: they can contradict the content,
    but where they fit it the header stays silent.
    """
    label = claimed.label if isinstance(claimed, HeaderLabel) else claimed
    if not label:
        return "header silent"
    if label != content_label:
        return "disagree"
    by_timing = isinstance(claimed, HeaderLabel) and claimed.basis == "timing"
    return "header silent" if by_timing else "agree"


def image_type(header: Mapping[str, Any]) -> Claim | None:
    """ImageType where it names a computed image; ORIGINAL, DERIVED, PRIMARY and the like are believed
    nowhere."""
    values = {str(value).strip().upper() for value in _list(header, "ImageType")}
    values.update(str(value).strip().upper() for value in _list(header, "ComplexImageComponent"))
    for wanted, label, meaning in rules.IMAGE_TYPE:
        found = sorted(values & wanted)
        if found:
            return Claim("ImageType", label, f"ImageType has {found[0]}: {meaning}.")
    return None


def description(header: Mapping[str, Any]) -> Claim | None:
    """The words of SeriesDescription."""
    return _by_words("SeriesDescription", header, study_words=True)


def protocol(header: Mapping[str, Any]) -> Claim | None:
    """The words of ProtocolName, less those by which people name whole studies ("MRV HEAD")."""
    if normal(_text(header, "ProtocolName")) == normal(_text(header, "SeriesDescription")):
        return None
    return _by_words("ProtocolName", header, study_words=False)


def b_value(header: Mapping[str, Any]) -> Claim | None:
    """A b-value: a diffusion-weighted volume, and so none of the six."""
    value = _number(header, "DiffusionBValue")
    # Some vendors write b = 0 on everything; of a volume that was split by its b-value it is the b0 image.
    if value is None or value < 0 or (value == 0 and not header.get("SplitByBValue")):
        return None
    return Claim("b-value", OTHER, f"b-value {value:g} s/mm2: diffusion-weighted.")


def acquisition_contrast(header: Mapping[str, Any]) -> Claim | None:
    """AcquisitionContrast of enhanced objects, where it can be believed."""
    value = _text(header, "AcquisitionContrast").upper()
    label = rules.ACQUISITION_CONTRAST.get(value)
    return Claim("AcquisitionContrast", label, f"AcquisitionContrast is {value}.") if label else None


def sequence_name(header: Mapping[str, Any]) -> Claim | None:
    """The vendor's name of the pulse sequence, else echo-planar readout by ScanningSequence."""
    for keyword in ("SequenceName", "PulseSequenceName"):
        name = _text(header, keyword).lower().lstrip("*_ %")
        for pattern, label, meaning in rules.SEQUENCE_NAMES:
            if re.match(pattern, name):
                return Claim(keyword, label, f"{keyword} {_quoted(_text(header, keyword))}: {meaning}.")
    if "EP" in _codes(header, "ScanningSequence"):
        return Claim("ScanningSequence", OTHER, "ScanningSequence has EP: echo-planar imaging.")
    return None


def timing(header: Mapping[str, Any]) -> Claim | None:
    """The weighting that TR, TE and TI make with a spin echo, or with a 2-D or inversion-prepared gradient
    echo."""
    tr, te, ti = (_number(header, keyword) for keyword in ("RepetitionTime", "EchoTime", "InversionTime"))
    codes = _codes(header, "ScanningSequence")
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
        flip = _number(header, "FlipAngle") or 0.0
        if te >= 12 and flip <= 35:
            return Claim("timing", OTHER, f"{times}, flip angle {flip:g}: T2*.")
        if (
            _text(header, "MRAcquisitionType").upper() == "2D"
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
    guess = [str(part) for part in _list(header, "BidsGuess")]
    if len(guess) < 2:
        return None
    label = rules.BIDS_FOLDER.get(guess[0]) or rules.BIDS_SUFFIX.get(guess[-1].rsplit("_", 1)[-1])
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
    agent = _text(header, "ContrastBolusAgent")
    none_given = re.sub(r"\s", "", agent).lower() in rules.NO_AGENT
    for keyword in ("SeriesDescription", "ProtocolName"):
        text = normal(_text(header, keyword))
        for pattern, given, meaning in rules.CONTRAST:
            if pattern.search(text):
                if given is None:
                    break
                said = f"{keyword} {_quoted(_text(header, keyword))}: {meaning}"
                if agent and given == none_given:
                    said += f", against ContrastBolusAgent {_quoted(agent)}"
                return given, said + "."
    if not agent:
        return None
    if none_given:
        return False, f"ContrastBolusAgent {_quoted(agent)}: none was given."
    return True, f"ContrastBolusAgent {_quoted(agent)}."


def normal(text: str) -> str:
    """Text as the tables want it: lower case, no accents, separators as blanks; the minus of "C-" stays."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    plain = plain.replace("~", " ")
    plain = re.sub(r"(?<![a-z0-9])(c|gd|gad|km)-(?=$|[\s_,;)])", r" \1~ ", plain)
    plain = plain.replace("w/o", " wo ").replace("w/", " w ")
    plain = re.sub(r"[-_.,;:()<>\[\]|/\\^\"'#]", " ", plain).replace("~", "-")
    return re.sub(r"\s+", " ", plain).strip()


def _by_words(keyword: str, header: Mapping[str, Any], study_words: bool) -> Claim | None:
    text = normal(_text(header, keyword))
    for words in rules.DESCRIPTION:
        if words.pattern.search(text) and (study_words or words.everywhere):
            label = words.label
            if label is None:  # a double echo: which of the two, the echo time tells
                te = _number(header, "EchoTime")
                label = None if te is None else "t2w" if te >= 60 else OTHER
            sentence = f"{keyword} {_quoted(_text(header, keyword))}: {words.meaning}."
            return Claim(keyword, label, sentence)
    return None


def _merge(header: Mapping[str, Any], sidecar: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(header)
    for keyword in FROM_SIDECAR.split():
        if sidecar.get(keyword) is not None:
            merged[keyword] = sidecar[keyword]
    for keyword in TIMES:
        value = sidecar.get(keyword)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            merged[keyword] = value * 1000.0
    merged["BidsGuess"] = sidecar.get("BidsGuess")
    merged["SplitByBValue"] = "DiffusionBValue" in sidecar
    return merged


def _text(header: Mapping[str, Any], keyword: str) -> str:
    value = header.get(keyword)
    if isinstance(value, (list, tuple)):
        value = " ".join(str(item) for item in value[:16])
    return str(value).strip()[:MAX_TEXT] if value is not None else ""


def _list(header: Mapping[str, Any], keyword: str) -> list[Any]:
    value = header.get(keyword)
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else str(value).split("\\")


def _codes(header: Mapping[str, Any], keyword: str) -> set[str]:
    """Code values, whether a list, "SE\\IR" or "SE_IR"."""
    return {code for item in _list(header, keyword) for code in re.split(r"[\\_/ ]+", str(item).upper())}


def _number(header: Mapping[str, Any], keyword: str) -> float | None:
    value = header.get(keyword)
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    try:
        number = float(value) if value is not None else None
    except (TypeError, ValueError):
        return None
    return number if number is not None and number == number else None


def _quoted(text: str) -> str:
    return f'"{text[:80]}"'
