"""The bundles are what template/ renders; the table's cells land where they say; cards quote results only."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template"))
render = importlib.import_module("render")
cards = importlib.import_module("cards")


def test_the_bundles_are_as_rendered_byte_for_byte() -> None:
    assert render.check() == []


def test_the_check_runs_without_the_package() -> None:
    # -E and -S: no environment, no site-packages; only the standard library is left
    done = subprocess.run(
        [sys.executable, "-E", "-S", str(ROOT / "template" / "render.py"), "--check"], check=False
    )
    assert done.returncode == 0


def test_no_gap_of_the_template_is_left_in_a_bundle() -> None:
    docs = [
        path
        for name in ("README.md", "data_license.txt")
        for path in (ROOT / "bundles").glob(f"*/docs/{name}")
    ]
    assert len(docs) == 12
    assert [path for path in docs if "{{" in path.read_text(encoding="utf-8")] == []


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository with the template only, rendered without weights and results."""
    shutil.copytree(ROOT / "template", tmp_path / "template")
    shutil.copy(ROOT / "LICENSE", tmp_path)
    render.write(tmp_path)
    return tmp_path


def test_writing_twice_changes_nothing(house: Path) -> None:
    assert render.check(house) == []
    assert render.write(house) == []


def test_a_touched_a_missing_and_a_strange_file_are_named(house: Path) -> None:
    bundle = house / "bundles" / "mrclass_adc"
    (bundle / "configs" / "train.json").write_text("{}", encoding="utf-8")
    (bundle / "LICENSE").unlink()
    (bundle / "scripts").mkdir()
    (bundle / "scripts" / "net.py").write_text("", encoding="utf-8")
    lines = render.check(house)
    assert [line.split()[0].removeprefix("bundles/mrclass_adc/") for line in lines] == [
        "configs/train.json",
        "LICENSE",
        "scripts/net.py",
    ]


def test_a_block_that_nothing_has_filled_is_as_rendered_and_named_with_its_document(house: Path) -> None:
    (house / "README.md").write_text("<!-- results:bench -->\n<!-- /results:bench -->\n")
    render.write(house)
    assert render.check(house) == []
    assert "README.md: Not measured yet: `make bench` writes it." in render.unfilled(house)


def test_a_release_fails_where_a_block_is_not_filled_and_a_check_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "check", lambda: [])
    monkeypatch.setattr(render, "unfilled", lambda: ["README.md: Not recorded yet"])
    assert render.main(["--check"]) == 0
    assert render.main(["--release"]) == 1
    assert capsys.readouterr().out == "README.md: Not recorded yet\n"


def test_weights_are_never_rendered_but_their_hash_is(house: Path) -> None:
    weights = house / "bundles" / "mrclass_swi" / "models" / "model.pt"
    weights.parent.mkdir()
    weights.write_bytes(b"abc")
    assert len(render.check(house)) == 2  # metadata and card
    render.write(house)
    metadata = render.load(house / "bundles" / "mrclass_swi" / "configs" / "metadata.json")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of abc, FIPS 180-2
    assert metadata["mrclass"]["weights_sha256"] == digest
    assert weights.read_bytes() == b"abc"


def test_a_value_lands_at_its_id_and_a_list_is_entered_by_class_name() -> None:
    config = {"a": {"b": 1}, "steps": [{"_target_": "Load"}, {"_target_": "x.N4", "on": 0}]}
    render.put(config, ["a", "b"], 2)
    render.put(config, ["steps", "N4", "on"], 1)
    assert config == {"a": {"b": 2}, "steps": [{"_target_": "Load"}, {"_target_": "x.N4", "on": 1}]}


@pytest.mark.parametrize("path", [["a", "c"], ["steps", "Save", "on"], ["steps", "Load"], ["a", "b", "c"]])
def test_an_id_that_is_not_there_is_refused(path: list[str]) -> None:
    config = {"a": {"b": 1}, "steps": [{"_target_": "Load"}]}
    with pytest.raises(render.TemplateError):
        render.put(config, path, 2)


def test_a_step_switched_off_is_dropped_and_the_word_goes() -> None:
    steps = [{"_target_": "A", "_disabled_": True}, {"_target_": "B", "_disabled_": False}]
    assert render.settled({"steps": steps, "x": {"_disabled_": "@quiet"}}) == {
        "steps": [{"_target_": "B"}],
        "x": {"_disabled_": "@quiet"},
    }


def test_a_row_with_a_column_too_many_is_refused(house: Path) -> None:
    table = render.load(house / "template" / "table.json")
    with pytest.raises(render.TemplateError, match="colour"):
        render.configs_of({**table["rows"][0], "colour": 1}, table["columns"], house / "template")


def share(hits: int, n: int) -> dict[str, Any]:
    return {"value": hits / n, "hits": hits, "n": n, "ci95": [0.1, 0.9]}


ROW = {"name": "mrclass_t2w", "label": "t2w", "refines": None, "positives": ["t2w"], "negatives": []}
VALIDATION = {
    "data": "real",
    "n": 10,
    "accuracy": share(7, 10),
    "labels": {"t2w": {"n": 4, "sensitivity": share(3, 4), "specificity": share(5, 6)}},
    "members": {"t2w": {"sensitivity": share(1, 4), "specificity": share(6, 6), "auc": 0.875}},
    "t1w_against_t1ce": {"auc": 0.75, "accuracy": share(3, 4)},
    "errors": [{"truth": "t2w", "predicted": "flair"}, {"truth": "adc", "predicted": "swi"}],
    "made_by": {"members": {"mrclass_t2w": {"sha256": "ff00"}}},
}


def results(folder: Path, **files: Any) -> Any:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return cards.Results.read(folder)


def test_a_card_without_results_says_so(tmp_path: Path) -> None:
    nothing = results(tmp_path)
    assert "has no weights yet" in cards.validation_text(ROW, "", nothing)
    assert "no validation of these weights" in cards.validation_text(ROW, "ff00", nothing)
    assert "Not recorded" in cards.training_text.section(ROW, nothing.training)


def test_a_card_quotes_the_figures_of_its_own_weights(tmp_path: Path) -> None:
    measured = results(tmp_path, validation=VALIDATION)
    text = cards.validation_text(ROW, "ff00", measured)
    assert "On real data" in text
    assert "25.0 % [10.0, 90.0], n = 4" in text
    assert "0.875" in text
    assert cards.eval_metrics(ROW, "ff00", measured) == {
        "real_sensitivity": 0.25,
        "real_specificity": 1.0,
        "real_auc": 0.875,
    }


def test_figures_of_other_weights_are_not_quoted(tmp_path: Path) -> None:
    measured = results(tmp_path, validation=VALIDATION)
    assert "no validation of these weights" in cards.validation_text(ROW, "ee11", measured)
    assert cards.eval_metrics(ROW, "ee11", measured) == {}


def test_real_and_simulated_figures_may_stand_in_one_file(tmp_path: Path) -> None:
    both = results(
        tmp_path, validation={"simulated": {**VALIDATION, "data": "simulated"}, "real": VALIDATION}
    )
    text = cards.validation_text(ROW, "ff00", both)
    assert text.index("On real data") < text.index("On simulated data")


def test_errors_of_the_label_are_the_known_failures(tmp_path: Path) -> None:
    text = cards.failures_text(ROW, "ff00", results(tmp_path, validation=VALIDATION))
    assert "T2w taken for FLAIR, 1 of 10 volumes" in text
    assert "SWI" not in text


TRAINING = {
    "volumes": [
        {"source": "Atlas", "licence": "CC BY 4.0", "data": "real", "labels": {"t1w": 3, "t2w": 1}},
        {"source": "phantom", "licence": "Apache-2.0", "data": "simulated", "labels": {"t1ce": 4}},
    ]
}


def test_a_card_names_sources_licences_and_the_simulated_share(tmp_path: Path) -> None:
    text = cards.training_text.section(ROW, results(tmp_path, training=TRAINING).training)
    assert "8 volumes, 4 of them simulated (50 %)" in text
    assert "| Atlas | CC BY 4.0 | real | T1w 3, T2w 1 |" in text


def test_the_t1ce_card_counts_only_t1_weighted_volumes(tmp_path: Path) -> None:
    row = {**ROW, "name": "mrclass_t1ce", "label": "t1ce", "positives": ["t1ce"], "negatives": ["t1w"]}
    text = cards.training_text.section(row, results(tmp_path, training=TRAINING).training)
    assert "7 volumes, 4 of them simulated" in text


def test_blocks_of_the_readme_are_filled_and_the_rest_is_left(tmp_path: Path) -> None:
    text = "a\n<!-- results:validation -->\nold\n<!-- /results:validation -->\nb\n"
    filled = cards.fill_blocks(text, results(tmp_path, validation=VALIDATION))
    assert filled.startswith("a\n<!-- results:validation -->\n10 real volumes, accuracy 70.0 %")
    assert filled.endswith("<!-- /results:validation -->\nb\n")
    assert "old" not in filled
    assert cards.fill_blocks(filled, results(tmp_path, validation=VALIDATION)) == filled


def test_an_unknown_block_is_refused() -> None:
    with pytest.raises(cards.CardError, match="weather"):
        cards.fill_blocks("<!-- results:weather -->\n<!-- /results:weather -->", cards.Results())


def test_the_template_itself_is_the_t2w_bundle(house: Path) -> None:
    bundle = house / "bundles" / "mrclass_t2w" / "configs"
    for path in (house / "template" / "configs").glob("*.json"):
        assert render.settled(render.load(path)) == render.load(bundle / path.name)
