"""The ResNet generator of CycleGAN (arXiv:1703.10593, section 7.2; Johnson 2016), cut into an encoder and a decoder.

c7s1-64, d128, d256, R256 x 6 or 9 | u128, u64, c7s1-3. No convolution ahead of a norm has a bias: the norm would cancel it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..sample import Sample
from .layers import InstanceNorm, PlaceNorm, Reflected


class Block(nn.Module):
    """Two 3x3 convolutions around which the input is added: a map that is padded by 1 -> the same."""

    def __init__(self, channels: int, norm: type[nn.Module] = InstanceNorm):
        super().__init__()
        self.conv1, self.conv2 = (Reflected(channels, channels, 3, bias=False, padded=True) for _ in range(2))
        self.norm1, self.norm2 = norm(channels, slope=0, pad=1), norm(channels, pad=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm2(self.conv2(self.norm1(self.conv1(x))), skip=x)


class Blocks(nn.Sequential):
    """One behind the other. Each leaves its map padded for the next, so that no map is copied in order to be padded."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return super().forward(x)[..., 1:-1, 1:-1]


class Encoder(nn.Module):
    """Picture [B,C,H,W] -> code [B, width * 2**down, H / 2**down, W / 2**down]. antialias: blurred sampling (arXiv:1904.11486).
    local: norms of each place, not of the picture, and reflections beyond the rim."""

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        down: int = 2,
        blocks: int = 9,
        antialias: bool = False,
        local: bool = False,
    ):
        super().__init__()
        norm = PlaceNorm if local else InstanceNorm
        self.multiple = 2**down
        layers = [
            Reflected(channels, width, 7, bias=False),
            norm(width, slope=0),
        ]
        for i in range(down):
            c = width * 2**i
            stride = 1 if antialias else 2
            conv = (
                Reflected(c, 2 * c, 3, stride, bias=False) if local else nn.Conv2d(c, 2 * c, 3, stride, 1, bias=False)
            )
            layers += [conv, norm(2 * c, slope=0)]
            layers += [BlurDown(2 * c)] if antialias else []
        self.deep = tuple(
            f"layers.{len(layers)}.{i}" for i in range(blocks)
        )  # next to the code: what domains may share
        layers += [Blocks(*(Block(width * 2**down, norm) for _ in range(blocks)))] if blocks else []
        self.layers = nn.Sequential(*layers)

    def forward(self, s: Sample) -> Sample:
        return Sample(self.layers(s.x), label=s.label)


class Decoder(nn.Module):
    """Code -> picture [B,C,H,W] in [-1, 1].

    resize: pixels are repeated and convolved in place of transposed convolutions, which leave a checkerboard (Odena 2016). local: as of the encoder.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        down: int = 2,
        blocks: int = 0,
        antialias: bool = False,
        resize: bool = False,
        local: bool = False,
    ):
        super().__init__()
        norm = PlaceNorm if local else InstanceNorm
        layers = [Blocks(*(Block(width * 2**down, norm) for _ in range(blocks)))] if blocks else []
        self.deep = tuple(f"layers.0.{i}" for i in range(blocks))
        for i in reversed(range(down)):
            c = width * 2**i
            if antialias:
                layers += [BlurUp(2 * c), nn.Conv2d(2 * c, c, 3, padding=1, bias=False)]
            elif resize:
                layers += [nn.Upsample(scale_factor=2), Reflected(2 * c, c, 3, bias=False)]
            else:
                layers += [nn.ConvTranspose2d(2 * c, c, 3, 2, 1, output_padding=1, bias=False)]
            layers += [norm(c, slope=0, pad=0 if i else 3)]
        self.layers = nn.Sequential(*layers, Reflected(width, channels, 7, padded=down > 0))

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return Sample(torch.tanh(self.layers(s.x).float()), label=s.label)


class Residual(nn.Module):
    """An encoder and a decoder around which the input is added, ahead of the tanh, through a 1x1 convolution.

    Training starts near copying the input, which a small budget never has to learn. 1.5 leaves white at 0.9: there the tanh still
    has a gradient.
    """

    def __init__(self, channels: int, encoder: Encoder, decoder: Decoder):
        super().__init__()
        self.multiple = encoder.multiple
        self.encoder, self.decoder = encoder, decoder
        self.skip = nn.Conv2d(channels, channels, 1, bias=False)
        with torch.no_grad():
            self.skip.weight.copy_(1.5 * torch.eye(channels)[..., None, None])

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        added = self.decoder.layers(self.encoder(s).x)
        return Sample(torch.tanh((self.skip(s.x) + added).float()), label=s.label)


class BlurDown(nn.Module):
    """A [1,2,1] blur, every second pixel kept (Zhang 2019, arXiv:1904.11486)."""

    def __init__(self, channels: int):
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("kernel", (line[:, None] * line / 16).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(x, self.kernel.to(x.dtype), stride=2, groups=x.shape[1])


class BlurUp(nn.Module):
    """Twice the size through a [1,3,3,1] blur."""

    def __init__(self, channels: int):
        super().__init__()
        line = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("kernel", (line[:, None] * line / 16).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.conv_transpose2d(x, self.kernel.to(x.dtype), stride=2, padding=2, groups=x.shape[1])[..., 1:, 1:][
            ..., :-1, :-1
        ]
