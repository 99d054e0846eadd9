"""Publishing weights: half precision, the hash in the metadata, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from mrclass.errors import BundleError, WeightsMissingError
from mrclass.publish import main, publish


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
