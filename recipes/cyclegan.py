"""CycleGAN on any two collections of pictures."""

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
    lr: float = 2e-4,
    lr_d: float | None = None,
    cycle: float | None = None,
    identity: float | None = None,
    pool: int = 50,
    adv: Literal["least_squares", "non_saturating", "hinge"] = "least_squares",
    generator: Literal["auto", "resnet", "residual", "unet"] = "auto",
    width: int | None = None,
    blocks: int | None = None,
    layers: int | None = None,
    scales: int = 1,
    spectral: bool = False,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    seed: int = 0,
    budget: Literal["auto", "laptop", "full"] = "auto",
) -> Recipe:
    """Translate between two collections that nobody paired, both ways. CycleGAN, arXiv:1703.10593.

    Photographs to Van Goghs on the built-in pictures: scripts/cyclegan.py --a photos --b vangogh
    Expected scores: docs/results.md.

    Args:
        a: one collection: a folder (plain, or with trainA/trainB inside), a glob, @list.txt, an .npz, or the name of a set.
        b: the other.
        steps: training steps; a visible result in about ten minutes on two cores where left out and there is no GPU.
        size: side of the square training crop in pixels, a multiple of 4; at most 128 on a CPU, 256 on a GPU where left out.
        batch: pictures of each side a step, over all processes.
        micro: pictures in memory at a time; 0: the whole batch.
        lr: learning rate of Adam; falls to zero over the second half.
        lr_d: that of the critics, where it should differ (two time scales, arXiv:1706.08500).
        cycle: weight of cycle consistency (lambda): 10 as in the paper; 5 where photographs meet a small budget.
        identity: weight of the identity loss, which keeps what both sides share; 5 for photographs with a full budget, else 0.
            It helps where the sides are alike (two fonts), harms where they are not (digits and their outlines).
        pool: earlier fakes that the critics are shown again.
        adv: adversarial objective.
        generator: resnet as in the paper; residual: the same, added to the input, which suits small budgets; unet.
        width: channels of the generators' first layer (and of the critics').
        blocks: residual blocks of the ResNet.
        layers: of the critics: 1, 2, 3, 4 judge patches of 16, 34, 70, 142 pixels; 70 at 256 pixels where left out.
        scales: critics, each on a picture of half the last one's size.
        spectral: spectral normalisation in the critics.
        precision: auto is bf16 where the device gains by it.
        seed: of weights, data order, augmentation and noise.
        budget: default sizes: laptop or full; auto is full where there is a GPU.
    """
    import torch

    from recipes.data import open_data
    from recipes.judge import ImageJudge
    from translate import adv as objectives
    from translate.errors import UserError, at_least
    from translate.modules.cycle import Pair
    from translate.nets.layers import init_gan
    from translate.nets.resnet import Residual
    from translate.nets.unet import UNet
    from translate.recipe import Recipe, Run
    from translate.systems.cyclegan import CycleGAN

    if budget == "auto":
        budget = "full" if torch.cuda.is_available() else "laptop"
    full = budget == "full"
    data = open_data(a, b, size, 256 if full else 128, seed)
    A, B = data["a"].domain, data["b"].domain
    small = A.size <= 64

    def chosen(value, default):
        return default if value is None else value

    steps = chosen(steps, 200_000 if full else 2000)
    batch = chosen(batch, 4 if small else 1)
    width = chosen(width, 64 if full else 32)
    blocks = chosen(blocks, 9 if full else 4)
    cycle = chosen(cycle, 10.0 if full or small else 5.0)
    identity = chosen(identity, 5.0 if full and not small else 0.0)
    lr_d = chosen(lr_d, lr)
    # digits (28 pixels) become another drawing, not a retouched one: measured, from the residual's copy they do not get there
    digits = A.size < 32
    layers = chosen(layers, 1 if A.size == 32 else 2 if small else 3)
    if generator == "auto":
        generator = "resnet" if full or digits else "residual"
    at_least(1, steps=steps, batch=batch, width=width, layers=layers, scales=scales)
    at_least(0, blocks=blocks, micro=micro, cycle=cycle, identity=identity, pool=pool, lr=lr, lr_d=lr_d, seed=seed)
    if A.size // 2 ** (layers + scales - 1) < 3:
        raise UserError(
            f"--layers {layers} --scales {scales}: the critic's patches are larger than {A.size} pixels; give fewer"
        )
    down = 1 if A.size <= 32 else 2

    def direction(source, target):
        if generator == "unet":
            depth = max(d for d in range(2, 6) if A.size % 2**d == 0)
            return init_gan(UNet(target.channels, width, depth))
        encoder = source.encoder(width=width, down=down, blocks=blocks)
        if generator == "residual":
            return Residual(target.channels, encoder, target.decoder(width=width, down=down, resize=True))
        return Pair(encoder, target.decoder(width=width, down=down))

    def system() -> CycleGAN:
        critic = dict(width=width, layers=layers, scales=scales, spectral=spectral)
        return CycleGAN(
            A,
            B,
            direction(A, B),
            direction(B, A),
            A.critic(**critic),
            B.critic(**critic),
            adv=getattr(objectives, adv),
            cycle=cycle,
            identity=identity,
            pool=pool,
            batch=batch,
        )

    every = max(10, steps // 20)
    run = Run(
        steps,
        batch,
        micro,
        {"g": lr, "d": lr_d},
        precision=precision,
        seed=seed,
        log_every=max(1, min(50, steps // 100)),
        sample_every=every,
        judge_every=max(10, steps // 10),
        save_every=every,
    )
    return Recipe(
        data,
        system,
        run,
        judge=ImageJudge(),
        args=dict(
            steps=steps,
            size=A.size,
            batch=batch,
            micro=micro,
            lr=lr,
            lr_d=lr_d,
            cycle=cycle,
            identity=identity,
            pool=pool,
            adv=adv,
            generator=generator,
            width=width,
            blocks=blocks,
            layers=layers,
            scales=scales,
            spectral=spectral,
            precision=precision,
            seed=seed,
            budget=budget,
        ),
        title=f"CycleGAN: {data['a'].name} ↔ {data['b'].name}",
        paper="Zhu et al. 2017, arXiv:1703.10593",
    )
