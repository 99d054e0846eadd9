"""The BIDS tree: names, sidecars and participants as the standard wants them; its own validator checks."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sort_runs
from mrclass import __version__, bids
from mrclass._sort_names import Names, bids_file
from mrclass._sort_plan import make
from mrclass.ledger import ROW_KEYS
from mrclass.sort import sort
from sort_runs import Done

VALIDATOR = shutil.which(
    "bids-validator-deno",
    path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
)


@pytest.fixture(scope="module")
def tree(done: Done, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dest = tmp_path_factory.mktemp("bids") / "dest"
    sort(done.out, dest, "bids")
    return dest


def images(tree: Path) -> list[str]:
    """Images outside sourcedata, subjects and sessions by what is constant of them."""
    found = [path.relative_to(tree).as_posix() for path in tree.glob("sub-*/**/*.nii.gz")]
    return sorted(re.sub(r"(sub-[PF]|ses-)[0-9a-f]+", r"\1*", name) for name in found)


def errors(folder: Path, home: Path) -> list[dict[str, Any]]:
    """What the validator calls an error; its own files go to `home`."""
    told = subprocess.run(
        [str(VALIDATOR), str(folder), "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "DENO_DIR": str(home), "NO_COLOR": "1"},
    )
    found = json.loads(told.stdout)
    assert found["summary"]["totalFiles"] > 0
    return [one for one in found["issues"]["issues"] if one["severity"] == "error"]


def test_every_label_has_its_suffix(tree: Path) -> None:
    p = "sub-P*/ses-*"
    of = "sub-P*_ses-*_acq"
    assert images(tree) == sorted([
        f"{p}/anat/{of}-axial_run-1_T1w.nii.gz",
        f"{p}/anat/{of}-axial_run-1_T1w.nii.gz",  # of the other patient, who has
        f"{p}/anat/{of}-axial_run-2_T1w.nii.gz",  # a second one
        f"{p}/anat/{of}-axial_ce-gadovist_run-1_T1w.nii.gz",
        f"{p}/anat/{of}-axial_ce-agent_run-1_T1w.nii.gz",
        f"{p}/anat/{of}-axial_run-1_echo-2_T2w.nii.gz",  # the second echo of two
        f"{p}/anat/{of}-axial_run-2_T2w.nii.gz",
        f"{p}/anat/{of}-axial_run-1_FLAIR.nii.gz",
        f"{p}/anat/{of}-swiaxial_run-1_T2starw.nii.gz",
        f"{p}/dwi/{of}-axial_run-1_ADC.nii.gz",
        "sub-F*/anat/sub-F*_acq-axial_run-1_FLAIR.nii.gz",  # a NIfTI file knows no study
    ])  # fmt: skip


def test_every_image_has_its_sidecar(tree: Path) -> None:
    for image in tree.rglob("*.nii.gz"):
        told = json.loads(image.with_name(image.name.replace(".nii.gz", ".json")).read_text(encoding="utf-8"))
        assert told["MRClass"]["Version"] == __version__
    (flair,) = tree.glob("sub-F*/anat/*.json")
    assert json.loads(flair.read_text()) == {
        "EchoTime": 0.09,
        "MRClass": {"Label": "FLAIR", "Score": 0.9, "HeaderVerdict": "header silent", "Version": __version__},
    }  # the flip angle "ninety" is no number


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
def test_the_real_validator_finds_no_error(tree: Path, tmp_path: Path) -> None:
    assert errors(tree, tmp_path) == []


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
def test_the_real_validator_would_find_one(tree: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tree, broken)
    image = next(broken.glob("sub-*/ses-*/anat/*_T2w.nii.gz"))
    image.rename(image.with_name(image.name.replace("_T2w", "_T9w")))
    assert errors(broken, tmp_path / "home")


def test_what_is_doubtful_lies_aside_with_its_reason(tree: Path) -> None:
    aside = tree / "sourcedata" / "mrclass" / "aside"
    assert {path.relative_to(aside).parts[0] for path in aside.rglob("*.nii.gz")} == {"other", "conflict"}
    with (aside.parent / "sorted.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    reasons = {row["why_not"].partition(":")[0] for row in rows if row["target"].startswith("sourcedata")}
    assert reasons == {"other", "conflict"}
    assert "source" not in rows[0]  # paths of the input may hold names


def test_participants_are_those_that_have_an_image(tree: Path) -> None:
    lines = (tree / "participants.tsv").read_text().splitlines()
    assert lines == ["participant_id", *sorted(path.name for path in tree.glob("sub-*"))]


def test_what_a_person_wrote_stays(done: Done, tree: Path, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    shutil.copytree(tree, dest)
    first, *_, last = (dest / "participants.tsv").read_text().splitlines()
    (dest / "participants.tsv").write_text(f"{first}\tage\n{last}\t54\n")
    (dest / "README.md").write_text("ours")
    (dest / "dataset_description.json").write_text('{"Name": "ours"}')
    sort(done.out, dest, "bids")
    _, *lines = (dest / "participants.tsv").read_text().splitlines()
    assert lines[0] == f"{last}\t54"
    assert {line.split("\t")[1] for line in lines[1:]} == {"n/a"} and len(lines) == 3
    assert (dest / "README.md").read_text() == "ours"
    assert (dest / "dataset_description.json").read_text() == '{"Name": "ours"}'


def test_no_identifier_reaches_the_tree_even_if_the_run_kept_them(tmp_path: Path) -> None:
    export = tmp_path / "Secret^Name"
    sort_runs.series(export / "Secret", 1, "t1ce", ContrastBolusAgent="Secret", StudyDate="19010203")
    out = sort_runs.classify(export, tmp_path / "out", keep_identifiers=True)
    sort(out, tmp_path / "dest", "bids")
    told = sort_runs.tree(tmp_path / "dest")
    assert any(name.endswith(".nii.gz") for name in told)
    for name, content in told.items():
        for word in (b"Secret", b"SECRET", b"1901", sort_runs.files.ROOT.encode()):
            assert word not in name.encode() and word not in content


def row(label: str, number: int = 1) -> dict[str, Any]:
    told = {
        "status": "done",
        "label": label,
        "series_key": str(number),
        "source": "x",
        "acquisition_plane": "axial",
    }
    return {**dict.fromkeys(ROW_KEYS, ""), "scores": {}, "score": None, "volume_index": 0, **told}


def test_a_label_that_bids_has_no_suffix_for_goes_aside() -> None:
    def names(one: Any) -> Names:
        return Names("P-1", "", one["series_key"])

    (put,) = make([row("pd")], "bids", "nifti", names, lambda key: "").puts
    assert put.reason == "BIDS has no suffix for pd"
    assert put.target == "sourcedata/mrclass/aside/pd/P-1/x-1_0"


def test_a_volume_keeps_its_run_number() -> None:
    names = Names("P-1", "", "1")
    taken = {"sub-P1/anat/sub-P1_acq-axial_run-1_T1w": "2", "sub-P1/anat/sub-P1_acq-axial_run-2_T1w": "1"}
    assert bids_file(row("t1w"), names, taken) == "sub-P1/anat/sub-P1_acq-axial_run-3_T1w"
    assert bids_file(row("t1w"), names, taken, max(taken)) == "sub-P1/anat/sub-P1_acq-axial_run-2_T1w"
    assert bids_file(row("t2w"), names, taken, max(taken)) == "sub-P1/anat/sub-P1_acq-axial_run-1_T2w"


def planned(*volumes: dict[str, Any]) -> list[str]:
    """Names, without subject, that volumes get; those of one series follow each other."""

    def names(one: Any) -> Names:
        return Names("P-1", "", one["series_key"])

    puts = make(volumes, "bids", "nifti", names, lambda key: "").puts
    return [put.target.removeprefix("sub-P1/anat/sub-P1_acq-axial_") for put in puts]


def volume(index: int, series: int = 1, label: str = "t2w", **told: Any) -> dict[str, Any]:
    return {**row(label, series), "volume_index": index, "image_type": [], "echo_time": None, **told}


def test_echoes_of_a_series_are_counted_by_their_time_and_share_a_run() -> None:
    late, early = volume(0, 2, echo_time=80.0), volume(1, 2, echo_time=20.0)
    assert planned(volume(0, 1, echo_time=80.0), late, early) == [
        "run-1_T2w", "run-2_echo-2_T2w", "run-2_echo-1_T2w",
    ]  # fmt: skip


def test_a_later_series_does_not_take_the_run_of_one_with_echoes() -> None:
    many = [volume(0, 1, "other", echo_time=20.0), volume(1, 1, echo_time=80.0)]
    again = [volume(0, 2, echo_time=20.0), volume(1, 2, echo_time=80.0)]
    assert planned(*many, *again)[1:] == ["run-1_echo-2_T2w", "run-2_echo-1_T2w", "run-2_echo-2_T2w"]


def test_parts_are_named_only_where_a_series_holds_several() -> None:
    kinds = ({"image_type": ["ORIGINAL", "PRIMARY", "M"]}, {"volume_note": "phase"})
    alone, phase = (volume(index, **kind) for index, kind in enumerate(kinds))
    assert planned(alone) == ["run-1_T2w"] == planned(phase)
    assert planned(alone, phase) == ["run-1_part-mag_T2w", "run-1_part-phase_T2w"]
    assert planned(volume(0), phase) == ["run-1_part-mag_T2w", "run-1_part-phase_T2w"]


def test_an_adc_map_has_neither_echo_nor_part() -> None:
    first, second = (volume(n, label="adc", echo_time=50.0 * (n + 1)) for n in range(2))
    assert [name.rpartition("acq-axial_")[2] for name in planned(first, second)] == ["run-1_ADC", "run-2_ADC"]


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
def test_the_real_validator_accepts_echoes_and_parts_of_one_series(tmp_path: Path) -> None:
    export = tmp_path / "export"
    for echo in (1, 2):
        for part, kind in (("M", "t2w"), ("P", "swi")):
            for n in (1, 2, 3):
                number = n + 10 * echo + 100 * (part == "P")
                one = sort_runs.files.image(
                    50, n, PixelData=sort_runs.pixels(kind), EchoNumbers=echo, EchoTime=20.0 * echo,
                    ImageType=["ORIGINAL", "PRIMARY", part, "ND"], InstanceNumber=number,
                    Manufacturer="SIEMENS", SOPInstanceUID=sort_runs.files.uid(2, 50, number),
                )  # fmt: skip
                sort_runs.files.write(export / f"{number}.dcm", one)
    out = sort_runs.classify(export, tmp_path / "out")
    sort(out, tmp_path / "dest", "bids")
    names = [name.rpartition("_acq-")[2] for name in images(tmp_path / "dest")]
    assert sorted(names) == [
        "axial_run-1_echo-1_part-mag_T2w.nii.gz",
        "axial_run-1_echo-2_part-mag_T2w.nii.gz",
        "swiaxial_run-1_echo-1_part-phase_T2starw.nii.gz",
        "swiaxial_run-1_echo-2_part-phase_T2starw.nii.gz",
    ]
    told = [json.loads(path.read_text()) for path in sorted((tmp_path / "dest").rglob("*_part-phase_*.json"))]
    assert [one["Units"] for one in told] == ["arbitrary"] * 2
    assert [one["EchoTime"] for one in told] == pytest.approx([0.02, 0.04])
    assert errors(tmp_path / "dest", tmp_path / "home") == []


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("EchoTime", 0.09, 0.09),
        ("EchoTime", "0.09", None),
        ("EchoTime", True, None),
        ("FlipAngle", -3, None),
        ("ScanningSequence", ["SE", "IR"], "SE IR"),
        ("ImageType", ["ORIGINAL", "PRIMARY"], ["ORIGINAL", "PRIMARY"]),
        ("ImageType", "ORIGINAL", None),
        ("ImageType", [1], None),
        ("MRAcquisitionType", "4D", None),
        ("PhaseEncodingDirection", ["j"], None),
        ("SeriesDescription", {"a": 1}, None),
        ("PatientName", "Secret^Name", None),
    ],
)
def test_a_sidecar_holds_what_bids_permits(key: str, value: Any, kept: Any) -> None:
    assert json.loads(bids.sidecar({key: value}, row("t1w"))).get(key) == kept
