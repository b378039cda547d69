"""The models of recipes/gan.py, one function each, by their names there: networks, objective, penalty.

A further one is a function here and a line there.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial

from torch import nn

from translate import adv as objectives
from translate import penalty
from translate.adv import Adv
from translate.modules.conditional import (
    AuxiliaryClass,
    Certain,
    Contrast,
    Critic,
    Flat,
    Join,
    Joined,
    LabelEmbedding,
    OneHot,
    Pooled,
    Projection,
    Realism,
    Split,
    TwoWay,
    spectral,
)
from translate.modules.cycle import Pair
from translate.modules.noise import Loud, ToCode
from translate.nets import dcgan as convolutional
from translate.nets import mlp
from translate.nets import spade as spatial
from translate.nets.diffaugment import diffaugment
from translate.nets.improved import MinibatchDiscrimination, MinibatchStd, VirtualBatchNorm, WithReference
from translate.nets.layers import init_gan
from translate.nets.patch import PatchCritic
from translate.nets.unet import UNet
from translate.penalty import clipped
from translate.recipe import Source
from translate.system import System
from translate.systems.acgan import ACGAN
from translate.systems.autoencoder import VAE, AutoEncoder
from translate.systems.began import BEGAN
from translate.systems.bigan import BiGAN
from translate.systems.gan import GAN
from translate.systems.infogan import InfoGAN, Posterior

PACKED = 4  # samples that PacGAN's critic judges at once
REPLAYED = 10  # batches of earlier fakes


@dataclass
class Parts:
    """What models are put together from."""

    data: dict[str, Source]
    batch: int
    width: int
    noise: int
    chosen: Adv | None = None  # --adv
    tricks: frozenset[str] = frozenset()
    slope = 10.0  # weight of WGAN-GP's penalty

    def __post_init__(self):
        self.X = self.data["x"].domain

    def with_tricks(self, *tricks: str) -> Parts:
        other = copy(self)
        other.tricks = self.tricks | set(tricks)
        return other

    @cached_property
    def classes(self) -> int:
        return self.data["c"].domain.classes

    def adv(self, otherwise: Adv) -> Adv:
        return self.chosen or otherwise

    def gan(self, g: nn.Module, d: nn.Module, adv: Adv, *penalties, **how) -> GAN:
        """With those of the tricks that are terms of the losses, fakes, or before the critic; the others are in the networks."""
        if "diffaugment" in self.tricks:
            diffaugment(d)
        return GAN(
            self.X, g, d, adv, *penalties,
            pack=self.pack,
            matching=1.0 if "matching" in self.tricks else 0.0,
            history=1e-4 if "history" in self.tricks else 0.0,
            pool=REPLAYED * self.batch if "replay" in self.tricks else 0,
            batch=self.batch,
            **how,
        )  # fmt: skip

    @property
    def pack(self) -> int:
        return PACKED if "packing" in self.tricks else 1

    def generator(self, more: int = 0) -> nn.Module:
        if "virtual" in self.tricks:
            norm = partial(VirtualBatchNorm, reference=self.batch)
            return WithReference(init_gan(self.decoder(self.noise + more, norm)), self.batch)
        return init_gan(self.decoder(self.noise + more))

    def decoder(self, code: int, norm=nn.BatchNorm2d) -> nn.Module:
        return convolutional.Generator(self.X.channels, self.X.size, code, self.width, norm)

    def labelled_generator(self) -> nn.Module:
        return Joined(self.generator(self.classes), OneHot(self.classes))

    def body(self, norm=None, pack: int = 1, **kw) -> convolutional.Body:
        return convolutional.Body(self.X.channels * pack, self.X.size, self.width, norm, **kw)

    def critic(self, norm=None, head=Realism, **kw) -> Critic:
        body = self.body(norm, pack=self.pack, **kw)
        return init_gan(Critic(body, self.informed(body.features, head)))

    def informed(self, features: int, head) -> nn.Module:
        """A head, told by tricks about the rest of the batch."""
        layers = []
        if "discrimination" in self.tricks:
            layers.append(MinibatchDiscrimination(features))
            features = layers[-1].features
        if "deviation" in self.tricks:
            layers.append(MinibatchStd())
            features += 1
        return Crowd(nn.Sequential(*layers), head(features)) if layers else head(features)

    def dense_generator(self) -> nn.Module:
        return mlp.Generator((self.X.channels, self.X.size, self.X.size), self.noise, 8 * self.width)

    def dense_critic(self) -> Critic:
        body = mlp.MaxoutBody(self.X.channels * self.pack * self.X.size**2, 4 * self.width)
        return Critic(body, self.informed(body.features, Realism))

    def autoencoder(self, code: int) -> Pair:
        """A critic whose error is an energy, by a code of so many numbers. Norms of single samples: those of a batch differ between data
        and fakes, and a fake's error would be its batch's."""
        norm = partial(nn.GroupNorm, 1)
        return Pair(ToCode(self.body(norm), code), self.decoder(code, norm))

    def patch_critic(self, told: int) -> nn.Module:
        """Of a picture and the one that it was made from, side by side."""
        patches = PatchCritic(self.X.channels + told, self.width, 1 if self.X.size <= 32 else 2)
        return Joined(init_gan(patches), Flat(told))

    def told_generator(self) -> nn.Module:
        return Joined(self.generator(16), self.sentence(16))

    def sentence(self, width: int) -> Pooled:
        return Pooled(self.data["c"].domain.encoder(width=2 * self.width, blocks=1), 2 * self.width, width)

    def label(self, width: int) -> LabelEmbedding:
        return LabelEmbedding(self.classes, width)


class Crowd(nn.Module):
    """A head behind layers that have seen the other rows."""

    def __init__(self, layers: nn.Module, head: nn.Module):
        super().__init__()
        self.layers, self.head = layers, head

    def forward(self, h, c=None):
        return self.head(self.layers(h), c)


def gan(p: Parts) -> System:
    return p.gan(p.dense_generator(), p.dense_critic(), p.adv(objectives.non_saturating))


def dcgan(p: Parts) -> System:
    return p.gan(p.generator(), p.critic(nn.BatchNorm2d), p.adv(objectives.non_saturating))


def dcgan_softmax(p: Parts) -> System:
    return p.gan(p.generator(), p.critic(nn.BatchNorm2d, TwoWay), p.adv(objectives.non_saturating))


def lsgan(p: Parts) -> System:
    return p.gan(p.generator(), p.critic(nn.BatchNorm2d), objectives.least_squares)


def hinge(p: Parts) -> System:
    return p.gan(p.generator(), p.critic(nn.BatchNorm2d), objectives.hinge)


def ragan(p: Parts) -> System:
    return p.gan(p.generator(), p.critic(nn.BatchNorm2d), objectives.relativistic_average)


def r1(p: Parts) -> System:
    return p.gan(p.generator(), p.critic(), p.adv(objectives.non_saturating), {penalty.r1: 0.5}, every=16)


def improved(p: Parts) -> System:
    p = p.with_tricks("matching", "discrimination", "history", "virtual")
    return p.gan(p.generator(), p.critic(), p.adv(objectives.one_sided()))


def wgan(p: Parts) -> System:
    # the paper's box is for 64 channels; in a wider one narrower layers add up to as much
    box = 0.01 * 64 / p.width
    return p.gan(p.generator(), clipped(p.critic(), box), objectives.wasserstein, critic_steps=5)


def wgan_gp(p: Parts) -> System:
    return p.gan(p.generator(), p.critic(), objectives.wasserstein, {penalty.gradient: p.slope}, critic_steps=5)


def wgan_ct(p: Parts) -> System:
    penalties = {penalty.gradient: p.slope, penalty.consistency: 2.0}
    return p.gan(p.generator(), p.critic(dropout=0.5), objectives.wasserstein, penalties, critic_steps=5)


def sngan(p: Parts) -> System:
    return p.gan(p.generator(), spectral(p.critic()), p.adv(objectives.hinge))


def pacgan(p: Parts) -> System:
    return dcgan(p.with_tricks("packing"))


def bigan(p: Parts) -> System:
    body = p.body()
    critic = init_gan(Critic(body, Join(body.features, Flat(p.noise), 8 * p.width)))
    return BiGAN(p.X, p.generator(), init_gan(ToCode(p.body(nn.BatchNorm2d), p.noise)), critic)


def infogan(p: Parts) -> System:
    """The code is kept from the first steps on, by whatever tells it, and then stays what it was: of the size of one number among many
    that are left to chance it becomes strokes; four times as large and at a small weight it waits for shapes. A critic with batch norm
    reads data otherwise than the samples that Q learned on."""
    p, codes = p.with_tricks("discrimination", "virtual"), (10, 2)
    critic, g = p.critic(), Loud(p.generator(sum(codes)), sum(codes), 4.0)
    q = Posterior(critic.body.features, *codes)
    return InfoGAN(p.X, g, critic, q, p.adv(objectives.one_sided()), weights=(0.1, 0.02))


def began(p: Parts) -> System:
    """A code of a quarter of the noise's numbers: a critic that can copy anything tells nothing apart. k is driven a hundred times
    faster than in the paper's 200,000 steps: in hundreds it would stay at 0, and all samples black. Diversity 1: below it samples have to
    be easier to copy than data, which sevens and ones are."""
    return BEGAN(p.X, p.generator(), p.autoencoder(max(1, p.noise // 4)), diversity=1.0, gain=0.1)


def ae(p: Parts) -> System:
    return AutoEncoder(p.X, p.generator(), init_gan(ToCode(p.body(nn.BatchNorm2d), p.noise)))


def vae(p: Parts) -> System:
    scale = 0.25  # of the errors, which the weight of the prior follows from
    kl = scale / p.X.blank(1).x.numel()
    return VAE(p.X, p.generator(), init_gan(ToCode(p.body(nn.BatchNorm2d), 2 * p.noise)), kl)


def cgan(p: Parts) -> System:
    body = convolutional.Body(p.X.channels + p.classes, p.X.size, p.width, nn.BatchNorm2d)
    critic = init_gan(Joined(Critic(body, Realism(body.features)), OneHot(p.classes)))
    return GAN(p.X, p.labelled_generator(), critic, p.adv(objectives.non_saturating))


def acgan(p: Parts) -> System:
    critic = p.critic(nn.BatchNorm2d, lambda features: AuxiliaryClass(features, p.classes))
    return ACGAN(p.X, p.labelled_generator(), critic, p.adv(objectives.non_saturating))


def projection(p: Parts) -> System:
    critic = p.critic(head=lambda features: Projection(features, p.label(features)))
    return GAN(p.X, p.labelled_generator(), spectral(critic), p.adv(objectives.hinge))


def matching_aware(p: Parts) -> System:
    critic = p.critic(nn.BatchNorm2d, lambda features: Join(features, p.label(8 * p.width)))
    return GAN(p.X, p.labelled_generator(), critic, p.adv(objectives.non_saturating))


def matching_split(p: Parts) -> System:
    critic = p.critic(nn.BatchNorm2d, lambda features: Split(features, p.label(8 * p.width)))
    return GAN(p.X, p.labelled_generator(), critic, p.adv(objectives.non_saturating))


matching_blind = matching_aware  # what differs is the data: no key `wrong`


def pix2pix(p: Parts) -> System:
    told, size = p.data["c"].domain.channels, p.X.size
    depth = max(d for d in range(1, 6) if size % 2**d == 0)
    net = init_gan(UNet(told, p.width, depth, p.X.channels))
    return GAN(p.X, Certain(net), p.patch_critic(told), p.adv(objectives.non_saturating), paired=100.0)


def spade(p: Parts) -> System:
    told = p.data["c"].domain.channels
    g = init_gan(spatial.Generator(p.X.channels, p.X.size, told, p.noise, p.width))
    return GAN(p.X, g, p.patch_critic(told), p.adv(objectives.non_saturating), paired=10.0)


def words(p: Parts) -> System:
    critic = p.critic(nn.BatchNorm2d, lambda features: Contrast(features, p.sentence(8 * p.width)))
    return ACGAN(p.X, p.told_generator(), critic, p.adv(objectives.non_saturating), fakes=0.0)


def words_matching(p: Parts) -> System:
    critic = p.critic(nn.BatchNorm2d, lambda features: Join(features, p.sentence(8 * p.width)))
    return GAN(p.X, p.told_generator(), critic, p.adv(objectives.non_saturating))


words_blind = words_matching  # what differs is the data: no key `wrong`
