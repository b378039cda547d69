"""Gated convolution networks over time, of the CycleGAN-VC2 class (Kaneko 2019, arXiv:1904.04631): bands are channels.

Norms look at one frame alone, where the paper's look at the whole crop. So a network sees a fixed number of frames around each one,
and a recording of any length gives the same bits in pieces.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..sample import Sample
from .layers import Style


class FrameNorm(nn.Module):
    """Layer normalisation (arXiv:1607.06450) over the channels of each frame of [B,C,T]."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.mT).mT


class GatedConv(nn.Module):
    """Convolution, norm, gated linear unit (Dauphin 2017, arXiv:1612.08083): half the channels open and close the other half."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv1d(channels, 2 * out, kernel, stride, padding=(kernel - 1) // 2)
        self.norm = FrameNorm(2 * out)

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(self.norm(self.conv(x)), 1)


class GatedBlock(nn.Module):
    """A gated and a plain convolution around which the input is added."""

    def __init__(self, channels: int):
        super().__init__()
        self.gated = GatedConv(channels, channels, 3)
        self.conv = nn.Conv1d(channels, channels, 3, padding=1)
        self.norm = FrameNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.conv(self.gated(x)))


class GatedEncoder(nn.Module):
    """Spectrogram [B,1,M,T] -> code [B,width,T / 2**down].

    hidden: in training, up to so many neighbouring frames are zeroed, and a further channel says which: the network learns to fill
    them from what is around (MaskCycleGAN-VC, arXiv:2102.12841).
    """

    def __init__(self, bands: int, width: int = 256, down: int = 2, blocks: int = 4, hidden: int = 0):
        super().__init__()
        self.multiple, self.hidden = 2**down, hidden
        self.first = GatedConv(bands + (hidden > 0), width, 5)
        self.layers = nn.Sequential(
            *(GatedConv(width, width, 5, 2) for _ in range(down)), *(GatedBlock(width) for _ in range(blocks))
        )
        self.deep = tuple(f"layers.{down + i}" for i in range(blocks))  # next to the code: what domains may share
        self.context = 2 + sum(2 * 2**i for i in range(down)) + 2 * blocks * 2**down

    def forward(self, s: Sample) -> Sample:
        x = s.x.flatten(1, 2)  # [B,M,T]
        if self.hidden:
            keep = self._keep(x)  # [B,1,T]
            x = torch.cat([x * keep, keep], 1)
        return Sample(self.layers(self.first(x)), label=s.label)

    def _keep(self, x: Tensor) -> Tensor:
        n, t = len(x), x.shape[-1]
        if not self.training:
            return torch.ones_like(x[:, :1])
        length = torch.randint(self.hidden + 1, (n, 1), device=x.device)
        start = (torch.rand(n, 1, device=x.device) * (t - length + 1)).long()
        frame = torch.arange(t, device=x.device)
        return ((frame < start) | (frame >= start + length)).to(x.dtype)[:, None]


class GatedDecoder(nn.Module):
    """Code -> spectrogram [B,1,M,T]; frames are repeated and convolved.

    speakers: of how many the code's label names one, or how long a style's vector is, which is added to the code; 0: no labels.
    """

    def __init__(self, bands: int, width: int = 256, down: int = 2, blocks: int = 0, speakers: int = 0):
        super().__init__()
        self.embed = Style(speakers, width) if speakers else None
        layers: list[nn.Module] = [GatedBlock(width) for _ in range(blocks)]
        self.deep = tuple(f"layers.{i}" for i in range(blocks))
        for _ in range(down):
            layers += [nn.Upsample(scale_factor=2), GatedConv(width, width, 5)]
        self.layers = nn.Sequential(*layers, nn.Conv1d(width, bands, 5, padding=2))
        self.context = sum(3 * 2**i for i in range(down)) + 2 + 2 * blocks * 2**down

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        x = s.x if self.embed is None else s.x + self.embed(s.label)[..., None]
        return Sample(self.layers(x).float()[:, None], label=s.label)


class PlaneConv(nn.Module):
    """GatedConv on the plane of bands and frames [B,C,M,T]; the norm is of each place's channels."""

    def __init__(self, channels: int, out: int, stride: int = 1):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, 2 * out, 5, stride, 2), nn.LayerNorm(2 * out)

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(self.norm(self.conv(x).movedim(1, -1)).movedim(-1, 1), 1)


class PlaneEncoder(nn.Module):
    """Spectrogram [B,1,M,T] -> code [B,width,T / 2**down]: convolutions in two dimensions, which a formant may lie anywhere in, then
    blocks in one; the first half of CycleGAN-VC2's 2-1-2-D generator (arXiv:1904.04631, section 3.2). M: a multiple of 2**down."""

    def __init__(self, bands: int, width: int = 256, down: int = 2, blocks: int = 4):
        super().__init__()
        planes = [max(1, width // 8) * 2**i for i in range(down + 1)]
        self.multiple = 2**down
        self.layers = nn.Sequential(
            PlaneConv(1, planes[0]),
            *(PlaneConv(planes[i], planes[i + 1], 2) for i in range(down)),
            nn.Flatten(1, 2),  # [B,C M / 2**down,T / 2**down]
            nn.Conv1d(planes[-1] * bands // 2**down, width, 1),
            FrameNorm(width),
            *(GatedBlock(width) for _ in range(blocks)),
        )
        self.context = 2 + sum(2 * 2**i for i in range(down)) + 2 * blocks * 2**down

    def forward(self, s: Sample) -> Sample:
        return Sample(self.layers(s.x), label=s.label)


class PlaneDecoder(nn.Module):
    """Code -> spectrogram [B,1,M,T]: the last part of that generator; places are repeated and convolved."""

    def __init__(self, bands: int, width: int = 256, down: int = 2):
        super().__init__()
        planes = [max(1, width // 8) * 2**i for i in range(down + 1)]
        channels = planes[-1] * bands // 2**down
        layers = [nn.Conv1d(width, channels, 1), FrameNorm(channels), nn.Unflatten(1, (planes[-1], -1))]
        for i in reversed(range(down)):
            layers += [nn.Upsample(scale_factor=2), PlaneConv(planes[i + 1], planes[i])]
        self.layers = nn.Sequential(*layers, nn.Conv2d(planes[0], 1, 5, padding=2))
        self.context = sum(3 * 2**i for i in range(down)) + 2

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return Sample(self.layers(s.x).float(), label=s.label)


class Gated(nn.Module):
    """A direction whose input is added to its output: training starts near copying."""

    def __init__(self, encoder: GatedEncoder | PlaneEncoder, decoder: GatedDecoder | PlaneDecoder):
        super().__init__()
        self.encoder, self.decoder, self.multiple = encoder, decoder, encoder.multiple
        self.context = -(-(encoder.context + decoder.context) // self.multiple) * self.multiple

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return Sample(s.x + self.decoder(self.encoder(s)).x, label=s.label)


class FramePatchCritic(nn.Module):
    """Spectrogram [B,1,M,T] -> scores [B,N], in a list of one; each judges all bands of a few dozen frames.

    layers: convolutions of stride 2. Spectral normalisation (arXiv:1802.05957). classes: scores of each of so many, [B,classes N].
    """

    def __init__(self, bands: int, width: int = 256, layers: int = 2, classes: int = 1):
        super().__init__()
        stack: list[nn.Module] = [spectral_norm(nn.Conv1d(bands, width, 5, padding=2)), nn.LeakyReLU(0.2)]
        for _ in range(layers):
            stack += [spectral_norm(nn.Conv1d(width, width, 5, 2, 2)), nn.LeakyReLU(0.2)]
        self.deep = f"body.{len(stack)}", "head"  # far from the data: what the critics of several domains may share
        self.body = nn.Sequential(*stack, spectral_norm(nn.Conv1d(width, width, 3, padding=1)), nn.LeakyReLU(0.2))
        self.head, self.features = spectral_norm(nn.Conv1d(width, classes, 3, padding=1)), width

    def forward(self, s: Sample) -> list[Tensor]:
        return self.look(s)[0]

    def look(self, s: Sample) -> tuple[list[Tensor], Tensor]:
        """(scores, features [B,features]: the means over frames)"""
        h = self.body(s.x.flatten(1, 2))
        return [self.head(h).flatten(1).float()], h.mean(2)


class SpeakerCritic(nn.Module):
    """Code [B,channels,T] or spectrogram [B,1,channels,T] -> who speaks, logits [B,speakers]: the mean over frames."""

    def __init__(self, channels: int, speakers: int, width: int = 128):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(channels, width, 5, padding=2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, width, 5, padding=2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, speakers, 1),
        )

    def forward(self, s: Sample) -> Tensor:
        return self.layers(s.x.flatten(1, -2)).float().mean(-1)
