"""`studies/header`: which folders count, when a folder is right, and how the peer is asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from dicom_files import stack
from mrclass.labels import KEYS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies" / "header"))

import measure  # noqa: E402

HEAD = "folder,label,source,series_description\n"


def test_only_labels_that_name_a_weighting_of_a_brain_count() -> None:
    labels = ["T1w", "T1ce", "other:fMRI", "nonbrain:knee-MR", "invalid:SR", ""]
    lines = [{"folder": "f", "label": label, "source": "s", "series_description": "d"} for label in labels]
    assert [case.truth for case in measure.cases(lines)] == ["t1w", "t1ce", "other"]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (["t1w"], "right"), (["t1w", "t1w"], "right"), (["t2w"], "wrong"), (["t1w", "t2w"], "wrong"),
        ([None], "silent"), (["t1w", None], "silent"), ([None, "t2w"], "wrong"), ([], "silent"),
    ],
)  # fmt: skip
def test_a_folder_is_right_when_every_volume_is(said: list[str | None], verdict: str) -> None:
    assert measure.judge(said, "t1w") == verdict


@pytest.mark.parametrize(
    ("guess", "label"),
    [
        (["anat", "_acq-tfl3_run-5_T1w"], "t1w"), (["func", "_run-1_bold"], "other"),
        (["dwi", "_run-1_ADC"], "adc"), (["discard", "_run-2_localizer"], "other"),
        (["discard", "_run-2_derivedDWI"], None), (None, None), ([], None), ("T1w", None),
    ],
)  # fmt: skip
def test_a_guess_of_dcm2niix_is_read_by_its_suffix_then_its_folder(guess: object, label: str | None) -> None:
    assert measure.guess_label(guess) == label


def test_copies_of_one_image_count_once_with_the_worst_of_them() -> None:
    rows = [
        {"image": ["s", "T2w", ""], "truth": "t2w", "verdicts": {"x": verdict}, "sources": {}}
        for verdict in ("right", "silent", "right")
    ]
    rows.append({"image": ["s", "T1w", "a"], "truth": "t1w", "verdicts": {"x": "right"}, "sources": {}})
    found = measure.figures(rows)
    assert (found["n"], found["n_distinct"]) == (4, 2)
    assert found["methods"]["x"]["accuracy"]["value"] == 0.75
    assert found["methods"]["x"]["distinct"]["accuracy"]["value"] == 0.5
    assert set(found["methods"]["x"]["labels"]) == {"t1w", "t2w"} <= set(KEYS)


def peer(folder: Path, body: str) -> None:
    """A package of the peer's name that prints as it does, and says what `body` makes of a folder."""
    package = folder / "dcm_classifier"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "image_type_inference.py").write_text("class ImageTypeClassifierBase: pass\n")
    (package / "study_processing.py").write_text(body)
    about = folder / "dcm_classifier-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: dcm_classifier\nVersion: 1.2\n")


STUDY = """
class Volume:
    def __init__(self, text): self.text = text
    def get_volume_modality(self): return self.text
class Series:
    def get_volume_list(self): return [Volume("tracew"), Volume("adc"), Volume("LOW_PROBABILITY_t1w")]
class ProcessOneDicomStudyToVolumesMappingBase:
    def __init__(self, study_directory, inferer):
        print("The directory", study_directory)
        self.series_dictionary = {1: Series()}
    def run_inference(self): pass
"""


def test_the_whole_measurement_with_a_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peer(tmp_path, STUDY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    stack(tmp_path / "data" / "a", 3, SeriesDescription="AX T2")
    stack(tmp_path / "data" / "b", 3, series=2, SeriesDescription="AX T2")
    (tmp_path / "data" / "catalog.csv").write_text(HEAD + "a,T2w,s,AX T2\nb,T1w,s,AX T2\n")
    out = tmp_path / "results" / "header.json"
    command = [str(tmp_path / "data"), "--peer", sys.executable, "-o", str(out)]
    assert measure.main(command) == 0
    found = json.loads(out.read_text())
    assert found["made_by"]["dcm-classifier"] == "1.2"
    first, second = found["folders"]
    assert first["verdicts"]["mrclass.header"] == "right" and first["basis"] == ["SeriesDescription"]
    assert second["verdicts"]["mrclass.header"] == "wrong"
    assert first["said"]["dcm-classifier"] == ["other", "adc", None]
    assert found["sources"]["SeriesDescription"]["right"] == 1 and found["sources"]["timing"]["n"] == 2
    assert "mrclass.header: 2 n, 1 right, 1 wrong, 0 silent" in capsys.readouterr().out


def test_a_peer_that_fails_is_silent_and_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer(tmp_path, STUDY.replace("pass", "raise ValueError('no such tag')"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    version, said, failure = measure.ask_peer(Path(sys.executable), tmp_path)
    assert (version, said) == ("", []) and failure.endswith("ValueError: no such tag")


def test_a_folder_without_a_catalogue_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure.main([str(tmp_path), "-o", str(tmp_path / "x.json")]) == 2
    assert "catalog.csv is not there" in capsys.readouterr().err
