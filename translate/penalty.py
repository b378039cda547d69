"""What keeps a critic smooth: weight clipping, and penalties on it as functions (critic, real, fake, c=None) -> loss.

A penalty takes relaxed samples (`Domain.relax`) and the condition that the critic reads, where it reads one. Its critic is one
function, the mean of its scores, and runs in float32, outside autocast. `critic.forward`, not `critic()`: a compiled call
cannot be differentiated twice.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .sample import Sample

Penalty = Callable[[nn.Module, Sample, Sample, Sample | None], Tensor]


def clipped(critic: nn.Module, limit: float = 0.01) -> nn.Module:
    """Weights are brought back into [-limit, limit] ahead of each forward pass (WGAN, arXiv:1701.07875, algorithm 1)."""

    def clip(*_) -> None:
        for p in critic.parameters():
            p.data.clamp_(-limit, limit)  # .data: a loss's second pass changes nothing, and autograd need not know

    critic.register_forward_pre_hook(clip)
    return critic


def gradient(critic: nn.Module, real: Sample, fake: Sample, c: Sample | None = None) -> Tensor:
    """E (|grad D| - 1)^2 at random points between real and fake (WGAN-GP, Gulrajani 2017, arXiv:1704.00028, eq. 3)."""
    share = torch.rand(len(real), device=real.x.device)
    return (_slopes(critic, between(real, fake, share), c) - 1).square().mean()


def flat(critic: nn.Module, real: Sample, fake: Sample, c: Sample | None = None) -> Tensor:
    """E |grad D|^2 at random points between real and fake, lightly weighted: 0.01 (UVCGANv2, arXiv:2303.16280, section 3)."""
    share = torch.rand(len(real), device=real.x.device)
    return _slopes(critic, between(real, fake, share), c).square().mean()


def r1(critic: nn.Module, real: Sample, fake: Sample, c: Sample | None = None) -> Tensor:
    """E |grad D|^2 on data (Mescheder 2018, arXiv:1801.04406, eq. 9: its weight is gamma / 2)."""
    return _slopes(critic, real, c).square().mean()


def r2(critic: nn.Module, real: Sample, fake: Sample, c: Sample | None = None) -> Tensor:
    """E |grad D|^2 on fakes (the same paper, eq. 10)."""
    return _slopes(critic, fake, c).square().mean()


def consistency(critic: nn.Module, real: Sample, fake: Sample, c: Sample | None = None) -> Tensor:
    """Two passes with their own dropout agree about data: E (D(x') - D(x''))^2 + 0.1 E mean (h(x') - h(x''))^2, h the features
    ahead of the head (WGAN-CT, Wei 2018, arXiv:1803.01541, eq. 4, M' = 0). The critic has a `body` and a `head`."""
    with _exact(real):
        h, again = (critic.body(real) for _ in range(2))
        value, other = (_value(critic.head(x, c)) for x in (h, again))
    return (value - other).square().mean() + 0.1 * (h - again).square().mean()


def between(real: Sample, fake: Sample, share: Tensor) -> Sample:
    """share [B] of the real ones, the rest of the fake ones; a position is real where it is in either."""
    share = share.view(-1, *[1] * (real.x.ndim - 1))
    if real.mask is None:
        return Sample(share * real.x + (1 - share) * fake.x)
    ends = [s.x.where(s.mask[..., None], 0) for s in (real, fake)]  # [B,T,V], padding may hold anything
    return Sample(share * ends[0] + (1 - share) * ends[1], real.mask | fake.mask)


def _slopes(critic: nn.Module, s: Sample, c: Sample | None) -> Tensor:
    """|grad D| at each row, [B], differentiable."""
    x = s.x.detach().float().requires_grad_()
    at = Sample(x, s.mask, s.label)
    with _exact(s):
        scores = critic.forward(at) if c is None else critic.forward(at, c)
        (slope,) = torch.autograd.grad(_value(scores).sum(), x, create_graph=True)
    return slope.flatten(1).norm(dim=1)  # its own gradient at zero is zero: a square root's would be NaN


def _value(scores: list[Tensor]) -> Tensor:
    """[B]: the one function that a critic of many scores is."""
    return torch.stack([score.flatten(1).mean(1) for score in scores]).mean(0)


@contextmanager
def _exact(s: Sample):
    with torch.enable_grad(), torch.autocast(s.x.device.type, enabled=False):
        yield
