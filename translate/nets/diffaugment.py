"""Critics of few pictures know them by heart soon, and then tell a generator nothing. DiffAugment (Zhao 2020, arXiv:2006.10738): data
and fakes alike change their colours, are shifted and lose a square before a critic looks, and gradients pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..sample import Sample


def diffaugment(critic: nn.Module) -> nn.Module:
    """The same critic, which sees each picture changed while it trains."""
    critic.register_forward_pre_hook(
        lambda critic, args: (
            (Sample(holed(shifted(coloured(args[0].x))), label=args[0].label), *args[1:]) if critic.training else None
        )
    )
    return critic


def coloured(x: Tensor) -> Tensor:
    """[B,C,H,W], each of another brightness (by up to 0.5), saturation (0 to 2 times) and contrast (0.5 to 1.5 times)."""
    brighter, saturation, contrast = torch.rand(3, len(x), 1, 1, 1, device=x.device)
    x = x + brighter - 0.5
    x = torch.lerp(x.mean(1, keepdim=True), x, 2 * saturation)
    return torch.lerp(x.mean((1, 2, 3), keepdim=True), x, contrast + 0.5)


def shifted(x: Tensor) -> Tensor:
    """[B,C,H,W], each by up to an eighth of its sides; pixels at the edge are repeated."""
    for axis, places in (2, rows(x)), (3, columns(x)):
        side = x.shape[axis]
        shift = torch.randint(-(side // 8), side // 8 + 1, (len(x), 1, 1, 1), device=x.device)
        x = x.gather(axis, (places + shift).clamp(0, side - 1).expand_as(x))
    return x


def holed(x: Tensor) -> Tensor:
    """[B,C,H,W], each grey in a square of half its sides, which may lie partly outside."""
    height, width = x.shape[2:]
    middle_row, middle_column = (
        torch.randint(0, side + 1, (len(x), 1, 1, 1), device=x.device) for side in (height, width)
    )
    hole = ((rows(x) - middle_row).abs() < height // 4) & ((columns(x) - middle_column).abs() < width // 4)
    return x.masked_fill(hole, 0)


def rows(x: Tensor) -> Tensor:
    return torch.arange(x.shape[2], device=x.device).view(-1, 1)


def columns(x: Tensor) -> Tensor:
    return torch.arange(x.shape[3], device=x.device)
