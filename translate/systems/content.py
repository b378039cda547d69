"""Content kept by a frozen encoder: what goes in and what comes out are pulled together in its features (perceptual losses: Johnson
2016, arXiv:1603.08155, section 3.1; in place of a cycle: Taigman 2017, arXiv:1611.02200, f-constancy).

Code to paper: see = phi, f.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from ..modules.cycle import restored
from ..modules.shared import same_code
from ..sample import Sample
from ..system import Losses, Update
from .plain import Plain


class Content(Plain):
    """see: Sample -> its features as a code, a network without parameters; or the encoder of an auto-encoder of both sides whose
    decoder is `show`: it learns for the first `warm` steps, and is frozen from there on."""

    def __init__(
        self, *networks, see: nn.Module, show: nn.Module | None = None, content: float = 1.0, warm: int = 0, **plain
    ):
        super().__init__(*networks, **plain)
        self.see, self.show, self.content = see, show, content
        if show is not None:
            self.updates = (Update("e", stop=warm), *(replace(update, start=warm) for update in self.updates))

    def players(self):
        return super().players() | ({} if self.show is None else {"e": [self.see, self.show]})

    def loss_e(self, a: Sample, b: Sample) -> Losses:
        return dict(
            restore_a=restored(self.A.distance, self.show, self.see(a), a),
            restore_b=restored(self.B.distance, self.show, self.see(b), b),
        )

    def loss_g(self, a: Sample, b: Sample) -> Losses:
        fake_b, fake_a = self.a2b(a), self.b2a(b)
        return self.deceive(fake_b, fake_a) | dict(
            content_a=self.content * same_code(self.see(fake_b), self.see(a).detach()),
            content_b=self.content * same_code(self.see(fake_a), self.see(b).detach()),
        )
