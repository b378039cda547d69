"""Sentences that change their style and keep their meaning, by each of the ways past the discrete step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from translate.recipe import Recipe

NUMBERS = {  # of each generator, where the command line gives none
    "editor": dict(steps=1000, warm=1 / 6, pairs=1.0, batch=32, lr=1e-3, lr_d=3e-3, cycle=0.2, identity=0.0, other=1.0, width=128, blocks=2, kernel=3, layers=1),
    "parallel": dict(steps=2500, warm=0, pairs=0.0, batch=64, lr=1e-3, lr_d=3e-3, cycle=0.1, identity=0.0, other=0.0, width=64, blocks=2, kernel=1, layers=1),
    "seq2seq": dict(steps=3000, warm=1 / 6, pairs=0.3, batch=32, lr=1e-3, lr_d=2e-3, cycle=1.0, identity=1.0, other=1.0, width=128, blocks=2, kernel=3, layers=1),
}  # fmt: skip
PASSES = 12  # of an editor over the smaller side, at most: later its critics know the sentences by heart, and it changes more and more


def sentences(
    a: str = "old",
    b: str = "modern",
    way: Literal["gumbel", "continuous", "policy"] = "gumbel",
    generator: Literal["editor", "parallel", "seq2seq"] = "editor",
    steps: int | None = None,
    warm: int | None = None,
    pairs: float | None = None,
    matched: int = 1,
    size: int = 20,
    words: int = 8000,
    vocabulary: Literal["auto", "words", "pieces"] = "auto",
    batch: int | None = None,
    lr: float | None = None,
    lr_d: float | None = None,
    cycle: float | None = None,
    identity: float | None = None,
    other: float | None = None,
    adv: Literal["least_squares", "non_saturating", "hinge", "wasserstein"] = "non_saturating",
    penalty: float = 0.0,
    temperature: float = 1.0,
    coolest: float = 1.0,
    entropy: float | None = None,
    width: int | None = None,
    blocks: int | None = None,
    kernel: int | None = None,
    layers: int | None = None,
    backbone: str = "",
    precision: Literal["auto", "bf16", "fp32"] = "fp32",
    seed: int = 0,
) -> Recipe:
    """Translate sentences between two styles that nobody paired, both ways. After the Style Transformer, arXiv:1905.05621.

    Old to modern English on the built-in sentences: scripts/sentences.py --a old --b modern
    A word-substitution cipher with a known key: scripts/cipher.py, then --generator parallel. Expected scores: docs/results.md.

    Args:
        a: one style: a UTF-8 text file with a sentence a line, a folder of them, or a name; test.X.txt or dev.X.txt beside
            train.X.txt is kept for evaluation.
        b: the other.
        way: past the discrete step. gumbel: straight-through samples; continuous: critics read distributions; policy: rewards.
        generator: editor: each word stays until a gate lets it go, lengths too, both directions one network; it starts from what the
            channel of --pairs says, and chooses among what that offers, where it has learnt from --matched sentences; parallel: each word
            from its surroundings, a network a direction; seq2seq: attention and copying, lengths differ, both directions one.
        steps: training steps; 1,000, fewer where that is more than 12 passes over the smaller side, 2,500 for parallel, 3,000 for seq2seq.
        warm: of these, at the start, denoising and pseudo-pairs alone; a sixth, a fiftieth for an editor of drafts, none for parallel.
        pairs: weight of pseudo-pairs, in nats a word: word for word, by a noisy channel of words in like surroundings
            (domains/lexicon.py); 1, 0.3 for an editor that starts from them and for seq2seq, none for parallel.
        matched: how often sentences of both sides that say nearly the same are looked for, for the channel to learn from
            (domains/counterparts.py); 0 where the sides do not say the same things, as sentiments.
        size: most tokens of a sentence; longer ones are left out of training and cut in conversion.
        words: most tokens of the vocabulary, which both sides share.
        vocabulary: words between spaces, for tokenised text; pieces (BPE), for any; auto looks at the text.
        batch: sentences of each side a step, over all processes; 32, 64 for parallel.
        lr: learning rate of Adam; falls to zero over the second half; 1e-3.
        lr_d: that of the critics; 3e-3, 2e-3 for seq2seq: a slow critic sits at chance.
        cycle: weight of the way back, in nats a word; 0.2, 0.1 for parallel, 1 for seq2seq.
        identity: weight of self-reconstruction, in nats a word; 1 for seq2seq, else 0: an editor starts from it.
        other: weight of the other style's real sentences among what the critics refuse; 1, none for parallel.
        adv: adversarial objective.
        penalty: weight of the critics' gradient penalty (WGAN-GP); 0: none.
        temperature: of the samples at the start.
        coolest: at the end of the first half, and from there on.
        entropy: weight of the choices' entropy, in nats a word; 0.03 where the way is policy, 0.1 for parallel's others: a translator
            that is sure of two swapped words keeps them; else none.
        width: of embeddings and layers; 128, 64 for parallel.
        blocks: residual convolutions of a generator's encoder; 2.
        kernel: words that each of them reads; 3, 1 for parallel: a cipher's word needs no neighbours.
        layers: convolutions of a critic; 1. 0: none, it is linear in each word: where the way is continuous, as others tell
            distributions from words, and for parallel by gumbel, whose gradient takes it for linear.
        backbone: a folder with a pretrained model of transformers (T5, BART, BERT ...), whose encoder takes the place of the generator's,
            and of seq2seq its decoder too, where it has one: nothing is copied then.
        precision: auto is bf16 where the device gains by it.
        seed: of weights, data order and noise.
    """
    from domains import backbones
    from domains.folder import Folder
    from domains.sources import Files, find
    from recipes import kinds
    from recipes.kinds import tokens as kind
    from translate import adv as objectives
    from translate.errors import UserError, at_least
    from translate.modules.cycle import Edited, Towards
    from translate.nets.sequence import Bottleneck, concrete, draw_word, straight_through
    from translate.recipe import Recipe, Run, intervals
    from translate.systems.styletransformer import PolicyGradient, StyleTransformer

    given = dict(
        steps=steps, warm=warm, pairs=pairs, batch=batch, lr=lr, lr_d=lr_d, cycle=cycle, identity=identity, other=other, width=width, blocks=blocks,
        kernel=kernel, layers=layers, entropy=entropy,
    )  # fmt: skip
    reading = dict(layers=0) if way == "continuous" or (way, generator) == ("gumbel", "parallel") else {}
    drafts = generator == "editor" and matched > 0
    reading |= dict(pairs=0.3, warm=1 / 50) if drafts else {}
    reading["entropy"] = 0.03 if way == "policy" else 0.1 if generator == "parallel" else 0.0
    n = NUMBERS[generator] | reading | {key: value for key, value in given.items() if value is not None}
    batch, width, blocks, kernel, layers = (n[key] for key in ("batch", "width", "blocks", "kernel", "layers"))
    weights = {key: n[key] for key in ("cycle", "identity", "other", "pairs", "entropy")} | dict(penalty=penalty)
    at_least(1, **{key: n[key] for key in ("steps", "batch", "width", "kernel")})
    at_least(
        0, seed=seed, matched=matched, **{key: n[key] for key in ("warm", "blocks", "layers", "lr", "lr_d")}, **weights
    )
    if kernel % 2 == 0:
        raise UserError(f"--kernel {kernel}: a word and as many to its left as to its right are an odd number")
    at_least(1e-3, temperature=temperature, coolest=coolest)
    if isinstance(a, str):
        files = {side: kinds.keep(find(spec, side), kind, side) for side, spec in (("a", a), ("b", b))}
        pieces = {"auto": None, "words": False, "pieces": True}[vocabulary]
        data = kind.folders(files, size, False, seed, words, pieces, soft=way == "continuous", joined=n["pairs"] > 0)
    else:
        data = {"a": Folder(a, Files("a", [])), "b": Folder(b, Files("b", []))}
    A, B = data["a"].domain, data["b"].domain
    if steps is None and generator == "editor":
        pass_over = -(-min(len(side.train_ids) for side in data.values()) // batch)  # steps
        n["steps"] = min(n["steps"], PASSES * pass_over)
    steps = n["steps"]
    warm = n["warm"] = round(steps * n["warm"]) if warm is None else warm

    folder, backbone = (
        (backbone, backbones.described(backbone)) if backbone and not backbone.startswith("{") else ("", backbone)
    )

    def network(source, styles: int):
        sample = {"gumbel": straight_through, "continuous": concrete, "policy": draw_word}[way]
        bottleneck = Bottleneck(sample, temperature, coolest, max(1, steps // 2))
        reader = writer = None
        if backbone:
            reader = backbones.Backbone(source.vocabulary, backbone, styles)
            if generator == "seq2seq" and backbones.decodes(backbone):
                how = dict(dropout=0.3, bottleneck=bottleneck)
                writer = backbones.BackboneDecoder(B.vocabulary, B.length, backbone, **how)
            if folder:
                backbones.pretrained(folder, source, *filter(None, (reader, writer)))
        size = reader.width if reader else width
        return kind.direction(source, B, generator, size, blocks, styles, bottleneck, kernel, reader, writer, drafts)

    drafts = drafts and n["pairs"] > 0

    def system() -> StyleTransformer:
        lexicon = kind.pseudo_pairs(*data.values(), matched) if n["pairs"] else None
        if generator == "parallel":
            directions = network(A, 0), network(B, 0)
        else:
            net = network(A, 2)
            directions = [Edited(net, 1 - i, lexicon[i]) if drafts else Towards(net, 1 - i) for i in range(2)]
        critics = [domain.critic(width=width, layers=layers) for domain in (A, B)]
        common = dict(warm=warm, pseudo=lexicon, adv=getattr(objectives, adv), pool=0, batch=batch, **weights)
        if way != "policy":
            return StyleTransformer(A, B, *directions, *critics, **common)
        # a parallel translator's word is judged with its neighbours; an autoregressive one's has the rest of its sentence behind it
        reach = None if generator == "seq2seq" else max(critics[0].reach, blocks * (kernel // 2))
        return PolicyGradient(A, B, *directions, *critics, reach=reach, **common)

    run = Run(
        steps,
        batch,
        lr={"g": n["lr"], "d": n["lr_d"]},
        betas=(0.5, 0.9),
        clip=5.0,
        precision=precision,
        seed=seed,
        **intervals(steps),
    )
    return Recipe(
        data,
        system,
        run,
        judge=kind.Judge(back=generator == "parallel"),
        args=n
        | dict(
            words=words, matched=matched, way=way, generator=generator, size=A.size, vocabulary=vocabulary, adv=adv, penalty=penalty,
            temperature=temperature, coolest=coolest, backbone=backbone, precision=precision, seed=seed,
        ),
        title=f"Sentences: {data['a'].name} ↔ {data['b'].name}",
        paper="Dai et al. 2019, arXiv:1905.05621",
    )  # fmt: skip
