"""How each kind of series is named and coded in a header, in three generic spellings; no files.

Source: values commonly seen in public series (ScanningSequence, SequenceVariant, ImageType); the three styles
are spellings of names, not imitations of a maker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: How names are put together: `t1_se_tra`, `Ax T1 SE`, `T1W_SE_TRA`.
STYLES: tuple[str, ...] = ("underscore", "title", "capitals")


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
