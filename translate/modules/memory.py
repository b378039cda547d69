"""A critic that remembers: its last layer reads the statistics of more items than a small batch holds (UVCGANv2, arXiv:2303.16280).

The paper keeps a queue of features and normalises a batch together with it; a queue of their moments says the same in less room.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..sample import Sample


class BatchStatistics(nn.Module):
    """Batch normalisation of x [B,C,...] by the moments of these rows and of the last `queue` ones, of data and of fakes apart.

    Rows enter the queue where `recording` says whose they are; at all other times they are compared with earlier fakes.
    """

    def __init__(self, channels: int, queue: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.recording: bool | None = None  # of data
        self.register_buffer("moments", torch.zeros(2, queue, 2, channels))  # of fakes, of data
        self.register_buffer("filled", torch.zeros(2, dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        side, flat = int(self.recording or 0), x.float().flatten(2) if x.ndim > 2 else x.float()[..., None]  # [B,C,N]
        own = torch.stack([flat.mean(2), flat.square().mean(2)], 1)  # [B,2,C]
        earlier = self.moments[side]
        known = torch.arange(len(earlier), device=x.device) < self.filled[side]
        mean, square = (earlier.mul(known[:, None, None]).sum(0) + own.sum(0)) / (known.sum() + len(own))
        if self.recording is not None and self.training:
            with torch.no_grad():
                self.moments[side] = torch.cat([own, earlier])[: len(earlier)]
                self.filled[side] = (self.filled[side] + len(own)).clamp(max=len(earlier))
        scale = self.weight * (square - mean.square()).clamp(min=0).add(1e-5).rsqrt()
        return torch.addcmul(self.bias[:, None], flat - mean[:, None], scale[:, None]).view_as(x).to(x.dtype)


def last_layers(critic: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """(module, name, layer) of each layer that a critic calls `head` or `out`."""
    found = [(m, name, getattr(m, name, None)) for m in critic.modules() for name in ("head", "out")]
    return [(*at, last) for *at, last in found if isinstance(last, nn.Conv1d | nn.Conv2d | nn.Linear)]


def remember(critic: nn.Module, queue: int) -> nn.Module:
    """Batch statistics ahead of each last layer, which a critic calls `head` or `out`. Raises ValueError where there is none."""
    found = last_layers(critic)
    for module, name, last in found:
        channels = last.in_features if isinstance(last, nn.Linear) else last.in_channels
        setattr(module, name, nn.Sequential(BatchStatistics(channels, queue), last))
    if not found:
        raise ValueError("no last layer that could remember")
    return critic


def judged(critic: nn.Module, s: Sample, data: bool) -> list[Tensor]:
    """A critic's scores of items that it learns from, which it remembers where it can."""
    memories = [m for m in critic.modules() if isinstance(m, BatchStatistics)]
    for memory in memories:
        memory.recording = data
    scores = critic(s)
    for memory in memories:
        memory.recording = None
    return scores
