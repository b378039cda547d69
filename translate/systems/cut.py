"""CUT: no way back, but each patch of the output says which patch of the input it was (Park 2020, arXiv:2007.15651).

One-sided: a direction and its critic need nothing of the other, and both are trained side by side. Code to paper: c_a2b = H of the
direction a to b, contrast = lambda_X, identity = lambda_Y (eq. 5); FastCUT: contrast 10, identity 0.
"""

from __future__ import annotations

from ..modules.contrast import PatchContrast
from ..sample import Sample
from ..system import Losses
from .plain import Plain


class CUT(Plain):
    """Of translators with an `encoder` whose maps keep the places of the input: pictures."""

    def __init__(
        self,
        *networks,
        c_a2b: PatchContrast,
        c_b2a: PatchContrast,
        contrast: float = 1.0,
        identity: float = 1.0,
        **plain,
    ):
        super().__init__(*networks, **plain)
        self.c_a2b, self.c_b2a = c_a2b, c_b2a
        self.contrast, self.identity = contrast, identity

    def players(self):
        players = super().players()
        return players | {"g": [*players["g"], self.c_a2b, self.c_b2a]}

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        fake_b, fake_a = self.a2b(a), self.b2a(b)
        losses = self.deceive(fake_b, fake_a) | dict(
            contrast_a=self.contrast * self.c_a2b(self.a2b.encoder, fake_b, a),
            contrast_b=self.contrast * self.c_b2a(self.b2a.encoder, fake_a, b),
        )
        if self.identity:  # what is there already stays: section 3.3
            losses["identity_a"] = self.identity * self.c_b2a(self.b2a.encoder, self.b2a(a), a)
            losses["identity_b"] = self.identity * self.c_a2b(self.a2b.encoder, self.a2b(b), b)
        return losses
