"""The norm of native.c on a GPU, in Triton: the same operation of torch's, for maps that lie channels-last. Sums are added in a fixed order.

Imported where there is Triton, which comes with torch for CUDA.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK, WIDE = 64, 32  # places and channels that a program takes at a time
PARTS = 128  # at most so many partial sums of a map's channel


@triton.jit
def _leaky(x, slope):
    return tl.where(x > 0, x, x * slope)


@triton.jit
def _reflected(i, n):
    i = tl.abs(i)
    return tl.where(i >= n, 2 * (n - 1) - i, i)


@triton.jit
def _line(i, n, k: tl.constexpr, PAD: tl.constexpr):
    """(the k-th place of a padded line that shows place i of a line of n, whether there is one)"""
    if k == 0:
        place, there = i + PAD, i >= 0
    elif k == 1:
        place, there = PAD - i, (i >= 1) & (i <= PAD)
    else:
        place, there = 2 * (n - 1) - i + PAD, (i <= n - 2) & (n - 1 - i <= PAD)
    return place, there


@triton.jit
def _shown(g, b, i, j, c, keep, H, W, C, PAD: tl.constexpr):
    """What arrives at place (i, j) [BLOCK,1] of channels c [1,WIDE]: from all places of the padded map that show it."""
    total = tl.zeros(keep.shape, tl.float32)
    for r in tl.static_range(3 if PAD > 0 else 1):
        row, here = _line(i, H, r, PAD)
        for k in tl.static_range(3 if PAD > 0 else 1):
            column, there = _line(j, W, k, PAD)
            at = ((b * (H + 2 * PAD) + row) * (W + 2 * PAD) + column).to(tl.int64) * C + c
            total += tl.load(g + at, mask=keep & here & there, other=0.0).to(tl.float32)
    return total


@triton.jit
def _sums(x, sums, N, C, EACH: tl.constexpr, BLOCK: tl.constexpr, WIDE: tl.constexpr):
    """[B,parts,2,C]: of distances from a map's first place, which cancel less than those from zero, and of their squares."""
    b, part, c = tl.program_id(0), tl.program_id(1), tl.program_id(2) * WIDE + tl.arange(0, WIDE)[None, :]
    start = tl.load(x + (b * N).to(tl.int64) * C + c, mask=c < C, other=0.0).to(tl.float32)
    total, squares = tl.zeros([1, WIDE], tl.float32), tl.zeros([1, WIDE], tl.float32)
    for first in range(0, EACH, BLOCK):
        n = part * EACH + first + tl.arange(0, BLOCK)[:, None]
        keep = (n < N) & (c < C)
        d = tl.load(x + (b * N + n).to(tl.int64) * C + c, mask=keep, other=0.0).to(tl.float32) - start
        d = tl.where(keep, d, 0.0)
        total += tl.sum(d, 0, keep_dims=True)
        squares += tl.sum(d * d, 0, keep_dims=True)
    to = sums + (b * tl.num_programs(1) + part) * 2 * C + c
    tl.store(to, total, mask=c < C)
    tl.store(to + C, squares, mask=c < C)


@triton.jit
def _moments(x, sums, mean, rstd, N, C, parts, eps, WIDE: tl.constexpr, PARTS: tl.constexpr):
    b, c, part = tl.program_id(0), tl.program_id(1) * WIDE + tl.arange(0, WIDE)[None, :], tl.arange(0, PARTS)[:, None]
    at, keep = sums + (b * parts + part) * 2 * C + c, (part < parts) & (c < C)
    shift = tl.sum(tl.load(at, mask=keep, other=0.0), 0, keep_dims=True) / N
    square = tl.sum(tl.load(at + C, mask=keep, other=0.0), 0, keep_dims=True) / N
    start = tl.load(x + (b * N).to(tl.int64) * C + c, mask=c < C, other=0.0).to(tl.float32)
    variance = square - shift * shift
    variance = tl.where(variance < 0, 0.0, variance)  # by rounding; NaN stays NaN
    tl.store(mean + b * C + c, start + shift, mask=c < C)
    tl.store(rstd + b * C + c, 1 / tl.sqrt(variance + eps), mask=c < C)


@triton.jit
def _forward(
    x,
    skip,
    y,
    mean,
    rstd,
    H,
    W,
    C,
    slope,
    PAD: tl.constexpr,
    SKIP: tl.constexpr,
    BLOCK: tl.constexpr,
    WIDE: tl.constexpr,
):
    b, n = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[:, None]
    c, PH, PW = tl.program_id(2) * WIDE + tl.arange(0, WIDE)[None, :], H + 2 * PAD, W + 2 * PAD
    keep = (n < PH * PW) & (c < C)
    i, j = _reflected(n // PW - PAD, H), _reflected(n % PW - PAD, W)
    value = tl.load(x + ((b * H + i) * W + j).to(tl.int64) * C + c, mask=keep, other=0.0).to(tl.float32)
    value = (value - tl.load(mean + b * C + c, mask=c < C, other=0.0)) * tl.load(
        rstd + b * C + c, mask=c < C, other=0.0
    )
    value, to = _leaky(value, slope), (b * PH * PW + n).to(tl.int64) * C + c
    if SKIP:
        value += tl.load(skip + to, mask=keep, other=0.0).to(tl.float32)
    tl.store(y + to, value, mask=keep)


@triton.jit
def _slope_sums(
    g,
    x,
    sums,
    mean,
    rstd,
    H,
    W,
    C,
    slope,
    PAD: tl.constexpr,
    EACH: tl.constexpr,
    BLOCK: tl.constexpr,
    WIDE: tl.constexpr,
):
    """[B,parts,2,C]: of the slopes of the normalised values, and of their products with these."""
    b, part, c = tl.program_id(0), tl.program_id(1), tl.program_id(2) * WIDE + tl.arange(0, WIDE)[None, :]
    m, by = tl.load(mean + b * C + c, mask=c < C, other=0.0), tl.load(rstd + b * C + c, mask=c < C, other=0.0)
    total, products = tl.zeros([1, WIDE], tl.float32), tl.zeros([1, WIDE], tl.float32)
    for first in range(0, EACH, BLOCK):
        n = part * EACH + first + tl.arange(0, BLOCK)[:, None]
        keep = (n < H * W) & (c < C)
        value = (tl.load(x + (b * H * W + n).to(tl.int64) * C + c, mask=keep, other=0.0).to(tl.float32) - m) * by
        s = _shown(g, b, n // W, n % W, c, keep, H, W, C, PAD)
        s = tl.where(value > 0, s, s * slope)  # 0 where nothing is kept
        total += tl.sum(s, 0, keep_dims=True)
        products += tl.sum(tl.where(keep, s * value, 0.0), 0, keep_dims=True)
    to = sums + (b * tl.num_programs(1) + part) * 2 * C + c
    tl.store(to, total, mask=c < C)
    tl.store(to + C, products, mask=c < C)


@triton.jit
def _means(sums, means, N, C, parts, WIDE: tl.constexpr, PARTS: tl.constexpr):
    """[B,parts,2,C] -> [B,2,C]"""
    b, c, part = tl.program_id(0), tl.program_id(1) * WIDE + tl.arange(0, WIDE)[None, :], tl.arange(0, PARTS)[:, None]
    at, keep = sums + (b * parts + part) * 2 * C + c, (part < parts) & (c < 2 * C)
    tl.store(means + b * 2 * C + c, tl.sum(tl.load(at, mask=keep, other=0.0), 0, keep_dims=True) / N, mask=c < 2 * C)


@triton.jit
def _backward(
    g, x, to_x, means, mean, rstd, H, W, C, slope, PAD: tl.constexpr, BLOCK: tl.constexpr, WIDE: tl.constexpr
):
    b, n = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[:, None]
    c = tl.program_id(2) * WIDE + tl.arange(0, WIDE)[None, :]
    keep, at = (n < H * W) & (c < C), (b * H * W + n).to(tl.int64) * C + c
    m, by = tl.load(mean + b * C + c, mask=c < C, other=0.0), tl.load(rstd + b * C + c, mask=c < C, other=0.0)
    value = (tl.load(x + at, mask=keep, other=0.0).to(tl.float32) - m) * by
    s = _shown(g, b, n // W, n % W, c, keep, H, W, C, PAD)
    s = tl.where(value > 0, s, s * slope)
    s -= tl.load(means + b * 2 * C + c, mask=c < C, other=0.0) + value * tl.load(
        means + b * 2 * C + C + c, mask=c < C, other=0.0
    )
    tl.store(to_x + at, by * s, mask=keep)


def norm(x: Tensor, skip: Tensor | None, pad: int, slope: float, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """As native.norm."""
    b, c, h, w = x.shape
    y = torch.empty(b, c, h + 2 * pad, w + 2 * pad, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    mean, rstd = (torch.empty(b, c, device=x.device) for _ in range(2))
    parts, each = cut(h * w)
    sums, wide = torch.empty(b, parts, 2, c, device=x.device), triton.cdiv(c, WIDE)
    _sums[b, parts, wide](x, sums, h * w, c, each, BLOCK, WIDE)
    _moments[b, wide](x, sums, mean, rstd, h * w, c, parts, eps, WIDE, PARTS)
    grid = b, triton.cdiv((h + 2 * pad) * (w + 2 * pad), BLOCK), wide
    _forward[grid](x, y if skip is None else skip, y, mean, rstd, h, w, c, slope, pad, skip is not None, BLOCK, WIDE)
    return y, mean, rstd


def norm_backward(slope: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, pad: int, leak: float) -> Tensor:
    b, c, h, w = x.shape
    to_x, (parts, each), wide = torch.empty_like(x), cut(h * w), triton.cdiv(c, WIDE)
    sums, means = torch.empty(b, parts, 2, c, device=x.device), torch.empty(b, 2, c, device=x.device)
    _slope_sums[b, parts, wide](slope, x, sums, mean, rstd, h, w, c, leak, pad, each, BLOCK, WIDE)
    _means[b, triton.cdiv(2 * c, WIDE)](sums, means, h * w, c, parts, WIDE, PARTS)
    _backward[b, triton.cdiv(h * w, BLOCK), wide](slope, x, to_x, means, mean, rstd, h, w, c, leak, pad, BLOCK, WIDE)
    return to_x


def cut(places: int) -> tuple[int, int]:
    """(parts, places of each), a power of two, so that maps of all sizes share a few kernels."""
    each = triton.next_power_of_2(max(triton.cdiv(places, PARTS), 2 * BLOCK))
    return triton.cdiv(places, each), each
