"""The pictures of a card: the curve of its threshold, and what its bundle got wrong on simulated volumes."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from mrclass import report
from mrclass.evaluate import Case
from mrclass.ledger import Ledger
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template"))
curves = importlib.import_module("curves")
failures = importlib.import_module("failures")
render = importlib.import_module("render")

WEIGHTS = b"weights of a test"
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
ROW = {"name": "mrclass_swi", "label": "swi", "threshold": 0.9}
CHOICE: dict[str, Any] = {
    "label": "swi", "weights_sha256": DIGEST, "threshold": 0.9, "temperature": 1.0,
    "targets": {"simulated": 4}, "others": {"real": 5, "simulated": 6},
    "best": [0.85, 0.92], "resampled": [0.8, 0.9, 0.94], "quality": 0.875, "quality_unseen": 0.8,
    "curve": {"threshold": [0.5, 0.9, 0.95], "sensitivity": [1.0, 0.75, 0.5], "specificity": [0.5, 1.0, 1.0]},
}  # fmt: skip


def chosen(**changes: Any) -> dict[str, Any]:
    return {"bundles": {"mrclass_swi": {**CHOICE, **changes}}}


# ---- the curve


def test_a_card_tells_the_figures_at_its_threshold_at_one_half_and_at_the_papers() -> None:
    text = curves.text(ROW, DIGEST, chosen())
    assert "| 0.5 (majority alone) | 100.0 % | 50.0 % |" in text
    assert "| 0.9 (this bundle) | 75.0 % | 100.0 % |" in text
    assert "| 0.95 (the paper's) | 50.0 % | 100.0 % |" in text
    assert "4 simulated it should claim, 5 real and 6 simulated it should not" in text
    assert "87.5 %, and 80.0 % on volumes that a resampled choice had not seen" in text


def test_the_picture_of_a_card_lies_beside_it() -> None:
    assert "](threshold.svg)" in curves.text(ROW, DIGEST, chosen())


def test_a_bundle_with_another_threshold_than_the_choice_says_so() -> None:
    assert "That gives 0.8; this bundle has 0.9." in curves.text(ROW, DIGEST, chosen(threshold=0.8))


def test_a_threshold_that_is_the_majority_is_told_once() -> None:
    row = {**ROW, "threshold": 0.5}
    text = curves.text(row, DIGEST, chosen(kept="the majority decides"))
    assert "| 0.5 (this bundle, majority alone) |" in text
    assert "The threshold 0.5 was not chosen: the majority decides." in text


@pytest.mark.parametrize("found", [{}, chosen(weights_sha256="of others"), {"bundles": {}}])
def test_a_choice_of_other_weights_is_not_quoted(found: dict[str, Any]) -> None:
    assert curves.text(ROW, DIGEST, found).startswith("**Not measured")


def test_a_choice_without_volumes_has_no_curve() -> None:
    bare = {key: CHOICE[key] for key in ("weights_sha256", "threshold", "targets", "others")}
    text = curves.text(ROW, DIGEST, {"bundles": {"mrclass_swi": {**bare, "kept": "no volumes to choose on"}}})
    assert text == "The threshold 0.9 was not chosen: no volumes to choose on."


def test_the_curve_is_drawn_where_its_numbers_are() -> None:
    tree = ElementTree.fromstring(curves.svg(ROW, CHOICE))
    lines = {line.get("class"): line.get("points") for line in tree.iter() if line.tag.endswith("polyline")}
    # the plot is 468 wide from 52, 240 high from 16: .9 is 4/5 of the way, 75 % a quarter below the top
    assert lines["a"] == "52.0,16.0 426.4,76.0 473.2,136.0"
    assert lines["b"] == "52.0,136.0 426.4,16.0 473.2,16.0"
    assert "M426.4 16V256" in {path.get("d") for path in tree.iter() if path.get("class") == "at"}


# ---- a repository with one bundle that has weights


@pytest.fixture
def house(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "template", tmp_path / "template", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "LICENSE", tmp_path)
    table = render.load(tmp_path / "template" / "table.json")
    table["rows"] = [row for row in table["rows"] if row["name"] == "mrclass_swi"]
    (tmp_path / "template" / "table.json").write_text(json.dumps(table), encoding="utf-8")
    weights = tmp_path / "bundles" / "mrclass_swi" / "models" / "model.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(WEIGHTS)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "thresholds.json").write_text(json.dumps(chosen()), encoding="utf-8")
    render.write(tmp_path)
    return tmp_path


def docs(house: Path) -> Path:
    return house / "bundles" / "mrclass_swi" / "docs"


def test_the_curve_is_rendered_into_the_bundle_and_named_by_its_card(house: Path) -> None:
    assert (docs(house) / "threshold.svg").read_text(encoding="utf-8").startswith("<svg ")
    assert "](threshold.svg)" in (docs(house) / "README.md").read_text(encoding="utf-8")
    assert render.check(house) == []


def test_the_curve_goes_when_other_weights_come(house: Path) -> None:
    (house / "bundles" / "mrclass_swi" / "models" / "model.pt").write_bytes(b"other weights")
    assert "bundles/mrclass_swi/docs/threshold.svg is not of the weights beside it" in render.check(house)
    render.write(house)
    assert not (docs(house) / "threshold.svg").exists()
    assert "**Not measured: `results/thresholds.json` has" in (docs(house) / "README.md").read_text()
    assert render.check(house) == []


# ---- failures


def case(file: str, truth: str, score: float, claimed: bool, **more: Any) -> Case:
    return Case(
        file, truth, "swi" if claimed else "other", score, {"swi": score}, ("swi",) if claimed else (), **more
    )


def test_the_failures_of_a_member_are_its_own_furthest_from_right_first() -> None:
    cases = [
        case("right", "swi", 0.95, True), case("near", "swi", 0.85, False), case("far", "t2w", 0.99, True),
        case("refused", "other", 0.2, False), case("lost", "swi", 0.1, False),
        Case("unread", "swi", "unreadable"), Case("not asked", "swi", "other"),
    ]  # fmt: skip
    found, asked = failures.wrong("swi", 0.9, cases)
    assert [(one.file, said) for one, said in found] == [
        ("lost", "refused: 0.10"),
        ("far", "taken for SWI: 0.99"),
        ("near", "refused: 0.85"),
    ]  # fmt: skip
    assert asked == 5


def test_the_t1ce_member_is_judged_on_t1_weighted_volumes_alone() -> None:
    scores = {"t1w": 0.9, "t1ce": 0.8}
    cases = [
        Case("a", "t1w", "t1ce", 0.8, scores, ("t1w",)),
        Case("b", "flair", "t1ce", 0.8, scores, ("t1w",)),
    ]
    found, asked = failures.wrong("t1ce", 0.5, cases)
    assert ([one.file for one, _ in found], asked) == (["a"], 1)


def test_a_card_counts_as_wrong_what_the_figures_of_an_evaluation_do() -> None:
    from mrclass import curves as figures

    cases = [
        Case(f"{truth} {said}", truth, said, 0.8, {"t1w": 0.9, "t1ce": 0.8, "swi": 0.2}, claims)
        for truth in ("t1w", "t1ce", "swi", "other")
        for said, claims in (("t1w", ("t1w",)), ("t1ce", ("t1w",)), ("swi", ("swi",)), ("other", ()))
    ]
    counted, told = figures.measure(cases, {})["scores"], {}
    for name in ("t1w", "t1ce", "swi"):
        bins = counted[name]["histogram"]
        told[name] = sum(n for kind in ("wrong", "missed") for _, n in bins[kind])
    assert told == {name: len(failures.wrong(name, 0.5, cases)[0]) for name in told}
    assert "TARGETS" not in Path(failures.__file__).read_text()  # the rule stands in one place


def simulated(folder: Path, sha256: str = DIGEST, volumes: int = 12) -> tuple[Path, Path]:
    """A run over simulated volumes of noise, all of them SWI and all refused, and its truth."""
    out, phantom = folder / "out", folder / "phantom"
    out.mkdir()
    phantom.mkdir()
    (phantom / "phantom.json").write_text("{}")
    noise = np.random.default_rng(0).integers(30, 255, (10, 60, 60)).astype(np.uint8)
    report.thumbnail(noise, out / "1.webp")
    lines = ["file,label"]
    with Ledger(out / "mrclass.sqlite") as book:
        for number in range(volumes):
            head = {"series_key": str(number), "status": "done", "source": f"{number}.nii", "fingerprint": "",
                    "root": str(phantom)}  # fmt: skip
            volume = {"label": "other", "score": 0.3, "scores": {"swi": 0.3}, "thumbnails": ["1.webp"]}
            book.finish(head, [volume])
            lines.append(f"{number}.nii,SWI")
        book.set_meta("members", {"mrclass_swi": {"label": "swi", "threshold": 0.9, "sha256": sha256}})
    (phantom / "truth.csv").write_text("\n".join(lines) + "\n")
    return out, phantom / "truth.csv"


def test_a_picture_of_failures_is_small_and_named_by_the_card(house: Path) -> None:
    out, truth = simulated(house)
    assert failures.draw(out, truth, house)[0].startswith("mrclass_swi: 12 wrong of 12")
    picture = docs(house) / "failures.png"
    assert picture.stat().st_size <= failures.MOST_BYTES
    assert failures.note_of(picture) == {"weights_sha256": DIGEST, "wrong": 12, "shown": 8, "of": 12}
    with Image.open(picture) as image:
        assert image.width == 4 * (failures.SIDE + failures.GAP) + failures.GAP
    render.write(house)
    text = (docs(house) / "README.md").read_text(encoding="utf-8")
    assert "](failures.png)" in text
    assert "got wrong of 12 simulated volumes: 12, the 8 furthest from right." in text
    assert render.check(house) == []


def test_a_picture_of_other_weights_is_not_named_and_goes(house: Path) -> None:
    failures.draw(*simulated(house), house)
    (house / "bundles" / "mrclass_swi" / "models" / "model.pt").write_bytes(b"other weights")
    assert "bundles/mrclass_swi/docs/failures.png is not of the weights beside it" in render.check(house)
    render.write(house)
    assert not (docs(house) / "failures.png").exists()
    assert "failures.png" not in (docs(house) / "README.md").read_text(encoding="utf-8")


def test_the_older_picture_goes_when_nothing_is_wrong_any_more(house: Path) -> None:
    out, truth = simulated(house)
    failures.draw(out, truth, house)
    truth.write_text(truth.read_text().replace("SWI", "other"))
    assert failures.draw(out, truth, house) == ["mrclass_swi: none wrong of 12"]
    assert not (docs(house) / "failures.png").exists()


def test_real_images_are_refused(house: Path) -> None:
    out, truth = simulated(house)
    (truth.parent / "phantom.json").unlink()
    with pytest.raises(failures.FailureError, match="only simulated images are put into a card"):
        failures.draw(out, truth, house)


def test_a_run_of_other_weights_is_refused(house: Path) -> None:
    with pytest.raises(failures.FailureError, match="run `make validate`"):
        failures.draw(*simulated(house, sha256="of others"), house)
