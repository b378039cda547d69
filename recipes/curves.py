"""What a training step costs, and where: curves beside the table of recipes/benchmark.py."""

from __future__ import annotations

from pathlib import Path


def curves(rounds: int = 3, docs: str = "docs/benchmarks", device: str = "auto") -> None:
    """Time CycleGAN's step against side, batch and width, on voices and on sentences; write a page and a drawing under docs/.

    Args:
        rounds: of which the median is kept.
        docs: the folder that they are written into.
        device: auto, cpu or cuda.
    """
    from recipes import measure
    from recipes.versus import cyclegan_trainer, shipped_trainers
    from translate import runtime

    where = runtime.start(device)
    facts, clock = measure.hardware(where), measure.Clock(where)
    out = [
        "# What a step costs", "",
        f"Written by `python scripts/curves.py` on {facts['date']}: {facts['device']}, torch {facts['torch']}. Medians of {rounds} rounds, "
        f"{clock.what}, interleaved within a table. CycleGAN with ResNet-9 generators and identity loss; 64 pixels, batch 1, 64 "
        "channels where nothing else is said.", "", f"![seconds a step](curves-{where.type}.svg)",
    ]  # fmt: skip
    axes = {
        "side, pixels": {n: dict(side=n) for n in (64, 96, 128)},
        "batch": {n: dict(batch=n) for n in (1, 2, 4)},
        "width, channels": {n: dict(width=n) for n in (16, 32, 64)},
    }
    found: dict[str, dict[int, tuple[float, float]]] = {}
    for axis, points in axes.items():
        trainers = {
            f"{n} {kind}": cyclegan_trainer(where, **dict(side=64, batch=1, precision=kind) | how)
            for n, how in points.items()
            for kind in ("fp32", "bf16")
        }
        timed = measure.interleaved({name: _step(*pair) for name, pair in trainers.items()}, clock, rounds)
        out += [
            "",
            f"| {axis} | fp32, s | bf16, s | fp32 : bf16 | GFLOP | GFLOP/s, bf16 |",
            "|---|---|---|---|---|---|",
        ]
        for n in points:
            fp32, bf16 = timed[f"{n} fp32"], timed[f"{n} bf16"]
            gflop = bf16.counted.flop / 1e9
            found.setdefault(axis, {})[n] = fp32.seconds, bf16.seconds
            out.append(
                f"| {n} | {fp32.seconds:.3g} | {bf16.seconds:.3g} | {bf16.ratio_to(fp32)[0]:.2f} | {gflop:.0f} | {gflop / bf16.seconds:.0f} |"
            )
    out += ["", "| the step of the laptop's defaults | fp32, s | bf16, s | fp32 : bf16 | data's share, fp32 |", "|---|---|---|---|---|"]  # fmt: skip
    kinds = {"photographs, Van Goghs": ("photos", "vangogh"), "voices, slt and rms": ("slt", "rms"), "sentences, old and modern": ("old", "modern")}  # fmt: skip
    for name, sides in kinds.items():
        trainers, read = shipped_trainers(where, *sides)
        variants = {kind: _step(trainer, feed) for kind, (trainer, feed) in trainers.items()} | {"data": read}
        timed = measure.interleaved(variants, clock, rounds)
        fp32, bf16 = timed["fp32"], timed["bf16"]
        share = timed["data"].seconds / fp32.seconds
        out.append(f"| {name} | {fp32.seconds:.3g} | {bf16.seconds:.3g} | {bf16.ratio_to(fp32)[0]:.2f} | {share:.1%} |")
    Path(docs).mkdir(parents=True, exist_ok=True)
    (Path(docs) / f"curves-{where.type}.md").write_text("\n".join([*out, ""]))
    draw(found, Path(docs) / f"curves-{where.type}.svg")
    print("\n".join(out))


def draw(found: dict[str, dict[int, tuple[float, float]]], path: Path) -> None:
    """Axis -> number -> seconds in float32 and in bfloat16; both scales logarithmic, so that a straight line is a power."""
    from matplotlib.figure import Figure

    figure = Figure((9, 3), layout="constrained")
    ticks = [2**i for i in range(-8, 9)]
    every = [t for points in found.values() for pair in points.values() for t in pair]
    for axes, (axis, points) in zip(figure.subplots(1, len(found), sharey=True), found.items()):
        for kind, seconds in zip(("fp32", "bf16"), zip(*points.values())):
            axes.loglog([*points], seconds, "o-", label=kind)
        axes.set(xlabel=axis)
        axes.set_xticks([*points], [*map(str, points)])
        axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axes.set_ylim(min(every) / 1.2, max(every) * 1.2)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    axes.legend()
    figure.supylabel("seconds a step")
    figure.savefig(path)


def _step(trainer, feed):
    def step() -> None:
        trainer.train_step(feed)

    return step
