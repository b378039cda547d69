"""Theory that one can see: every model of recipes/gan.py on points of the plane, with its critic drawn behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipes.gan import MODELS as DRAWING

if TYPE_CHECKING:
    from translate.recipe import Recipe

MODELS = {model: line for model, line in DRAWING.items() if model not in ("improved", "wgan-ct")}  # of pictures only


def points(
    data: str = "grid25",
    model: str = "gan",
    steps: int = 4000,
    batch: int = 512,
    lr: float = 1e-3,
    width: int = 32,
    noise: int = 2,
    adv: str | None = None,
    seed: int = 0,
) -> Recipe:
    """See what a generator does: modes that it finds, and distances that a critic can tell.

    Modes lost and found: scripts/points.py --data grid25 --model gan, then --model pacgan.
    Two lines that never meet: scripts/points.py --data lines --model wgan-gp. On its page a classifier tells data from fakes
    without a mistake and puts their divergence at log 2, however near they are, while the Wasserstein estimate falls.

    Args:
        data: ring8, grid25: Gaussians around 8 or 25 modes; lines: data at x = 0, the generator a line beside it.
        model: one of those of scripts/gan.py without labels, of fully connected networks.
        steps: training steps.
        batch: points a step; of 128 a critic sees five a mode, and samples stay blurred.
        lr: learning rate of Adam; falls to zero over the second half.
        width: a quarter of the networks' hidden units.
        noise: numbers that a sample is made of.
        adv: another objective, as in scripts/gan.py.
        seed: of weights, data and noise.
    """
    import difflib

    from domains.points import world
    from recipes import models
    from recipes.gan import FIXED
    from recipes.planar import Line, Parts, PointJudge, watched
    from translate.adv import OBJECTIVES
    from translate.errors import UserError, at_least
    from translate.recipe import Recipe, Run

    x = world(data, seed)
    for value, names, flag in ((model, MODELS, "model"), (adv or "hinge", OBJECTIVES, "adv")):
        if value not in names:
            near = difflib.get_close_matches(value, names, 3, 0.3) or sorted(names)
            raise UserError(f"--{flag} {value}: there is no such one here; the nearest names are {', '.join(near)}")
    if adv and model in FIXED:
        raise UserError(f"--adv {adv}: the objective of {model} is what it is; leave it out, or choose another --model")
    at_least(1, steps=steps, width=width, noise=noise)
    if batch < models.PACKED or batch % models.PACKED:
        raise UserError(f"--batch {batch}: it must be a multiple of {models.PACKED}")
    parts = Parts({"x": x}, batch, width, noise, OBJECTIVES[adv] if adv else None)
    if x.modes is None:
        parts.line = Line()
        parts.slope = 10.0  # its critic's difference is the distance only as far as its slope is held to 1
    every = max(10, steps // 10)
    run = Run(
        steps, batch, 0, {"g": lr if x.modes is not None else 10 * lr, "d": lr}, (0.0, 0.99), precision="fp32", seed=seed, ema=0.99,
        log_every=max(1, steps // 100), sample_every=every, judge_every=every, save_every=every,
    )  # fmt: skip
    return Recipe(
        {"x": x},
        lambda: watched(getattr(models, model.replace("-", "_"))(parts)),
        run,
        judge=PointJudge(x),
        args=dict(
            data=data, model=model, steps=steps, batch=batch, lr=lr, width=width, noise=noise, adv=adv, seed=seed
        ),
        title=f"{model}: {data}",
        paper=MODELS[model],
        folder=f"points-{model}-{data}",
        then="look at what the critic saw",
    )
