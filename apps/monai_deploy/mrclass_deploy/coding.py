"""The coded words of the Structured Report: the project's own where DICOM has none with the same meaning.

DICOM's nearest words say less than a label does: (110804, DCM) "T1 Weighted MR Signal Intensity" stands for
T1w and T1ce alike, and FLAIR, SWI and "claimed by no classifier" have none. So all labels come from one
private scheme. Source: DICOM PS3.16 (TID 1500, 1501, 4019), PS3.3 section 8 (private coding schemes).
"""

from __future__ import annotations

from mrclass.labels import display
from pydicom.sr.coding import Code

SCHEME = "99MRCLASS"
SCHEME_NAME = "MR-Class: labels of MR series and what goes with them"
_LONGEST_MEANING = 64  # characters of LO


def own(value: str, meaning: str) -> Code:
    """A word of the project's scheme."""
    return Code(value, SCHEME, meaning[:_LONGEST_MEANING])


def label(key: str) -> Code:
    """A label; that of a bundle outside the table of six stands as it is."""
    return own(key, display(key))


# Concept names
STATUS = own("status", "Status")
CONTENT_LABEL = own("content-label", "Label from the image content")
HEADER_LABEL = own("header-label", "Label that the header claims")
VERDICT = own("verdict", "Header against image")
ALSO = own("also-claimed-by", "Claimed by another member too (conflict)")
NEAREST = own("nearest", "Member that came nearest")
SCORE = own("score", "Score (mean softmax value over the slices)")
VOTES = own("slice-votes", "Slices that vote for it")
SLICES = own("slices", "Slices looked at")
REASON = own("reason", "Reason")
REMARK = own("remark", "Remark")
MEMBERS = own("members", "Members of the ensemble")
MEMBER = own("member", "Member of the ensemble")
SERIES_UID = Code("112002", "DCM", "Series Instance UID")
MR_IMAGING = Code("113091000", "SCT", "Magnetic resonance imaging")

# Values
STATES = {
    "done": own("done", "done"),
    "unreadable": own("unreadable", "unreadable"),
    "skipped": own("skipped", "skipped"),
}
VERDICTS = {
    "agree": own("agree", "agree"),
    "disagree": own("disagree", "disagree"),
    "header silent": own("header-silent", "header silent"),
}

# Units
NO_UNITS = Code("1", "UCUM", "no units")
SLICE_UNITS = Code("{slices}", "UCUM", "slices")
