"""Names of files: whatever a header says, they work on every file system and tell nothing they should not."""

from __future__ import annotations

import pytest
from mrclass._sort_names import AGENTS, LONGEST, agent, safe


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("t1_se_tra+C", "t1_se_tra+C"),
        ("../../etc/passwd", "etc_passwd"),
        ("a/b\\c:d*e?f", "a_b_c_d_e_f"),
        ("line\nbreak\x00\x1b[31m", "line_break_31m"),
        ("Größe Schädel", "Groe_Schadel"),
        ("\u202egnp.exe", "gnp.exe"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("end. ", "end"),
        ("CON", "x_CON"),
        ("nul.txt", "x_nul.txt"),
        ("...", "x"),
        ("", "x"),
        ("核磁", "x"),
    ],
)
def test_a_text_becomes_a_name(text: str, name: str) -> None:
    assert safe(text, "x") == name


def test_a_name_is_never_long() -> None:
    assert safe("a" * 5000) == "a" * LONGEST


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("GADOVIST 1,0 mmol/ml", "gadovist"),
        ("7 ml Multi-Hance", "multihance"),
        ("Gadoterate Meglumine", "gadoterate"),
        ("Applied", "agent"),
        ("", "agent"),
        ("given to Mrs Secret", "agent"),
    ],
)
def test_an_agent_is_one_of_a_list_or_just_an_agent(text: str, name: str) -> None:
    assert agent(text) == name
    assert name in (*AGENTS, "agent")
