"""The tables behind `mrclass.header`: words of scanners and values of tags; nothing here decides.

Source: vendors' habits seen in public series and in the issue threads of dcm2niix, heudiconv and bidscoin;
the defined terms of DICOM PS3.3 C.8.3 and C.8.13.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One line of the table of words: what it looks for, the label it means, and how to say it.

    `label` None: says nothing by itself. `everywhere` False: counts in SeriesDescription only, because people
    also name whole studies so.
    """

    label: str | None
    meaning: str
    pattern: re.Pattern[str]
    everywhere: bool = True


def _words(label: str | None, meaning: str, *patterns: str, everywhere: bool = True) -> Words:
    return Words(label, meaning, _bounded(patterns), everywhere)


def _bounded(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Letters and digits bound a word; text comes in lower case, without accents, separators made blanks."""
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(patterns)})(?![a-z0-9])")


_PLANE = r"(?:ax|axial|tra|sag|cor|obl|s?w|s|2d|3d|se|fse|tse|gre|ir|br)?"
_DIFFUSION = "diffusion (DWI, trace, FA or the like), not ADC"
_EPI = "echo-planar imaging (fMRI or the like)"
_COMPUTED = "a computed map or subtraction"

# The first line that is found decides, so the special stands before the general. Languages: English, German,
# French, Italian, Spanish, Portuguese, Dutch.
DESCRIPTION: tuple[Words, ...] = (
    _words(
        "other", "a localizer",
        r"loc|local(?:iz|is)ers?|lokal(?:iz|is)er|localizador|localizzatore|reperage|scouts?|survey",
        r"surview|pilot",
        r"three ?pl\w*|3 ?pl(?:ane)?s?(?: loc\w*)?|tri ?plan\w*|plan ?scan|smartbrain|aahead\w*|aascout",
    ),
    _words(
        "other", "a calibration scan",
        r"cal(?:ibration)?|asset(?: cal\w*)?|ref(?:erence)? ?scan|coil ?\w* ?map|shim\w*|noise",
        r"b[01] ?map\w*|prescan",
    ),
    _words("other", "a phantom", r"phantom\w*|qa|qc"),
    # Not neck, orbits, pituitary or inner ear: those series show the brain too.
    _words(
        "other", "a part of the body other than the head",
        r"(?:[ctl]|ls|cerv\w*|thor\w*|lumb\w*|whole|ganz)? ?(?:spine?|wirbels\w*|rachis|colonna|columna)",
        r"[hbl]ws",
        r"cervical|thoracic|lumbar|lumbal|knee|knie|shoulder|schulter|abdomen\w*|liver\w*|leber",
        r"prostat\w*|pelvi[sc]",
        r"becken|cardiac|heart|herz|breast|mamma|hip|wrist|ankle|hand|elbow|foot|kidney\w*|renal|mrcp",
    ),
    _words("other", "an exponential ADC map", r"e ?adc|exp(?:onential)? adc|exp att\w*"),
    _words("adc", "ADC", r"d?adc(?: ?map)?s?\w{0,6}|app\w* ?diff\w* ?coef\w*|apparent diffusion\w*"),
    _words(
        "other", _DIFFUSION,
        r"s?dwi?\w{0,4}|dti\w*|diff(?:usion)?\w{0,6}|difusion|diffusie|trace ?w?|tensor|hardi|dsi|noddi",
        r"dki|ivim",
        r"isotropic|resolve|b ?= ?\d{1,4}|b ?[1-9]\d{2,3}s?|ep ?b\d+\w*|colfa|avdc",
        r"(?:col(?:or|our)? ?)?fa(?: ?map)?",
    ),
    _words(
        "other", "perfusion",
        r"perf(?:usion|usie)?\w{0,3}|pwi|dsc|dce|ktrans|p?c?asl|pasl|3d asl|cbf|cbv|r?mtt|ttp|tmax|bolus",
        r"[gp]bp|m0",
    ),
    _words(
        "other", _EPI,
        r"(?:f|rs ?f|ep2d )?(?:mri ?)?bold\w*|f ?mri\w*|rs ?fmri|resting\w*|rest ?state|task|sbref|ep2d\w*",
        r"\w{0,9}mbep2d\w*|cmrr\w*|epi|se epi",
    ),
    _words("other", "a field map", r"field ?map(?:ping)?\w*|fmap|b0 ns|topup|gre field\w*"),
    _words(
        "other", "a minimum intensity projection",
        r"m ?n ?ip|min ?ip|mip images? ?(?:sw)?|swi? ?m ?ip\w*|minimum intensity\w*",
    ),
    _words("other", "a phase image", r"pha(?:se)?(?: images?| map)?|swi pha\w*|filt pha\w*|filtered phase"),
    _words("other", "the magnitude behind SWI, not SWI itself", r"mag images?|swi mag\w*"),
    _words("swi", "SWI", r"s?swi\w{0,3}|swan\w*|venobold|ven bold|fsbb|suscept\w*|susz\w*|sw images?|swip?"),
    _words(
        "other", "angiography",
        r"tof\w*|mra|angio\w*|venogr\w*|phase contrast|pca|[23]d pc|pc ?venc|venc|tricks|twist|inhance\w*",
        r"time of flight",
    ),
    _words("other", "angiography", r"mrv|arteri\w*|venous|willis", everywhere=False),
    _words("other", "a projection", r"mip(?: range)?|projection"),
    _words("other", "spectroscopy", r"mrs|svs|csi|spectro\w*|press \d+|proset"),
    _words(
        "other", _COMPUTED,
        r"q ?t[12]|t[12] ?\*? ?map\w*|r[12] ?\*?(?: ?map)?|r2 ?star|relaxo\w*|qsm|t1 ?rho|mtr|mt on",
        r"mt off|inv ?[12]",
        r"syn ?map|magic raw|subtract\w*|sub",
    ),
    _words(
        "other", "T2*",
        r"t2w? ?\*\w*|t2 ?star\w*|t2 ?(?:eg|ge|gre|ffe|fe|fl2d|ha?emo\w*)\w*",
        r"(?:gre|ffe|fl2d|fe|ha?emo) t2\w*",
        r"medic|merge|gradient echo|flash2d|me gre|ha?emo\w*",
    ),
    _words("other", "STIR, DIR or PSIR", r"stir\w*|dir|psir|double inversion|dual inversion"),
    _words("other", "a balanced gradient echo", r"ciss|fiesta\w*|tru(?:e)? ?fi\w*|b ?tfe|b ?ffe|dess"),
    _words(
        "t1w", "T1-weighted (T1 FLAIR)",
        rf"{_PLANE}t1\w{{0,6}}(?: \S+){{0,4}} (?:flair|dark ?fluid)\w*|t1flair\w*",
        rf"(?:flair|dark ?fluid) {_PLANE}t1\w*",
    ),
    _words(
        "flair", "FLAIR",
        r"(?:\w{0,5})?flairs?\w{0,8}|flare|flr|dark ?fl\w*|da ?fl\w*|fluid ?att\w*|tirm(?! ?stir)",
    ),
    _words(
        None, "PD and T2 in one series",
        r"pd ?[-+/&]? ?t2\w*|dual(?: echo)?|t2 ?[-+/&]? ?pd\w*|dp ?[-+/&]? ?t2\w*",
    ),
    _words("other", "proton density", r"(?:ax|sag|cor|tra)?pd\w{0,6}|proton ?d\w*|dens\w* ?prot\w*|dp|rho"),
    _words(
        "t1w", "T1-weighted",
        rf"{_PLANE}t1(?![0-9])\w{{0,10}}|mp ?2? ?rage\w*|bravo\w*|f?spgr\w*|ir ?f?spgr|ir prep|vibe\w*",
        r"tfl3d\w*",
        r"3d ?tfe|thrive|lava|turbo ?flash|quick3d",
    ),
    _words("t2w", "T2-weighted", rf"{_PLANE}t2(?![0-9*])\w{{0,10}}"),
    # After T1 and T2: REST is also the name of a saturation slab.
    _words("other", _EPI, r"rest ?\d?"),
)  # fmt: skip

_AGENT = r"gado\w*|gada\w*|dotarem|magnevist|prohance|multihance|vueway|omniscan|clariscan|elucirem|primovist"
_GIVEN = r"(?:contraste?|kontrast\w*|gad\w*|gd|km|mdc|inj\w*|iv|con|ce|c)"
# Order matters as above; what denies stands first, because it contains the words of what affirms.
CONTRAST: tuple[tuple[re.Pattern[str], bool | None, str], ...] = (
    (
        _bounded((r"pre ?(?:and|&|\+)? ?post|w ?& ?wo|with (?:and|&) without|wwo",)),
        None, "both states",
    ),
    (
        _bounded((
            rf"(?:c|gd|gad|km) ?-|pre ?{_GIVEN}?|non? ?{_GIVEN}|non? ?enh\w*|noncon\w*|nativ\w{{0,2}}",
            r"unenhanced",
            rf"(?:wo|w o|without|ohne|sans|senza|sin|sem|zonder|bez|avant) ?{_GIVEN}?|blanco|kontrastsiz",
        )),
        False, "before or without a contrast agent",
    ),
    (
        _bounded((
            rf"post(?! ?(?:op|fossa|proc|label|scan)) ?{_GIVEN}?|post(?:gad\w*|con\w*|gd)|gad|gd ?\+?",
            rf"{_AGENT}",
            rf"(?:with|mit|con|com|avec|nach|dopo|na|po|apres|after|w) ?{_GIVEN}|dtpa|km ?\+?|m ?d ?c",
            r"plus c|inj",
            r"contraste?|kontrast\w*|ce|\+ ?(?:c|gd|gad|km)|c ?\+|enhanced|inject\w*|mpragec",
            r"(?:ax|sag|cor)?t1w? ?(?:ce|c|gd|gad|km)\+?",
        )),
        True, "after a contrast agent",
    ),
)  # fmt: skip
# Values of ContrastBolusAgent that say that none was given, lower case, without blanks.
NO_AGENT = frozenset([
    "", "off", "none", "no", "n", "na", "n/a", "n.a.", "na.", "c-", "-c", "-", "--", "0", "nil", "null",
    "false", "not",
    "nein", "ohne", "ohnekm", "kein", "keine", "keines", "nativ", "non", "sans", "without", "w/o", "wo",
    "ninguno",
    "nessuno", "nocontrast", "noncontrast", "nocontrastagent", "noagent", "nogad", "notgiven", "nonegiven",
    "unknown",
])  # fmt: skip

# Values of ImageType, upper case; the first line that is found decides.
IMAGE_TYPE: tuple[tuple[frozenset[str], str, str], ...] = (
    (frozenset(["EADC", "EXP_ADC"]), "other", "an exponential ADC map"),
    (frozenset(["ADC", "ADC_UNSPECIFIED", "ADC MAP"]), "adc", "ADC"),
    (frozenset(["MNIP", "MINIP", "MINIMUM", "MIN IP"]), "other", "a minimum intensity projection"),
    (frozenset(["PROJECTION IMAGE", "MIP", "CSA MIP", "MAX_IP", "MAXIMUM"]), "other", "a projection"),
    (frozenset(["LOCALIZER"]), "other", "a localizer"),
    (frozenset(["P", "PHASE", "PHASE MAP", "PHASE_MAP"]), "other", "a phase image"),
    (frozenset(["SWI"]), "swi", "SWI"),
    (
        frozenset(["TRACEW", "TRACE", "FA", "COLFA", "TENSOR", "TENSOR_B0", "DIFFUSION", "ISOTROPIC"]),
        "other", _DIFFUSION,
    ),
    (
        frozenset(["PERFUSION", "ASL", "TTP", "CBF", "CBV", "RELCBF", "RELCBV", "MTT", "RELMTT", "PBP"]),
        "other", "perfusion",
    ),
    (frozenset(["FMRI", "BOLD"]), "other", "fMRI"),
    (frozenset(["TOF", "VELOCITY", "FLOW_ENCODED", "PCA", "PHASE CONTRAST"]), "other", "angiography"),
    (
        frozenset(["T1 MAP", "T2 MAP", "T2_STAR MAP", "T1_MAP", "T2_MAP", "SUBTRACTION", "QMAP"]),
        "other", _COMPUTED,
    ),
)  # fmt: skip
# AcquisitionContrast of enhanced objects (PS3.3 C.8.13.3.1.8). T1 and T2 are left out: Philips writes T2 on
# fMRI and T1 on field maps.
ACQUISITION_CONTRAST = {
    "DIFFUSION": "other", "FLOW_ENCODED": "other", "PERFUSION": "other", "PROTON_DENSITY": "other",
    "STIR": "other", "T2_STAR": "other", "TAGGING": "other", "TIME_OF_FLIGHT": "other",
    "FLUID_ATTENUATED": "flair",
}  # fmt: skip
# Names that vendors give to pulse sequences, lower case without "*"; matched from the start.
SEQUENCE_NAMES: tuple[tuple[str, str, str], ...] = (
    (r"ep_b|ep2d_diff|re_b|dwi|resolve", "other", "diffusion"),
    (r"ep|mbep|cmrr", "other", "echo-planar imaging"),
    (r"swi|qswi|swan|venbold", "swi", "SWI"),
    (r"spcir|cube_?t2_?flair", "flair", "FLAIR (SPACE with inversion)"),
    (r"tfl3d|mp_?rage|bravo|fspgr_?ir|efgre3d_?ir", "t1w", "T1-weighted (MPRAGE)"),
    (r"tof|fi3d|fi2d|pc2d|pc3d", "other", "angiography"),
    (r"tfi|trufi|ciss|fiesta", "other", "a balanced gradient echo"),
)
# dcm2niix's own guess: BIDS suffix or folder -> label.
BIDS_SUFFIX = {
    "T1w": "t1w", "T2w": "t2w", "FLAIR": "flair", "ADC": "adc", "swi": "swi", "PDw": "other",
    "T2starw": "other",
}  # fmt: skip
BIDS_FOLDER = {"dwi": "other", "func": "other", "fmap": "other", "perf": "other"}
