"""The methods of recipes/train.py that have no command of their own, a recipe each.

A further one is a function here and a line there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recipes.translation import NONE, Objective, Parts, translation

if TYPE_CHECKING:
    from translate.recipe import Recipe


def plain(
    a: str = "photos",
    b: str = "vangogh",
    adv: Objective = "least_squares",
    **numbers,
) -> Recipe:
    """Two translators and two critics, nothing else: the baseline, which may give one output whatever the input.

    Args:
        a: one collection, as for every method.
        b: the other.
        adv: adversarial objective.
    """

    def system(p: Parts):
        from translate.systems.plain import Plain

        return Plain(p.A, p.B, *p.networks(), **p.adversarial())

    paper = "the baseline of Zhu et al. 2017, arXiv:1703.10593"
    return translation("Plain G + D", paper, system, dict(adv=adv), a, b, **numbers)


def discogan(a: str = "photos", b: str = "vangogh", cycle: float | None = None, **numbers) -> Recipe:
    """The cycle in squared error, beside logistic critics. DiscoGAN, arXiv:1703.05192.

    Args:
        a: one collection, as for every method.
        b: the other.
        cycle: weight of what came back: of sentences nats a word, else squared error.
    """

    def system(p: Parts):
        from translate.adv import non_saturating
        from translate.modules.cycle import squared
        from translate.systems.cyclegan import CycleGAN

        how = dict(adv=non_saturating, cycle=p.n["cycle"], identity=0.0)
        distance = squared if p.A.blank(1).mask is None else None  # words have a mask, and no squared error
        return CycleGAN(p.A, p.B, *p.networks(), distance=distance, **how, **p.replay())

    return translation("DiscoGAN", "Kim et al. 2017, arXiv:1703.05192", system, dict(cycle=cycle), a, b, **numbers)


def dualgan(
    a: str = "photos",
    b: str = "vangogh",
    cycle: float | None = None,
    clip: float = 0.01,
    critic_steps: int = 2,
    **numbers,
) -> Recipe:
    """The cycle beside Wasserstein critics of clipped weights. DualGAN, arXiv:1704.02510.

    Args:
        a: one collection, as for every method.
        b: the other.
        cycle: weight of what came back.
        clip: the largest weight of a critic.
        critic_steps: of the critics to one of the translators.
    """
    from translate.errors import at_least

    at_least(1, critic_steps=critic_steps)

    def system(p: Parts):
        from translate.adv import wasserstein
        from translate.penalty import clipped
        from translate.systems.cyclegan import CycleGAN

        a2b, b2a, *critics = p.networks()
        critics = [clipped(critic, clip) for critic in critics]
        how = dict(adv=wasserstein, cycle=p.n["cycle"], identity=0.0, critic_steps=critic_steps)
        return CycleGAN(p.A, p.B, a2b, b2a, *critics, **how, **p.replay())

    own = dict(cycle=cycle, clip=clip, critic_steps=critic_steps)
    return translation("DualGAN", "Yi et al. 2017, arXiv:1704.02510", system, own, a, b, **numbers)


def cut(
    a: str = "photos",
    b: str = "vangogh",
    contrast: float = 1.0,
    nce_identity: float = 1.0,
    patches: int = 256,
    adv: Objective = "least_squares",
    **numbers,
) -> Recipe:
    """Of pictures, without a way back: each patch of the output says which one of the input it was. CUT, arXiv:2007.15651.

    FastCUT: --contrast 10 --nce_identity 0. Both directions are trained side by side; neither needs the other.

    Args:
        a: one collection of pictures.
        b: the other.
        contrast: weight of the patch contrast between input and output (lambda_X).
        nce_identity: weight of the same for pictures that are of the wanted side already (lambda_Y).
        patches: places of a picture that are compared.
        adv: adversarial objective.
    """
    from translate.errors import UserError, at_least

    at_least(2, patches=patches)

    def system(p: Parts):
        from translate.modules.contrast import PatchContrast
        from translate.systems.cut import CUT

        if p.A.spec()["domain"] != "images":
            raise UserError(
                "cut compares places of pictures: for other files give another method, train.py --help lists them"
            )
        a2b, b2a, *critics = p.networks()
        if not hasattr(a2b, "encoder"):
            raise UserError(
                f"--generator {p.n['generator']}: cut reads the generator's encoder; give resnet or residual"
            )
        c_a2b, c_b2a = (PatchContrast(net.encoder, p.A.channels, 2 * p.n["width"], patches) for net in (a2b, b2a))
        how = dict(c_a2b=c_a2b, c_b2a=c_b2a, contrast=contrast, identity=nce_identity)
        return CUT(p.A, p.B, a2b, b2a, *critics, **how, **p.adversarial())

    own = dict(contrast=contrast, nce_identity=nce_identity, patches=patches, adv=adv)
    return translation("CUT", "Park et al. 2020, arXiv:2007.15651", system, own, a, b, **numbers)


def aligned(
    a: str = "photos",
    b: str = "vangogh",
    critic_z: float = 0.1,
    critic_steps: int = 1,
    **numbers,
) -> Recipe:
    """An auto-encoder a side, shared next to the code; a critic of codes and the encoders, which make codes alike, take turns. After arXiv:1705.09655.

    Args:
        a: one collection, as for every method.
        b: the other.
        critic_z: weight of what the critic of codes says.
        critic_steps: of that critic to one of the auto-encoders.
    """
    from translate.errors import at_least

    at_least(1, critic_steps=critic_steps)

    def system(p: Parts):
        from translate.systems.aligned import Aligned

        halves = p.sharing_halves()
        critic = p.latent_critic(halves[0])
        return Aligned(p.A, p.B, *halves, critic, critic=critic_z, critic_steps=critic_steps)

    own = dict(critic_z=critic_z, critic_steps=critic_steps)
    return translation(
        "Aligned codes", "after Shen et al. 2017, arXiv:1705.09655", system, own, a, b,
        generator=NONE, critic=NONE, layers=NONE, scales=NONE, spectral=NONE, diffaugment=NONE, pool=NONE, **numbers,
    )  # fmt: skip


def crossaligned(
    a: str = "old",
    b: str = "modern",
    critic_z: float = 0.1,
    critic_steps: int = 1,
    **numbers,
) -> Recipe:
    """Of sentences: auto-encoders whose decoders go through the same states for a translation as for a sentence of their own. arXiv:1705.09655.

    scripts/train.py crossaligned --a old --b modern

    Args:
        a: one style: a text file with a sentence a line, as for every method.
        b: the other.
        critic_z: weight of what the critics of states say.
        critic_steps: of those critics to one of the auto-encoders.
    """
    from translate.errors import at_least

    at_least(1, critic_steps=critic_steps)

    def system(p: Parts):
        from translate.errors import UserError
        from translate.modules.shared import LatentCritic
        from translate.systems.aligned import CrossAligned

        if p.A.spec()["domain"] != "tokens":
            raise UserError("crossaligned compares how sentences are written: for other files take the method aligned")
        critics = {f"d_{side}": LatentCritic(p.n["width"], 2 * p.n["width"]) for side in "ab"}
        encoders, decoders = p.halves()
        return CrossAligned(p.A, p.B, *encoders, *decoders, **critics, critic=critic_z, critic_steps=critic_steps)

    own = dict(critic_z=critic_z, critic_steps=critic_steps)
    return translation(
        "Cross-aligned auto-encoders", "Shen et al. 2017, arXiv:1705.09655", system, own, a, b,
        generator=NONE, critic=NONE, layers=NONE, scales=NONE, spectral=NONE, diffaugment=NONE, pool=NONE, **numbers,
    )  # fmt: skip


def arae(
    a: str = "old",
    b: str = "modern",
    noise: int = 100,
    critic_z: float = 0.1,
    critic_steps: int = 5,
    match: float = 1.0,
    blur: float = 0.05,
    clip: float = 0.01,
    lr: float = 1e-3,
    **numbers,
) -> Recipe:
    """Auto-encoders whose codes, vectors, are those that a generator draws out of noise, and of both sides alike. ARAE, arXiv:1706.04223.

    scripts/train.py arae --a old --b modern

    Args:
        a: one style: a text file with a sentence a line, or other files, as for every method.
        b: the other.
        noise: numbers of a code, and of the noise that codes are drawn from.
        critic_z: weight of what the critic says that tells the sides' codes apart.
        critic_steps: of the critics to one of the auto-encoders.
        match: weight of what the critic says that tells codes from drawn ones.
        blur: deviation of the noise on a code ahead of its decoder.
        clip: the largest weight of that critic.
        lr: learning rate of Adam; falls to zero over the second half.
    """
    from translate.errors import at_least

    at_least(1, noise=noise, critic_steps=critic_steps)

    def system(p: Parts):
        from translate.modules.conditional import Critic, Realism
        from translate.modules.noise import OnSphere
        from translate.nets.mlp import Body, Generator
        from translate.penalty import clipped
        from translate.systems.arae import ARAE

        bodies = (Body(noise, 2 * p.n["width"]) for _ in range(2))
        d_z, d_prior = (Critic(body, Realism(body.features)) for body in bodies)
        prior = OnSphere(Generator((noise,), noise, 2 * p.n["width"], bounded=False))
        codes = dict(prior=prior, d_prior=clipped(d_prior, clip), match=match, blur=blur)
        return ARAE(p.A, p.B, *p.vectors(), d_z, critic=critic_z, critic_steps=critic_steps, **codes)

    own = dict(noise=noise, critic_z=critic_z, critic_steps=critic_steps, match=match, blur=blur, clip=clip)
    return translation(
        "Adversarially regularised auto-encoders", "Zhao et al. 2018, arXiv:1706.04223", system, own, a, b, lr=lr,
        generator=NONE, critic=NONE, layers=NONE, scales=NONE, spectral=NONE, diffaugment=NONE, pool=NONE, **numbers,
    )  # fmt: skip


def reversal(a: str = "photos", b: str = "vangogh", critic_z: float = 0.1, **numbers) -> Recipe:
    """The same auto-encoders in one update: the critic of codes teaches through a reversed gradient. After arXiv:1505.07818.

    Args:
        a: one collection, as for every method.
        b: the other.
        critic_z: the reversed gradient's share.
    """

    def system(p: Parts):
        from translate.systems.aligned import Reversed

        halves = p.sharing_halves()
        return Reversed(p.A, p.B, *halves, p.latent_critic(halves[0]), critic=critic_z)

    return translation(
        "Aligned codes, gradient reversal", "after Ganin et al. 2016, arXiv:1505.07818", system, dict(critic_z=critic_z), a, b,
        generator=NONE, critic=NONE, layers=NONE, scales=NONE, spectral=NONE, diffaugment=NONE, pool=NONE, **numbers,
    )  # fmt: skip


def xgan(
    a: str = "photos",
    b: str = "vangogh",
    restore: float | None = None,
    semantic: float = 1.0,
    critic_z: float = 0.1,
    adv: Objective = "least_squares",
    **numbers,
) -> Recipe:
    """A translation's code is its source's: shared layers, a critic of codes, semantic consistency. XGAN, arXiv:1711.05139.

    Args:
        a: one collection, as for every method.
        b: the other.
        restore: weight of each side's auto-encoder.
        semantic: weight of the distance between both codes.
        critic_z: the share of the latent critic's reversed gradient.
        adv: adversarial objective.
    """

    def system(p: Parts):
        from translate.systems.xgan import XGAN

        halves = p.sharing_halves()
        how = dict(d_z=p.latent_critic(halves[0], axes=0), restore=p.n["restore"], semantic=semantic, critic=critic_z)
        return XGAN(p.A, p.B, *halves, *p.critics(), **how, **p.adversarial())

    own = dict(restore=restore, semantic=semantic, critic_z=critic_z, adv=adv)
    return translation("XGAN", "Royer et al. 2017, arXiv:1711.05139", system, own, a, b, generator=NONE, **numbers)


def combogan(
    a: str = "photos",
    b: str = "vangogh",
    domains: list[str] | None = None,
    cycle: float | None = None,
    restore: float | None = None,
    adv: Objective = "least_squares",
    **numbers,
) -> Recipe:
    """Any number of domains, an encoder and a decoder each; a step trains two of them. ComboGAN, arXiv:1712.06909.

    Args:
        a: one collection, as for every method.
        b: the other.
        domains: in their place two collections or more, in the same words; each is called by its name.
        cycle: weight of what came back.
        restore: weight of each domain's own auto-encoder; that of the cycle where left out. At 0, as in the paper, a translation's first
            shape is left to chance.
        adv: adversarial objective.
    """

    def system(p: Parts):
        from translate.systems.combogan import ComboGAN

        critics = [p.critic(domain) for domain in p.domains.values()]
        return ComboGAN(p.domains, *p.halves(), critics, **p.numbers("cycle", "restore"), **p.adversarial())

    own = dict(cycle=cycle, restore=restore, adv=adv)
    paper = "Anoosheh et al. 2018, arXiv:1712.06909"
    data = domains or a
    return translation("ComboGAN", paper, system, own, data, None if domains else b, generator=NONE, **numbers)


def content(
    a: str = "photos",
    b: str = "vangogh",
    features: str = "auto",
    content: float = 0.2,
    warm: float = 0.2,
    adv: Objective = "least_squares",
    **numbers,
) -> Recipe:
    """No way back: a frozen encoder sees in the output what it saw in the input. After arXiv:1603.08155 and arXiv:1611.02200.

    Args:
        a: one collection, as for every method.
        b: the other.
        features: the encoder. vgg: VGG-19, for pictures; FILE: weights of a VGG-16 or VGG-19, as torchvision keeps them; own: an auto-encoder's of
            both sides, which learns ahead of the translators; auto: vgg for pictures of 32 pixels or more, own for all else.
        content: weight of the difference between features.
        warm: share of the steps in which an encoder of its own learns.
        adv: adversarial objective.
    """

    from translate.errors import fraction

    fraction(warm=warm)

    def system(p: Parts):
        from translate.systems.content import Content

        how = dict(content=content, warm=max(1, round(warm * p.n["steps"])))
        return Content(p.A, p.B, *p.networks(), **p.seeing(features), **how, **p.adversarial())

    own = dict(features=features, content=content, warm=warm, adv=adv)
    return translation(
        "Frozen-encoder content loss", "after Johnson et al. 2016, arXiv:1603.08155", system, own, a, b, **numbers
    )


def ugatit(
    a: str = "photos",
    b: str = "vangogh",
    cycle: float | None = None,
    identity: float | None = None,
    cam: float = 1000.0,
    adv: Objective = "least_squares",
    **numbers,
) -> Recipe:
    """Attention to what tells the sides apart, by an auxiliary classifier; norms that choose (AdaLIN). U-GAT-IT, arXiv:1907.10830.

    Args:
        a: one collection, as for every method; AdaLIN and attending critics are for pictures, the latter for voices too.
        b: the other.
        cycle: weight of cycle consistency.
        identity: weight of the identity loss.
        cam: weight of the auxiliary classifiers.
        adv: adversarial objective.
    """

    def system(p: Parts):
        from translate.systems.ugatit import UGATIT

        return UGATIT(p.A, p.B, *p.attending(), **p.numbers("cycle", "identity", "cam"), **p.adversarial())

    own = dict(cycle=cycle, identity=identity, cam=cam, adv=adv)
    return translation(
        "U-GAT-IT", "Kim et al. 2020, arXiv:1907.10830", system, own, a, b,
        generator=NONE, critic=NONE, scales=NONE, spectral=NONE, diffaugment=NONE, **numbers,
    )  # fmt: skip


def inpaint(
    a: str = "photos",
    b: str = "vangogh",
    share: float = 0.4,
    halves: bool = False,
    **numbers,
) -> Recipe:
    """A start for other methods, no translator yet: networks that fill in what is hidden. UVCGAN, arXiv:2203.02557.

    scripts/train.py inpaint --a photos --b vangogh, then
    scripts/cyclegan.py --a photos --b vangogh --init-from runs/inpaint-photos-vangogh

    Args:
        a: one collection, as for every method.
        b: the other.
        share: of an item that is hidden.
        halves: the networks of unit, which share a code, in place of cyclegan's.
    """

    from translate.errors import fraction

    fraction(share=share)

    def system(p: Parts):
        from translate.modules.cycle import Pair
        from translate.systems.inpainting import Inpainting

        if not halves:
            return Inpainting(p.A, p.B, p.direction(p.A, p.B), p.direction(p.B, p.A), share)
        e_a, e_b, g_a, g_b = p.sharing_halves()
        return Inpainting(p.A, p.B, Pair(e_a, g_b), Pair(e_b, g_a), share)

    own = dict(share=share, halves=halves)
    recipe = translation(
        "Inpainting", "Torbunov et al. 2022, arXiv:2203.02557", system, own, a, b,
        critic=NONE, layers=NONE, scales=NONE, spectral=NONE, diffaugment=NONE, pool=NONE, **numbers,
    )  # fmt: skip
    return replace(recipe, judge=None)  # of translations, and it makes none


def munit(
    a: str = "photos",
    b: str = "vangogh",
    style: int = 8,
    restore: float | None = None,
    cycle: float | None = None,
    content: float = 1.0,
    styled: float = 1.0,
    adv: Objective = "least_squares",
    **numbers,
) -> Recipe:
    """Content is kept, style is drawn: one input has many translations. MUNIT, arXiv:1804.04732.

    scripts/convert.py RUN --to b --style starry-night.jpg photo.jpg painted.jpg, or --seed 1, 2, 3 ... for styles that are drawn

    Args:
        a: one collection, as for every method.
        b: the other.
        style: numbers that a style is made of.
        restore: weight of each side's auto-encoder (lambda_x).
        cycle: weight of what came back from the other side with its own style (section 5.1).
        content: weight of a translation's content being its source's (lambda_c).
        styled: weight of a translation's style being the one that was drawn (lambda_s).
        adv: adversarial objective.
    """
    from translate.errors import at_least

    at_least(1, style=style)

    def system(p: Parts):
        from translate.systems.munit import MUNIT

        parts = p.alike(lambda domain: p.kind.styled(domain, p.n["width"], p.n["blocks"], style))
        how = p.numbers("restore", "cycle", "content") | dict(style=styled, width=style)
        networks = [net for pair in parts for net in pair]
        return MUNIT(p.A, p.B, *networks, *p.critics(), **how, **p.adversarial())

    own = dict(style=style, restore=restore, cycle=cycle, content=content, styled=styled, adv=adv)
    return translation("MUNIT", "Huang et al. 2018, arXiv:1804.04732", system, own, a, b, generator=NONE, **numbers)
