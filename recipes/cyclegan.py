"""CycleGAN on any two collections of one kind: pictures, sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from translate.recipe import Recipe


def cyclegan(
    a: str = "photos",
    b: str = "vangogh",
    steps: int | None = None,
    size: int | None = None,
    batch: int | None = None,
    micro: int = 0,
    lr: float | None = None,
    lr_d: float | None = None,
    cycle: float | None = None,
    identity: float | None = None,
    pool: int | None = None,
    adv: Literal["least_squares", "non_saturating", "hinge"] = "least_squares",
    generator: str | None = None,
    width: int | None = None,
    blocks: int | None = None,
    critic: str | None = None,
    layers: int | None = None,
    scales: int = 1,
    spectral: bool = False,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    seed: int = 0,
    budget: Literal["auto", "laptop", "full"] = "auto",
) -> Recipe:
    """Translate between two collections that nobody paired, both ways. CycleGAN, arXiv:1703.10593.

    Photographs to Van Goghs on the built-in pictures: scripts/cyclegan.py --a photos --b vangogh
    Old to modern English on the built-in sentences: scripts/cyclegan.py --a old --b modern
    The kind follows from the files' suffixes; what is left out takes a value that suits it. Expected scores: docs/results.md.

    Args:
        a: one collection: a folder (plain, or with trainA/trainB inside), a glob, @list.txt, an .npz, a file of sentences, or a name.
        b: the other.
        steps: training steps; a visible result in about ten minutes on two cores where left out and there is no GPU.
        size: of a training item. Pictures: side of the square crop in pixels, a multiple of 4; sentences: most tokens.
        batch: items of each side a step, over all processes.
        micro: items in memory at a time; 0: the whole batch.
        lr: learning rate of Adam, 2e-4 as in the paper or 3e-4 beside the vgg critic; falls to zero over the second half.
        lr_d: that of the critics, where it should differ (two time scales, arXiv:1706.08500).
        cycle: weight of cycle consistency (lambda). Pictures: 10 as in the paper; 1.5 beside the vgg critic.
        identity: weight of the identity loss, which keeps what both sides share. Pictures: 5 for photographs with a full budget,
            else 0. It helps where the sides are alike (two fonts), harms where they are not (digits and their outlines).
        pool: earlier fakes that the critics are shown again.
        adv: adversarial objective.
        generator: of pictures resnet as in the paper; residual: the same, added to the input, which suits small budgets; unet.
        width: channels of the generators' first layer (and of the critics').
        blocks: residual blocks between a generator's ends.
        critic: of pictures: patch as in the paper, which learns from pixels; vgg, small heads on a pretrained network's features
            (Projected GANs, arXiv:2111.01007), which tells strokes from fur after a few steps: photographs without a GPU get it.
        layers: of the patch critics. Pictures: 1, 2, 3, 4 judge patches of 16, 34, 70, 142 pixels; 70 at 256 pixels where left out.
        scales: patch critics, each on an item of half the last one's size.
        spectral: spectral normalisation in the patch critics.
        precision: auto is bf16 where the device gains by it.
        seed: of weights, data order, augmentation and noise.
        budget: default sizes: laptop or full; auto is full where there is a GPU.
    """
    import torch

    from recipes.data import open_data
    from translate import adv as objectives
    from translate.errors import at_least
    from translate.recipe import Recipe, Run
    from translate.systems.cyclegan import CycleGAN

    if budget == "auto":
        budget = "full" if torch.cuda.is_available() else "laptop"
    kind, data = open_data(a, b, size, budget == "full", seed)
    A, B = data["a"].domain, data["b"].domain
    said = dict(
        steps=steps, batch=batch, lr=lr, lr_d=lr_d, cycle=cycle, identity=identity, pool=pool,
        generator=generator, width=width, blocks=blocks, critic=critic, layers=layers,
    )  # fmt: skip
    n = kind.numbers(A, budget == "full") | {key: value for key, value in said.items() if value is not None}
    n.setdefault("lr_d", n["lr"])
    at_least(1, scales=scales, **{key: n[key] for key in ("steps", "batch", "width", "layers")})
    at_least(
        0, micro=micro, seed=seed, **{key: n[key] for key in ("blocks", "cycle", "identity", "pool", "lr", "lr_d")}
    )
    shape = {key: n[key] for key in ("generator", "width", "blocks")}
    critics = dict(critic=n["critic"], width=n["width"], layers=n["layers"], scales=scales, spectral=spectral)

    def system() -> CycleGAN:
        return CycleGAN(
            A,
            B,
            kind.direction(A, B, **shape),
            kind.direction(B, A, **shape),
            kind.critic(A, **critics),
            kind.critic(B, **critics),
            adv=getattr(objectives, adv),
            cycle=n["cycle"],
            identity=n["identity"],
            pool=n["pool"],
            batch=n["batch"],
        )

    every = max(10, n["steps"] // 20)
    run = Run(
        n["steps"],
        n["batch"],
        micro,
        {"g": n["lr"], "d": n["lr_d"]},
        precision=precision,
        seed=seed,
        log_every=max(1, min(50, n["steps"] // 100)),
        sample_every=every,
        judge_every=max(10, n["steps"] // 10),
        save_every=every,
    )
    return Recipe(
        data,
        system,
        run,
        judge=kind.Judge(),
        args=n
        | dict(
            size=A.size,
            micro=micro,
            adv=adv,
            scales=scales,
            spectral=spectral,
            precision=precision,
            seed=seed,
            budget=budget,
        ),
        title=f"CycleGAN: {data['a'].name} ↔ {data['b'].name}",
        paper="Zhu et al. 2017, arXiv:1703.10593",
    )
