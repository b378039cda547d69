"""Pictures and sentences drawn by trained generators."""

from __future__ import annotations

from pathlib import Path


def sample(
    run: str,
    out: str | None = None,
    n: int = 64,
    seed: int = 0,
    label: int | None = None,
    text: str | None = None,
    truncation: float = 1.0,
    interpolate: int = 0,
    which: str = "best",
    device: str = "auto",
) -> None:
    """Draw from a run of scripts/gan.py or scripts/seqgan.py, or from several that take turns.

    Args:
        run: a run's folder or a bundle; RUN,RUN,...: an ensemble, each draws one sample in turn.
        out: the picture to write, samples.png; of sentences the text, samples.txt, or - to print them.
        n: samples, or lines where they are interpolated.
        seed: of the noise.
        label: the class to draw, of labelled models; every class in turn where left out.
        text: the sentence to draw, of models of words: "a red three , inverted".
        truncation: below 1, noise of less variance than in training: more typical samples, fewer kinds.
        interpolate: samples of each line, from one noise to another along the sphere that noise lies on.
        which: the checkpoint that validation selected (best), or final.
        device: auto, cpu or cuda.
    """
    import torch

    from domains.tokens import Tokens
    from recipes.generative import generator_of
    from translate import runtime
    from translate.errors import UserError, at_least

    at_least(1, n=n)
    at_least(0, truncation=truncation, interpolate=interpolate, seed=seed)
    where = runtime.start(device)
    systems, domains = zip(*(generator_of(Path(path), where, which) for path in run.split(",")))
    if len({domain["x"].kind for domain in domains}) > 1:
        raise UserError(
            f"{run}: an ensemble draws samples of one kind, pictures of one size and colour; give runs that do"
        )
    runtime.seed_all(seed)
    drawn = [lines(*loaded, n, label, text, truncation, interpolate) for loaded in zip(systems, domains)]
    drawn = [drawn[i % len(drawn)][i] for i in range(n)]  # in turn
    if isinstance(domains[0]["x"], Tokens):
        out = out or "samples.txt"
        write_text(drawn, out)
    else:
        out = out or "samples.png"
        write_sheet(torch.stack(drawn), out)
    if out != "-":
        print(f"{n} {'lines' if interpolate else 'samples'}: {out}")


def write_text(drawn: list[list[str]], out: str) -> None:
    """A sentence a line, or n of them on the way from one to another and an empty line."""
    from translate.errors import UserError, reason

    text = "\n".join("\n".join(row) + "\n" * (len(row) > 1) for row in drawn) + "\n"
    if out == "-":
        print(text, end="")
        return
    try:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--out {out} could not be written ({reason(error)}): give a path that ends in .txt") from error


def write_sheet(drawn, out: str) -> None:
    """[n,k,C,H,W] in [0, 1]: a line each, or as a square of single ones."""
    import cv2
    from einops import rearrange

    from translate.errors import UserError, reason

    n, k = drawn.shape[:2]
    if k == 1:
        rows = max(d for d in range(1, int(n**0.5) + 1) if n % d == 0)
        drawn = rearrange(drawn, "(r k) 1 c h w -> r k c h w", r=rows)
    sheet = rearrange((drawn * 255).round().byte(), "r k c h w -> (r h) (k w) c").numpy()
    try:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(out, sheet[..., ::-1]):
            raise OSError("it could not be encoded")
    except (OSError, cv2.error) as error:
        raise UserError(f"--out {out} could not be written ({reason(error)}): give a path that ends in .png") from error


def lines(system, domains: dict, n: int, label: int | None, text: str | None, truncation: float, interpolate: int):
    """n samples [n,1,C,H,W] in [0, 1], or n lines of interpolated ones [n,interpolate,C,H,W]; of sentences lists of their text."""
    import torch

    from domains.tokens import Tokens
    from recipes.generative import pictures
    from translate.sample import Sample

    c = conditions(domains.get("c"), label, text, n, system.looked_at.device)
    ends = [system.noise(n) for _ in range(2 if interpolate else 1)]
    steps = [between(ends[0].x, ends[1].x, share) for share in torch.linspace(0, 1, interpolate)] or [ends[0].x]
    if isinstance(domains["x"], Tokens):
        return list(zip(*(domains["x"].sentences(system.generate(Sample(z * truncation))) for z in steps)))
    return torch.stack([pictures(system.generate(Sample(z * truncation), c)) for z in steps], 1)


def conditions(domain, label: int | None, text: str | None, n: int, device):
    """n times the class or the sentence asked for, or each class in turn; None for models without conditions."""
    import torch

    from domains.conditions import Labels
    from domains.sources import Sentence
    from domains.tokens import Tokens
    from translate.errors import UserError

    if label is not None and not isinstance(domain, Labels):
        raise UserError(f"--label {label}: this model was trained without labels; leave it out")
    if (text is not None) != isinstance(domain, Tokens):
        raise UserError("--text is for models of words, and they need it: --text 'a red three , inverted'")
    if domain is None:
        return None
    if isinstance(domain, Tokens):
        unknown = domain.encode(text)[1]
        if unknown:
            raise UserError(f"--text {text}: this model never met the word {unknown[0]}")
        return domain.collate([domain.decode(Sentence("--text", text))] * n).to(device)
    if not isinstance(domain, Labels):
        raise UserError("this model draws from pictures, not from noise alone: its run's page shows them")
    if label is not None and not 0 <= label < domain.classes:
        raise UserError(f"--label {label}: this model knows the labels 0 to {domain.classes - 1}")
    return domain.of(
        torch.arange(n, device=device) % domain.classes if label is None else torch.full((n,), label, device=device)
    )


def between(a, b, share):
    """Along the great circle of each row, [N,D] (White 2016, arXiv:1609.04468)."""
    import torch

    angle = torch.nn.functional.cosine_similarity(a, b).clamp(-1 + 1e-6, 1 - 1e-6).acos()[:, None]
    return ((1 - share) * angle).sin() / angle.sin() * a + (share * angle).sin() / angle.sin() * b
