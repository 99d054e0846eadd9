"""`mrclass.header`: what a header claims, with the lies that public headers tell."""

from __future__ import annotations

from typing import Any

import pytest
from mrclass._header_evidence import timing
from mrclass._header_text import normal
from mrclass.header import HeaderLabel, header_label, verdict
from mrclass.labels import KEYS

DESCRIPTIONS = [
    # plain
    ("AX T2 FLAIR", "flair"), ("T1 SAG", "t1w"), ("t2_tse_tra", "t2w"), ("T2W_TSE_AX", "t2w"),
    ("OAx T2 FSE", "t2w"),
    ("AxT1", "t1w"), ("axt2", "t2w"), ("sT1W_3D_TFE", "t1w"), ("anat-T1w_acq-tfl", "t1w"),
    ("t1_fl2d_sag", "t1w"),
    ("MPRAGE", "t1w"), ("Sag 3D BRAVO", "t1w"), ("AX 3D FSPGR", "t1w"), ("CUBE T2 FLAIR", "flair"),
    ("t2_tirm_tra_dark-fluid", "flair"), ("T2W_FLAIR_SPIR", "flair"), ("AX T1 FLAIR", "t1w"),
    ("SWI_Images", "swi"), ("Ax SWAN", "swi"), ("dADC", "adc"), ("Diffusion ADC map", "adc"),
    ("ep2d_diff_3scan_trace_p2_ADC", "adc"), ("Apparent Diffusion Coefficient (mm?/s)", "adc"),
    # contrast agent, in several languages
    ("Ax T1 SE +C", "t1ce"), ("C+ AX T1 BRIAN", "t1ce"), ("SAG T1 POST GD", "t1ce"), ("T1 SE tra KM", "t1ce"),
    ("t1_mpr_sag_p2_iso_km", "t1ce"), ("T1 axial GADO", "t1ce"), ("T1 ax apr\xe8s injection", "t1ce"),
    ("T1 SE ASSIALE MDC", "t1ce"), ("T1 con contraste", "t1ce"), ("T1_C", "t1ce"), ("T1WCE", "t1ce"),
    ("AX T1 W CONTRAST", "t1ce"), ("3D T1 TFE +GD", "t1ce"), ("Ax T1 FLAIR post gad", "t1ce"),
    ("AX T1 C-", "t1w"), ("AX T1 W/O", "t1w"), ("t1_se_tra nativ", "t1w"), ("T1 axial sans injection", "t1w"),
    ("T1 sin contraste", "t1w"), ("AX T1 pre", "t1w"), ("T1 GD-", "t1w"), ("AX T1 WITHOUT CONTRAST", "t1w"),
    ("ax t1 post op", "t1w"), ("FLAIR post contrast", "flair"), ("AX T2 +C", "t2w"),
    # what none of the six is
    ("T2 EG", "other"), ("T2*", "other"), ("Ax T2 GRE", "other"), ("AX PD", "other"), ("3D TOF", "other"),
    ("ep2d_diff_TRACEW", "other"), ("DWI b1000", "other"), ("eADC (10^-6 mm2/s)", "other"),
    ("STIR cor", "other"),
    ("mIP_Images(SW)", "other"), ("Pha_Images", "other"), ("Mag_Images", "other"), ("LOCALIZER", "other"),
    ("3-pl T2* FGRE S", "other"), ("Dynamic perfusion", "other"), ("B0 NS", "other"), ("ASL", "other"),
    ("REST1 w SMS PF7-8", "other"), ("Isotropic image", "other"), ("<MIP Range>", "other"),
    ("AAHead_Scout", "other"),
    ("Cervical   *T2W/TSE     SAG    TSE   3000", "other"),
    # silence, and what must not be taken for words
    ("", None), ("Series 5", None), ("ax_asc_35sl", None), ("T12 vertebra", None),
    ("<script>alert(1)</script>", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "label"), DESCRIPTIONS)
def test_the_words_of_a_description(text: str, label: str | None) -> None:
    assert header_label({"SeriesDescription": text}).label == label


@pytest.mark.parametrize("agent", ["", "off", "NONE", "C-", "No", " none ", "0", "N/A", "ohne"])
def test_an_agent_that_is_none_leaves_t1w(agent: str) -> None:
    assert header_label({"SeriesDescription": "T1 SAG", "ContrastBolusAgent": agent}).label == "t1w"


@pytest.mark.parametrize("agent", ["GADOVIST", "7 VUEWAY", "11 ml Omniscan", "YES", "C+"])
def test_an_agent_makes_t1w_t1ce_but_nothing_else(agent: str) -> None:
    tags = {"ContrastBolusAgent": agent}
    assert header_label({"SeriesDescription": "T1 SAG", **tags}).label == "t1ce"
    assert header_label({"SeriesDescription": "AX FLAIR", **tags}).label == "flair"
    assert header_label({"SeriesDescription": "AX T2", **tags}).label == "t2w"


def test_the_word_pre_outranks_an_agent_left_over_and_the_evidence_says_so() -> None:
    claimed = header_label({"SeriesDescription": "AX T1 PRE", "ContrastBolusAgent": "GADOVIST"})
    assert claimed.label == "t1w"
    assert any("against ContrastBolusAgent" in sentence for sentence in claimed.evidence)


def test_a_description_outranks_the_timing_so_that_the_content_can_contradict_it() -> None:
    tags = {"ScanningSequence": "SE", "RepetitionTime": 4000, "EchoTime": 100}
    claimed = header_label({"SeriesDescription": "t1_se_cor", **tags})
    assert (claimed.label, claimed.basis) == ("t1w", "SeriesDescription")
    assert any("T2-weighted spin echo" in sentence for sentence in claimed.evidence)
    assert verdict(claimed, "t2w") == "disagree"


@pytest.mark.parametrize(
    ("values", "label"),
    [
        (["DERIVED", "PRIMARY", "DIFFUSION", "ADC"], "adc"),
        (["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"], "other"),
        (["ORIGINAL", "PRIMARY", "M", "SWI", "NORM"], "swi"),
        (["DERIVED", "PRIMARY", "MNIP"], "other"),
        (["ORIGINAL", "PRIMARY", "P", "ND"], "other"),
        (["DERIVED", "SECONDARY", "PROJECTION IMAGE"], "other"),
        (["DERIVED", "SECONDARY", "OTHER"], None),  # Hitachi writes it on primary images
        (["ORIGINAL", "PRIMARY", "T2", "NONE"], None),  # Philips writes it on fMRI
        ("DERIVED\\PRIMARY\\DIFFUSION\\ADC", "adc"),
    ],
)
def test_image_types(values: Any, label: str | None) -> None:
    assert header_label({"ImageType": values}).label == label


def test_mrv_in_a_protocol_name_is_the_name_of_the_study_not_of_the_series() -> None:
    assert header_label({"ProtocolName": "MRV HEAD"}).label is None
    assert header_label({"SeriesDescription": "MRV HEAD"}).label == "other"


def test_an_adc_map_that_keeps_a_b_value_is_still_adc() -> None:
    assert header_label({"SeriesDescription": "ADC", "DiffusionBValue": 500}).label == "adc"


def test_a_b_value_makes_other_and_zero_does_only_in_a_split_diffusion_series() -> None:
    spin_echo = {"ScanningSequence": "SE", "RepetitionTime": 6000, "EchoTime": 90}
    assert header_label({**spin_echo, "DiffusionBValue": 1000}).label == "other"
    assert header_label({**spin_echo, "DiffusionBValue": 0}).label == "t2w"
    split = header_label(spin_echo, {"DiffusionBValue": 0})
    assert split.label == "other"
    assert "b-value 0 s/mm2: the unweighted image of a diffusion series." in split.evidence


@pytest.mark.parametrize(
    ("sequence", "tr", "te", "ti", "label"),
    [
        ("SE", 500, 12, None, "t1w"),
        ("SE", 4000, 100, None, "t2w"),
        ("SE", 3000, 20, None, "other"),
        (["SE", "IR"], 9000, 120, 2500, "flair"),
        (["SE", "IR"], 2500, 20, 800, "t1w"),  # GE's T1 FLAIR: an inversion, and no FLAIR
        (["GR", "IR"], 2000, 3, 900, "t1w"),
        (["SE", "IR"], 4400, 64, 140, "other"),
        (["SE", "IR"], 9000, 120, None, None),  # an inversion whose time is not told
        ("GR", 30, 5, None, None),
    ],
)
def test_timing(sequence: Any, tr: float, te: float, ti: float | None, label: str | None) -> None:
    header = {"ScanningSequence": sequence, "RepetitionTime": tr, "EchoTime": te, "InversionTime": ti}
    claim = timing(header)
    assert (claim.label if claim else None) == label


def test_the_echo_time_of_the_volume_tells_pd_from_t2_in_one_series() -> None:
    header = {"SeriesDescription": "AX PD/T2", "EchoTime": 15}
    assert header_label(header, {"EchoTime": 0.015}).label == "other"
    assert header_label(header, {"EchoTime": 0.090}).label == "t2w"
    assert header_label({"SeriesDescription": "AX PD/T2"}).label is None


def test_dcm2niix_guess_speaks_only_where_nothing_else_does() -> None:
    guess = {"BidsGuess": ["anat", "_acq-tfl3_run-5_T1w"]}
    assert header_label({}, guess).label == "t1w"
    assert header_label({}, {"BidsGuess": ["dwi", "_ADC"]}).label == "adc"
    assert header_label({}, {"BidsGuess": ["dwi", "_dir-AP_dwi"]}).label == "other"
    assert header_label({"SeriesDescription": "AX T2"}, guess).label == "t2w"


def test_an_empty_description_is_named_in_the_evidence() -> None:
    tags = {"ScanningSequence": "SE", "RepetitionTime": 4000, "EchoTime": 100}
    claimed = header_label({"SeriesDescription": "", **tags})
    assert claimed.basis == "timing" and "SeriesDescription is empty." in claimed.evidence


def test_the_deciding_evidence_stands_first() -> None:
    claimed = header_label({"SeriesDescription": "AX T2", "SequenceName": "*epfid2d1_64"})
    assert claimed.evidence[0].startswith("SeriesDescription")
    assert len(claimed.evidence) == 2


def test_verdicts() -> None:
    assert verdict(HeaderLabel("t2w"), "t2w") == "agree"
    assert verdict(HeaderLabel("t2w"), "t1w") == "disagree"
    assert verdict(HeaderLabel(None), "t1w") == "header silent"
    assert verdict("", "other") == verdict(None, "other") == "header silent"
    assert verdict("other", "other") == "agree"


def test_timings_alone_can_contradict_the_content_but_are_no_claim_that_agrees() -> None:
    assert verdict(HeaderLabel("flair", basis="timing"), "flair") == "header silent"
    assert verdict(HeaderLabel("flair", basis="timing"), "t2w") == "disagree"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        [],
        [None],
        5,
        -1.5,
        float("nan"),
        "twelve",
        ["a", 3],
        {"x": 1},
        "\x00\xff",
        "T1 " * 10**6,
        True,
    ],
)
def test_no_value_of_any_kind_stops_it(value: Any) -> None:
    keywords = (
        "SeriesDescription", "ProtocolName", "ImageType", "ScanningSequence", "SequenceName", "EchoTime",
        "RepetitionTime",
        "InversionTime", "FlipAngle", "DiffusionBValue", "ContrastBolusAgent", "BidsGuess",
        "AcquisitionContrast",
    )  # fmt: skip
    everything = dict.fromkeys(keywords, value)
    for header, sidecar in ((everything, None), ({}, everything), (everything, everything)):
        claimed = header_label(header, sidecar)
        assert claimed.label is None or claimed.label in KEYS
        assert all(len(sentence) < 600 for sentence in claimed.evidence)


def test_separators_accents_and_case_do_not_matter() -> None:
    assert normal("Apr\xe8s_Injection-T1/SE") == "apres injection t1 se"
    assert normal("AX T1 C-") == "ax t1 c-"
