"""Summaries without a single example: documents on one side, titles of other documents on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from translate.recipe import Recipe


def summarise(
    a: str = "debian.docs",
    b: str = "debian.shorts",
    way: Literal["gumbel", "continuous", "policy"] = "gumbel",
    steps: int = 1100,
    warm: int | None = None,
    pairs: float = 1.0,
    cycle: float = 0.05,
    critic: float = 0.03,
    size: int = 64,
    short: int = 20,
    words: int = 3000,
    vocabulary: Literal["auto", "words", "pieces"] = "pieces",
    batch: int = 32,
    lr: float = 1e-3,
    lr_d: float = 1e-3,
    adv: Literal["least_squares", "non_saturating", "hinge", "wasserstein"] = "non_saturating",
    penalty: float = 0.0,
    temperature: float = 1.0,
    coolest: float = 0.5,
    entropy: float = 0.03,
    width: int = 128,
    blocks: int = 3,
    kernel: int = 5,
    precision: Literal["auto", "bf16", "fp32"] = "fp32",
    seed: int = 0,
) -> Recipe:
    """Summarise documents, without one example of a summary: titles of other documents show what a short text is. After arXiv:1810.02851.

    scripts/summarise.py --a documents.txt --b titles.txt, then scripts/convert.py RUN --to b report.txt
    The way through the short text is one argument: gumbel, continuous or policy. Expected scores: docs/results.md.

    Args:
        a: a UTF-8 text file with a document a line, a folder of them, or a name: debian.docs finds debian.train.docs.txt under --data-root.
        b: likewise titles, of other documents.
        way: past the discrete step. gumbel: straight-through samples; continuous: critic and way back read distributions; policy: rewards.
        steps: training steps.
        warm: of these, at the start, pseudo-pairs alone: the part of a document that reads most like a title (domains/windows.py), and
            documents with another title in its place; three quarters.
        pairs: weight of pseudo-pairs, in nats a token.
        cycle: weight of the way back to the document, in nats a token.
        critic: weight of what the critic says.
        size: most tokens of a document that are read.
        short: most tokens of a summary; longer titles are left out of training.
        words: most tokens of the vocabulary, which both sides share.
        vocabulary: pieces (BPE), which copy any word; words between spaces, for tokenised text; auto looks at the text.
        batch: of each side a step, over all processes.
        lr: learning rate of Adam; falls to zero over the second half.
        lr_d: that of the critic.
        adv: adversarial objective.
        penalty: weight of the critic's gradient penalty (WGAN-GP); 0: none.
        temperature: of the samples at the start.
        coolest: at the end of the first half, and from there on.
        entropy: weight of the choices' entropy where the way is policy.
        width: of embeddings and layers.
        blocks: residual convolutions of an encoder.
        kernel: tokens that each of them reads.
        precision: auto is bf16 where the device gains by it.
        seed: of weights, data order and noise.
    """
    from domains.folder import Folder
    from domains.sources import Files, find
    from recipes import kinds
    from recipes.kinds import tokens as kind
    from translate import adv as objectives
    from translate.errors import UserError, at_least
    from translate.nets.sequence import Bottleneck, Decoder, Encoder, Seq2Seq, concrete, draw_word, straight_through
    from translate.recipe import Recipe, Run, intervals
    from translate.systems.summarise import RewardedSummarise, Summarise

    warm = round(0.75 * steps) if warm is None else warm
    at_least(1, steps=steps, batch=batch, width=width, kernel=kernel)
    at_least(4, size=size, short=short)
    weights = dict(pairs=pairs, cycle=cycle, critic=critic, penalty=penalty)
    at_least(0, warm=warm, blocks=blocks, lr=lr, lr_d=lr_d, entropy=entropy, seed=seed, **weights)
    at_least(1e-3, temperature=temperature, coolest=coolest)
    if kernel % 2 == 0:
        raise UserError(f"--kernel {kernel}: a token and as many to its left as to its right are an odd number")
    if isinstance(a, str):
        files = {side: kinds.keep(find(spec, side), kind, side) for side, spec in (("a", a), ("b", b))}
        pieces = {"auto": None, "words": False, "pieces": True}[vocabulary]
        data = kind.folders(files, short, False, seed, words, pieces, soft=way == "continuous", cut={"a": size})
    else:
        data = {"a": Folder(a, Files("a", [])), "b": Folder(b, Files("b", []))}
    A, B = data["a"].domain, data["b"].domain

    def network(source, target) -> Seq2Seq:
        sample = {"gumbel": straight_through, "continuous": concrete, "policy": draw_word}[way]
        bottleneck = Bottleneck(sample, temperature, coolest, max(1, (steps - warm) // 2))
        encoder = Encoder(source.vocabulary, width, blocks, kernel=kernel, places=source.length)
        how = dict(dropout=0.3, copying=True, bottleneck=bottleneck, begins=target.begins)
        decoder = Decoder(target.vocabulary, target.length, width, **how)
        return Seq2Seq(encoder, decoder, noise=0.1)

    def system() -> Summarise:
        known = [[side.items[i].text for i in side.train_ids] if side.items else [] for side in data.values()]
        windows = kind.title_like(A, B, *known, seed=seed)
        judge = B.critic(width=width, layers=0 if way == "continuous" else 2)
        objective = getattr(objectives, adv)
        how = dict(warm=warm, cycle=cycle, pairs=pairs, critic=critic, penalty=penalty, pool=0, batch=batch)
        kind_of = RewardedSummarise if way == "policy" else Summarise
        how |= dict(entropy=entropy) if way == "policy" else {}
        return kind_of(A, B, network(A, B), network(B, A), judge, windows, objective, **how)

    run = Run(
        steps,
        batch,
        lr={"g": lr, "d": lr_d},
        betas=(0.5, 0.9),
        clip=5.0,
        precision=precision,
        seed=seed,
        **intervals(steps, looks=10),
    )
    return Recipe(
        data,
        system,
        run,
        judge=kind.SummaryJudge(),
        args=dict(
            way=way, steps=steps, warm=warm, pairs=pairs, cycle=cycle, critic=critic, size=A.size, short=B.size, words=words,
            vocabulary=vocabulary, batch=batch, lr=lr, lr_d=lr_d, adv=adv, penalty=penalty, temperature=temperature, coolest=coolest,
            entropy=entropy, width=width, blocks=blocks, kernel=kernel, precision=precision, seed=seed,
        ),
        title=f"Summaries: {data['a'].name} → {data['b'].name}",
        paper="Wang and Lee 2018, arXiv:1810.02851",
    )  # fmt: skip
