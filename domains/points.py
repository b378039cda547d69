"""Points of the plane: small worlds in which everything about a generator can be seen and counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from translate.errors import UserError
from translate.sample import Sample


@dataclass
class Points:
    """x [B,2]. extent: half the side of the square that is drawn."""

    extent: float = 3.0
    suffixes = ()
    kind = "points of the plane"

    def spec(self) -> dict:
        return {"domain": "points", "extent": self.extent}

    def collate(self, items: list[Sample]) -> Sample:
        return Sample(torch.stack([s.x for s in items]))

    def normalise(self, s: Sample) -> Sample:
        return s

    def denormalise(self, s: Sample) -> Sample:
        return s

    def blank(self, n: int) -> Sample:
        return Sample(torch.zeros(n, 2))

    def relax(self, s: Sample) -> Sample:
        return s

    def harden(self, s: Sample) -> Sample:
        return s

    def distance(self, pred: Sample, target: Sample) -> Tensor:
        return F.l1_loss(pred.x.float(), target.x)

    def preview(self, rows: dict[str, Sample], stem: Path) -> list[Path]:
        """Data and samples; behind them what a critic says of each place, a panel each: rows `critic`, its scores, and `optimal`, the share
        of data there, of points [side**2,3] with that number, as far as they are given."""
        from matplotlib.figure import Figure

        fields = {"critic": "critic", "optimal": "optimal critic, p / (p + p of samples)"}
        shown = [name for name in fields if name in rows] or [""]
        figure = Figure((5.5 * len(shown), 5), dpi=110)
        for axes, drawn in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown):
            if drawn:
                x, y, score = rows[drawn].x.T.reshape(3, *[round(len(rows[drawn]) ** 0.5)] * 2).float().numpy()
                filled = axes.contourf(x, y, score, 20, cmap="RdYlBu_r", alpha=0.6)
                figure.colorbar(filled, ax=axes, fraction=0.046, label=fields[drawn])
            for name, s in rows.items():
                if name not in fields:
                    colour = "black" if name == "real" else "tab:green"
                    axes.scatter(*s.x.float().T.numpy(), s=5, label=name, c=colour, alpha=0.5, linewidths=0)
            axes.set(xlim=(-self.extent, self.extent), ylim=(-self.extent, self.extent), aspect="equal")
            axes.legend(loc="upper right")
        figure.tight_layout()
        path = stem.with_suffix(".png")
        figure.savefig(path)
        return [path]


@dataclass
class Mixture:
    """A Source: Gaussians of one deviation around modes [K,2], each as likely, or, where modes is None, a line at x = 0.

    Row i is a function of (seed, i).
    """

    domain: Points
    name: str
    modes: Tensor | None
    deviation: float = 0.05
    seed: int = 0
    labels: Tensor | None = field(default=None, init=False)

    @property
    def protocol(self) -> str:
        return f"{self.name}: drawn from its density, no end to it"

    def rows(self, indices: range) -> Sample:
        philox = np.random.Philox(key=self.seed).advance(
            indices.start
        )  # four numbers a step of its counter: four a row
        u = torch.from_numpy(np.random.Generator(philox).random((len(indices), 4))).float()
        if self.modes is None:
            return Sample(torch.stack([torch.zeros(len(u)), u[:, 0]], 1))
        radius, angle = (-2 * (1 - u[:, 1]).log()).sqrt(), 2 * torch.pi * u[:, 2]  # Box and Muller
        normal = radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
        return Sample(self.modes[(u[:, 0] * len(self.modes)).long()] + self.deviation * normal)

    def preview(self, n: int) -> Sample:
        return self.rows(range(2**40, 2**40 + n))  # rows that training does not come to


def world(name: str, seed: int = 0) -> Mixture:
    """ring8 and grid25 as in PacGAN (Lin 2018, arXiv:1712.04086, section 4.1), and one of the two disjoint lines of WGAN
    (Arjovsky 2017, arXiv:1701.07875, example 1): the other one is the generator."""
    angles = torch.arange(8) * torch.pi / 4
    axis = torch.linspace(-2, 2, 5)
    worlds = {
        "ring8": Mixture(Points(1.6), name, torch.stack([angles.cos(), angles.sin()], 1), 0.02, seed),
        "grid25": Mixture(Points(3.0), name, torch.cartesian_prod(axis, axis), 0.05, seed),
        "lines": Mixture(Points(2.5), name, None, 0.0, seed),
    }
    if name not in worlds:
        raise UserError(f"--data {name}: the small worlds are {', '.join(worlds)}")
    return worlds[name]


def modes_found(x: Tensor, modes: Tensor, deviation: float) -> tuple[int, float, float]:
    """(modes with a sample within three deviations, share of such samples, KL of their modes from the uniform in nats), of x [N,2]
    (PacGAN, section 4.1)."""
    distance, nearest = torch.cdist(x, modes).min(1)
    good = distance <= 3 * deviation
    if not good.any():
        return 0, 0.0, float(np.log(len(modes)))
    share = torch.bincount(nearest[good], minlength=len(modes)).double() / good.sum()
    kl = torch.special.xlogy(share, share * len(modes)).sum().item()
    return int((share > 0).sum()), good.double().mean().item(), kl
