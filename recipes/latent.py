"""What a trained generator's noise means: strips from sample to sample, and sums of samples (DCGAN, arXiv:1511.06434, section 6)."""

from __future__ import annotations

TERM = 3  # samples whose mean noise is a term, as in the paper


def latent(
    run: str, n: int = 1000, seed: int = 0, data_root: str | None = None, docs: str = "docs", device: str = "auto"
) -> None:
    """Draw strips between samples, and bold a - thin a + thin b for digits a and b; count how often a bolder b comes out.

    Nothing is picked by eye: a classifier says which digit a sample is, its ink how bold; terms are the boldest and the thinnest.

    Args:
        run: a run of scripts/gan.py on labelled digits, whose model has no conditions.
        n: samples that the terms are taken from.
        seed: of the noise.
        data_root: where named sets are looked up; default $UNPAIRED_DATA.
        docs: the folder whose results.md shows both pictures and the numbers.
        device: auto, cpu or cuda.
    """
    import os
    from datetime import date
    from pathlib import Path

    import torch

    from domains.metrics import images as judges
    from recipes import drawn, results
    from recipes.gan import gan
    from recipes.generative import SampleJudge, generator_of, pictures
    from recipes.sample import as_picture, between
    from recipes.translator import saved_config
    from translate import runtime
    from translate.errors import UserError, at_least
    from translate.sample import Sample

    at_least(4 * TERM, n=n)
    if data_root:
        os.environ["UNPAIRED_DATA"] = data_root
    where = runtime.start(device)
    system, domains = generator_of(Path(run), where)
    config = saved_config(Path(run))
    x = gan(**config["args"]).data["x"] if set(domains) == {"x"} and config["recipe"] == "gan" else None
    if x is None or x.labels is None:
        raise UserError(f"{run}: give a run of scripts/gan.py on labelled digits, whose model has no conditions")
    x.scan()
    judge = SampleJudge(x)
    judge.load()

    def look(z):
        """noise [N,D] -> (samples, digits that they are called [N], ink [N]: their mean brightness)"""
        with torch.inference_mode():
            made = Sample.cat([system.generate(Sample(part)).to("cpu") for part in z.split(100)])
        seen = pictures(made)
        return made, judges.features(judge.net, list(seen)).argmax(1), seen.flatten(1).mean(1)

    runtime.seed_all(seed)
    z = system.noise(n).x
    _, called, ink = look(z)
    terms = boldest_and_thinnest(z, called, ink)
    pairs = [(a, b) for a in terms for b in terms if a != b]
    if not pairs:
        raise UserError(f"{run}: its samples are of one digit only; train it longer, or draw more of them: --n")
    sums = [(bold, thin, terms[b][1], bold - thin + terms[b][1]) for a, b in pairs for bold, thin in [terms[a]]]
    (_, before, thin_ink), (_, after, sum_ink) = (look(torch.stack([terms[-1 - i] for terms in sums])) for i in (1, 0))
    asked, bolder = torch.tensor([b for _, b in pairs]), sum_ink > thin_ink
    rows = {
        "bold a - thin a + thin b": dict(b=share(after == asked), bolder=share(bolder), both=share((after == asked) & bolder)),
        "thin b alone": dict(b=share(before == asked)),
    }  # fmt: skip
    for name, found in rows.items():
        print(name + ": " + ", ".join(f"{key} {value:.1%}" for key, value in found.items()))

    kept = drawn.folder(Path(docs))
    shown = [sums[pairs.index(pair)] for pair in zip(list(terms)[::2], list(terms)[1::2])]
    ends = system.noise(6).x, system.noise(6).x
    strips = torch.stack([between(*ends, step) for step in torch.linspace(0, 1, 12)], 1)
    for name, lines in (("arithmetic", [torch.stack(line) for line in shown]), ("interpolation", strips)):
        drawings = [x.domain.denormalise(look(line)[0]) for line in lines]
        as_picture(x.domain, drawings, kept / f"{Path(run).name}-{name}.jpg")
    args = config["args"]
    facts = dict(model=args["model"], steps=args["steps"], seed=args["seed"], n=n, sums=len(sums), rows=rows)
    facts |= dict(environment=config["environment"], date=date.today().isoformat())
    drawn.keep(Path(docs), x.name, "latents", Path(run).name, facts)
    results.publish(Path(docs))


def boldest_and_thinnest(z, called, ink) -> dict:
    """{digit: (mean noise of its samples with the most ink, with the least)}, of the digits that have enough samples."""
    found = {}
    for digit in sorted(set(called.tolist())):
        rows = (called == digit).nonzero()[:, 0]
        if len(rows) >= 2 * TERM:
            rows = rows[ink[rows].argsort()]
            found[digit] = z[rows[-TERM:]].mean(0), z[rows[:TERM]].mean(0)
    return found


def share(found) -> float:
    return found.double().mean().item()
