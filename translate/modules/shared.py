"""One latent space for several domains: layers that they share, a Gaussian code, a critic of codes.

A code is a Sample: [B,C,...] of pictures and voices, [B,T,D] with a mask of sentences.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..adv import Adv, non_saturating
from ..domain import Domain
from ..sample import Sample


def share(first: nn.Module, *others: nn.Module) -> None:
    """The layers next to the code, which a half names in `deep`, become one (CoGAN, arXiv:1606.07536, section 3; UNIT,
    arXiv:1703.00848, section 3). The others stay each domain's own."""
    if not first.deep or any(other.deep != first.deep for other in others):
        raise ValueError("halves that share layers have the same ones next to the code, at least one")
    for other in others:
        for name in first.deep:
            other.set_submodule(name, first.get_submodule(name))


def start_alike(first: nn.Module, *others: nn.Module) -> None:
    """The others begin with the first one's weights, where shapes agree: a code then means the same to every decoder from the first step
    on, and a translation begins near its input, as an auto-encoder's output does."""
    given = first.state_dict()
    for other in others:
        own = other.state_dict()
        other.load_state_dict({key: given[key] if given[key].shape == own[key].shape else own[key] for key in own})


def gaussian(mean: Sample) -> Sample:
    """A draw from N(mean, 1): the code of UNIT's auto-encoders (section 3, VAE)."""
    noise = torch.randn_like(mean.x)
    return Sample(
        mean.x + (noise if mean.mask is None else noise.where(mean.mask[..., None], 0)), mean.mask, mean.label
    )


def divergence(mean: Sample) -> Tensor:
    """KL(N(mean, 1) || N(0, 1)), nats a number of the code."""
    return averaged(0.5 * mean.x.float().square(), mean.mask)


def averaged(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mean of a code's real numbers."""
    return x.mean() if mask is None else x.where(mask[..., None], 0).sum() / (mask.sum() * x.shape[-1])


def same_code(code: Sample, target: Sample) -> Tensor:
    """L1 between codes: a translation means what its source meant (XGAN, arXiv:1711.05139, section 3); position by position, or,
    where lengths may differ, of the means over positions."""
    return F.l1_loss(*(s.x.float() if s.mask is None else pooled(s) for s in (code, target)))


def pooled(code: Sample) -> Tensor:
    """[B,T,D] -> [B,D]"""
    return code.x.float().where(code.mask[..., None], 0).sum(1) / code.mask.sum(1, keepdim=True)


@torch.no_grad()
def shape_of(encoder: nn.Module, domain: Domain) -> tuple[int, int]:
    """(channels, axes of places) of the encoder's codes; sentences have no such axis."""
    code = encoder(domain.blank(1))
    return (code.x.shape[1], code.x.ndim - 2) if code.mask is None else (code.x.shape[2], 0)


class LatentCritic(nn.Module):
    """Which domain is a code from? Each position is judged, a sentence by the mean of its own: [B,N], or [B,1] with a mask.

    axes: of a picture's code 2, of a voice's 1: then with what is around a position. By itself it says little: of strokes and thick
    strokes the codes were alike position by position, and their translations wrong.

    The encoders are taught to leave it in doubt (Ganin 2016, arXiv:1505.07818; of translators Lample 2018, arXiv:1711.00043).
    """

    def __init__(self, channels: int, width: int = 64, axes: int = 0):
        super().__init__()
        self.axes = axes
        conv = (None, nn.Conv1d, nn.Conv2d)[axes]

        def layer(c: int) -> nn.Module:
            return conv(c, width, 3, 2, 1) if axes else nn.Linear(c, width)

        last = conv(width, 1, 1, bias=False) if axes else nn.Linear(width, 1, bias=False)
        self.layers = nn.Sequential(layer(channels), nn.LeakyReLU(0.2), layer(width), nn.LeakyReLU(0.2), last)

    def forward(self, code: Sample) -> list[Tensor]:
        if self.axes:
            return [self.layers(code.x).flatten(1).float()]
        x = code.x if code.mask is not None else code.x.flatten(2).mT  # [B,N,C]
        scores = self.layers(x)[..., 0].float()  # [B,N]
        if code.mask is None:
            return [scores]
        return [scores.where(code.mask, 0).sum(1, keepdim=True) / code.mask.sum(1, keepdim=True)]


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, slope: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * slope, None


def reverse(code: Sample, strength: float = 1.0) -> Sample:
    """The same code; on the way back its gradient changes sign (Ganin 2016, arXiv:1505.07818, eq. 15)."""
    return Sample(_Reverse.apply(code.x, strength), code.mask, code.label)


def confused(critic: nn.Module, a: Sample, b: Sample, strength: float, adv: Adv = non_saturating) -> Tensor:
    """The loss of a critic that tells two sides' codes apart; what it learns, their encoders unlearn."""
    return adv.d(*(critic(reverse(code, strength)) for code in (a, b)))
