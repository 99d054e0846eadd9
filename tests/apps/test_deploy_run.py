"""The real application in the real SDK on the demo export, its results read by DCMTK; `make test-deploy`.

MRCLASS_DEPLOY_OUT names the results of a run that `make deploy-demo` has just made; without it the tests run
the application themselves.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from deploy_helpers import groups, items, reports
from mrclass import __version__
from mrclass.card import read_card, versions
from mrclass.labels import display
from pydicom import dcmread

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "apps" / "monai_deploy"
DEMO = ROOT / "demo"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("holoscan") is None,
    reason="The MONAI Deploy App SDK is not installed here; make test-deploy installs it",
)


def run(app: Path, source: Path, out: Path, **more: str) -> subprocess.CompletedProcess[str]:
    line = [
        sys.executable,
        str(app),
        "-i",
        str(source),
        "-o",
        str(out),
        "-m",
        str(ROOT / "bundles"),
        "-l",
        "WARN",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=3600)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results on the demo export."""
    if os.environ.get("MRCLASS_DEPLOY_OUT"):
        return Path(os.environ["MRCLASS_DEPLOY_OUT"])
    subprocess.run([sys.executable, "-m", "mrclass", "phantom", str(DEMO), "--demo"], check=True)
    out = tmp_path_factory.mktemp("deploy") / "out"
    ended = run(APP, DEMO / "export", out)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return out


@pytest.fixture(scope="module")
def content(out: Path) -> dict[str, Any]:
    return json.loads((out / "mrclass.json").read_text())


@pytest.fixture(scope="module")
def dumps(out: Path) -> dict[str, str]:
    """What dsrdump prints of each report, by file name."""
    if shutil.which("dsrdump") is None:
        pytest.skip("dsrdump of DCMTK is not here: apt-get install dcmtk, or brew install dcmtk")
    found = {}
    for path in out.glob("*.dcm"):
        # +Pc prints codes, +Pl long values in full
        ended = subprocess.run(["dsrdump", "+Pc", "+Pl", "+Pu", str(path)], capture_output=True, text=True)
        assert ended.returncode == 0 and "E: " not in ended.stderr, ended.stderr
        found[path.name] = ended.stdout
    return found


def truth() -> list[dict[str, str]]:
    with (DEMO / "truth.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["series_uid"]]


def test_each_study_of_the_export_has_a_report_that_dcmtk_reads(
    dumps: dict[str, str], content: dict[str, Any]
) -> None:
    assert sorted(dumps) == sorted(study["structured_report"] for study in content["studies"])
    assert len(dumps) == 2
    for text in dumps.values():
        assert "Enhanced SR Document" in text and "Imaging Measurement Report" in text
        assert "Patient             : " in text


def test_dcmtk_finds_every_series_with_its_status_label_and_score(
    dumps: dict[str, str], content: dict[str, Any]
) -> None:
    n_series = 0
    for study in content["studies"]:
        text = dumps[study["structured_report"]]
        parts = text.split("<contains CONTAINER:(125007,DCM,")[1:]
        for series in study["series"]:
            mine = [part for part in parts if f'"{series["series_uid"]}"' in part]
            assert len(mine) == max(1, len(series["volumes"])), series["series_uid"]
            n_series += 1
            if series["status"] != "done":
                assert f"({series['status']},99MRCLASS," in mine[0]
                assert series["reason"][:30] in mine[0]
            for part, volume in zip(mine, series["volumes"], strict=False):
                label = volume["label"]
                assert f'=({label},99MRCLASS,"{display(label)}")>' in part
                assert f'="{round(volume["score"], 6)}"' in part
    assert n_series == len({row["series_uid"] for row in truth()})


def test_dcmtk_finds_the_software_and_version_and_hashes_of_the_six_bundles(
    dumps: dict[str, str], content: dict[str, Any]
) -> None:
    cards = versions(read_card(folder) for folder in sorted((ROOT / "bundles").glob("mrclass_*")))
    assert content["members"] == cards and len(cards) == 6
    for text in dumps.values():
        assert f'Algorithm Version)="{__version__}"' in text.replace(
            '"Algorithm Version"', "Algorithm Version"
        )
        for name, one in cards.items():
            assert f'"{name}"' in text
            assert f"weights sha256 {one['sha256']}" in text
            assert f"inference config sha256 {one['config_sha256']}" in text


def test_the_report_carries_the_patient_of_its_study_and_the_json_none(
    out: Path, content: dict[str, Any]
) -> None:
    for study, report in zip(
        sorted(content["studies"], key=lambda one: one["study_uid"]), reports(out), strict=True
    ):
        source = next(one["source"] for one in study["series"] if one["status"] == "done")
        place = DEMO / "export" / source
        image = dcmread(next(place.iterdir()) if place.is_dir() else place, stop_before_pixels=True)
        for word in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID"):
            assert report.get(word) == image.get(word), word
        assert str(image.PatientName) not in (out / "mrclass.json").read_text()


def test_what_was_not_looked_at_is_in_report_and_json_with_its_reason(
    out: Path, content: dict[str, Any]
) -> None:
    left = {
        one["series_uid"]: one["status"]
        for study in content["studies"]
        for one in study["series"]
        if one["status"] != "done"
    }
    wanted = {
        row["series_uid"]: row["expected_status"] for row in truth() if row["expected_status"] != "done"
    }
    assert left == wanted and sorted(left.values()) == ["skipped", "unreadable"]
    told = {one["Series Instance UID"]: one for report in reports(out) for one in groups(report)}
    assert all(told[uid]["Reason"] and told[uid]["Status"][1] == status for uid, status in left.items())
    assert content["files"]["unexplained"] == 0


def test_most_labels_of_the_demo_are_right(content: dict[str, Any]) -> None:
    known = {row["series_uid"]: row["label"] for row in truth() if row["expected_status"] == "done"}
    got = {
        one["series_uid"]: one["volumes"][0]["label"]
        for study in content["studies"]
        for one in study["series"]
        if one["status"] == "done"
    }
    right = sum(got[uid] == label for uid, label in known.items())
    assert set(got) == set(known) and right >= 0.8 * len(known)


def test_the_picture_report_is_there_with_its_pictures(out: Path) -> None:
    page = (out / "report" / "report.html").read_text()
    assert page.count("thumbnails/") >= 20
    assert any((out / "report" / "thumbnails").iterdir())


def test_an_output_with_an_earlier_result_ends_in_one_sentence_and_code_1(out: Path) -> None:
    before = sorted(path.name for path in out.iterdir())
    ended = run(APP, DEMO / "export" / "DICOM" / "PA000001" / "ST000001" / "SE000099", out)
    assert ended.returncode == 1
    assert "wanted an output folder without an earlier result" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert sorted(path.name for path in out.iterdir()) == before


def test_the_folder_for_a_map_runs_by_itself_and_its_rules_are_obeyed(tmp_path: Path) -> None:
    """One T2 of the first patient, chosen by the SDK's own selector from the study's other series."""
    subprocess.run([sys.executable, str(APP / "lay_out.py"), str(tmp_path / "map")], check=True)
    source = tmp_path / "study"
    for name in ("SE000003", "SE000001", "SE000099"):
        shutil.copytree(DEMO / "export" / "DICOM" / "PA000001" / "ST000001" / name, source / name)
    config = tmp_path / "map" / "app.yaml"
    rules = {"selections": [{"name": "T2", "conditions": {"Modality": "MR", "SeriesDescription": "^t2_"}}]}
    config.write_text(config.read_text().replace('rules: ""', f"rules: '{json.dumps(rules)}'"))
    ended = run(tmp_path / "map", source, tmp_path / "out", HOLOSCAN_CONFIG_PATH=str(config))
    assert ended.returncode == 0, ended.stderr[-3000:]
    (study,) = json.loads((tmp_path / "out" / "mrclass.json").read_text())["studies"]
    told = sorted((one["description"], one["status"], one["reason"]) for one in study["series"])
    assert [one[:2] for one in told] == [
        ("Report", "skipped"),
        ("localizer", "skipped"),
        ("t2_tse_tra", "done"),
    ]
    assert told[1][2] == "not chosen by the application's selection rules"
    (report,) = reports(tmp_path / "out")
    assert sum("TextValue" in item and item.TextValue == "mrclass_t2w" for item in items(report)) == 1


def test_app_yaml_is_what_the_packager_reads() -> None:
    from holoscan_cli.packager.config_reader import ApplicationConfiguration

    config = ApplicationConfiguration()
    config.read(APP / "app.yaml")
    assert config.title() == "MR-Class"
