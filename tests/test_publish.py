"""Publishing weights: half precision, the hash in the metadata, and what is refused."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path

import pytest
import torch
from mrclass.errors import BundleError, WeightsMissingError
from mrclass.publish import main, on_grid, publish


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "models").mkdir()
    metadata = {"version": "0.1.0", "mrclass": {"label": "t2w", "weights_sha256": ""}}
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    return tmp_path


def test_weights_become_half_precision_and_their_hash_is_recorded(bundle: Path) -> None:
    torch.save({"w": torch.tensor([1.5]), "n": torch.tensor(3)}, bundle / "models" / "best.pt")
    digest = publish(bundle)
    written = bundle / "models" / "model.pt"
    state = torch.load(written, weights_only=True)
    assert state["w"].dtype == torch.float16
    assert state["n"].dtype == torch.int64
    assert digest == hashlib.sha256(written.read_bytes()).hexdigest()
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["mrclass"] == {"label": "t2w", "weights_sha256": digest}


def test_without_best_weights_the_present_ones_are_recorded_as_they_are(bundle: Path) -> None:
    (bundle / "models" / "model.pt").write_bytes(b"abc")
    assert publish(bundle).startswith("ba7816bf")
    assert (bundle / "models" / "model.pt").read_bytes() == b"abc"


def test_nothing_to_publish_is_refused(bundle: Path) -> None:
    with pytest.raises(WeightsMissingError, match="model.pt is missing"):
        publish(bundle)


def test_a_file_that_is_no_state_dict_is_refused_and_the_old_weights_stay(bundle: Path) -> None:
    (bundle / "models" / "model.pt").write_bytes(b"abc")
    torch.save({"epoch": 3}, bundle / "other.pt")
    with pytest.raises(BundleError, match="not a state dict"):
        publish(bundle, bundle / "other.pt")
    assert (bundle / "models" / "model.pt").read_bytes() == b"abc"


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1)}, tmp_path / "w.pt")
    with pytest.raises(BundleError, match="block 'mrclass'"):
        publish(tmp_path, tmp_path / "w.pt")


def test_the_command_says_what_it_wrote_or_why_not(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(bundle)]) == 1
    assert "is missing" in capsys.readouterr().err
    (bundle / "models" / "model.pt").write_bytes(b"abc")
    assert main([str(bundle)]) == 0
    assert "sha256 ba7816bf" in capsys.readouterr().out


def test_rounded_weights_are_multiples_of_a_step_and_compress_better(bundle: Path) -> None:
    torch.manual_seed(0)
    weights = {"conv": torch.randn(64, 64, 3, 3) * 0.02, "bias": torch.randn(64), "n": torch.tensor(3)}
    torch.save(weights, bundle / "w.pt")
    written = bundle / "models" / "model.pt"
    publish(bundle, bundle / "w.pt")
    plain = len(zlib.compress(written.read_bytes()))
    publish(bundle, bundle / "w.pt", grid=16)
    state = torch.load(written, weights_only=True)
    steps = state["conv"].float() / 2.0**-10  # 0.02 / 16 lies nearest 2**-10 among powers of two
    assert torch.equal(steps, steps.round())
    assert (state["conv"].float() - weights["conv"]).abs().max() <= 2.0**-11
    assert torch.equal(state["bias"], weights["bias"].half())
    assert len(zlib.compress(written.read_bytes())) < 0.65 * plain


def test_constant_and_broken_weights_stay_as_they_are() -> None:
    for weights in (torch.full((2, 2), 0.3), torch.full((2, 2), float("nan")), torch.ones(3)):
        assert torch.equal(on_grid(weights, 16).nan_to_num(), weights.nan_to_num())


def test_the_command_refuses_a_grid_of_nothing_and_a_file_that_is_no_weights(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / "other.pt").write_bytes(b"abc")
    assert main([str(bundle), str(bundle / "other.pt"), "--grid", "0"]) == 2
    assert "wanted 1 or more" in capsys.readouterr().err
    assert main([str(bundle), str(bundle / "other.pt"), "--grid", "16"]) == 1
    assert "cannot be read as weights" in capsys.readouterr().err
