"""docs/how-to/retrain.md: its commands are those of the command line, its ids those of the configs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from mrclass import arguments

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/how-to/retrain.md").read_text(encoding="utf-8")
BUNDLE = ROOT / "bundles/mrclass_t2w"


def commands(first: str) -> list[list[str]]:
    """Words of the commands in the page's blocks that begin so; `$` of a session is left out."""
    blocks = re.findall(r"^```\n(.*?)^```", PAGE, re.S | re.M)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line) for line in lines if line.startswith(first)]


def configs(words: list[str]) -> dict[str, Any]:
    """The ids of the config files that a bundle command names."""
    named = words[words.index("--config_file") + 1]
    ids: dict[str, Any] = {}
    for file in re.findall(r"configs/\w+\.json", named):
        ids |= json.loads((BUNDLE / file).read_text(encoding="utf-8"))
    return ids


@pytest.mark.parametrize("words", commands("mrclass "), ids=" ".join)
def test_a_command_of_the_page_is_one_of_the_command_line(words: list[str]) -> None:
    assert arguments.parser().parse_args(words[1:]).command == words[1]


def test_the_walk_goes_through_these_commands_in_this_order() -> None:
    order = [words[1] for words in commands("mrclass ")]
    walk = ["classify", "datalist", "classify", "evaluate", "calibrate", "bundles"]
    place = 0
    for name in walk:
        place = order.index(name, place) + 1


@pytest.mark.parametrize("words", commands("python -m monai.bundle"), ids=lambda words: words[4])
def test_a_bundle_command_of_the_page_runs_ids_that_its_configs_have(words: list[str]) -> None:
    ids = configs(words)
    assert words[3] == "run"
    assert words[4] in ids
    turned = [word.removeprefix("--") for word in words if word.startswith("--")]
    assert set(turned) - {"config_file"} <= set(ids)


def test_the_ids_in_the_pages_table_are_those_of_train_json() -> None:
    train = json.loads((BUNDLE / "configs/train.json").read_text(encoding="utf-8"))
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert len(named) > 6
    assert set(named) <= set(train)


def test_the_defaults_in_the_page_are_those_of_train_json() -> None:
    train = json.loads((BUNDLE / "configs/train.json").read_text(encoding="utf-8"))
    assert (train["epochs"], train["learning_rate"], train["batch_size"]) == (100, 0.001, 50)
    assert train["domain_randomisation"] is True
    assert "| 100, 0.001, 50 slices |" in PAGE


@pytest.mark.parametrize(
    "where", ["README.md", "template/docs/README.md", "bundles/mrclass_t2w/docs/README.md"]
)
def test_readme_and_cards_lead_to_the_page(where: str) -> None:
    assert "docs/how-to/retrain.md" in (ROOT / where).read_text(encoding="utf-8")
