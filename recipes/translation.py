"""What every recipe of a translator shares: the data, networks that suit it, the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from translate.recipe import Recipe

NONE = ""  # of an option: the method has nothing that it could choose
Objective = Literal["least_squares", "non_saturating", "hinge"]


@dataclass
class Parts:
    """What a method puts its system together from. data: folders by their keys; n: every number by its option's name."""

    kind: ModuleType
    data: dict[str, Any]  # a type that loads torch has no place here: --help answers at once
    n: dict[str, Any]

    @property
    def domains(self) -> dict[str, Any]:
        return {key: folder.domain for key, folder in self.data.items()}

    @property
    def A(self):
        """The first domain; of two, side a."""
        return next(iter(self.domains.values()))

    @property
    def B(self):
        return self.domains["b"]

    def numbers(self, *names: str) -> dict:
        return {name: self.n[name] for name in names}

    def direction(self, source, target, styles: int = 0):
        return self.kind.direction(source, target, **self.numbers("generator", "width", "blocks"), styles=styles)

    def critic(self, domain, classes: int = 1):
        numbers = self.numbers("critic", "width", "layers", "scales", "spectral")
        critic = self.kind.critic(domain, **numbers, classes=classes)
        if self.n.get("diffaugment"):
            critic = self.augmenting(critic)
        return self.remembering(critic) if self.n.get("queue") else critic

    def augmenting(self, critic):
        from translate.errors import UserError

        if not hasattr(self.kind, "diffaugment"):
            raise UserError(f"--diffaugment: it is for pictures, not for {self.kind.ITEMS}; leave it out")
        return self.kind.diffaugment(critic)

    def remembering(self, critic):
        from translate.errors import UserError
        from translate.modules.memory import remember

        try:
            return remember(critic, self.n["queue"])
        except ValueError as error:
            raise UserError(
                f"--queue {self.n['queue']}: {error} in --critic {self.n['critic']}; give another"
            ) from error

    def seeing(self, features: str) -> dict:
        """The frozen encoder, or one that learns first and its decoder."""
        from translate.errors import UserError

        pictures = hasattr(self.kind, "seeing")
        if features != "own" and pictures and (features != "auto" or self.A.size >= 32):
            return dict(see=self.kind.seeing(self.A, None if features in ("auto", "vgg") else features))
        if features not in ("own", "auto"):
            raise UserError(f"--features {features}: there is such a network for pictures alone; give own")
        if self.A.kind != self.B.kind:
            raise UserError(f"--features own: one encoder cannot read {self.A.kind} and {self.B.kind}; give vgg")
        see, show = self.kind.halves(self.A, **self.numbers("width", "blocks"))
        return dict(see=see, show=show)

    def attending(self) -> tuple:
        """Both directions, both critics, with attention."""
        numbers = self.numbers("width", "blocks")
        critics = (self.kind.attending_critic(d, **self.numbers("width", "layers")) for d in (self.A, self.B))
        sides = ((self.A, self.B), (self.B, self.A))
        return *(self.kind.attending(source, target, **numbers) for source, target in sides), *critics

    def critics(self) -> tuple:
        return self.critic(self.A), self.critic(self.B)

    def networks(self) -> tuple:
        """Both directions, both critics."""
        return self.direction(self.A, self.B), self.direction(self.B, self.A), *self.critics()

    def alike(self, build: Callable[[Any], tuple]) -> list[tuple]:
        """What `build` makes for each domain, network by network; those of a kind start from the same weights, but for pictures that are
        far from the first domain's."""
        from translate.modules.shared import start_alike

        networks = [*zip(*map(build, self.domains.values()))]
        first, *_ = sides = list(self.data.values())
        near = [side is first or not hasattr(self.kind, "near") or self.kind.near(first, side) for side in sides]
        for of_a_kind in networks:
            start_alike(*(net for net, fits in zip(of_a_kind, near) if fits))
        return networks

    def halves(self) -> list[tuple]:
        """The domains' encoders, and their decoders."""
        return self.alike(lambda domain: self.kind.halves(domain, **self.numbers("width", "blocks")))

    def sharing_halves(self) -> tuple:
        """Both encoders, both decoders; what lies next to the code is both sides'."""
        from translate.modules.shared import share

        encoders, decoders = self.halves()
        share(*encoders)
        share(*decoders)
        return *encoders, *decoders

    def from_noise(self) -> tuple:
        """Both generators, both critics, what is far from the data both sides'; both encoders."""
        from translate.modules.shared import share

        generators, critics, encoders = self._noise_sides()
        share(*generators)
        share(*critics)
        return *generators, *critics, *encoders

    def vectors(self) -> tuple:
        """Both encoders into vectors of length 1, both decoders of vectors."""
        from translate.modules.noise import OnSphere

        decoders, _, encoders = self._noise_sides()
        return *map(OnSphere, encoders), *decoders

    def _noise_sides(self) -> list[tuple]:
        return self.alike(lambda domain: self.kind.from_noise(domain, **self.numbers("noise", "width", "blocks")))

    def latent_critic(self, encoder, axes: int | None = None):
        """axes: of a code's places with what is around them, see LatentCritic; all where left out."""
        from translate.modules.shared import LatentCritic, shape_of

        channels, every = shape_of(encoder, self.A)
        return LatentCritic(channels, 2 * self.n["width"], every if axes is None else axes)

    def pseudo_pairs(self) -> dict:
        """What an item of each side probably is in the other."""
        if not self.n["pairs"]:
            return {}
        return dict(pseudo=self.kind.pseudo_pairs(*self.data.values()), pairs=self.n["pairs"])

    def replay(self) -> dict[str, int]:
        """Of fakes, for the critics."""
        return self.numbers("pool", "batch")

    def adversarial(self) -> dict:
        """The objective, and the replay."""
        from translate.adv import OBJECTIVES

        return dict(adv=OBJECTIVES[self.n["adv"]]) | self.replay()


def translation(
    method: str,
    paper: str,
    build: Callable[[Parts], Any],
    own: dict[str, float | str | None],
    a: str | list[str],
    b: str | None,
    steps: int | None = None,
    size: int | None = None,
    batch: int | None = None,
    micro: int = 0,
    lr: float | None = None,
    lr_d: float | None = None,
    pool: int | None = None,
    generator: str | None = None,
    width: int | None = None,
    blocks: int | None = None,
    critic: str | None = None,
    layers: int | None = None,
    scales: int = 1,
    spectral: bool | None = None,
    diffaugment: bool = False,
    augment: str | None = None,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    seed: int = 0,
    budget: Literal["auto", "laptop", "full"] = "auto",
) -> Recipe:
    """A method between collections of one kind, which follows from the files' suffixes.

    build: Parts -> System
    own: the method's options beside the ones below, as they were given; None: what suits the kind.
    a, b: both sides; of a method for any number of domains a is the list of them, b None.

    Args:
        a: one collection: a folder (plain, or with trainA/trainB inside), a glob, @list.txt, an .npz, a file of sentences, or a name.
        b: the other.
        steps: training steps; a visible result in about ten minutes on two cores where left out and there is no GPU.
        size: of a training item. Pictures: side of the square crop in pixels, a multiple of 4; sentences: most tokens.
        batch: items of each side a step, over all processes.
        micro: items in memory at a time; 0: the whole batch.
        lr: learning rate of Adam, 2e-4 as in the paper or 3e-4 beside the vgg critic; falls to zero over the second half.
        lr_d: that of the critics, where it should differ (two time scales, arXiv:1706.08500).
        pool: earlier fakes that the critics are shown again.
        generator: of pictures resnet as in the paper; residual: the same, added to the input, which suits small budgets, and above 64
            pixels with norms of each place, without which bright patches grow (arXiv:1912.04958, section 2); unet.
        width: channels of the generators' first layer (and of the critics').
        blocks: residual blocks between a generator's ends.
        critic: of pictures: patch as in the paper, which learns from pixels; vgg, small heads on a pretrained network's features
            (Projected GANs, arXiv:2111.01007), which tells strokes from fur after a few steps: photographs without a GPU get it.
        layers: of the patch critics. Pictures: 1, 2, 3, 4 judge patches of 16, 34, 70, 142 pixels; 70 at 256 pixels where left out.
        scales: patch critics, each on an item of half the last one's size.
        spectral: spectral normalisation in the patch critics; CycleGAN has it between small pictures without a GPU.
        diffaugment: critics see pictures recoloured, shifted and with a hole, data and translations alike, so that they cannot learn
            a few hundred by heart (arXiv:2006.10738). It helped two vendors' emoji; line art was no better for it.
        augment: of pictures: a pipeline that albumentations.save wrote (.json or .yaml), ahead of random crops and mirrors.
        precision: auto is bf16 where the device gains by it.
        seed: of weights, data order, augmentation and noise.
        budget: default sizes: laptop or full; auto is full where there is a GPU.
    """
    import torch

    from recipes.data import open_data
    from translate.errors import at_least
    from translate.recipe import Recipe, Run, intervals

    at_least(0, seed=seed)  # data are drawn by it
    if budget == "auto":
        budget = "full" if torch.cuda.is_available() else "laptop"
    kind, data = open_data(a, b, size, budget == "full", seed, augment)
    domains = {key: folder.domain for key, folder in data.items()}
    first = next(iter(domains.values()))
    said = dict(
        steps=steps, batch=batch, lr=lr, lr_d=lr_d, pool=pool, generator=generator, width=width, blocks=blocks,
        critic=critic, layers=layers, scales=scales, spectral=spectral, diffaugment=diffaugment,
    ) | own  # fmt: skip
    suits = kind.numbers(first, budget == "full", method)
    suits = dict(pairs=0.0, spectral=False) | suits | dict(restore=suits["cycle"])  # both are distances to the input
    if own.get("pairs", NONE) is None and hasattr(kind, "pairs"):
        suits["pairs"] = kind.pairs(data)
    n = {key: suits.get(key) if value is None else value for key, value in said.items()}
    n = {key: value for key, value in n.items() if value != NONE}
    n["lr_d"] = n["lr"] if n["lr_d"] is None else n["lr_d"]
    weights = [key for key in own if not isinstance(n[key], str)]
    at_least(1, **{key: n[key] for key in ("steps", "batch", "width", "layers", "scales") if key in n})
    at_least(0, micro=micro, **{key: n[key] for key in ("blocks", *weights, "pool", "lr", "lr_d") if key in n})
    n |= dict(size=first.size, micro=micro, augment=augment, precision=precision, seed=seed, budget=budget)

    run = Run(
        n["steps"],
        n["batch"],
        micro,
        {"g": n["lr"], "d": n["lr_d"], "e": n["lr"]},  # e: where codes have a learner of their own
        precision=precision,
        **({"ema": n["ema"]} if "ema" in n else {}),
        seed=seed,
        **intervals(n["steps"], judged=10 if len(data) == 2 else 4),  # of N sides there are N (N - 1) ways
    )
    return Recipe(
        data,
        lambda: build(Parts(kind, data, n)),
        run,
        judge=kind.judge(domains),
        args=n,
        title=f"{method}: {' ↔ '.join(folder.name for folder in data.values())}",
        paper=paper,
        then=f"translate: python scripts/convert.py {{out}} --to {[*data][-1]} INPUT OUTPUT",
    )
