"""What a header claims: evidence from each tag on its own, combined into a header label; pure.

The order of the sources (`_header_evidence.RULES`) follows how often each of them lies in public data: an
ImageType that names a computed image, then the words of SeriesDescription, those of ProtocolName, the b-value
and the sequence's name, last the timing (which cannot tell a lie of the description apart: the content label
does that). Source: paper, section 2.6 (SeriesDescription and Contrast/Bolus Agent against the content).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mrclass._header_evidence import RULES, contrast
from mrclass._header_text import text_of

# Sidecar fields in seconds -> header fields in milliseconds.
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


def header_label(header: Mapping[str, Any], sidecar: Mapping[str, Any] | None = None) -> HeaderLabel:
    """Label that a header claims for one volume.

    Args:
        header: `Series.header`: DICOM keywords, times in ms.
        sidecar: the volume's JSON by dcm2niix, times in s; where it has a field, it describes this volume
            better than the header of the series' first file does.
    """
    merged = _merge(header, sidecar or {})
    claims = [claim for rule in RULES if (claim := rule(merged)) is not None]
    decided = next((claim for claim in claims if claim.label is not None), None)
    agent = contrast(merged)
    sources = tuple((claim.source, claim.label) for claim in claims)
    evidence = [claim.sentence for claim in sorted(claims, key=lambda claim: claim is not decided)]
    if not text_of(merged, "SeriesDescription"):
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
