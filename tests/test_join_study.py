"""Networks of half the width joined into one: the same answers, and room for nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "studies" / "first_weights"))

from join import joined
from trunk import network

del sys.path[0]  # its modules have names that others have too: record, real


def _trained(width: float, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    net = network(width)
    for _ in range(2):  # statistics of batch normalisation of its own
        net(torch.randn(4, 1, 64, 64) * (seed + 1))
    return net.eval()


@pytest.mark.parametrize("parts", [2, 4])
def test_the_joined_network_answers_with_the_mean_of_its_parts(parts: int) -> None:
    nets = [_trained(1 / parts, seed) for seed in range(parts)]
    whole = network().eval()
    whole.load_state_dict(joined([net.state_dict() for net in nets]))
    x = torch.randn(3, 1, 96, 96)
    with torch.no_grad():
        wanted = torch.stack([net(x) for net in nets]).mean(0)
        torch.testing.assert_close(whole(x), wanted, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(whole(x), nets[0](x), atol=1e-3)


def test_parts_that_do_not_fill_the_width_are_refused() -> None:
    half = network(0.5).state_dict()
    with pytest.raises(ValueError, match="3 networks of 1/3"):
        joined([half, half, half])
