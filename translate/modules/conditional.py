"""Critics and generators that read a condition: a label, a sentence, a picture or a mel, in each case a Sample.

A critic is a body, Sample -> features [B,D], and a head, (features, condition) -> list of scores [B,N]; heads differ in how they read
the condition. An embedding turns a condition into a vector [B,E], or into a map where the condition is joined to a picture.
Parts of any domain fit: nothing here knows a modality.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..sample import Sample


class Critic(nn.Module):
    def __init__(self, body: nn.Module, head: nn.Module):
        super().__init__()
        self.body, self.head = body, head

    @property
    def deep(self) -> tuple[str, ...]:
        """Far from the data: what the critics of several domains may share."""
        return *(f"body.{name}" for name in self.body.deep), "head"

    def forward(self, s: Sample, c: Sample | None = None) -> list[Tensor]:
        return self.head(self.body(s), c)


def spectral(critic: nn.Module) -> nn.Module:
    """The same critic with every weight's largest singular value held at 1 (SNGAN, Miyato 2018, arXiv:1802.05957)."""
    for module in list(critic.modules()):
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(module)
    return critic


# heads


class Realism(nn.Module):
    """One score, whatever the condition. No bias: objectives of differences (Wasserstein, relativistic) give it no gradient."""

    def __init__(self, features: int):
        super().__init__()
        self.out = nn.Linear(features, 1, bias=False)

    def forward(self, h: Tensor, c: Sample | None = None) -> list[Tensor]:
        return [self.out(h).float()]


class TwoWay(nn.Module):
    """A softmax over real and fake. Its cross-entropy is the logistic loss of the difference of its logits, which is the score."""

    def __init__(self, features: int):
        super().__init__()
        self.out = nn.Linear(features, 2)

    def forward(self, h: Tensor, c: Sample | None = None) -> list[Tensor]:
        fake, real = self.out(h).float().chunk(2, 1)
        return [real - fake]


class Join(nn.Module):
    """Features and the embedded condition joined, and judged together (Reed 2016, arXiv:1605.05396, section 4.1)."""

    def __init__(self, features: int, embed: nn.Module, width: int = 128):
        super().__init__()
        self.embed = embed
        self.out = nn.Sequential(nn.Linear(features + embed.width, width), nn.LeakyReLU(0.2, True), nn.Linear(width, 1))

    def forward(self, h: Tensor, c: Sample) -> list[Tensor]:
        return [self.out(torch.cat([h, self.embed(c)], 1)).float()]


class Split(nn.Module):
    """Two scores: is it real, and does it match? The last one alone reads the condition (StackGAN++, arXiv:1710.10916, eq. 4)."""

    def __init__(self, features: int, embed: nn.Module, width: int = 128):
        super().__init__()
        self.realism, self.match = Realism(features), Join(features, embed, width)

    def forward(self, h: Tensor, c: Sample) -> list[Tensor]:
        return self.realism(h) + self.match(h, c)


class Projection(nn.Module):
    """psi(h) + <embedding, h>, the form that the log ratio of two log-linear models has (Miyato 2018, arXiv:1802.05637, eq. 8)."""

    def __init__(self, features: int, embed: nn.Module):
        super().__init__()
        assert embed.width == features
        self.realism, self.embed = Realism(features), embed

    def forward(self, h: Tensor, c: Sample) -> list[Tensor]:
        (score,) = self.realism(h)
        return [score + (self.embed(c) * h).sum(1, keepdim=True).float()]


class AuxiliaryClass(nn.Module):
    """Realism, and beside it a class (ACGAN, Odena 2017, arXiv:1610.09585): `classify` gives logits [B,classes], `misnamed` their
    cross-entropy in nats."""

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.realism, self.classes = Realism(features), nn.Linear(features, classes)

    def forward(self, h: Tensor, c: Sample | None = None) -> list[Tensor]:
        return self.realism(h)

    def classify(self, h: Tensor) -> Tensor:
        return self.classes(h).float()

    def misnamed(self, h: Tensor, c: Sample) -> Tensor:
        return F.cross_entropy(self.classify(h), c.label)


class Contrast(nn.Module):
    """Realism, and beside it which of the batch's conditions is a row's own (XMC-GAN, Zhang 2021, arXiv:2101.04702, eq. 4):
    `misnamed` is the cross-entropy of cosines over a temperature, equal conditions counted as one.

    Each row has as many wrong conditions as the batch has others, where the matching-aware set has one.
    """

    def __init__(self, features: int, embed: nn.Module, temperature: float = 0.1):
        super().__init__()
        self.realism, self.embed, self.temperature = Realism(features), embed, temperature
        self.look = nn.Linear(features, embed.width)

    def forward(self, h: Tensor, c: Sample | None = None) -> list[Tensor]:
        return self.realism(h)

    def misnamed(self, h: Tensor, c: Sample) -> Tensor:
        told = torch.cat([t.flatten(1).double() if t.ndim > 1 else t[:, None].double() for t in c if t is not None], 1)
        own = (told[:, None] == told).all(2)  # [B,B]
        seen, said = F.normalize(self.look(h).float()), F.normalize(self.embed(c).float())
        logits = seen @ said.T / self.temperature
        return (logits.logsumexp(1) - logits.masked_fill(~own, -torch.inf).logsumexp(1)).mean()


class Naming(nn.Module):
    """A domain's own critic, whose score is of the class that it is asked about, and which also names the class of what it sees.

    Both read one body (StarGAN, arXiv:1711.09020, section 3.1; AuxiliaryClass where a body gives one vector); the critic scores each of
    its `classes` (StarGAN v2, arXiv:1912.01865, section 2.1): else a copy of the input, which is as real as any, is never wrong.
    Its `look` gives (scores, features [B,D]). The class that is asked about: c's label, or else the sample's own.
    """

    def __init__(self, critic: nn.Module, classes: int):
        super().__init__()
        self.critic, self.classes = critic, nn.Linear(critic.features, classes)

    def forward(self, s: Sample, c: Sample | None = None) -> list[Tensor]:
        return self.look(s, c)[0]

    def look(self, s: Sample, c: Sample | None = None) -> tuple[list[Tensor], Tensor]:
        """(scores [B,N], logits [B,classes])"""
        every, h = self.critic.look(s)
        asked = torch.arange(len(s), device=h.device), (s if c is None else c).label
        every = (scores.unflatten(1, (self.classes.out_features, -1)) for scores in every)  # [B,classes,N]
        return [scores[asked] for scores in every], self.classes(h).float()


# conditions at the input


class Joined(nn.Module):
    """A network whose input has the condition joined to it: y to z and to x (CGAN, Mirza 2014, arXiv:1411.1784).

    A vector joined to a picture fills planes; a picture joined to a picture adds channels (pix2pix). Of numbers, not of ids.
    """

    def __init__(self, net: nn.Module, embed: nn.Module):
        super().__init__()
        self.net, self.embed = net, embed
        if hasattr(net, "noise"):
            self.noise = net.noise - embed.width  # of a generator: what is left to chance

    def forward(self, s: Sample, c: Sample, **kw):
        e = self.embed(c)
        if e.ndim < s.x.ndim:
            e = e.view(*e.shape, *[1] * (s.x.ndim - 2)).expand(*e.shape, *s.x.shape[2:])
        return self.net(Sample(torch.cat([s.x, e], 1), s.mask), **kw)


class Certain(nn.Module):
    """A translator as a generator that leaves nothing to chance: (noise, c) -> net(c) (pix2pix without its dropout)."""

    noise = 1

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, z: Sample, c: Sample) -> Sample:
        return self.net(c)


# embeddings


class OneHot(nn.Module):
    """label [B] -> [B,classes]"""

    def __init__(self, classes: int):
        super().__init__()
        self.width = classes

    def forward(self, c: Sample) -> Tensor:
        return F.one_hot(c.label, self.width).float()


class LabelEmbedding(nn.Module):
    """label [B] -> a learned vector [B,width]"""

    def __init__(self, classes: int, width: int):
        super().__init__()
        self.width, self.table = width, nn.Embedding(classes, width)

    def forward(self, c: Sample) -> Tensor:
        return self.table(c.label)


class Flat(nn.Module):
    """As it is: a code [B,width], a picture [B,width,H,W]."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width

    def forward(self, c: Sample) -> Tensor:
        return c.x


class Pooled(nn.Module):
    """An encoder's code, averaged over its positions: a sentence's, a picture's or a mel's vector [B,width], normalised, so that it
    weighs as much as noise does, however many positions say the same."""

    def __init__(self, encoder: nn.Module, channels: int, width: int):
        super().__init__()
        self.encoder, self.features, self.width = encoder, width, width
        self.out = nn.Linear(channels, width)

    def forward(self, s: Sample) -> Tensor:
        code = self.encoder(s)
        if code.mask is None:
            mean = code.x.flatten(2).mean(2)  # [B,C,...]
        else:
            real = code.mask[..., None]
            mean = code.x.where(real, 0).sum(1) / real.sum(1)  # [B,T,C]
        return F.layer_norm(self.out(mean).float(), (self.width,))
