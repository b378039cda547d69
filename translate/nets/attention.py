"""U-GAT-IT's parts: attention that an auxiliary classifier teaches, and norms that choose (Kim 2020, arXiv:1907.10830, section 2.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..modules.cycle import Pair
from ..sample import Sample
from .layers import Reflected


class Attention(nn.Module):
    """A code, each channel weighted by what it tells a classifier of both domains (class activation maps, arXiv:1512.04150), and the
    classifier's logits [B,2], by the channels' means and maxima."""

    def __init__(self, channels: int):
        super().__init__()
        self.average, self.largest = (nn.Linear(channels, 1, bias=False) for _ in range(2))
        self.join = nn.Linear(2 * channels, channels)

    def forward(self, code: Sample) -> tuple[Sample, Tensor]:
        x = code.x.flatten(2).mT if code.mask is None else code.x  # [B,N,C]
        real = torch.ones_like(x[..., :1], dtype=torch.bool) if code.mask is None else code.mask[..., None]
        mean = x.where(real, 0).sum(1) / real.sum(1)
        most = x.masked_fill(~real, -1e4).amax(1)
        logits = torch.cat([self.average(mean), self.largest(most)], 1).float()
        y = F.relu(self.join(torch.cat([x * self.average.weight, x * self.largest.weight], -1))).where(real, 0)
        return Sample(y if code.mask is not None else y.mT.reshape(code.x.shape), code.mask, code.label), logits


class Attending(Pair):
    """A direction with attention between its encoder and its decoder."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, channels: int):
        super().__init__(encoder, decoder)
        self.attention = Attention(channels)

    def attended(self, s: Sample, like: Sample | None = None) -> tuple[Sample, Tensor]:
        """(translation, the classifier's logits [B,2]: is it from the domain that is translated?)"""
        code, logits = self.attention(self.encoder(s))
        return self.decoder(code, like=like), logits

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return self.attended(s, like)[0]


class AttendingCritic(nn.Module):
    """Sample -> [scores [B,N], the classifier's logits [B,2]]: two scales of one critic. body: x -> [B,channels,...]."""

    def __init__(self, body: nn.Module, head: nn.Module, channels: int):
        super().__init__()
        self.body, self.attention, self.head = body, Attention(channels), head

    def forward(self, s: Sample) -> list[Tensor]:
        code, logits = self.attention(Sample(self.body(s.x)))
        return [self.head(code.x).flatten(1).float(), logits]


class AdaLIN(nn.Module):
    """Of [B,C,H,W] a share rho, learned for each channel, of instance norm, the rest of layer norm; scale and shift [B,C] are given
    (eq. 1). start: rho's; the layers that upsample begin with the layer's statistics alone."""

    def __init__(self, channels: int, start: float = 0.9):
        super().__init__()
        self.rho = nn.Parameter(torch.full((channels,), start))

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        self.rho.data.clamp_(0, 1)  # .data: back into its bounds after each step, as the paper has it
        rho = self.rho[:, None, None]
        with torch.autocast(x.device.type, enabled=False):
            own, layer = F.group_norm(x.float(), x.shape[1]), F.group_norm(x.float(), 1)
            mixed = rho * own + (1 - rho) * layer
        return (mixed * scale[..., None, None] + shift[..., None, None]).to(x.dtype)


class AdaptiveBlock(nn.Module):
    """Two 3x3 convolutions around which the input is added."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.conv2 = (Reflected(channels, channels, 3, bias=False) for _ in range(2))
        self.norm1, self.norm2 = AdaLIN(channels), AdaLIN(channels)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        skip = x
        x = F.relu(self.norm1(self.conv1(x), scale, shift))
        return skip + self.norm2(self.conv2(x), scale, shift)


class Doubled(nn.Module):
    """Pixels repeated and convolved, a norm with its own scale and shift, ReLU."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.conv = Reflected(channels, out, 3, bias=False)
        self.norm = AdaLIN(out, start=0.0)
        self.scale, self.shift = nn.Parameter(torch.ones(1, out)), nn.Parameter(torch.zeros(1, out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(F.interpolate(x, scale_factor=2)), self.scale, self.shift))


class AdaptiveDecoder(nn.Module):
    """Attended code [B, width * 2**down, ...] -> picture [B,channels,H,W] in [-1, 1]; the norms' scale and shift are read from the
    code's means, as in the paper's light version."""

    def __init__(self, channels: int = 3, width: int = 64, down: int = 2, blocks: int = 4):
        super().__init__()
        c = width * 2**down
        self.read = nn.Sequential(nn.Linear(c, c), nn.ReLU(True), nn.Linear(c, c), nn.ReLU(True))
        self.scale, self.shift = nn.Linear(c, c), nn.Linear(c, c)
        self.blocks = nn.ModuleList(AdaptiveBlock(c) for _ in range(blocks))
        self.doubled = nn.Sequential(*(Doubled(width * 2 ** (i + 1), width * 2**i) for i in reversed(range(down))))
        self.out = Reflected(width, channels, 7)

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        told = self.read(s.x.mean((2, 3)))
        scale, shift = 1 + self.scale(told), self.shift(told)
        x = s.x
        for block in self.blocks:
            x = block(x, scale, shift)
        return Sample(torch.tanh(self.out(self.doubled(x)).float()), label=s.label)
