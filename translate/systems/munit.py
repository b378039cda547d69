"""MUNIT: content is kept, style is drawn, so that one input has many translations (Huang 2018, arXiv:1804.04732).

Code to paper: c_a, s_a, g_a = E^c_1, E^s_1, G_1; restore, content, style, cycle = lambda_x, lambda_c, lambda_s, lambda_x of the
style-augmented cycle (section 5.1). A style is a vector [B,S], N(0, 1) before any is seen; decoders read it as their code's label.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..domain import Domain
from ..modules.cycle import Pair, labelled, restored
from ..modules.shared import same_code
from ..sample import Sample
from ..system import Losses
from .plain import Plain

STYLES = range(5)  # seeds of those that are measured and shown
SHOWN = 3  # styles that a person looks at, beside the first


class Restyle(Pair):
    """A direction: the content of one side, decoded by the other with `style` [S], or, where it is None, with a draw a row."""

    def __init__(self, content: nn.Module, decoder: nn.Module, width: int, style: Tensor | None = None):
        super().__init__(content, decoder)
        self.width, self.style = width, style

    def restyled(self, style: Tensor) -> Restyle:
        """The same networks with one style for all."""
        return Restyle(self.encoder, self.decoder, self.width, style)

    def drawn(self, seeds: Iterable[int]) -> list[Restyle]:
        """With a style a seed."""
        return [self.restyled(torch.randn(self.width, generator=torch.Generator().manual_seed(seed))) for seed in seeds]

    def forward(self, s: Sample, like: Sample | None = None) -> Sample:
        code = self.encoder(s)
        style = torch.randn(len(s), self.width, device=code.x.device) if self.style is None else self.style
        return self.decoder(labelled(code, style.to(code.x.device).expand(len(s), -1)), like=like)


class MUNIT(Plain):
    def __init__(
        self,
        A: Domain,
        B: Domain,
        c_a: nn.Module,
        c_b: nn.Module,
        s_a: nn.Module,
        s_b: nn.Module,
        g_a: nn.Module,
        g_b: nn.Module,
        d_a: nn.Module,
        d_b: nn.Module,
        width: int = 8,
        restore: float = 10.0,
        content: float = 1.0,
        style: float = 1.0,
        cycle: float = 0.0,
        **plain,
    ):
        """c: Sample -> code; s: Sample -> x [B,width]; g: code labelled with a style -> Sample."""
        super().__init__(A, B, Restyle(c_a, g_b, width), Restyle(c_b, g_a, width), d_a, d_b, **plain)
        self.c_a, self.c_b, self.s_a, self.s_b, self.g_a, self.g_b = c_a, c_b, s_a, s_b, g_a, g_b
        self.restore, self.content, self.style, self.cycle = restore, content, style, cycle

    def players(self):
        players = super().players()
        return players | {"g": [*players["g"], self.s_a, self.s_b]}

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        z_a, z_b, own_a, own_b = self.c_a(a), self.c_b(b), self.s_a(a).x, self.s_b(b).x
        drawn_a, drawn_b = torch.randn_like(own_a), torch.randn_like(own_b)
        fake_b, fake_a = self.g_b(labelled(z_a, drawn_b)), self.g_a(labelled(z_b, drawn_a))
        back_a, back_b = self.c_b(fake_b), self.c_a(fake_a)
        losses = self.deceive(fake_b, fake_a) | dict(
            restore_a=self.restore * restored(self.A.distance, self.g_a, labelled(z_a, own_a), a),  # eq. 1
            restore_b=self.restore * restored(self.B.distance, self.g_b, labelled(z_b, own_b), b),
            content_a=self.content * same_code(back_a, z_a),  # eq. 2
            content_b=self.content * same_code(back_b, z_b),
            style_a=self.style * F.l1_loss(self.s_a(fake_a).x, drawn_a),  # eq. 3
            style_b=self.style * F.l1_loss(self.s_b(fake_b).x, drawn_b),
        )
        if self.cycle:
            losses["cycle_a"] = self.cycle * restored(self.A.distance, self.g_a, labelled(back_a, own_a), a)
            losses["cycle_b"] = self.cycle * restored(self.B.distance, self.g_b, labelled(back_b, own_b), b)
        return losses

    def sample(self, a: Sample, b: Sample) -> dict[str, Sample]:
        """A column a style."""
        rows = {}
        for key, s, to, way in (("a", a, "b", self.a2b), ("b", b, "a", self.b2a)):
            rows |= {key: s, f"{key}_{to}": way(s)} | {f"{key}_{i}_{to}": way(s) for i in range(2, 2 + SHOWN)}
        return rows

    def style_of(self, side: str, s: Sample) -> Tensor:
        """[B,width]"""
        return {"a": self.s_a, "b": self.s_b}[side](s).x
