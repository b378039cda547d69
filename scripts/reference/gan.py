"""The steps of the widely used DCGAN (arXiv:1511.06434) and WGAN-GP (arXiv:1704.00028) implementations on pictures of 64 pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def generator(width: int = 64, noise: int = 100) -> nn.Sequential:
    layers, i = [], noise
    for k in (8, 4, 2, 1):
        stride, pad = (1, 0) if i == noise else (2, 1)
        layers += [
            nn.ConvTranspose2d(i, k * width, 4, stride, pad, bias=False),
            nn.BatchNorm2d(k * width),
            nn.ReLU(True),
        ]
        i = k * width
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())


def critic(width: int = 64, normed: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for k in (1, 2, 4):
        layers.append(nn.Conv2d(k * width, 2 * k * width, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(2 * k * width)] if normed else []
        layers.append(nn.LeakyReLU(0.2, True))
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False))


class DCGAN:
    """The fake of the critic's loss is the generator's too; the critic's weights get a gradient from the generator's loss, unused."""

    def __init__(self, device: torch.device):
        self.g, self.d = generator().to(device), critic().to(device)
        how = dict(lr=2e-4, betas=(0.5, 0.999))
        self.adam_g, self.adam_d = (torch.optim.Adam(net.parameters(), **how) for net in (self.g, self.d))

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        real, fake = torch.ones(len(x), device=x.device), torch.zeros(len(x), device=x.device)
        self.d.zero_grad()
        on_real = self._loss(x, real)
        on_real.backward()
        picture = self.g(torch.randn(len(x), 100, 1, 1, device=x.device))
        on_fake = self._loss(picture.detach(), fake)
        on_fake.backward()
        self.adam_d.step()
        self.g.zero_grad()
        adv = self._loss(picture, real)
        adv.backward()
        self.adam_g.step()
        return dict(d_x=on_real + on_fake, adv_x=adv)

    def _loss(self, x: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(torch.sigmoid(self.d(x)).view(-1), target)


class WGANGP:
    """Five steps of the critic, slopes at random points between real and fake, to one of the generator."""

    def __init__(self, device: torch.device):
        self.g, self.d = generator().to(device), critic(normed=False).to(device)
        how = dict(lr=1e-4, betas=(0.0, 0.9))
        self.adam_g, self.adam_d = (torch.optim.Adam(net.parameters(), **how) for net in (self.g, self.d))

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """The same pictures for all five."""
        terms = [self.judge(x) for _ in range(5)]
        return terms[0] | self.draw(len(x))

    def judge(self, x: Tensor) -> dict[str, Tensor]:
        self.d.zero_grad()
        fake = self.g(torch.randn(len(x), 100, 1, 1, device=x.device)).detach()
        share = torch.rand(len(x), 1, 1, 1, device=x.device)
        between = (share * x + (1 - share) * fake).requires_grad_()
        scores = self.d(between)
        (slope,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True)
        penalty = 10.0 * ((slope.view(len(x), -1).norm(2, dim=1) - 1) ** 2).mean()
        loss = self.d(fake).mean() - self.d(x).mean()
        (loss + penalty).backward()
        self.adam_d.step()
        return dict(d_x=loss, penalty_gradient=penalty)

    def draw(self, n: int) -> dict[str, Tensor]:
        self.g.zero_grad()
        loss = -self.d(self.g(torch.randn(n, 100, 1, 1, device=next(self.g.parameters()).device))).mean()
        loss.backward()
        self.adam_g.step()
        return dict(adv_x=loss)
