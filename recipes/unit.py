"""UNIT on any two collections of one kind: one latent space under both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipes.translation import NONE, Objective, Parts, translation

if TYPE_CHECKING:
    from translate.recipe import Recipe


def unit(
    a: str = "photos",
    b: str = "vangogh",
    restore: float | None = None,
    cycle: float | None = None,
    kl: float = 0.01,
    pairs: float | None = None,
    adv: Objective = "least_squares",
    queue: int = 0,
    penalty: float = 0.0,
    ema: float = 0.999,
    **numbers,
) -> Recipe:
    """Translate between two collections through a code that both sides share. UNIT, arXiv:1703.00848.

    An encoder and a decoder a side, the layers next to the code the same ones: scripts/unit.py --a photos --b vangogh

    Args:
        a: one collection, as for scripts/cyclegan.py.
        b: the other.
        restore: weight of each side's auto-encoder; that of the cycle where left out.
        cycle: weight of cycle consistency.
        kl: weight of the codes' divergence from the standard normal, nats a number.
        pairs: weight of pseudo-pairs, as for scripts/cyclegan.py.
        adv: adversarial objective.
        queue: items whose statistics a critic remembers beside the batch's; 0: none (UVCGANv2, arXiv:2303.16280, has 3).
        penalty: weight of the critics' slope between data and fakes (UVCGANv2: 0.01).
        ema: share of the averaged weights that a step keeps (UVCGANv2: 0.9999).
    """
    own = dict(restore=restore, cycle=cycle, kl=kl, pairs=pairs, adv=adv, queue=queue, penalty=penalty, ema=ema)

    def system(p: Parts):
        from translate.systems.unit import UNIT

        weights = p.numbers("restore", "cycle", "kl", "penalty")
        return UNIT(p.A, p.B, *p.sharing_halves(), *p.critics(), **weights, **p.pseudo_pairs(), **p.adversarial())

    paper = "Liu et al. 2017, arXiv:1703.00848"
    return translation("UNIT", paper, system, own, a, b, generator=NONE, **numbers)
