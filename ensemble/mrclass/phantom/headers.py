"""What a scanner would write into the header of each kind of series, in three generic spellings; no files.

Source: values commonly seen in public series (ScanningSequence, SequenceVariant, ImageType); the three styles
are spellings of names, not imitations of a maker: the Manufacturer of every simulated series names none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrclass.phantom.protocols import Protocol

#: How names are put together: `t1_se_tra`, `Ax T1 SE`, `T1W_SE_TRA`.
STYLES: tuple[str, ...] = ("underscore", "title", "capitals")

_PLANE_WORDS: Mapping[str, Mapping[str, str]] = {
    "underscore": {"axial": "tra", "sagittal": "sag", "coronal": "cor"},
    "title": {"axial": "Ax", "sagittal": "Sag", "coronal": "Cor"},
    "capitals": {"axial": "TRA", "sagittal": "SAG", "coronal": "COR"},
}
_AGENT_SUFFIX: Mapping[str, str] = {"underscore": "_km", "title": " +C", "capitals": "_GD"}
_AGENTS: Mapping[str, str] = {"underscore": "gadobutrol", "title": "GADOLINIUM", "capitals": "Gd"}


@dataclass(frozen=True)
class Technique:
    """How one kind of series is named and coded.

    Attributes:
        words: name in the order of STYLES, without plane and contrast agent.
        scanning: ScanningSequence (0018,0020).
        variant: SequenceVariant (0018,0021).
        options: ScanOptions (0018,0022).
        dimensions: MRAcquisitionType (0018,0023), "2D" or "3D".
        sequence_name: SequenceName (0018,0024), written by the underscore style only.
        image_type: ImageType (0008,0008) in the underscore style; the others write its first two values.
        echo_train: EchoTrainLength (0018,0091).
        body_part: BodyPartExamined (0018,0015).
    """

    words: tuple[str, str, str]
    scanning: tuple[str, ...]
    variant: tuple[str, ...]
    dimensions: str
    sequence_name: str
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "M", "ND")
    options: tuple[str, ...] = ()
    echo_train: int = 1
    body_part: str = "HEAD"


_T1_SE = Technique(("t1_se", "T1 SE", "T1W_SE"), ("SE",), ("NONE",), "2D", "*se2d1")
_T1_GRE = Technique(("t1_fl2d", "T1 GRE", "T1W_FFE"), ("GR",), ("SP",), "2D", "*fl2d1")
_MPRAGE = Technique(
    ("t1_mprage", "3D T1 IR-GRE", "T1W_3D_TFE"),
    ("GR", "IR"),
    ("SK", "SP", "MP"),
    "3D",
    "*tfl3d1_ns",
    options=("IR",),
)
_T2 = Technique(
    ("t2_tse", "T2 FSE", "T2W_TSE"), ("SE",), ("SK",), "2D", "*tse2d1_15", options=("SAT1",), echo_train=15
)
_FLAIR = Technique(
    ("t2_tirm_dark-fluid", "T2 FLAIR", "FLAIR"),
    ("SE", "IR"),
    ("SK",),
    "2D",
    "*tir2d1_16",
    options=("IR",),
    echo_train=16,
)
_T1_FLAIR = Technique(
    ("t1_tirm", "T1 FLAIR", "T1W_IR_TSE"),
    ("SE", "IR"),
    ("SK",),
    "2D",
    "*tir2d1_7",
    options=("IR",),
    echo_train=7,
)
_DWI = Technique(
    ("ep2d_diff", "DWI", "DWI_SSh"),
    ("EP",),
    ("SK", "SP"),
    "2D",
    "*ep_b",
    ("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"),
    options=("FS",),
    echo_train=1,
)
_ADC = Technique(
    ("ep2d_diff_ADC", "Apparent Diffusion Coefficient", "dADC"),
    ("EP",),
    ("SK", "SP"),
    "2D",
    "*ep_b0_1000",
    ("DERIVED", "PRIMARY", "DIFFUSION", "ADC"),
    options=("FS",),
)
_SWI = Technique(
    ("swi3d", "SWAN", "SWI"),
    ("GR",),
    ("SP", "OSP"),
    "3D",
    "*swi3d1r",
    ("ORIGINAL", "PRIMARY", "M", "SWI", "NORM"),
)
_T2STAR = Technique(("t2_fl2d_hemo", "T2* GRE", "T2W_FFE"), ("GR",), ("SP",), "2D", "*fl2d1")
_PD = Technique(("pd_tse", "PD FSE", "PDW_TSE"), ("SE",), ("SK",), "2D", "*tse2d1_5", echo_train=5)
_TOF = Technique(("tof_fl3d", "3D TOF", "TOF_3D"), ("GR",), ("SP",), "3D", "*fl3d1r")
_LOCALIZER = Technique(("localizer", "3-Plane Loc", "SURVEY"), ("GR",), ("SP", "OSP"), "2D", "*fl2d1")
_EPI = Technique(("ep2d_bold", "fMRI EPI", "FE_EPI"), ("EP",), ("SK",), "2D", "*epfid2d1_64")
_SPINE = Technique(
    ("t2_tse_l-spine", "T2 FSE L-SPINE", "T2W_TSE_LSPINE"),
    ("SE",),
    ("SK",),
    "2D",
    "*tse2d1_17",
    echo_train=17,
    body_part="LSPINE",
)

_T2_3D = Technique(
    ("t2_spc", "3D T2", "T2W_3D_VISTA"), ("SE",), ("SK",), "3D", "*spc3d1_141ns", echo_train=141
)
_FLAIR_3D = Technique(
    ("t2_spc_da-fl", "3D T2 FLAIR", "FLAIR_3D"),
    ("SE", "IR"),
    ("SK",),
    "3D",
    "*spcir_278ns",
    options=("IR",),
    echo_train=278,
)
_FA = Technique(
    ("ep2d_diff_FA", "Fractional Anisotropy", "FA"),
    ("EP",),
    ("SK", "SP"),
    "2D",
    "",
    ("DERIVED", "PRIMARY", "DIFFUSION", "FA"),
)
_PERFUSION = Technique(
    ("pasl_relCBF", "ASL CBF", "ASL_CBF"), ("EP",), ("SK",), "2D", "", ("DERIVED", "PRIMARY", "ASL", "RELCBF")
)
_M0 = Technique(("pasl_M0", "ASL M0", "ASL_M0"), ("EP",), ("SK",), "2D", "*epfid2d1_64")
_FIELDMAP = Technique(
    ("gre_field_mapping", "B0 map", "B0_MAP"),
    ("GR",),
    ("SP",),
    "2D",
    "*fm2d2r",
    ("ORIGINAL", "PRIMARY", "P", "ND"),
)
_PHASE = Technique(
    ("swi3d_Pha", "SWAN phase", "SWI_PHASE"),
    ("GR",),
    ("SP", "OSP"),
    "3D",
    "*swi3d1r",
    ("ORIGINAL", "PRIMARY", "P", "ND"),
)
_MINIP = Technique(
    ("swi3d_mIP", "SWAN mIP", "SWI_MINIP"),
    ("GR",),
    ("SP", "OSP"),
    "3D",
    "*swi3d1r",
    ("DERIVED", "PRIMARY", "MNIP", "SWI", "NORM"),
)
_MIP = Technique(
    ("tof_fl3d_MIP", "MIP TOF", "TOF_MIP"),
    ("GR",),
    ("SP",),
    "3D",
    "*fl3d1r",
    ("DERIVED", "SECONDARY", "MPR", "MIP", "NORM"),
)
_NOISE = Technique(("noise", "NOISE", "NOISE_SCAN"), ("SE",), ("NONE",), "2D", "")

_TRACE = Technique(
    ("ep2d_diff_TRACEW", "DWI trace", "sDWI"),
    ("EP",),
    ("SK", "SP"),
    "2D",
    "*ep_b1000t",
    ("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"),
    options=("FS",),
)
_COLOUR_FA = Technique(
    ("ep2d_diff_ColFA", "Colour FA", "FA_COLOR"),
    ("EP",),
    ("SK", "SP"),
    "2D",
    "",
    ("DERIVED", "SECONDARY", "DIFFUSION", "FA_COLOR"),
)
_QUALITY = Technique(
    ("qa_phantom", "QA PHANTOM", "QA"), ("SE",), ("NONE",), "2D", "*se2d1", body_part="PHANTOM"
)

_TECHNIQUES: Mapping[str, Technique] = {
    "t1w_se": _T1_SE,
    "t1w_gre": _T1_GRE,
    "t1w_mprage": _MPRAGE,
    "t1w_flair": _T1_FLAIR,
    "t1ce_se": _T1_SE,
    "t1ce_gre": _T1_GRE,
    "t1ce_mprage": _MPRAGE,
    "t2w": _T2,
    "t2w_3d": _T2_3D,
    "flair": _FLAIR,
    "flair_3d": _FLAIR_3D,
    "dwi": _DWI,
    "adc": _ADC,
    "swi": _SWI,
    "t2star": _T2STAR,
    "pd": _PD,
    "tof": _TOF,
    "mip": _MIP,
    "minip": _MINIP,
    "phase": _PHASE,
    "epi": _EPI,
    "m0": _M0,
    "perfusion": _PERFUSION,
    "fa": _FA,
    "fieldmap": _FIELDMAP,
    "localizer": _LOCALIZER,
    "spine": _SPINE,
    "noise": _NOISE,
    "trace": _TRACE,
    "colour_fa": _COLOUR_FA,
    "mip_full": _MIP,
    "quality": _QUALITY,
}


def technique(kind: str) -> Technique:
    """Technique of a kind of series; one outside the table is named by its key and coded as gradient echo."""
    if kind in _TECHNIQUES:
        return _TECHNIQUES[kind]
    spaced = kind.replace("_", " ")
    return Technique((kind, spaced, kind.upper()), ("GR",), ("NONE",), "2D", "")


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
