"""CycleGAN on any two collections of one kind: pictures, sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipes.translation import Objective, Parts, translation

if TYPE_CHECKING:
    from translate.recipe import Recipe


def cyclegan(
    a: str = "photos",
    b: str = "vangogh",
    cycle: float | None = None,
    identity: float | None = None,
    back: float = 0.0,
    pairs: float | None = None,
    adv: Objective = "least_squares",
    queue: int = 0,
    penalty: float = 0.0,
    ema: float = 0.999,
    **numbers,
) -> Recipe:
    """Translate between two collections that nobody paired, both ways. CycleGAN, arXiv:1703.10593.

    Photographs to Van Goghs on the built-in pictures: scripts/cyclegan.py --a photos --b vangogh
    Old to modern English on the built-in sentences: scripts/cyclegan.py --a old --b modern
    The kind follows from the files' suffixes; what is left out takes a value that suits it. Expected scores: docs/results.md.

    Args:
        a: one collection: a folder (plain, or with trainA/trainB inside), a glob, @list.txt, an .npz, a file of sentences, or a name.
        b: the other.
        cycle: weight of cycle consistency (lambda). Pictures: 10 as in the paper; without a GPU 3 and --spectral true from 32 to 64 pixels,
            1.5 beside the vgg critic.
        identity: weight of the identity loss, which keeps what both sides share. Pictures: 5 for photographs with a full budget,
            else 0. It helps where the sides are alike (two fonts), harms where they are not (digits and their outlines).
        back: weight of a second pair of critics, which judge what came back (CycleGAN-VC2, arXiv:1904.04631: 1); 0: none.
        pairs: weight of pseudo-pairs. Pictures: the picture itself, from which a translation then strays no more than it has to (SimGAN,
            arXiv:1612.07828): letters stay the letters they were; 2 where small ones of both sides look alike. Voices: what the frames
            of the other voice are that probably say the same sound, found without a pair of sentences. Sentences: word for word, by a
            noisy channel.
        adv: adversarial objective.
        queue: items whose statistics a critic remembers beside the batch's; 0: none (UVCGANv2, arXiv:2303.16280, has 3).
        penalty: weight of the critics' slope between data and fakes (UVCGANv2: 0.01).
        ema: share of the averaged weights that a step keeps (UVCGANv2: 0.9999).
    """

    from translate.errors import fraction

    fraction(ema=ema)
    own = dict(cycle=cycle, identity=identity, back=back, pairs=pairs, adv=adv, queue=queue, penalty=penalty, ema=ema)

    def system(p: Parts):
        from translate.systems.cyclegan import CycleGAN

        weights = p.numbers("cycle", "identity", "back", "penalty")
        second = dict(critics_back=p.critics()) if back else {}
        return CycleGAN(p.A, p.B, *p.networks(), **second, **weights, **p.pseudo_pairs(), **p.adversarial())

    return translation("CycleGAN", "Zhu et al. 2017, arXiv:1703.10593", system, own, a, b, **numbers)
