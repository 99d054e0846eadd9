"""Exports give PyTorch's scores, run in any mixture, and are used only for what they were made of."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mrclass import backends, cli
from mrclass.bundle import load_member
from mrclass.card import BACKENDS, read_card
from mrclass.ensemble import Ensemble
from mrclass.errors import BundleError, UsageError
from mrclass.exports import TOLERANCE, compare, export, missing_exporter, mixture
from mrclass.members import choose, parse_backends
from tiny_bundles import WITH_N4, change, make_bundle, make_card
from tiny_volumes import write_volume

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"
pytestmark = [
    pytest.mark.filterwarnings("ignore:parsing config_file"),
    # the runtimes' own generated bindings and torch's exporter, about themselves
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:torch"),
]
needs_onnx = pytest.mark.skipif(bool(missing_exporter()), reason=f"no ONNX here: {missing_exporter()}")


def need(backend: str) -> None:
    reason = backends.available(backend) or (missing_exporter() if backend != "torchscript" else "")
    if reason:
        pytest.skip(f"{backend}: {reason}")


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_volume(tmp_path_factory.mktemp("volume") / "volume.nii.gz")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four exported bundles that a test must not change."""
    folder = tmp_path_factory.mktemp("bundles")
    make_bundle(folder / "mrclass_t1w", "t1w", gain=0.7, offset=-1.0, steps=WITH_N4)
    make_bundle(folder / "mrclass_t2w", "t2w", gain=2.0, offset=0.5, temperature=1.5)
    make_bundle(folder / "mrclass_flair", "flair", gain=-1.0)
    make_bundle(folder / "mrclass_adc", "adc", gain=0.3, offset=1.0)
    for bundle in folder.iterdir():
        export(bundle)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle exported to TorchScript, for tests that change it."""
    folder = make_bundle(tmp_path / "mrclass_t2w", "t2w", gain=1.0)
    export(folder)
    return folder


@pytest.mark.parametrize("backend", ["torchscript", "onnx", "openvino"])
def test_a_backend_gives_pytorchs_scores(made: Path, volume: Path, backend: str) -> None:
    need(backend)
    wanted = Ensemble.from_folder(made).predict(volume)
    ensemble = Ensemble.from_folder(made, backends=backend)
    found = ensemble.predict(volume)
    assert {one["backend"] for one in ensemble.versions.values()} == {backend}
    for label, scores in wanted.slice_scores.items():
        np.testing.assert_allclose(found.slice_scores[label], scores, atol=TOLERANCE)
        assert len(set(scores)) > 1, "the scores depend on the slice"


def test_members_on_torch_torchscript_onnx_and_openvino_decide_together_as_on_torch(
    made: Path, volume: Path
) -> None:
    need("onnx")
    need("openvino")
    ensemble = Ensemble.from_folder(made, backends={"t2w": "onnx", "flair": "torchscript", "adc": "openvino"})
    assert {one["label"]: one["backend"] for one in ensemble.versions.values()} == {
        "t1w": "torch", "t2w": "onnx", "flair": "torchscript", "adc": "openvino",
    }  # fmt: skip
    wanted, found = Ensemble.from_folder(made).predict(volume), ensemble.predict(volume)
    assert (found.label, found.votes, found.candidates) == (wanted.label, wanted.votes, wanted.candidates)
    assert found.label == "flair"  # much air: a slice has a mean below zero, which only flair turns round
    assert found.scores == pytest.approx(wanted.scores, abs=TOLERANCE)


def test_the_mixture_is_compared_with_pytorch_alone(
    made: Path, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = [read_card(made / f"mrclass_{label}") for label in ("t1w", "t2w", "flair", "adc")]
    found = mixture(cards, [volume, volume])
    assert (found["n_volumes"], found["same_label"], found["status"]) == (2, 2, "ok")
    here = [name for name in BACKENDS if not backends.available(name)]
    assert list(found["backends"].values()) == [here[n % len(here)] for n in range(4)]
    original = backends.exported_network
    monkeypatch.setattr(
        "mrclass.bundle.exported_network", lambda *given: torch.nn.Sequential(original(*given), Bias())
    )
    found = mixture(cards, [volume])
    assert found["status"] == "differs" and found["max_score_difference"] > 10 * TOLERANCE


def test_an_export_needs_no_weights_beside_it(bundle: Path) -> None:
    (bundle / "models" / "model.pt").unlink()
    assert load_member(bundle, "torchscript").network(torch.zeros(3, 1, 32, 32)).shape == (3, 2)


def test_an_export_of_other_weights_is_refused(bundle: Path) -> None:
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    block = metadata["mrclass"] | {"weights_sha256": "cd" * 32}
    change(bundle / "configs" / "metadata.json", mrclass=block)
    with pytest.raises(
        BundleError, match=r"exported from other weights than mrclass_t2w has now.*bundles export"
    ):
        load_member(bundle, "torchscript")


def test_an_export_of_another_config_is_refused(bundle: Path) -> None:
    change(bundle / "configs" / "inference.json", about="changed")
    with pytest.raises(BundleError, match=r"exported from another configs/inference\.json"):
        load_member(bundle, "torchscript")


def test_a_changed_or_missing_export_is_refused(bundle: Path) -> None:
    path = bundle / "models" / "model.ts"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(BundleError, match=r"model\.ts is not the file that models/exports\.json"):
        load_member(bundle, "torchscript")
    path.unlink()
    with pytest.raises(BundleError, match=r"model\.ts is missing.*Make it: mrclass bundles export"):
        load_member(bundle, "torchscript")


def test_a_runtime_that_is_not_here_is_named_with_the_way_to_get_it(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UsageError, match=r'openvino is not installed; pip install "mrclass\[export\]"'):
        load_member(bundle, "openvino")


def test_openvino_is_loaded_without_what_reports_to_its_maker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino_telemetry.py").write_text("")
    (tmp_path / "openvino" / "__init__.py").write_text(
        "try:\n    import openvino_telemetry\n    reports = True\nexcept ImportError:\n    reports = False\n"
    )
    for name in [name for name in sys.modules if name.split(".")[0] in ("openvino", "openvino_telemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    assert backends.available("openvino") == ""
    openvino = sys.modules["openvino"]
    assert openvino.__file__ == str(tmp_path / "openvino" / "__init__.py") and not openvino.reports
    del sys.modules["openvino"]
    assert importlib.import_module("openvino").reports, "others get it as it is"
    del sys.modules["openvino"], sys.modules["openvino_telemetry"]


def test_tensorrt_runs_only_where_onnxruntime_has_it(monkeypatch: pytest.MonkeyPatch, bundle: Path) -> None:
    runtime = SimpleNamespace(get_available_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    with pytest.raises(
        UsageError, match="mrclass_t2w cannot run as tensorrt: this onnxruntime has no TensorRT"
    ):
        load_member(bundle, "tensorrt")
    runtime.get_available_providers = lambda: ["TensorrtExecutionProvider", "CPUExecutionProvider"]
    assert backends.available("tensorrt") == ""


def test_backends_are_named_for_all_or_by_label(tmp_path: Path) -> None:
    for label in ("t1w", "t2w"):
        make_card(tmp_path / f"mrclass_{label}", label)
    asked = parse_backends(["onnx", "T1w=torch"])
    assert asked == {"": "onnx", "t1w": "torch"}
    assert {card.label: card.backend for card in choose(tmp_path, None, asked)} == {
        "t1w": "torch",
        "t2w": "onnx",
    }
    with pytest.raises(UsageError, match="no bundle answers for it; there is: t1w, t2w"):
        choose(tmp_path, None, {"flair": "onnx"})
    with pytest.raises(UsageError, match="backends are torch, torchscript, onnx, openvino, tensorrt"):
        parse_backends(["tflite"])
    with pytest.raises(UsageError, match="'tflite' is no backend"):
        read_card(tmp_path / "mrclass_t1w", "tflite")


def test_the_comparison_measures_what_differs(
    made: Path, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = [read_card(made / "mrclass_t2w")]
    found = compare(cards, [volume, volume])["bundles"]["mrclass_t2w"]
    assert found["n_slices"] == 20
    assert set(found["backends"]) == set(BACKENDS) - {"torch"}
    assert found["backends"]["torchscript"]["status"] == "ok"
    assert found["backends"]["tensorrt"]["status"] == "skipped"
    original = backends.exported_network
    biased = SimpleNamespace(network=lambda *given: torch.nn.Sequential(original(*given), Bias()))
    monkeypatch.setattr("mrclass.bundle.exported_network", biased.network)
    found = compare(cards, [volume])["bundles"]["mrclass_t2w"]["backends"]["torchscript"]
    assert found["status"] == "differs"
    assert found["max_score_difference"] > 10 * TOLERANCE


class Bias(torch.nn.Module):
    """Moves the logit of class 1."""

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return logits + torch.tensor([0.0, -5.0])


@needs_onnx
def test_the_command_exports_a_real_bundle_and_compares_it_on_a_phantom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    from mrclass.phantom.study import write_subjects

    weights = BUNDLES / "mrclass_t2w" / "models" / "model.pt"
    if not weights.is_file():
        pytest.skip(f"{weights} is not there")
    folder = shutil.copytree(BUNDLES / "mrclass_t2w", tmp_path / "mrclass_t2w")
    write_subjects(tmp_path / "phantom", 1, 3, "nifti", ["t2w", "noise"])
    arguments = ["bundles", "export", str(folder), "--on", str(tmp_path / "phantom"), "--limit", "1"]
    assert cli.main([*arguments, "-o", str(tmp_path / "exports.json")]) == 0
    figures = json.loads((tmp_path / "exports.json").read_text())
    one = figures["bundles"]["mrclass_t2w"]
    assert (figures["n_volumes"], one["n_slices"]) == (1, 10)
    assert one["backends"]["onnx"]["max_score_difference"] <= TOLERANCE
    assert one["backends"]["torchscript"]["status"] == "ok"
    assert "mrclass_t2w     onnx         ok" in capsys.readouterr().out
    assert cli.main(["bundles", "export", str(folder), "--on", str(tmp_path / "mrclass_t2w" / "docs")]) == 2
