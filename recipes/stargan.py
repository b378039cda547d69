"""StarGAN between any number of collections of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from recipes.translation import Parts, translation

if TYPE_CHECKING:
    from translate.recipe import Recipe


def stargan(
    a: str = "photos",
    b: str = "vangogh",
    domains: list[str] | None = None,
    cycle: float | None = None,
    identity: float | None = None,
    named: float = 1.0,
    adv: Literal["hinge", "least_squares", "non_saturating", "wasserstein"] = "hinge",
    penalty: float = 0.0,
    critic_steps: int = 1,
    warm: float | None = None,
    **numbers,
) -> Recipe:
    """Translate between any number of collections with one generator, which is told what is wanted. StarGAN, arXiv:1711.09020.

    Voices: scripts/stargan.py --domains anna/ boris/ chloe/, then scripts/convert.py RUN --source anna --to boris INPUT OUTPUT
    The paper's objective: --adv wasserstein --penalty 10 --critic_steps 5

    Args:
        a: one collection, as for every method.
        b: the other.
        domains: in their place two collections or more, in the same words; each is called by its name.
        cycle: weight of what came back (lambda_rec).
        identity: weight of leaving alone what is of the wanted domain already (StarGAN-VC).
        named: weight of the class: of what is real to the critic, of what is wanted to the generator (lambda_cls).
        adv: adversarial objective.
        penalty: weight of the critic's gradient penalty (WGAN-GP).
        critic_steps: of the critic to one of the generator.
        warm: share of the steps ahead of the cycle, in which the generator learns what each domain becomes; of pictures a third.
    """
    from translate.errors import at_least, fraction

    at_least(1, critic_steps=critic_steps)
    fraction(warm=warm)

    def system(p: Parts):
        from translate.modules.conditional import Naming
        from translate.systems.stargan import StarGAN

        n = len(p.domains)
        how = p.numbers("cycle", "identity", "named", "penalty", "critic_steps")
        how["warm"] = round(p.n["warm"] * p.n["steps"])
        g, d = p.direction(p.A, p.A, styles=n), Naming(p.critic(p.A, classes=n), n)
        return StarGAN(p.domains, g, d, **how, **p.adversarial())

    own = dict(
        cycle=cycle, identity=identity, named=named, adv=adv, penalty=penalty, critic_steps=critic_steps, warm=warm
    )
    return translation(
        "StarGAN", "Choi et al. 2018, arXiv:1711.09020", system, own, domains or a, None if domains else b, **numbers
    )
