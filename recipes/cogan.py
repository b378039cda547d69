"""CoGAN on any two collections of one kind: pairs out of one noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipes.translation import NONE, Objective, Parts, translation

if TYPE_CHECKING:
    from translate.recipe import Recipe


def cogan(
    a: str = "photos",
    b: str = "vangogh",
    noise: int = 100,
    descent: int = 30,
    batch: int = 32,
    lr: float = 1e-3,
    adv: Objective = "non_saturating",
    **numbers,
) -> Recipe:
    """Draw pairs, one item of each collection, out of one noise; translate by looking for an input's noise. CoGAN, arXiv:1606.07536.

    Two generators whose first layers are shared, two critics whose last layers are: scripts/cogan.py --a photos --b vangogh

    Args:
        a: one collection, as for scripts/cyclegan.py.
        b: the other.
        noise: numbers that an item is made from.
        descent: steps of the search for an input's noise, from an encoder's guess; 0: the guess.
        batch: items of each side a step, over all processes.
        lr: learning rate of Adam; falls to zero over the second half.
        adv: adversarial objective.
    """
    from translate.errors import at_least

    at_least(1, noise=noise)
    own = dict(noise=noise, descent=descent, adv=adv)

    def system(p: Parts):
        from translate.systems.cogan import CoGAN

        return CoGAN(p.A, p.B, *p.from_noise(), descent=descent, **p.adversarial())

    return translation(
        "CoGAN", "Liu et al. 2016, arXiv:1606.07536", system, own, a, b, batch=batch, lr=lr,
        generator=NONE, critic=NONE, layers=NONE, scales=NONE, spectral=NONE, diffaugment=NONE, **numbers,
    )  # fmt: skip
