"""The pretext of UVCGAN: translators first learn to fill in what is missing (Torbunov 2022, arXiv:2203.02557, section 3.2).

What it leaves behind is for another method on the same data and networks to start from.
"""

from __future__ import annotations

from torch import nn

from ..domain import Domain
from ..errors import UserError
from ..modules.cycle import restored
from ..modules.hidden import hidden
from ..sample import Sample
from ..system import Losses, System, Update


class Inpainting(System):
    """Both directions fill in items of both sides: they will read one and write the other. share: of an item that is hidden."""

    updates = (Update("g"),)

    def __init__(self, A: Domain, B: Domain, a2b: nn.Module, b2a: nn.Module, share: float = 0.4):
        super().__init__()
        if A.kind != B.kind:
            raise UserError(f"filling in needs one kind of items, not {A.kind} and {B.kind}: train without it")
        self.A, self.B, self.a2b, self.b2a, self.share = A, B, a2b, b2a, share

    def players(self):
        return {"g": [self.a2b, self.b2a]}

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        gaps_a, gaps_b = hidden(a, self.share), hidden(b, self.share)
        return dict(
            a2b_a=restored(self.A.distance, self.a2b, gaps_a, a),
            a2b_b=restored(self.B.distance, self.a2b, gaps_b, b),
            b2a_a=restored(self.A.distance, self.b2a, gaps_a, a),
            b2a_b=restored(self.B.distance, self.b2a, gaps_b, b),
        )

    def sample(self, a: Sample, b: Sample) -> dict[str, Sample]:
        """Beside what translators make of whole items, what they make of gaps."""
        gaps_a, gaps_b = hidden(a, self.share), hidden(b, self.share)
        return dict(
            a=a, a_b=self.a2b(a), a_gaps=gaps_a, a_filled=self.a2b(gaps_a),
            b=b, b_a=self.b2a(b), b_gaps=gaps_b, b_filled=self.b2a(gaps_b),
        )  # fmt: skip

    def translator(self, to: str) -> nn.Module:
        return {"a": self.b2a, "b": self.a2b}[to]
