"""Networks, judge and view of recipes/points.py."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from domains.points import Mixture, modes_found
from recipes import models
from translate.nets import mlp
from translate.sample import Sample
from translate.systems.generative import Generative

SAMPLES = 2500


class Parts(models.Parts):
    """Fully connected ones, for points; norms are left out."""

    line: nn.Module | None = None  # a generator in place of the network
    slope = 0.1  # as in the code of WGAN-GP's authors for points: held to a slope of 1, a critic tells few modes apart

    def generator(self, more: int = 0) -> nn.Module:
        return self.line or self.decoder(self.noise + more)

    def decoder(self, code: int, norm=None) -> nn.Module:
        return mlp.Generator((2,), code, 4 * self.width, bounded=False)

    def body(self, norm=None, pack: int = 1, **kw) -> mlp.Body:
        return mlp.Body(2 * pack, 4 * self.width)

    dense_generator = generator

    def critic(self, norm=None, head=models.Realism, **kw) -> models.Critic:
        body = self.body(norm, pack=self.pack, **kw)
        return models.Critic(body, self.informed(body.features, head))

    dense_critic = critic


class Line(nn.Module):
    """Points (theta, u), u uniform on [0, 1]: the line that has to find x = 0 (arXiv:1701.07875, example 1)."""

    noise = 1

    def __init__(self, theta: float = 2.0):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta))

    def forward(self, z: Sample, like: Sample | None = None) -> Sample:
        u = torch.special.ndtr(z.x[:, 0])
        return Sample(torch.stack([self.theta.expand_as(u), u], 1))


def watched(system: Generative) -> Generative:
    """Shows a cloud of samples, the critic's scores on a grid where it scores single points, and beside them the optimal critic's."""
    system.shown = 500

    def sample(x: Sample) -> dict[str, Sample]:
        rows = dict(x_real=x, x_samples=system.draw(len(x)))
        axis = torch.linspace(-system.X.extent, system.X.extent, 60, device=x.x.device)
        grid = torch.cartesian_prod(axis, axis)
        if getattr(system, "together", 0) == 1:
            rows["x_critic"] = Sample(torch.cat([grid, system.d(Sample(grid))[0]], 1))
        optimal = optimal_critic(*(s.x.cpu() for s in (rows["x_real"], rows["x_samples"])))
        with torch.no_grad():
            rows["x_optimal"] = Sample(torch.cat([grid, optimal(grid.cpu()).sigmoid().to(grid)], 1))
        return rows

    system.sample = sample
    return system


class PointJudge:
    """Of a mixture: the modes found; their KL from the uniform selects. Of the lines: how far they are apart, which selects, and
    what two kinds of critics say of it."""

    def __init__(self, x: Mixture):
        self.x = x
        self.criterion = "the distance" if x.modes is None else "the lowest KL of the modes found from the uniform"

    def load(self) -> None:
        """Nothing: densities are known."""

    def __call__(self, system: Generative, data: dict) -> dict[str, float]:
        fake = system.draw(SAMPLES).x.cpu()
        if self.x.modes is not None:
            found, good, kl = modes_found(fake, self.x.modes, self.x.deviation)
            # samples that belong to no mode cost too: nats of a share that lies elsewhere
            return {"score": kl - math.log(max(good, 1e-6)), "modes": found, "high quality": good, "KL": kl}
        real = self.x.preview(SAMPLES).x
        accuracy, divergence = classified(real, fake)
        distance = fake[:, 0].abs().mean().item()
        scores = {"score": distance, "distance": distance, "accuracy": accuracy, "JS": divergence}
        if hasattr(system, "adv"):
            device = next(system.parameters()).device
            values = [system.d(Sample(x.to(device)))[0].mean().item() for x in (real, fake)]
            scores["critic's difference"] = (
                values[0] - values[1]
            )  # the Wasserstein distance, where it is held to slope 1
        return scores


def optimal_critic(real: Tensor, fake: Tensor, steps: int = 200) -> nn.Module:
    """[N,2] -> [N,1]: the logit of p / (p + p_g) (Goodfellow 2014, proposition 1), by a classifier trained on these points to its end."""
    real, fake = real.detach(), fake.detach()
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
        adam = torch.optim.Adam(net.parameters(), lr=1e-2)
        for _ in range(steps):
            loss = F.softplus(-net(real)).mean() + F.softplus(net(fake)).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
    return net


def classified(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """(the optimal critic's accuracy, the Jensen-Shannon divergence in nats from below): log 2 - (its two losses) / 2."""
    net = optimal_critic(real, fake)
    with torch.no_grad():
        scores = net(real), net(fake)
        right = ((scores[0] > 0).double().mean() + (scores[1] < 0).double().mean()) / 2
        loss = F.softplus(-scores[0]).mean() + F.softplus(scores[1]).mean()
    return right.item(), math.log(2) - loss.item() / 2
