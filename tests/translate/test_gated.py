"""Gated networks over time: every parameter learns, what is hidden is not seen, and a frame's surroundings are as wide as they say."""

import pytest
import torch

from translate.nets.gated import FramePatchCritic, Gated, GatedDecoder, GatedEncoder, PlaneDecoder, PlaneEncoder
from translate.sample import Sample

BANDS = 8


def generator(down: int = 2, blocks: int = 1, hidden: int = 0) -> Gated:
    return Gated(GatedEncoder(BANDS, 8, down, blocks, hidden), GatedDecoder(BANDS, 8, down, blocks))


def planes(down: int = 2, blocks: int = 1) -> Gated:
    return Gated(PlaneEncoder(BANDS, 8, down, blocks), PlaneDecoder(BANDS, 8, down))


def spectrogram(frames: int = 32, batch: int = 2) -> Sample:
    return Sample(torch.randn(batch, 1, BANDS, frames), label=torch.zeros(batch))


@pytest.mark.parametrize(
    "net", [generator(), generator(1, 2), generator(hidden=8), planes(), FramePatchCritic(BANDS, 8)]
)
def test_every_parameter_learns(net):
    out = net(spectrogram())
    out = out[0] if isinstance(out, list) else out.x
    (out * torch.randn_like(out)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 1e-6 for p in net.parameters())


@pytest.mark.parametrize("make", [generator, planes])
@pytest.mark.parametrize("down, blocks", [(1, 0), (2, 1), (2, 2)])
def test_shapes_are_kept(make, down, blocks):
    net = make(down, blocks)
    for frames in (4, 20, 64):
        s = spectrogram(frames)
        out = net(s)
        assert out.x.shape == s.x.shape and out.x.dtype == torch.float32 and out.label is s.label
        torch.testing.assert_close(net(s[1:]).x, out.x[1:])  # of its own row alone


@pytest.mark.parametrize("make", [generator, planes])
@pytest.mark.parametrize("down, blocks", [(1, 0), (1, 2), (2, 1)])
def test_a_frame_sees_no_further_than_its_context(make, down, blocks):
    """By which gradients are zero, for each position of a frame within the network's step."""
    net = make(down, blocks).eval()
    assert net.context % net.multiple == 0
    for middle in range(100, 100 + net.multiple):
        x = spectrogram(200, 1).x.requires_grad_()
        net(Sample(x)).x[..., middle].square().sum().backward()
        seen = torch.nonzero(x.grad.abs().sum((0, 1, 2))).flatten()
        assert middle - net.context <= seen.min() and seen.max() <= middle + net.context
        assert seen.max() - seen.min() > net.context, "the context is not much wider than needed"


def test_hidden_frames_are_not_seen_in_training_and_all_are_at_inference():
    encoder = GatedEncoder(BANDS, 8, hidden=16)
    x = spectrogram(32, 64).x.requires_grad_()
    encoder(Sample(x)).x.square().sum().backward()
    seen = x.grad.abs().sum((1, 2)) > 0  # [B,T]
    hidden = (~seen).sum(1)
    assert hidden.max() <= 16 and hidden.min() == 0 and len(hidden.unique()) > 8
    for row in seen[hidden > 0]:
        gap = torch.nonzero(~row).flatten()
        assert gap[-1] - gap[0] + 1 == len(gap), "one gap"
    x.grad = None
    encoder.eval()(Sample(x)).x.square().sum().backward()
    assert (x.grad.abs().sum((1, 2)) > 0).all()


def test_a_direction_starts_from_its_input():
    net = generator().eval()
    torch.nn.init.zeros_(net.decoder.layers[-1].weight)
    torch.nn.init.zeros_(net.decoder.layers[-1].bias)
    s = spectrogram()
    assert torch.equal(net(s).x, s.x)
