"""Directions, and the terms that tie two of them together (Zhu 2017, arXiv:1703.10593, sections 3.2 and 5.2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..sample import Sample

Distance = Callable[[Sample, Sample], Tensor]  # (prediction, target) -> a number


def restored(distance: Distance, decode: Callable[..., Sample], given: Sample, target: Sample) -> Tensor:
    """How far decode(given) is from target; `like` tells a decoder of sentences what it is to come back to.

    The cycle where given is a translation of target, F(G(x)) = x (eq. 2); the identity loss where given is target, F(x) = x
    (section 5.2); an auto-encoder's loss where given is target's code.
    """
    return distance(decode(given, like=target), target)


def squared(pred: Sample, target: Sample) -> Tensor:
    """The mean squared error of numbers; of words there is none."""
    return F.mse_loss(pred.x.float(), target.x)


def labelled(s: Sample, wanted: int | Tensor) -> Sample:
    """The same, labelled with the domain that is wanted: one for all, or one a row, [B]."""
    label = wanted if isinstance(wanted, Tensor) else torch.full((len(s),), wanted, device=s.x.device)
    return Sample(s.x, s.mask, label)


def others(labels: Tensor, n: int) -> Tensor:
    """[B], for each row another one of the n domains."""
    return (labels + torch.randint(1, n, labels.shape, device=labels.device)) % n


def everywhere(direction: Callable[[str, str], nn.Module], batch: dict[str, Sample]) -> dict[str, Sample]:
    """Each side of a batch, and what it becomes in every other one. direction: (source, to) -> the network."""
    rows = {}
    for key, s in batch.items():
        rows |= {key: s} | {f"{key}_{to}": direction(key, to)(s) for to in batch if to != key}
    return rows


class Pair(nn.Module):
    """A direction: the encoder of one domain, then the decoder of the other."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @property
    def multiple(self) -> int:
        return self.encoder.multiple

    @property
    def context(self) -> int:
        """Frames on either side that a frame of the output depends on, a multiple of `multiple`."""
        return -(-(self.encoder.context + self.decoder.context) // self.multiple) * self.multiple

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return self.decoder(self.encoder(s), like=like)


class Towards(nn.Module):
    """A direction of a network that serves several: the input is labelled with the domain that is wanted."""

    def __init__(self, net: nn.Module, label: int):
        super().__init__()
        self.net, self.label = net, label

    @property
    def multiple(self) -> int:
        return self.net.multiple

    @property
    def context(self) -> int:
        return self.net.context

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        return self.net(labelled(s, self.label), like=like)


class Edited(Towards):
    """A direction of sentences that edits a draft: what another method, ids to ids, makes of the input, out of its `choices`."""

    def __init__(self, net: nn.Module, label: int, draft: nn.Module):
        super().__init__(net, label)
        self.draft = draft

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        with torch.no_grad():
            ids = s.x.argmax(-1) if s.x.is_floating_point() else s.x
            draft = self.draft(Sample(ids, s.mask)).x
        return self.net(labelled(s, self.label), like=like, draft=draft, choices=self.draft.choices(ids))
