"""One speaker's sentences in another's voice, by three methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from translate.recipe import Recipe

OPTIONS = {  # of some methods alone
    "cycle": {"cycle", "identity", "pairs", "back"},
    "unit": {"cycle", "pairs"},
    "disentangle": {"hide", "real", "hear", "second"},
}


def voice(
    a: str = "slt",
    b: str = "rms",
    domains: list[str] | None = None,
    method: Literal["unit", "cycle", "disentangle"] = "unit",
    steps: int | None = None,
    size: int | None = None,
    batch: int | None = None,
    micro: int = 0,
    lr: float | None = None,
    lr_d: float | None = None,
    cycle: float | None = None,
    identity: float | None = None,
    pairs: float | None = None,
    back: float = 0.0,
    hide: float = 0.1,
    real: float = 0.1,
    hear: float = 0.1,
    second: float = 0.5,
    generator: str | None = None,
    width: int | None = None,
    blocks: int | None = None,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    seed: int = 0,
    budget: Literal["auto", "laptop", "full"] = "auto",
) -> Recipe:
    """Say one speaker's sentences in another's voice, without a sentence that both have said; both ways.

    The built-in voices, a woman and a man: scripts/voice.py --a slt --b rms
    Any number of voices: scripts/voice.py --domains anna/ boris/ chloe/ --method disentangle
    Expected scores: docs/results.md.

    Args:
        a: one speaker: a folder of recordings (plain, or with trainA/trainB inside), a glob, @list.txt, or a name.
        b: the other.
        domains: in their place two speakers or more (method disentangle).
        method: unit: a code that both voices share (arXiv:1703.00848); cycle: CycleGAN (of the CycleGAN-VC2 class, arXiv:1904.04631);
            disentangle: one auto-encoder whose code hides the speaker (arXiv:1804.02812), which is ready sooner and loses more words.
        steps: training steps.
        size: frames of the training crop, 11.6 ms each, a multiple of 4.
        batch: crops of each speaker a step, over all processes.
        micro: crops in memory at a time; 0: the whole batch.
        lr: learning rate of Adam; falls to zero over the second half.
        lr_d: that of the critics.
        cycle: weight of cycle consistency (methods cycle, unit).
        identity: weight of the identity loss (method cycle).
        pairs: weight of pseudo-pairs: frames of the other voice that probably say the same sound, by INCA (Erro 2010; methods
            cycle, unit).
        back: weight of a second pair of critics, which judge what came back (method cycle).
        hide: weight of hiding the speaker from the critic of codes (method disentangle).
        real: weight of being taken for real speech with another's label (method disentangle, stage two).
        hear: weight of being heard as that other (method disentangle, stage two).
        second: share of the steps after which stage two begins (method disentangle).
        generator: gated; masked: up to half of a crop's frames are hidden in training (arXiv:2102.12841; method cycle);
            212d: convolutions over bands and frames around blocks over frames, as CycleGAN-VC2 has (method cycle).
        width: channels of the networks.
        blocks: residual blocks.
        precision: auto is bf16 where the device gains by it.
        seed: of weights, data order and noise.
        budget: default sizes: laptop or full; auto is full where there is a GPU.
    """
    import inspect
    from dataclasses import replace

    from domains.sources import option
    from recipes.cyclegan import cyclegan
    from recipes.translation import translation
    from recipes.unit import unit
    from translate.errors import UserError, at_least, fraction

    at_least(0, back=back, hide=hide, real=real, hear=hear)
    fraction(second=second)
    own = dict(method=method, hide=hide, real=real, hear=hear, second=second)
    said = own | dict(cycle=cycle, identity=identity, pairs=pairs, back=back)
    defaults, idle = inspect.signature(voice).parameters, set.union(*OPTIONS.values()) - OPTIONS[method]
    for key in sorted(idle):
        if said[key] != defaults[key].default:
            others = " or ".join(name for name, options in OPTIONS.items() if key in options)
            raise UserError(f"--{key}: it is of --method {others}, not of {method}; leave it out")
    if domains and method != "disentangle":
        raise UserError(f"--domains: --method {method} is between two voices; give --method disentangle")
    if method != "cycle" and generator not in (None, "gated"):
        raise UserError(f"--generator {generator}: of --method {method} it is gated; leave it out")
    numbers = dict(
        steps=steps, size=size, batch=batch, micro=micro, lr=lr, lr_d=lr_d, width=width, blocks=blocks,
        precision=precision, seed=seed, budget=budget,
    )  # fmt: skip
    if domains:
        recipe = translation("Voices", "", disentangled, dict(cycle=cycle, identity=identity), domains, None, **numbers)
    elif method == "unit":
        recipe = unit(a, b, cycle=cycle, pairs=pairs, **numbers)
    else:
        weights = dict(cycle=cycle, identity=identity, pairs=pairs, back=back)
        recipe = cyclegan(a, b, generator=generator, **weights, **numbers)
    key, first = next(iter(recipe.data.items()))
    if "mels" != first.domain.spec()["domain"]:
        raise UserError(f"{option(key)} {first.name}: no recordings; scripts/cyclegan.py takes collections of any kind")
    args = {key: value for key, value in (recipe.args | own).items() if key in set(defaults) - idle}
    names = " ↔ ".join(folder.name for folder in recipe.data.values())
    recipe = replace(recipe, args=args, title=f"Voices: {names}")
    return disentangled(recipe) if method == "disentangle" else recipe


def disentangled(recipe: Recipe) -> Recipe:
    """The same data and numbers, with the auto-encoder in CycleGAN's place."""
    from dataclasses import replace

    from domains.vocoders import BANDS
    from translate.nets.gated import SpeakerCritic
    from translate.systems.disentangle import DisentangleAE

    args, domains = recipe.args, {key: source.domain for key, source in recipe.data.items()}
    first, n, width = next(iter(domains.values())), len(domains), args["width"]

    def system() -> DisentangleAE:
        return DisentangleAE(
            domains,
            first.encoder(width=width, blocks=args["blocks"]),
            first.decoder(width=width, blocks=args["blocks"], speakers=n),
            SpeakerCritic(width, n, width),
            first.critic(width=width),
            SpeakerCritic(BANDS, n, width),
            **{key: args[key] for key in ("hide", "real", "hear")},
            second=round(args["second"] * args["steps"]),
            batch=args["batch"],
        )

    lr = {"g": args["lr"], "c": args["lr_d"], "d": args["lr_d"]}
    return replace(recipe, system=system, run=replace(recipe.run, lr=lr), paper="Chou et al. 2018, arXiv:1804.02812")
