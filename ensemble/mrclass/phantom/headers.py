"""What a scanner would write into the header of each kind of series, in three generic spellings; no files.

Source: values commonly seen in public series (ScanningSequence, SequenceVariant, ImageType); the three styles
are spellings of names, not imitations of a maker: the Manufacturer of every simulated series names none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mrclass.phantom.techniques import STYLES, technique

if TYPE_CHECKING:
    from mrclass.phantom.protocols import Protocol

_PLANE_WORDS: Mapping[str, Mapping[str, str]] = {
    "underscore": {"axial": "tra", "sagittal": "sag", "coronal": "cor"},
    "title": {"axial": "Ax", "sagittal": "Sag", "coronal": "Cor"},
    "capitals": {"axial": "TRA", "sagittal": "SAG", "coronal": "COR"},
}
_AGENT_SUFFIX: Mapping[str, str] = {"underscore": "_km", "title": " +C", "capitals": "_GD"}
_AGENTS: Mapping[str, str] = {"underscore": "gadobutrol", "title": "GADOLINIUM", "capitals": "Gd"}


def description(protocol: Protocol, style: str) -> str:
    """SeriesDescription of a protocol in a style, e.g. `t1_se_tra_km`, `Ax T1 SE +C`, `T1W_SE_TRA_GD`.

    Raises:
        ValueError: the style is not one of STYLES.
    """
    if style not in STYLES:
        raise ValueError(f"{style!r} is not a style of headers; choose one of: {', '.join(STYLES)}")
    word = technique(protocol.kind).words[STYLES.index(style)]
    suffix = (
        _AGENT_SUFFIX[style] if protocol.label == "t1ce" else ""
    )  # others keep their name after the agent
    plane = _PLANE_WORDS[style][protocol.plane]
    if protocol.kind == "localizer":  # named once for its three planes
        return word + suffix
    return f"{plane} {word}{suffix}" if style == "title" else f"{word}_{plane}{suffix}"


def protocol_name(protocol: Protocol, style: str) -> str:
    """ProtocolName (0018,1030): one name for the whole study in the title style, else the description."""
    return "BRAIN ROUTINE" if style == "title" else description(protocol, style)


def contrast_agent(style: str) -> str:
    """ContrastBolusAgent (0018,0010) as a style spells it."""
    return _AGENTS[style]


def image_type(protocol: Protocol, style: str, b_value: float | None) -> list[str]:
    """ImageType (0008,0008) of one instance."""
    values = list(technique(protocol.kind).image_type)
    if b_value and values[-2:] == ["DIFFUSION", "NONE"]:
        values[-1] = "TRACEW"
    if style == "underscore":
        return values
    return [*values[:2], "ADC" if values[-1] == "ADC" else "OTHER"]


def sequence_name(protocol: Protocol, style: str, b_value: float | None) -> str:
    """SequenceName (0018,0024), empty where the style writes none."""
    name = technique(protocol.kind).sequence_name
    if style != "underscore":
        return ""
    if name.endswith("_b") and b_value is not None:
        return f"{name}{b_value:.0f}{'t' if b_value else ''}"
    return name


def acquisition_type(protocol: Protocol) -> str:
    """MRAcquisitionType (0018,0023): what the technique says; thin slices without gap are always 3D."""
    thin = protocol.gap == 0 and protocol.thickness < 2
    return "3D" if thin else technique(protocol.kind).dimensions


def inversion_time(protocol: Protocol) -> float | None:
    """InversionTime in ms; where the protocol leaves it open (ti <= 0), the one that nulls CSF.

    Source: zero of 1 - 2 exp(-TI/T1) + exp(-TR/T1).
    """
    if protocol.ti is None or protocol.ti > 0:
        return protocol.ti
    from mrclass.phantom.tissues import INDEX, TABLE

    t1 = 1000.0 * TABLE[INDEX["csf"]].t1[0 if protocol.field < 2 else 1]
    return round(t1 * (math.log(2) - math.log1p(math.exp(-protocol.tr / t1))))
