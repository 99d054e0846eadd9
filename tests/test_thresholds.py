"""From runs and truth CSVs to thresholds.json, bundle configs and the template's table."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mrclass import cli, thresholds
from mrclass.card import read_card, versions
from mrclass.errors import BundleError, UsageError
from mrclass.ledger import Ledger
from tiny_bundles import make_bundle, make_card

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template"))
taking = importlib.import_module("thresholds")


def write_run(folder: Path, volumes: list[tuple[str, float]], sha256: str = "ff") -> list[str]:
    """A run of t2w volumes of (truth, score) and their truth CSV; the words of --run.

    Its members stand in the ledger as a real run writes them.
    """
    (folder / "out").mkdir(parents=True)
    card = read_card(make_card(folder / "mrclass_t2w", "t2w", threshold=0.6, digest=sha256))
    lines = ["file,label,role"]
    with Ledger(folder / "out" / "mrclass.sqlite") as book:
        for number, (truth, score) in enumerate(volumes):
            name = f"{number}.nii"
            lines.append(f"{name},{truth},validation")
            head = {"series_key": name, "status": "done", "source": name, "fingerprint": ""}
            head["root"] = str(folder)
            book.finish(head, [{"label": "other", "slice_scores": {"t2w": [score] * 3}}])
        book.set_meta("members", versions([card]))
    (folder / "truth.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [str(folder / "out"), str(folder / "truth.csv"), "real"]


VOLUMES = [("t2w", 0.905)] * 4 + [("adc", 0.705)] * 4


def test_a_run_is_written_as_folder_csv_data_and_filters() -> None:
    source = thresholds.parse_run(["OUT", "t.csv", "real", "role=validation"])
    assert (source.out, source.data, source.truth.where) == (Path("OUT"), "real", {"role": "validation"})
    for words in (["OUT", "t.csv"], ["OUT", "t.csv", "phantom"], ["OUT", "t.csv", "real", "role"]):
        with pytest.raises(UsageError, match=r"OUT TRUTH\.csv real"):
            thresholds.parse_run(words)


def test_the_command_writes_the_choice_and_sets_a_bundle(tmp_path: Path, capsys: Any) -> None:
    bundle = make_bundle(tmp_path / "mrclass_t2w", "t2w", threshold=0.6)
    inference = bundle / "configs" / "inference.json"
    inference.write_text(json.dumps({"threshold": 0.6, "temperature": 1.0}))
    words = write_run(tmp_path / "run", VOLUMES, sha256=read_card(bundle).sha256)
    out = tmp_path / "thresholds.json"
    assert cli.main(["calibrate", "--run", *words, "-o", str(out), "--set", str(bundle)]) == 0
    chosen = json.loads(out.read_text())["bundles"]["mrclass_t2w"]
    assert chosen["best"] == [0.71, 0.9]
    assert read_card(bundle).threshold == chosen["threshold"] == 0.8
    assert json.loads(inference.read_text()) == {"threshold": 0.8, "temperature": 1.0}
    shown = capsys.readouterr().out
    assert "mrclass_t2w     0.80" in shown
    assert "real: 0 of 8 right with the run's thresholds, 4 of 8 with these" in shown  # no adc member here


def test_the_choice_says_what_it_was_made_on(tmp_path: Path) -> None:
    words = write_run(tmp_path, VOLUMES)
    figures = thresholds.choose(
        [thresholds.parse_run([*words, "role=validation"])], command="mrclass calibrate"
    )
    assert figures["runs"][0]["labels"] == {"adc": 4, "t2w": 4}
    assert figures["runs"][0]["where"] == {"role": "validation"}
    assert figures["bundles"]["mrclass_t2w"]["targets"] == {"real": 4}
    assert figures["made_by"]["command"] == "mrclass calibrate"


def test_temperatures_are_only_reported_unless_asked_for(tmp_path: Path) -> None:
    source = thresholds.parse_run(write_run(tmp_path, [*VOLUMES, ("adc", 0.9), ("t2w", 0.2)]))
    told, applied = (thresholds.choose([source], flag)["bundles"]["mrclass_t2w"] for flag in (False, True))
    assert told["temperature"] == 1.0
    assert applied["temperature"] == told["scores"]["temperature"]["fitted"] != 1.0


def test_runs_of_different_weights_are_not_mixed(tmp_path: Path) -> None:
    one, two = (write_run(tmp_path / sha, VOLUMES, sha256=sha) for sha in ("aa", "bb"))
    with pytest.raises(UsageError, match="made by different bundles"):
        thresholds.choose([thresholds.parse_run(one), thresholds.parse_run(two)])


def test_a_run_that_does_not_say_what_its_members_are_is_refused(tmp_path: Path) -> None:
    words = write_run(tmp_path, VOLUMES)
    with Ledger(tmp_path / "out" / "mrclass.sqlite") as book:
        book.set_meta("members", {"mrclass_t2w": {"version": "1.0.0", "sha256": "ff"}})
    with pytest.raises(UsageError, match="does not say what mrclass_t2w is.*into a new folder"):
        thresholds.choose([thresholds.parse_run(words)])


def test_a_choice_for_other_weights_is_not_set(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "mrclass_t2w", "t2w")
    figures = thresholds.choose([thresholds.parse_run(write_run(tmp_path / "run", VOLUMES, sha256="aa"))])
    with pytest.raises(BundleError, match=r"chosen for others.*--member t2w="):
        thresholds.put(bundle, figures)


# ---- the template's table


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "template" / "configs").mkdir(parents=True)
    (tmp_path / "template" / "table.json").write_text((ROOT / "template" / "table.json").read_text())
    for name in ("metadata.json", "inference.json"):
        text = (ROOT / "template" / "configs" / name).read_text()
        (tmp_path / "template" / "configs" / name).write_text(text)
    return tmp_path


def choice(house: Path, **changed: float) -> dict[str, Any]:
    """The table's own values, some changed, for bundles without weights."""
    rows = json.loads((house / "template" / "table.json").read_text())["rows"]
    return {
        "bundles": {
            row["name"]: {
                "weights_sha256": "",
                "threshold": changed.get(row["label"], row["threshold"]),
                "temperature": row["temperature"],
            }
            for row in rows
        }
    }


def test_the_table_takes_a_choice_over_and_nothing_else_changes(house: Path) -> None:
    path = house / "template" / "table.json"
    before = path.read_text()
    lines = taking.take(choice(house, t2w=0.31, swi=0.32), house)
    assert [line.partition(":")[0] for line in lines] == ["mrclass_t2w", "mrclass_swi"]
    rows = {row["label"]: row for row in json.loads(path.read_text())["rows"]}
    assert (rows["t2w"]["threshold"], rows["swi"]["threshold"]) == (0.31, 0.32)
    pairs = zip(before.splitlines(), path.read_text().splitlines(), strict=True)
    changed = [pair for pair in pairs if pair[0] != pair[1]]
    assert len(changed) == 2
    for file in ("metadata.json", "inference.json"):
        assert '"threshold": 0.31,' in (house / "template" / "configs" / file).read_text()
    assert taking.take(choice(house, t2w=0.31, swi=0.32), house) == []


def test_a_choice_for_other_weights_is_refused_by_the_table(house: Path) -> None:
    other = choice(house)
    other["bundles"]["mrclass_adc"]["weights_sha256"] = "ff00"
    with pytest.raises(taking.ChoiceError, match=r"mrclass_adc was chosen for weights ff00"):
        taking.take(other, house)
    del other["bundles"]["mrclass_adc"]
    with pytest.raises(taking.ChoiceError, match="no threshold was chosen for mrclass_adc"):
        taking.take(other, house)
