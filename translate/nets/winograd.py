"""3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray 2016, arXiv:1509.09308, section 4.3.

A tile of 4x4 outputs is At [(G w Gt) * (Bt d B)] A of its 6x6 inputs d: 36 products where the definition has 144. They are in float32,
where sums are as exact as the definition's to a few units of 1e-6, of maps in bf16 too: products of bf16 differences would cost 3 %.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from . import native

TILE = 4  # outputs; 6 inputs reach into them
# (channels, places of a batch) from where on products outweigh the copies of tiles and weights
LARGE = {torch.float32: (64, 18**2), torch.bfloat16: (256, 64**2)}
MOST = 2**24  # values of a map: its tiles take nine times its own memory, in float32


def pays(x: Tensor, weight: Tensor) -> bool:
    """Whether it is quicker than F.conv2d: for large maps, but the largest; in bf16 where its products are not far quicker than float32's, as AMX makes them."""
    if x.device.type != "cpu" or not native.takes(x) or weight.dtype != torch.float32 or len(weight) % native.WIDTH:
        return False
    if x.dtype == torch.bfloat16 and torch.cpu._is_amx_tile_supported():
        return False
    channels, places = LARGE[x.dtype]
    return min(weight.shape[:2]) >= channels and places * x.shape[1] <= x.numel() <= MOST


def winograd(x: Tensor, weight: Tensor) -> Tensor:
    """F.conv2d(x, weight) of x [B,C,H+2,W+2] and weight [K,C,3,3] -> [B,K,H,W], channels-last."""
    h, w = x.shape[2] - 2, x.shape[3] - 2
    if h % TILE or w % TILE:
        x = F.pad(x, (0, -w % TILE, 0, -h % TILE)).contiguous(memory_format=torch.channels_last)
    return Winograd.apply(x, weight)[:, :, :h, :w]


class Winograd(torch.autograd.Function):
    """H and W are multiples of TILE, C and K of native.WIDTH."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return native.from_tiles(product(native.to_tiles(x), tiles_of(weight).transpose(1, 2)), x)

    @staticmethod
    def backward(ctx, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again
            wanted = [t for t, needed in zip((x, weight), ctx.needs_input_grad) if needed]
            y = F.conv2d(x, weight.to(x.dtype))
            found = iter(torch.autograd.grad(y, wanted, slope, create_graph=True))
            return tuple(next(found) if needed else None for needed in ctx.needs_input_grad)
        tiles = native.slope_to_tiles(slope.contiguous(memory_format=torch.channels_last))
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            to_x = native.slope_from_tiles(product(tiles, tiles_of(weight)), x)
        if ctx.needs_input_grad[1]:
            to_weight = native.weight_slope_from_tiles(product(tiles.transpose(1, 2), native.to_tiles(x)))
        return to_x, to_weight


def tiles_of(weight: Tensor) -> Tensor:
    return native.weight_to_tiles(weight.detach().contiguous(memory_format=torch.channels_last))


def product(a: Tensor, b: Tensor) -> Tensor:
    """In float32 under autocast too, which leaves alone what is told where to write."""
    return torch.bmm(a, b, out=native.planes("product", a.shape[1], b.shape[2]))
