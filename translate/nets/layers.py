"""Small layers that several networks share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import native
from .winograd import pays, winograd

EPS = 1e-5


def behind(x: Tensor, slope: float = 1.0, pad: int = 0, skip: Tensor | None = None) -> Tensor:
    """What follows a norm: x where it is positive, slope * x elsewhere, reflected beyond the rim by `pad`, plus skip."""
    x = x if slope == 1 else F.relu(x) if slope == 0 else F.leaky_relu(x, slope)
    x = F.pad(x, (pad,) * 4, mode="reflect") if pad else x
    return x if skip is None else x + skip.to(x.dtype)


class InstanceNorm(nn.Module):
    """Instance normalisation (Ulyanov 2016, arXiv:1607.08022), without affine terms, and what is `behind` it, in one pass where it can be."""

    def __init__(self, channels: int, slope: float = 1.0, pad: int = 0):
        super().__init__()
        self.channels, self.slope, self.pad = channels, slope, pad

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """[B,C,H,W] -> [B,C,H+2*pad,W+2*pad]; skip: as what is returned."""
        with torch.autocast(x.device.type, enabled=False):
            if native.takes(x) and self.pad < min(x.shape[2:]):
                skip = None if skip is None else skip.to(x.dtype).contiguous(memory_format=torch.channels_last)
                return FusedNorm.apply(x, skip, self.slope, self.pad)
            return behind(normed(x), self.slope, self.pad, skip)


def normed(x: Tensor) -> Tensor:
    """By torch's own operations.

    Not F.instance_norm: at batch 1 its gradient is wrong on a CPU for channels-last output gradients (torch 2.11). A group norm
    with one channel a group is the same function, right in both layouts, but its channels-last gradient takes ten times as long as
    a batch norm's, which of one row is the same function too.
    """
    if x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last):
        return F.group_norm(x, x.shape[1], eps=EPS)
    one = x.new_ones(x.shape[1], dtype=torch.promote_types(x.dtype, torch.float32))  # of its type are the statistics
    rows = [F.batch_norm(row, None, None, one, training=True, eps=EPS) for row in x.split(1)]
    return rows[0] if len(rows) == 1 else torch.cat(rows)


class FusedNorm(torch.autograd.Function):
    """behind(normed(x), ...) by native.c. What is added to a sum has the sum's own slope, so that it costs nothing on the way back."""

    @staticmethod
    def forward(ctx, x: Tensor, skip: Tensor | None, slope: float, pad: int) -> Tensor:
        ctx.how = slope, pad
        y, mean, rstd = native.norm(x, skip, pad, slope, EPS)
        ctx.save_for_backward(x, mean, rstd)
        return y

    @staticmethod
    def backward(ctx, g: Tensor):
        x, mean, rstd = ctx.saved_tensors
        slope, pad = ctx.how
        g = g.contiguous(memory_format=torch.channels_last)
        to_x, to_skip = None, g if ctx.needs_input_grad[1] else None
        if ctx.needs_input_grad[0] and torch.is_grad_enabled():  # to be differentiated again
            (to_x,) = torch.autograd.grad(behind(normed(x), slope, pad), x, g, create_graph=True)
        elif ctx.needs_input_grad[0]:
            to_x = native.norm_backward(g, x, mean, rstd, pad, slope)
        return to_x, to_skip, None, None


class PlaceNorm(nn.Module):
    """Layer normalisation over the channels of each place of a map (Ba 2016, arXiv:1607.06450), without affine terms, and what is `behind` it.

    Statistics of a whole picture let a generator steer them all by a spike at one place, which stays in sight as a bright patch
    (Karras 2020, arXiv:1912.04958, section 2); and they are other ones in a crop than in the picture around it.
    """

    def __init__(self, channels: int, slope: float = 1.0, pad: int = 0):
        super().__init__()
        self.channels, self.slope, self.pad = channels, slope, pad

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x = F.layer_norm(x.permute(0, 2, 3, 1), (self.channels,)).permute(0, 3, 1, 2)
            return behind(x, self.slope, self.pad, skip)


class Reflected(nn.Conv2d):
    """A convolution that keeps the size, or halves it, padded by reflection: zeros at the rim are a line that strokes follow. padded: what
    comes in is padded already.

    Not nn.Conv2d's own padding: autocast pads in float32 on a CPU (torch 2.11), which copies every picture to float32 and back, and
    keeps the copy for the way back.
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1, bias: bool = True, padded: bool = False):
        super().__init__(channels, out, kernel, stride, kernel // 2, padding_mode="reflect", bias=bias)
        self.padded = padded

    def forward(self, x: Tensor) -> Tensor:
        device = x.device.type
        if torch.is_autocast_enabled(device):
            x = x.to(torch.get_autocast_dtype(device))
        if not self.padded:
            with torch.autocast(device, enabled=False):
                x = F.pad(x, self._reversed_padding_repeated_twice, mode="reflect")
        if self.kernel_size == (3, 3) and self.stride == (1, 1) and self.bias is None and pays(x, self.weight):
            return winograd(x, self.weight)
        return F.conv2d(x, self.weight, self.bias, self.stride)


class Style(nn.Module):
    """What a label says, [B,width]: ids [B] of n classes are looked up, vectors [B,n] multiplied."""

    def __init__(self, n: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n, width))

    def forward(self, label: Tensor) -> Tensor:
        return label.to(self.weight.dtype) @ self.weight if label.is_floating_point() else self.weight[label]


def init_gan(module: nn.Module) -> nn.Module:
    """Weights from N(0, 0.02) (DCGAN, arXiv:1511.06434; CycleGAN section 7.1), biases zero."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(m.weight, 0.0, 0.02)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    return module
