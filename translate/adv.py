"""Adversarial objectives as pairs of functions. Scores are float32, any shape; a critic hands out a list, one entry a scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Scores = list[Tensor]


class Adv(NamedTuple):
    d: Callable[[Scores, Scores], Tensor]  # (real, fake) -> the critic's loss
    g: Callable[..., Tensor]  # (fake) -> the generator's loss; (fake, real) where it is relativistic
    relativistic: bool = False


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

# The zero-sum game itself: G minimises log(1 - D(G)), whose gradient vanishes where D is sure (the same paper, eq. 1).
minimax = Adv(d=non_saturating.d, g=over_scales(lambda fake: -F.softplus(fake).mean()))


def one_sided(target: float = 0.9) -> Adv:
    """The non-saturating objective with one-sided label smoothing: D(x) -> target, D(G) -> 0 (Salimans 2016, arXiv:1606.03498, 3.4)."""

    def d(real: Tensor, fake: Tensor) -> Tensor:
        return (target * F.softplus(-real) + (1 - target) * F.softplus(real)).mean() + F.softplus(fake).mean()

    return Adv(over_scales(d), non_saturating.g)


# Geometric GAN (Lim 2017, arXiv:1705.02894), as in SAGAN, arXiv:1805.08318, eq. 4.
hinge = Adv(
    d=over_scales(lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean()),
    g=over_scales(lambda fake: -fake.mean()),
)

# Minus the distance between data and fakes as a 1-Lipschitz critic measures it (Arjovsky 2017, arXiv:1701.07875, eq. 2, 3).
wasserstein = Adv(
    d=over_scales(lambda real, fake: fake.mean() - real.mean()),
    g=over_scales(lambda fake: -fake.mean()),
)

# How much more real is a real one than a fake one? Each with its partner in the batch (Jolicoeur-Martineau 2018,
# arXiv:1807.00734, RSGAN, section 4.1) ...
relativistic = Adv(
    d=over_scales(lambda real, fake: F.softplus(fake - real).mean()),
    g=over_scales(lambda fake, real: F.softplus(real - fake).mean()),
    relativistic=True,
)


def _above_average(more: Tensor, less: Tensor) -> Tensor:
    return F.softplus(less.mean() - more).mean() + F.softplus(less - more.mean()).mean()


# ... or with the average of the others (RaSGAN, section 4.2; ESRGAN, arXiv:1809.00219, eq. 1, 2).
relativistic_average = Adv(over_scales(_above_average), over_scales(_above_average), relativistic=True)


class Divergence(NamedTuple):
    """An f-divergence in its variational form: D_f(P || Q) = max over v of E_P g(v) - E_Q f*(g(v)).

    activation: g, from any score into the domain of f* (Nowozin 2016, arXiv:1606.00709, table 2 and 6).
    conjugate: f*(g(v)) as a function of v, simplified, so that it does not overflow before its value does.
    """

    activation: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]


DIVERGENCES = {
    "kl": Divergence(lambda v: v, lambda v: (v - 1).exp()),  # f = u log u
    "reverse_kl": Divergence(lambda v: -(-v).exp(), lambda v: v - 1),  # f = -log u
    "js": Divergence(  # f = u log u - (u + 1) log((u + 1) / 2): twice the Jensen-Shannon divergence
        lambda v: math.log(2) - F.softplus(-v), lambda v: F.softplus(v) - math.log(2)
    ),
    "gan": Divergence(lambda v: -F.softplus(-v), F.softplus),  # f = u log u - (u + 1) log(u + 1): 2 JS - log 4
    "pearson": Divergence(lambda v: v, lambda v: v.square() / 4 + v),  # f = (u - 1)^2
    "hellinger": Divergence(lambda v: 1 - (-v).exp(), lambda v: v.exp() - 1),  # f = (sqrt u - 1)^2
    "total_variation": Divergence(lambda v: v.tanh() / 2, lambda v: v.tanh() / 2),  # f = |u - 1| / 2
}


def f_gan(divergence: Divergence) -> Adv:
    """D's loss is minus the divergence's bound; G maximises E g(v), which has the same fixed point as minimising
    -E f*(g(v)) and a larger gradient early on (Nowozin 2016, section 3.2)."""
    activation, conjugate = divergence
    return Adv(
        d=over_scales(lambda real, fake: conjugate(fake).mean() - activation(real).mean()),
        g=over_scales(lambda fake: -activation(fake).mean()),
    )


OBJECTIVES: dict[str, Adv] = {
    "least_squares": least_squares,
    "non_saturating": non_saturating,
    "minimax": minimax,
    "one_sided": one_sided(),
    "hinge": hinge,
    "wasserstein": wasserstein,
    "relativistic": relativistic,
    "relativistic_average": relativistic_average,
    **{f"f_{name}": f_gan(divergence) for name, divergence in DIVERGENCES.items()},
}
