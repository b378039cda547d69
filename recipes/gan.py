"""Samples out of noise: the classics of adversarial training, and their baselines, on pictures, voices and sentences."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from translate.recipe import Recipe

# model -> what --help says of it; recipes/models.py holds a function of the same name
MODELS = {
    "gan": "fully connected; maxout and dropout in the critic (Goodfellow 2014)",
    "dcgan": "convolutions, batch norm (Radford 2016)",
    "dcgan-softmax": "the same, its critic a two-way softmax",
    "lsgan": "least squares (Mao 2017)",
    "hinge": "margins (Lim 2017)",
    "ragan": "more real than the average fake (Jolicoeur-Martineau 2018)",
    "r1": "non-saturating, slopes on data penalised at each 16th step (Mescheder 2018)",
    "improved": "feature matching, minibatch discrimination, smoothed labels, history, virtual batch norm (Salimans 2016)",
    "wgan": "Wasserstein distance, clipped weights (Arjovsky 2017)",
    "wgan-gp": "Wasserstein distance, gradient penalty (Gulrajani 2017)",
    "wgan-ct": "the same, and consistency under dropout (Wei 2018)",
    "sngan": "spectral normalisation, hinge (Miyato 2018)",
    "pacgan": "DCGAN whose critic judges four samples at once (Lin 2018)",
    "bigan": "samples and codes judged in pairs (Donahue 2017, Dumoulin 2017)",
    "infogan": "codes that can be told from the sample, without labels (Chen 2016)",
    "began": "the critic is an auto-encoder (Berthelot 2017)",
    "ae": "the decoder of an auto-encoder, a baseline",
    "vae": "variational auto-encoder, a baseline (Kingma 2014)",
}
LABELLED = {
    "cgan": "the label joined to noise and picture (Mirza 2014)",
    "acgan": "the critic names the class (Odena 2017)",
    "projection": "the label's embedding projected on the critic's features (Miyato 2018)",
    "matching-aware": "a critic that also sees real pictures under wrong labels (Reed 2016)",
    "matching-split": "the same, realism and match judged apart (Zhang 2017)",
    "matching-blind": "the same critic as matching-aware, without the wrong labels: what their absence costs",
}
MADE = {
    "pix2pix": "a U-Net, a critic of patches that sees both, and L1 (Isola 2017)",
    "spade": "noise, and a map that scales and shifts every layer (Park 2019)",
}
SAID = {
    "words": "a sentence becomes a picture, by a critic that tells whose it is (Zhang 2021): digits coloured and inverted, or pictures with names",
    "words-matching": "the same by a matching-aware critic (Reed 2016)",
    "words-blind": "the same critic without pictures beside wrong sentences",
}
TRICKS = {
    "matching": "the generator matches the mean of the critic's features (Salimans 2016, section 3.1)",
    "discrimination": "the critic sees how near a sample is to the others of its batch (3.2)",
    "history": "both players stay near the average of their past (3.3)",
    "virtual": "virtual batch norm in a convolutional generator (3.5)",
    "deviation": "the critic sees the deviation over the batch (Karras 2018)",
    "packing": "the critic judges four samples at once (Lin 2018)",
    "diffaugment": "of pictures: the critic sees data and fakes recoloured, shifted, with a hole (Zhao 2020)",
    "replay": "the critic is shown earlier fakes again (Shrivastava 2017)",
}
ALL = ChainMap(MODELS, LABELLED, MADE, SAID)
WRONG = ("matching-aware", "matching-split", "words-matching")  # whose critic is shown wrong conditions too
WASSERSTEIN = ("wgan", "wgan-gp", "wgan-ct")
# one critic, no condition: they take tricks
CLASSIC = "gan dcgan dcgan-softmax lsgan hinge ragan r1 improved wgan wgan-gp wgan-ct sngan pacgan".split()
SLOWER = {"began": 4}  # the critic's learning rate is divided by so much
FIXED = ("lsgan", "hinge", "ragan", *WASSERSTEIN, "began", "ae", "vae")  # their objective is what they are


def gan(
    data: str = "digits",
    model: str = "wgan-gp",
    steps: int | None = None,
    size: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    lr_d: float | None = None,
    width: int = 32,
    noise: int = 64,
    adv: str | None = None,
    tricks: list[str] | None = None,
    made: Literal["edges", "colours"] = "edges",
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    seed: int = 0,
    budget: Literal["auto", "laptop", "full"] = "auto",
) -> Recipe:
    """Learn to draw pictures like those of a collection, to speak or to write like it.

    On the built-in digits: scripts/gan.py --data digits --model wgan-gp
    Then draw: scripts/sample.py runs/gan-wgan-gp-digits
    Bits of a voice, and sentences: --data slt, --data modern

    MODELS

    Args:
        data: a collection: a folder, a glob, @list.txt, an .npz (x_train, y_train, x_test, y_test), a .txt, or the name of a set.
        model: one of the above; of voices and sentences those of the first list that need neither a picture's layers nor, of
            sentences, fully connected networks.
        steps: training steps.
        size: side of the square training crop in pixels, a multiple of 4; that of small pictures, else 64, where left out. Of voices
            frames of 11.6 ms, 64; of sentences the most pieces of words, 32.
        batch: items a step, over all processes; 64, of voices, sentences and pairs 16.
        lr: learning rate of Adam; falls to zero over the second half.
        lr_d: that of the critic, where it should differ; of began a quarter.
        width: channels of the largest layers; inner ones have more. Of voices and sentences half the channels.
        noise: numbers that a sample is made of.
        adv: another objective, for models that leave it open: non_saturating, minimax, one_sided, least_squares, hinge, wasserstein,
            relativistic, relativistic_average, f_kl, f_reverse_kl, f_js, f_gan, f_pearson, f_hellinger, f_total_variation.
        tricks: of models up to pacgan, some of those below; smoothed labels are --adv one_sided.
        made: what pix2pix and spade are given of each picture: its edges, or a coarse map of its colours.
        precision: auto is bf16 where the device gains by it.
        seed: of weights, data order and noise.
        budget: default number of steps: laptop or full; auto is full where there is a GPU.
    """
    import difflib

    import torch

    from domains.conditions import colours, edges
    from domains.images import Images
    from domains.mels import Mels
    from domains.tokens import Tokens
    from recipes import kinds, models, sequences
    from recipes.generative import SampleJudge, open_collection
    from translate.adv import OBJECTIVES
    from translate.errors import UserError, at_least
    from translate.recipe import Recipe, Run, intervals

    tricks = sorted(set(tricks or []))
    said = [
        (model, ALL, "model"),
        (adv or "hinge", OBJECTIVES, "adv"),
        *((trick, TRICKS, "tricks") for trick in tricks),
    ]
    for value, known, flag in said:
        if value not in known:
            near = difflib.get_close_matches(value, known, 3, 0.3) or sorted(known)
            raise UserError(f"--{flag} {value}: there is no such one; the nearest names are {', '.join(near)}")
    if adv and model in FIXED:
        raise UserError(f"--adv {adv}: the objective of {model} is what it is; leave it out, or choose another --model")
    if tricks and model not in CLASSIC:
        raise UserError(f"--tricks {tricks[0]}: {model} takes none; of these models they are: {', '.join(CLASSIC)}")
    full = budget == "full" or (budget == "auto" and torch.cuda.is_available())
    if steps is None:
        steps = 50_000 if full else 2000
    wasserstein = model in WASSERSTEIN  # without momentum: arXiv:1704.00028, algorithm 1; RMSProp in arXiv:1701.07875
    at_least(1, steps=steps, width=width, noise=noise)
    at_least(0, lr=lr or 0, lr_d=lr_d or 0, seed=seed)
    sources = open_collection(
        data, size, full, seed,
        labels=model in LABELLED,
        words=model in SAID,
        wrong=model in WRONG,
        make={"edges": edges, "colours": colours}[made] if model in MADE else None,
    )  # fmt: skip
    x = sources["x"]
    kind = kinds.of(x.domain)
    hurried = not full and isinstance(x.domain, Tokens)  # a word's logit has a long way to go from evenness
    if lr is None:
        lr = 1e-4 if full and wasserstein else 2e-3 if hurried else 2e-4
    lr_d = lr / SLOWER.get(model, 1) if lr_d is None else lr_d
    network, judge = {
        Tokens: (sequences.Sentences, lambda: kind.WriterJudge()),
        Mels: (sequences.Voices, lambda: kind.SpokenJudge()),
        Images: (models.Parts, lambda: SampleJudge(x, described=model in SAID)),
    }[type(x.domain)]
    if model not in getattr(network, "served", ALL):
        raise UserError(f"--model {model}: not of {kind.ITEMS}; of these it is {', '.join(network.served)}")
    if "virtual" in tricks and (model == "gan" or network is not models.Parts):
        raise UserError(
            "--tricks virtual: this generator has no batch norm; leave it out, or choose dcgan and pictures"
        )
    if "diffaugment" in tricks and network is not models.Parts:
        raise UserError(f"--tricks diffaugment: it is for pictures, not for {kind.ITEMS}; leave it out")
    if batch is None:
        batch = 64 if network is models.Parts and model not in MADE else 16
    if batch < 2 or (model == "pacgan" or "packing" in tricks) and batch % models.PACKED:
        raise UserError(f"--batch {batch}: it must be at least 2, and a multiple of {models.PACKED} for packs")
    parts = network(sources, batch, width, noise, OBJECTIVES[adv] if adv else None, frozenset(tricks))
    run = Run(
        steps, batch, 0, {"g": lr, "d": lr_d}, (0.0, 0.9) if wasserstein else (0.5, 0.999), precision=precision, seed=seed,
        **intervals(steps, looks=10, judged=5),
    )  # fmt: skip
    return Recipe(
        sources,
        lambda: getattr(models, model.replace("-", "_"))(parts),
        run,
        judge=judge(),
        args=dict(
            model=model,
            steps=steps,
            size=x.domain.size,
            batch=batch,
            lr=lr,
            lr_d=lr_d,
            width=width,
            noise=noise,
            adv=adv,
            tricks=tricks,
            made=made,
            precision=precision,
            seed=seed,
            budget="full" if full else "laptop",
        ),  # fmt: skip
        title=" ".join([model, *tricks]) + f": {x.name}",
        paper=ALL[model],
        folder="-".join(["gan", model, *tricks, x.name]),
        then="see {out}/samples" if model in MADE else "draw: python scripts/sample.py {out}",
    )


KINDS = {
    "Models": MODELS,
    "Models of labelled collections": LABELLED,
    "Models of pairs made from one side": MADE,
    "Models of described digits, and of pictures that an INDEX.csv names": SAID,
    "Tricks": TRICKS,
}
gan.__doc__ = gan.__doc__.replace(
    "MODELS",
    "\n\n    ".join(
        "\n    ".join([f"{heading}:", *(f"  {name:15} {line}" for name, line in kind.items())])
        for heading, kind in KINDS.items()
    ),
)
