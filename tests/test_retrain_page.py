"""docs/how-to/retrain.md: its commands are those of the command line, its ids those of the configs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mrclass import arguments, thresholds, truth

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "sort"))
import sort_runs  # noqa: E402

KINDS = ("t1w", "t2w", "flair")
PAGE = (ROOT / "docs/how-to/retrain.md").read_text(encoding="utf-8")
BUNDLE = ROOT / "bundles/mrclass_t2w"


def blocks(language: str) -> list[str]:
    """The page's blocks that are marked with a language, "" for those of commands."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.S | re.M)
    return [text.replace("\\\n", " ") for marked, text in found if marked == language]


def commands(first: str) -> list[list[str]]:
    """Words of the commands in the page's blocks that begin so; `$` of a session is left out."""
    lines = [line.removeprefix("$ ") for block in blocks("") for line in block.splitlines()]
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


def test_the_page_types_no_output_by_hand() -> None:
    lines = [line for block in blocks("") for line in block.splitlines()]
    assert [line for line in lines if line.split()[0] not in ("mrclass", "python", "cp", "cd")] == []


def test_the_walk_goes_through_these_commands_in_this_order() -> None:
    order = [words[1] for words in commands("mrclass ")]
    walk = ["classify", "datalist", "classify", "evaluate", "calibrate", "bundles"]
    place = 0
    for name in walk:
        place = order.index(name, place) + 1


def test_the_csv_that_thresholds_are_chosen_on_is_one_that_calibrate_joins_with_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what the page makes before: the list of volumes, a copy of the first run's results.csv, and its own CSV
    monkeypatch.chdir(tmp_path)
    images = [
        sort_runs.nifti(tmp_path / f"VOLUMES/OUT/P-{n}/a_{n}.nii", kind) for n, kind in enumerate(KINDS)
    ]
    sections = {"training": images[:1], "validation": images[1:]}
    listed = {
        name: [{"image": str(image), "label": KINDS[images.index(image)], "patient": image.parent.name}
               for image in some]
        for name, some in sections.items()
    }  # fmt: skip
    Path("datalist.json").write_text(json.dumps(listed))
    sort_runs.classify(tmp_path / "VOLUMES", tmp_path / "AFTER_VALIDATION")
    shutil.copy("AFTER_VALIDATION/results.csv", "review.csv")
    (code,) = blocks("python")
    subprocess.run([sys.executable, "-c", code], check=True)
    (words,) = commands("mrclass calibrate")
    (run,) = arguments.parser().parse_args(words[1:]).run
    source = thresholds.parse_run(run)
    compared = truth.compare(source.out, source.truth)
    assert [(Path(case.file).name, case.truth) for case in compared.cases] == [
        ("a_1.nii", "t2w"),
        ("a_2.nii", "flair"),
    ]
    assert (compared.missing, compared.strangers) == ([], 1)


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
