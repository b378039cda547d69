"""Sentences out of nothing: a language model, then a critic's rewards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from translate.recipe import Recipe


def seqgan(
    data: str = "modern",
    steps: int = 1500,
    warm: int | None = None,
    ahead: int | None = None,
    rollouts: int = 4,
    likelihood: float = 0.2,
    size: int = 20,
    words: int = 2000,
    vocabulary: Literal["auto", "words", "pieces"] = "auto",
    batch: int = 32,
    lr: float = 2e-3,
    lr_d: float = 5e-3,
    width: int = 128,
    layers: int = 1,
    adv: Literal["least_squares", "non_saturating", "hinge", "wasserstein"] = "non_saturating",
    precision: Literal["auto", "bf16", "fp32"] = "fp32",
    seed: int = 0,
) -> Recipe:
    """Write sentences like those of a collection: maximum likelihood, then the policy gradient of a critic's rewards. SeqGAN, arXiv:1609.05473.

    On the built-in sentences: scripts/seqgan.py --data modern
    Then draw: scripts/sample.py runs/seqgan-modern

    Args:
        data: a UTF-8 text file with a sentence a line, a folder of them, or a name: old and modern are built in.
        steps: training steps.
        warm: of these, at the start, maximum likelihood alone; 1 - warm / steps is the share of rewards; four fifths.
        ahead: of the warm steps, at their end, those in which the critic learns already; a tenth of all.
        rollouts: sentences that go on behind each word, whose mean score is its reward.
        likelihood: weight of maximum likelihood beside the rewards, in nats a token; 0 as in the paper.
        size: most tokens of a sentence; longer ones are left out of training.
        words: most tokens of the vocabulary.
        vocabulary: words between spaces, for tokenised text; pieces (BPE), for any; auto looks at the text.
        batch: sentences a step, over all processes.
        lr: learning rate of Adam; falls to zero over the steps with rewards.
        lr_d: that of the critic: a slow one sits at chance, and its rewards say nothing.
        width: of embeddings and layers.
        layers: convolutions of the critic.
        adv: adversarial objective of the critic.
        precision: auto is bf16 where the device gains by it.
        seed: of weights, data order and noise.
    """
    from torch import nn

    from domains.folder import Folder
    from domains.sources import Files, find
    from recipes import kinds
    from recipes.kinds import tokens as kind
    from translate.adv import OBJECTIVES
    from translate.errors import at_least
    from translate.nets.sequence import Decoder, Writer
    from translate.recipe import Recipe, Run, intervals
    from translate.systems.seqgan import SeqGAN

    warm = round(0.8 * steps) if warm is None else warm
    ahead = steps // 10 if ahead is None else ahead
    at_least(1, steps=steps, rollouts=rollouts, batch=batch, width=width, layers=layers)
    at_least(0, warm=warm, ahead=ahead, likelihood=likelihood, lr=lr, lr_d=lr_d, seed=seed)
    if isinstance(data, str):
        files = {"x": kinds.keep(find(data, "", "--data"), kind, "x")}
        sources = kind.folders(
            files, size, False, seed, words, {"auto": None, "words": False, "pieces": True}[vocabulary]
        )
    else:
        sources = {"x": Folder(data["x"], Files("x", []))}
    x = sources["x"]
    X = x.domain

    def system() -> SeqGAN:
        g = Writer(Decoder(X.vocabulary, X.length, width, dropout=0.1))
        critic = X.critic(width=width, layers=layers)
        nn.init.normal_(critic.embed.weight)  # small words keep it at chance for a hundred steps
        return SeqGAN(X, g, critic, OBJECTIVES[adv], warm, ahead, rollouts, likelihood)

    run = Run(
        steps,
        batch,
        lr={"g": lr, "d": lr_d},
        betas=(0.5, 0.9),
        decay=max(0, steps - warm) / steps,  # not ahead of the rewards: the critic has just begun
        clip=5.0,
        precision=precision,
        seed=seed,
        **intervals(steps, looks=10),
    )
    return Recipe(
        sources,
        system,
        run,
        judge=kind.WriterJudge(),
        args=dict(
            steps=steps, warm=warm, ahead=ahead, rollouts=rollouts, likelihood=likelihood, size=X.size, words=words,
            vocabulary=vocabulary, batch=batch, lr=lr, lr_d=lr_d, width=width, layers=layers, adv=adv, precision=precision, seed=seed,
        ),
        title=f"Sentences: {x.name}",
        paper="Yu et al. 2017, arXiv:1609.05473",
        folder=f"seqgan-{x.name}",
        then="draw: python scripts/sample.py {out}",
    )  # fmt: skip
