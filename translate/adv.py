"""Adversarial objectives as pairs of functions. Scores are float32, any shape; a critic hands out a list, one entry a scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Scores = list[Tensor]


class Adv(NamedTuple):
    d: Callable[[Scores, Scores], Tensor]  # (real, fake) -> the critic's loss
    g: Callable[[Scores], Tensor]  # (fake) -> the generator's loss


def over_scales(loss):
    """The mean of a loss over the scales of a multi-scale critic (pix2pixHD, arXiv:1711.11585)."""

    @wraps(loss)
    def scaled(*scores: Scores) -> Tensor:
        return torch.stack([loss(*s) for s in zip(*scores, strict=True)]).mean()

    return scaled


# Least squares, targets 1 and 0 (Mao 2017, arXiv:1611.04076, eq. 9). CycleGAN halves the critic's loss, section 7.1.
least_squares = Adv(
    d=over_scales(lambda real, fake: 0.5 * ((real - 1).square().mean() + fake.square().mean())),
    g=over_scales(lambda fake: (fake - 1).square().mean()),
)

# D maximises log D(x) + log(1 - D(G)), G maximises log D(G) (Goodfellow 2014, arXiv:1406.2661, section 3); scores are logits.
non_saturating = Adv(
    d=over_scales(lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean()),
    g=over_scales(lambda fake: F.softplus(-fake).mean()),
)

# Geometric GAN (Lim 2017, arXiv:1705.02894), as in SAGAN, arXiv:1805.08318, eq. 4.
hinge = Adv(
    d=over_scales(lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean()),
    g=over_scales(lambda fake: -fake.mean()),
)
