"""3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray 2016, arXiv:1509.09308, section 4.3.

A tile of 4x4 outputs is At [(G w Gt) * (Bt d B)] A of its 6x6 inputs d: 36 products where the definition has 144. In float32 the sums
are as exact as the definition's to a few units of 1e-6; in bf16 the differences of B would cost 3 %, and those of the smaller
F(2x2, 3x3) three times the definition's own rounding, so that neither is offered there.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

TILE = 4  # outputs; 6 inputs reach into them
LARGE = 2**17  # values of a map, from where on the products outweigh the copies of tiles and weights


@cache
def matrices(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Of a whole tile, both its sides at once: inputs [36,36], weights [36,9], outputs [16,36]."""
    b = [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
    g = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
    a = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    b, g, a = (torch.tensor(m, dtype=torch.float64) for m in (b, g, a))
    return tuple(torch.kron(m, m).to(dtype) for m in (b, g / 24, a))


def pays(x: Tensor) -> bool:
    """Whether it is quicker than F.conv2d: for large maps in float32 on a CPU. An exported graph keeps its convolutions."""
    usual = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.compiler.is_exporting()
    return usual and x.numel() >= LARGE


def winograd(x: Tensor, weight: Tensor) -> Tensor:
    """F.conv2d(x, weight) of x [B,C,H+2,W+2] and weight [K,C,3,3] -> [B,K,H,W], channels-last."""
    h, w = x.shape[2] - 2, x.shape[3] - 2
    if h % TILE or w % TILE:
        x = F.pad(x, (0, -w % TILE, 0, -h % TILE))
    return Winograd.apply(x, weight)[:, :, :h, :w]


class Winograd(torch.autograd.Function):
    """H and W are multiples of TILE. Tiles lie one after another in memory, [36, tiles, C], so that each of the 36 is one product."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        out = torch.bmm(inputs(x), weights(weight))
        batch, (h, w) = len(x), (n // TILE for n in x.shape[2:])
        tiles = (matrices(x.dtype)[2] @ out.flatten(1)).view(TILE, TILE, batch, h, w, -1)
        return tiles.permute(2, 3, 0, 4, 1, 5).reshape(batch, h * TILE, w * TILE, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        b, g, a = matrices(x.dtype)
        batch, (h, w) = len(x), (n // TILE for n in x.shape[2:])
        tiles = slope.permute(0, 2, 3, 1).reshape(batch, h, TILE, w, TILE, -1).permute(2, 4, 0, 1, 3, 5)
        tiles = (a.T @ tiles.reshape(TILE**2, -1)).view(36, batch * h * w, -1)
        to_x = to_weight = None
        if ctx.needs_input_grad[1]:
            to_weight = (g.T @ torch.bmm(inputs(x).transpose(1, 2), tiles).flatten(1)).view(3, 3, *weight.shape[1::-1])
            to_weight = to_weight.permute(3, 2, 0, 1)
        if ctx.needs_input_grad[0]:
            d = (b.T @ torch.bmm(tiles, weights(weight).transpose(1, 2)).flatten(1)).view(6, 6, batch, h, w, -1)
            to_x = overlapping(d.permute(2, 3, 0, 4, 1, 5))[:, :, : x.shape[2], : x.shape[3]]
        return to_x, to_weight


def inputs(x: Tensor) -> Tensor:
    """Bt d B of every tile: [B,C,H+2,W+2] -> [36, tiles, C]."""
    tiles = x.permute(0, 2, 3, 1).unfold(1, 6, TILE).unfold(2, 6, TILE).permute(4, 5, 0, 1, 2, 3)
    return (matrices(x.dtype)[0] @ tiles.reshape(36, -1)).view(36, -1, x.shape[1])


def weights(weight: Tensor) -> Tensor:
    """G w Gt: [K,C,3,3] -> [36,C,K]."""
    return (matrices(weight.dtype)[1] @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(36, *weight.shape[1::-1])


def overlapping(tiles: Tensor) -> Tensor:
    """Tiles [B,h,6,w,6,C] added up where they overlap: [B, C, 4 (h + 1), 4 (w + 1)]."""
    batch, h, _, w, _, channels = tiles.shape
    out = tiles.new_zeros(batch, h + 1, TILE, w + 1, TILE, channels)
    out[:, :h, :, :w] = tiles[:, :, :TILE, :, :TILE]
    out[:, 1:, :2, :w] += tiles[:, :, TILE:, :, :TILE]
    out[:, :h, :, 1:, :2] += tiles[:, :, :TILE, :, TILE:]
    out[:, 1:, :2, 1:, :2] += tiles[:, :, TILE:, :, TILE:]
    return out.view(batch, (h + 1) * TILE, (w + 1) * TILE, channels).permute(0, 3, 1, 2)
