"""CycleGAN's training step at the defaults of its widely used implementation (Zhu 2017, arXiv:1703.10593).

ResNet-9 generators and PatchGAN critics of 64 channels, stock instance norm behind convolutions that have a bias, reflection pads of
their own, identity loss, a pool of 50 fakes on the host's side, Adam as it comes, float32. Code to paper: g_a = G, g_b = F,
d_a = D_Y, d_b = D_X.
"""

from __future__ import annotations

import itertools
import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        half = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
        again = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels)]
        self.layers = nn.Sequential(*half, nn.ReLU(True), *again)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def generator(width: int = 64, blocks: int = 9) -> nn.Sequential:
    def normed(conv: nn.Module, channels: int) -> list[nn.Module]:
        return [conv, nn.InstanceNorm2d(channels), nn.ReLU(True)]

    layers = [nn.ReflectionPad2d(3), *normed(nn.Conv2d(3, width, 7), width)]
    for c in (width, 2 * width):
        layers += normed(nn.Conv2d(c, 2 * c, 3, 2, 1), 2 * c)
    layers += [Block(4 * width) for _ in range(blocks)]
    for c in (4 * width, 2 * width):
        layers += normed(nn.ConvTranspose2d(c, c // 2, 3, 2, 1, 1), c // 2)
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def critic(width: int = 64, layers: int = 3) -> nn.Sequential:
    stack, c = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)], width
    for i in range(layers):
        o = min(2 * c, 8 * width)
        stack += [nn.Conv2d(c, o, 4, 2 if i < layers - 1 else 1, 1), nn.InstanceNorm2d(o), nn.LeakyReLU(0.2, True)]
        c = o
    return nn.Sequential(*stack, nn.Conv2d(c, 1, 4, 1, 1))


class HostPool:
    """Pictures one by one, chosen by the host's random numbers."""

    def __init__(self, size: int = 50):
        self.size, self.kept = size, []

    def __call__(self, fakes: Tensor) -> Tensor:
        out = []
        for fake in fakes.detach():
            fake = fake[None]
            if len(self.kept) < self.size:
                self.kept.append(fake)
                out.append(fake)
            elif random.uniform(0, 1) > 0.5:
                i = random.randint(0, self.size - 1)
                out.append(self.kept[i].clone())
                self.kept[i] = fake
            else:
                out.append(fake)
        return torch.cat(out)


class Step:
    """Called with pictures of both sides, [B,3,H,W] in [-1, 1]; returns its loss terms by our names."""

    def __init__(
        self, device: torch.device, width: int = 64, blocks: int = 9, cycle: float = 10.0, identity: float = 5.0
    ):
        self.g_a, self.g_b = (generator(width, blocks).to(device) for _ in range(2))
        self.d_a, self.d_b = (critic(width).to(device) for _ in range(2))
        self.cycle, self.identity = cycle, identity
        self.pool_a, self.pool_b = HostPool(), HostPool()
        how = dict(lr=2e-4, betas=(0.5, 0.999))
        self.adam_g = torch.optim.Adam(itertools.chain(self.g_a.parameters(), self.g_b.parameters()), **how)
        self.adam_d = torch.optim.Adam(itertools.chain(self.d_a.parameters(), self.d_b.parameters()), **how)

    def networks(self) -> tuple[nn.Module, ...]:
        return self.g_a, self.g_b, self.d_b, self.d_a

    def __call__(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        fake_b = self.g_a(a)
        rec_a = self.g_b(fake_b)
        fake_a = self.g_b(b)
        rec_b = self.g_a(fake_a)
        self._train_critics(False)
        self.adam_g.zero_grad()
        terms = dict(
            identity_b=F.l1_loss(self.g_a(b), b) * self.identity,
            identity_a=F.l1_loss(self.g_b(a), a) * self.identity,
            adv_b=_towards(self.d_a(fake_b), 1.0),
            adv_a=_towards(self.d_b(fake_a), 1.0),
            cycle_a=F.l1_loss(rec_a, a) * self.cycle,
            cycle_b=F.l1_loss(rec_b, b) * self.cycle,
        )
        sum(terms.values()).backward()
        self.adam_g.step()
        self._train_critics(True)
        self.adam_d.zero_grad()
        terms["d_b"] = self._judge(self.d_a, b, self.pool_b(fake_b))
        terms["d_a"] = self._judge(self.d_b, a, self.pool_a(fake_a))
        self.adam_d.step()
        return terms

    def _judge(self, d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        loss = (_towards(d(real), 1.0) + _towards(d(fake.detach()), 0.0)) * 0.5
        loss.backward()
        return loss

    def _train_critics(self, wanted: bool) -> None:
        for d in (self.d_a, self.d_b):
            d.requires_grad_(wanted)


def _towards(scores: Tensor, target: float) -> Tensor:
    return F.mse_loss(scores, torch.full((), target, device=scores.device).expand_as(scores))
