"""Every system on every domain that it applies to, tiny: what the property tests go through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import nn

from domains.conditions import labels_of
from domains.folder import Folder
from domains.images import Images
from domains.sources import Files, Picture
from domains.vocoders import BANDS
from recipes.kinds import images as image_kind
from recipes.kinds import mels as mel_kind
from recipes.kinds import tokens as token_kind
from tests.tokens import Sentences, Tokens
from tests.voices import voice_source
from translate import penalty
from translate.adv import least_squares
from translate.loop import Trainer
from translate.modules.conditional import (
    AuxiliaryClass,
    Critic,
    Flat,
    Join,
    Joined,
    LabelEmbedding,
    Naming,
    OneHot,
    Pooled,
    Realism,
    Split,
)  # fmt: skip
from translate.modules.contrast import PatchContrast
from translate.modules.cycle import Pair, Towards
from translate.modules.memory import remember
from translate.modules.noise import FromNoise, OnSphere, ToCode
from translate.modules.shared import LatentCritic, share
from translate.nets import dcgan, mlp
from translate.nets.attention import AdaptiveDecoder, Attending, AttendingCritic
from translate.nets.gated import SpeakerCritic
from translate.nets.sequence import (
    Bottleneck,
    Decoder,
    Encoder,
    Parallel,
    Seq2Seq,
    Windows,
    Writer,
    draw_word,
    straight_through,
)
from translate.recipe import Recipe, Run
from translate.system import System
from translate.systems.acgan import ACGAN
from translate.systems.aligned import Aligned, CrossAligned, Reversed
from translate.systems.arae import ARAE
from translate.systems.autoencoder import VAE, AutoEncoder
from translate.systems.began import BEGAN
from translate.systems.bigan import BiGAN
from translate.systems.cogan import CoGAN
from translate.systems.combogan import ComboGAN
from translate.systems.content import Content
from translate.systems.cut import CUT
from translate.systems.cyclegan import CycleGAN
from translate.systems.disentangle import DisentangleAE
from translate.systems.gan import GAN
from translate.systems.infogan import InfoGAN, Posterior
from translate.systems.inpainting import Inpainting
from translate.systems.munit import MUNIT
from translate.systems.plain import Plain
from translate.systems.seqgan import SeqGAN
from translate.systems.stargan import StarGAN
from translate.systems.styletransformer import PolicyGradient, StyleTransformer
from translate.systems.summarise import RewardedSummarise, Summarise
from translate.systems.ugatit import UGATIT
from translate.systems.unit import UNIT, Coded
from translate.systems.xgan import XGAN

CPU = torch.device("cpu")


def draw(h: int, w: int, seed: int) -> np.ndarray:
    """[h,w,3] uint8: coloured rectangles on a coloured ground."""
    rng = np.random.default_rng(seed)
    picture = np.full((h, w, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(4):
        top, left = rng.integers(0, h - 2), rng.integers(0, w - 2)
        picture[top : top + rng.integers(2, h), left : left + rng.integers(2, w)] = rng.integers(0, 256, 3)
    return picture


def paint(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])
    return path


def picture_source(name: str) -> Folder:
    items = [Picture(f"{name}{i}", draw(18, 20, seed=50 * (name == "b") + i)) for i in range(5)]
    return Folder(Images(size=16, scale=16), Files(name, items))


def sentence_source(name: str) -> Sentences:
    return Sentences(Tokens(), name, seed=ord(name))


EVERY = ("images", "tokens", "mels")
KINDS = {"images": image_kind, "tokens": token_kind, "mels": mel_kind}
GENERATOR = {"images": "residual", "tokens": "editor", "mels": "gated"}
SOURCES = {"images": picture_source, "tokens": sentence_source, "mels": voice_source}
ENCODER = {"images": dict(width=4, down=1, blocks=1), "tokens": {}, "mels": dict(width=4, blocks=1, hidden=8)}
DECODER = {"images": dict(width=4, down=1), "tokens": {}, "mels": dict(width=4)}
CRITIC = {"images": dict(width=4, layers=1, scales=2), "tokens": {}, "mels": dict(width=4, layers=1)}


def two_sides(kind: str) -> dict:
    return {side: SOURCES[kind](side) for side in "ab"}


def one_collection(kind: str) -> dict:
    return {"x": SOURCES[kind]("x")}


def labelled(kind: str) -> dict:
    x = SOURCES[kind]("x")
    x.labels = torch.arange(len(x.items)) % 3
    return {"x": x, "c": labels_of(x)}


def matching_aware(kind: str) -> dict:
    data = labelled(kind)
    return data | {"wrong": labels_of(data["x"], wrong=True)}


class Case(NamedTuple):
    """How a system is built small: (kind, data, batch, pool) -> System."""

    build: Callable[..., System]
    data: Callable[[str], dict] = one_collection
    kinds: tuple[str, ...] = EVERY


def directions(system: type[Plain], **how):
    """Of an encoder and a decoder each."""

    def build(kind: str, data: dict, batch: int, pool: int) -> System:
        A, B = (data[side].domain for side in "ab")
        a2b, b2a = (Pair(s.encoder(**ENCODER[kind]), t.decoder(**DECODER[kind])) for s, t in ((A, B), (B, A)))
        critics = (domain.critic(**CRITIC[kind]) for domain in (A, B))
        return system(A, B, a2b, b2a, *critics, pool=pool, batch=batch, **how)

    return build


def cyclegan(kind: str, data: dict, batch: int, pool: int) -> System:
    """With all that it may have: critics of what came back, and pseudo-pairs where a kind has them."""
    critics = tuple(data[side].domain.critic(**CRITIC[kind]) for side in "ab")
    pseudo = dict(pseudo=mel_kind.pseudo_pairs(*data.values())) if kind == "mels" else {}
    return directions(CycleGAN, critics_back=critics, back=0.5, **pseudo)(kind, data, batch, pool)


def remembering(kind: str, data: dict, batch: int, pool: int) -> System:
    """CycleGAN with UVCGANv2's critics."""
    system = directions(CycleGAN, penalty=0.01)(kind, data, batch, pool)
    for critic in (system.d_a, system.d_b):
        remember(critic, 3)
    return system


def content(kind: str, data: dict, batch: int, pool: int) -> System:
    A = data["a"].domain
    see, show = A.encoder(**ENCODER[kind]), A.decoder(**DECODER[kind])
    return directions(Content, see=see, show=show, warm=1)(kind, data, batch, pool)


def inpainting(kind: str, data: dict, *_) -> System:
    A, B = (data[side].domain for side in "ab")
    pairs = (Pair(s.encoder(**ENCODER[kind]), t.decoder(**DECODER[kind])) for s, t in ((A, B), (B, A)))
    return Inpainting(A, B, *pairs)


def ugatit(kind: str, data: dict, batch: int, pool: int) -> System:
    A, B = (data[side].domain for side in "ab")
    critics = [attending_critic(kind, domain) for domain in (A, B)]
    return UGATIT(A, B, attending(kind, A, B), attending(kind, B, A), *critics, pool=pool, batch=batch)


def attending(kind: str, source, target) -> Attending:
    decoder = AdaptiveDecoder(3, 4, 1, 1) if kind == "images" else target.decoder(**DECODER[kind])
    return Attending(source.encoder(**ENCODER[kind]), decoder, CODE[kind])


def attending_critic(kind: str, domain) -> nn.Module:
    if kind == "tokens":
        return domain.critic(**CRITIC[kind])
    if kind == "mels":
        frames = domain.critic(**CRITIC[kind])
        return AttendingCritic(nn.Sequential(nn.Flatten(1, 2), frames.body), frames.head, 4)
    patches = domain.critic(width=4, layers=1).scales[0]
    return AttendingCritic(patches.body, patches.head, patches.head.in_channels)


def cut(kind: str, data: dict, batch: int, pool: int) -> System:
    A, B = (data[side].domain for side in "ab")
    a2b, b2a = (Pair(s.encoder(**ENCODER[kind]), t.decoder(**DECODER[kind])) for s, t in ((A, B), (B, A)))
    contrasts = {f"c_{way}": PatchContrast(net.encoder, 3, 5, 9) for way, net in (("a2b", a2b), ("b2a", b2a))}
    return CUT(
        A, B, a2b, b2a, *(domain.critic(**CRITIC[kind]) for domain in (A, B)), **contrasts, pool=pool, batch=batch
    )


CODE = {"images": 8, "tokens": 6, "mels": 4}  # channels
AXES = {"images": 2, "tokens": 0, "mels": 1}


def halves(kind: str, A, B, shared: bool = True) -> tuple[nn.Module, ...]:
    """e_a, e_b, g_a, g_b, what lies next to the code shared."""
    blocks = {} if kind == "tokens" else dict(blocks=1)
    encoders, decoders = (
        [d.encoder(**ENCODER[kind]) for d in (A, B)],
        [d.decoder(**DECODER[kind], **blocks) for d in (A, B)],
    )
    if shared:
        share(*encoders)
        share(*decoders)
    return *encoders, *decoders


def coded(system: type[Coded]):
    def build(kind: str, data: dict, batch: int, pool: int) -> System:
        A, B = (data[side].domain for side in "ab")
        critics = (domain.critic(**CRITIC[kind]) for domain in (A, B))
        how = dict(d_z=LatentCritic(CODE[kind], 5, AXES[kind])) if system is XGAN else {}
        return system(A, B, *halves(kind, A, B), *critics, pool=pool, batch=batch, **how)

    return build


def aligned(system: type[Aligned]):
    def build(kind: str, data: dict, *_) -> System:
        A, B = (data[side].domain for side in "ab")
        return system(A, B, *halves(kind, A, B, shared=False), LatentCritic(CODE[kind], 5, AXES[kind]))

    return build


def cross_aligned(kind: str, data: dict, *_) -> System:
    A, B = (data[side].domain for side in "ab")
    critics = {f"d_{side}": LatentCritic(CODE[kind], 5) for side in "ab"}
    return CrossAligned(A, B, *halves(kind, A, B, shared=False), **critics)


def arae(kind: str, data: dict, *_) -> System:
    A, B = (data[side].domain for side in "ab")
    encoders = (OnSphere(ToCode(body(kind, d), NOISE)) for d in (A, B))
    bodies = (mlp.Body(NOISE, 5) for _ in "ab")
    d_z, d_prior = (Critic(features, Realism(features.features)) for features in bodies)
    prior = OnSphere(mlp.Generator((NOISE,), NOISE, 5, bounded=False))
    return ARAE(A, B, *encoders, *(generator(kind, d) for d in (A, B)), d_z, prior=prior, d_prior=d_prior)


def three_sides(kind: str) -> dict:
    return {side: SOURCES[kind](side) for side in "abc"}


def stargan(kind: str, data: dict, batch: int, pool: int) -> System:
    domains = {key: source.domain for key, source in data.items()}
    net, d = KINDS[kind].direction, domains["a"].critic(**CRITIC[kind], classes=3)
    g = net(domains["a"], domains["a"], GENERATOR[kind], width=4, blocks=2, styles=3)
    weights = dict(
        adv=least_squares, identity=1.0, penalty=1.0
    )  # inside its margins the hinge gives a bias no gradient
    return StarGAN(domains, g, Naming(d, 3), **weights, pool=pool, batch=batch)


def munit(kind: str, data: dict, batch: int, pool: int) -> System:
    A, B = (data[side].domain for side in "ab")
    parts = zip(*(KINDS[kind].styled(x, 4, 1, 3) for x in (A, B)))
    critics = (domain.critic(**CRITIC[kind]) for domain in (A, B))
    return MUNIT(A, B, *(net for pair in parts for net in pair), *critics, width=3, cycle=1.0, pool=pool, batch=batch)


def combogan(kind: str, data: dict, batch: int, pool: int) -> System:
    domains = {key: source.domain for key, source in data.items()}
    e, g, d = zip(
        *((x.encoder(**ENCODER[kind]), x.decoder(**DECODER[kind]), x.critic(**CRITIC[kind])) for x in domains.values())
    )
    return ComboGAN(domains, e, g, d, restore=1.0, pool=pool, batch=batch)


def disentangle(kind: str, data: dict, batch: int, pool: int) -> System:
    domains = {key: source.domain for key, source in data.items()}
    first, n = domains["a"], len(domains)
    return DisentangleAE(
        domains,
        first.encoder(width=4, blocks=1),
        first.decoder(width=4, blocks=1, speakers=n),
        SpeakerCritic(4, n, width=4),
        first.critic(**CRITIC[kind]),
        SpeakerCritic(BANDS, n, width=4),
        second=2,
        pool=pool,
        batch=batch,
    )


NOISE = 6


def generator(kind: str, domain, noise: int = NOISE) -> nn.Module:
    if kind == "images":
        return dcgan.Generator(domain.channels, domain.size, noise, width=4)
    shape = (domain.length, 6) if kind == "tokens" else (4, domain.size // 4)
    return FromNoise(domain.decoder(**DECODER[kind], **{} if kind == "tokens" else dict(blocks=1)), noise, shape)


def body(kind: str, domain) -> nn.Module:
    if kind == "images":
        return dcgan.Body(domain.channels, domain.size, width=4)
    width = 6 if kind == "tokens" else 4
    return Pooled(domain.encoder(width=width), width, 6)


def gan(kind: str, data: dict, *_) -> System:
    """With all that a member of the family may have at once."""
    X, features = data["x"].domain, body(kind, data["x"].domain)
    g = Joined(generator(kind, X), OneHot(3))
    d = Critic(features, Split(features.features, LabelEmbedding(3, 5), width=8))
    penalties = {penalty.gradient: 10.0, penalty.r1: 1.0, penalty.r2: 1.0, penalty.consistency: 2.0}
    return GAN(X, g, d, penalties=penalties, every=2, critic_steps=2, matching=1.0)


def acgan(kind: str, data: dict, *_) -> System:
    X, features = data["x"].domain, body(kind, data["x"].domain)
    return ACGAN(X, Joined(generator(kind, X), OneHot(3)), Critic(features, AuxiliaryClass(features.features, 3)))


def infogan(kind: str, data: dict, *_) -> System:
    X, features = data["x"].domain, body(kind, data["x"].domain)
    d = Critic(features, Realism(features.features))
    return InfoGAN(X, generator(kind, X), d, Posterior(features.features, 3, 1, width=8))


def bigan(kind: str, data: dict, *_) -> System:
    X, features = data["x"].domain, body(kind, data["x"].domain)
    d = Critic(features, Join(features.features, Flat(NOISE), width=8))
    return BiGAN(X, generator(kind, X), ToCode(body(kind, X), NOISE), d)


def autoencoder(kind: str, data: dict, *_) -> System:
    X = data["x"].domain
    return AutoEncoder(X, generator(kind, X), ToCode(body(kind, X), NOISE))


def vae(kind: str, data: dict, *_) -> System:
    X = data["x"].domain
    return VAE(X, generator(kind, X), ToCode(body(kind, X), 2 * NOISE), kl=0.01)


def began(kind: str, data: dict, *_) -> System:
    X = data["x"].domain
    return BEGAN(X, generator(kind, X), Pair(X.encoder(**ENCODER[kind]), X.decoder(**DECODER[kind])))


def cogan(kind: str, data: dict, batch: int, pool: int) -> System:
    A, B = (data[side].domain for side in "ab")
    generators, critics = [generator(kind, d) for d in (A, B)], [noise_critic(kind, d) for d in (A, B)]
    share(*generators)
    share(*critics)
    encoders = (ToCode(body(kind, d), NOISE) for d in (A, B))
    return CoGAN(A, B, *generators, *critics, *encoders, descent=2, pool=pool, batch=batch)


def noise_critic(kind: str, domain) -> nn.Module:
    if kind != "images":
        return domain.critic(**CRITIC[kind])
    features = body(kind, domain)
    return Critic(features, Realism(features.features))


def restyled(system: type[StyleTransformer], direction, sample):
    def build(_, data: dict, batch: int, pool: int) -> System:
        A, B = (data[side].domain for side in "ab")
        net = direction(A, Bottleneck(sample, 1.0, 0.5, 10))
        a2b, b2a = Towards(net, 1), Towards(net, 0)
        return system(A, B, a2b, b2a, A.critic(), B.critic(), warm=1, penalty=1.0, identity=1.0, pool=pool, batch=batch)

    return build


def seq2seq(domain, bottleneck: Bottleneck) -> Seq2Seq:
    decoder = Decoder(domain.vocabulary, domain.length, 6, dropout=0.2, copying=True, bottleneck=bottleneck)
    return Seq2Seq(Encoder(domain.vocabulary, 6, 1, styles=2), decoder, noise=0.1)


def editor(domain, bottleneck: Bottleneck) -> Parallel:
    return Parallel(Encoder(domain.vocabulary, 6, 1, styles=2), copying=True, bottleneck=bottleneck)


def seqgan(_, data: dict, *__) -> System:
    X = data["x"].domain
    how = dict(warm=1, ahead=1, rollouts=2, likelihood=1.0)
    return SeqGAN(X, Writer(Decoder(X.vocabulary, X.length, 6, dropout=0.2)), X.critic(), **how)


def summarising(system: type[Summarise], sample):
    def build(_, data: dict, batch: int, pool: int) -> System:
        A, B = (data[side].domain for side in "ab")
        networks = []
        for source, target in ((A, B), (B, A)):
            encoder = Encoder(source.vocabulary, 6, 1, places=source.length)
            how = dict(dropout=0.2, copying=True, bottleneck=Bottleneck(sample, 1.0, 0.5, 10))
            networks.append(Seq2Seq(encoder, Decoder(target.vocabulary, target.length, 6, **how), noise=0.1))
        windows = Windows(A.begins, shortest=2, longest=4)
        return system(A, B, *networks, B.critic(), windows, warm=1, penalty=1.0, pool=pool, batch=batch)

    return build


SYSTEMS = {
    CycleGAN: Case(cyclegan, two_sides),
    Content: Case(content, two_sides),
    Inpainting: Case(inpainting, two_sides),
    UGATIT: Case(ugatit, two_sides),
    UNIT: Case(coded(UNIT), two_sides),
    CoGAN: Case(cogan, two_sides),
    XGAN: Case(coded(XGAN), two_sides),
    Aligned: Case(aligned(Aligned), two_sides),
    Reversed: Case(aligned(Reversed), two_sides),
    CrossAligned: Case(cross_aligned, two_sides, ("tokens",)),
    ARAE: Case(arae, two_sides),
    CUT: Case(cut, two_sides, ("images",)),  # places of a picture
    Plain: Case(directions(Plain, critic_steps=2), two_sides),
    GAN: Case(gan, matching_aware),
    ACGAN: Case(acgan, labelled),
    InfoGAN: Case(infogan),
    BiGAN: Case(bigan),
    AutoEncoder: Case(autoencoder),
    VAE: Case(vae),
    BEGAN: Case(began, kinds=("images", "mels")),  # a fake's energy is differentiated in the fake
    StyleTransformer: Case(restyled(StyleTransformer, seq2seq, straight_through), two_sides, ("tokens",)),
    PolicyGradient: Case(restyled(PolicyGradient, editor, draw_word), two_sides, ("tokens",)),
    Summarise: Case(summarising(Summarise, straight_through), two_sides, ("tokens",)),
    RewardedSummarise: Case(summarising(RewardedSummarise, draw_word), two_sides, ("tokens",)),
    SeqGAN: Case(seqgan, kinds=("tokens",)),
    StarGAN: Case(stargan, three_sides),
    MUNIT: Case(munit, two_sides),
    ComboGAN: Case(combogan, three_sides),
    DisentangleAE: Case(disentangle, three_sides, ("mels",)),
}
CASES = [(system, kind) for system, case in SYSTEMS.items() for kind in case.kinds]
NAMES = [f"{system.__name__}-{kind}" for system, kind in CASES]


def recipe_of(system: type[System], kind: str, pool: int = 4, **run) -> Recipe:
    """run: what differs from a short run in float32."""
    numbers = Run(
        **dict(steps=4, batch=2, precision="fp32", log_every=1, sample_every=2, judge_every=2, save_every=2) | run
    )
    case = SYSTEMS[system]
    data = case.data(kind)
    return Recipe(data, lambda: case.build(kind, data, numbers.batch, pool), numbers, name=system.__name__.lower())


def trainer_of(system: type[System], kind: str, **how) -> Trainer:
    return Trainer(recipe_of(system, kind, **how), CPU)


def longer(recipe: Recipe, **run) -> Recipe:
    return replace(recipe, run=replace(recipe.run, **run))


def batch_of(recipe: Recipe, first: int = 0) -> dict:
    """The step's batch of every side, as a loss sees it."""
    return {key: s.domain.normalise(s.rows(range(first, first + recipe.run.batch))) for key, s in recipe.data.items()}


class Hostile:
    """Unpickled, it makes a file: whoever finds the file knows that code from outside was run."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))
