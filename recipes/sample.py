"""Pictures, bits of a voice and sentences drawn by trained generators."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def sample(
    run: str,
    out: str | None = None,
    n: int = 64,
    seed: int = 0,
    label: int | None = None,
    text: str | None = None,
    truncation: float = 1.0,
    interpolate: int = 0,
    arithmetic: str | None = None,
    which: Literal["best", "final"] = "best",
    device: str = "auto",
) -> None:
    """Draw from a run of scripts/gan.py or scripts/seqgan.py, or from several that take turns.

    Args:
        run: a run's folder or a bundle; RUN,RUN,...: an ensemble, each draws one sample in turn.
        out: the file to write: a picture (samples.png where left out), a recording of the samples one after another (samples.wav), or
            a text of one sample a line (samples.txt), - to print it.
        n: samples, or lines where they are interpolated.
        seed: of the noise.
        label: the class to draw, of labelled models; every class in turn where left out.
        text: the sentence to draw, of models of words: "a red three , inverted".
        truncation: below 1, noise of less variance than in training: more typical samples, fewer kinds.
        interpolate: samples of each line, from one noise to another along the sphere that noise lies on.
        arithmetic: a sum over samples by their numbers, from 0 in the order they are drawn: "1,5,9 - 2,4 + 3". A term is the mean noise of
            its samples (DCGAN, arXiv:1511.06434, section 6.3.2); drawn are the terms, then their sum.
        which: the checkpoint that validation selected (best), or final.
        device: auto, cpu or cuda.
    """
    import torch

    from recipes.generative import generator_of
    from translate import runtime
    from translate.errors import UserError, at_least, reason

    at_least(1, n=n)
    at_least(0, truncation=truncation, interpolate=interpolate, seed=seed)
    where = runtime.start(device)
    systems, domains = zip(*(generator_of(Path(path), where, which) for path in run.split(",")))
    X = domains[0]["x"]
    if len({domain["x"].kind for domain in domains}) > 1:
        raise UserError(
            f"{run}: an ensemble draws samples of one kind; give runs whose pictures or sentences are alike"
        )
    runtime.seed_all(seed)
    drawn = [lines(*loaded, n, label, text, truncation, interpolate, arithmetic) for loaded in zip(systems, domains)]
    turns = [drawn[i % len(drawn)][i] for i in range(len(drawn[0]))]  # a line an item
    write, suffix = {"images": (as_picture, ".png"), "mels": (as_sound, ".wav"), "tokens": (as_text, ".txt")}[
        X.spec()["domain"]
    ]
    path = Path(out or f"samples{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with torch.inference_mode():
            write(X, turns, path)
    except OSError as error:
        raise UserError(
            f"--out {path} could not be written ({reason(error)}): choose another that ends in {suffix}"
        ) from error
    if out != "-":
        print(f"{len(turns)} {'lines' if len(turns[0]) > 1 else 'samples'}: {path}")


def lines(
    system,
    domains: dict,
    n: int,
    label: int | None,
    text: str | None,
    truncation: float,
    interpolate: int,
    arithmetic: str | None = None,
):
    """n samples, n lines of interpolated ones, or one of a sum: of each its samples, a batch on the CPU as a person sees it."""
    import torch

    from translate.sample import Sample

    c = conditions(domains.get("c"), label, text, 1 if arithmetic else n, system.looked_at.device)
    ends = [system.noise(n) for _ in range(2 if interpolate else 1)]
    if arithmetic:
        steps = summed(ends[0].x, arithmetic)
    elif interpolate:
        steps = [between(ends[0].x, ends[1].x, share) for share in torch.linspace(0, 1, interpolate)]
    else:
        steps = [ends[0].x]
    drawn = [domains["x"].denormalise(system.generate(Sample(z * truncation), c)).to("cpu") for z in steps]
    return [Sample.cat([s[i : i + 1] for s in drawn]) for i in range(len(drawn[0]))]


def as_picture(X, turns: list, path: Path) -> None:
    """A line an item where it has several samples, else about as many lines as columns."""
    import cv2
    import torch
    from einops import rearrange

    drawn = torch.stack([s.x for s in turns]).clamp(0, 255)  # [n,k,C,H,W]
    n, k = drawn.shape[:2]
    rows = n if k > 1 else max(d for d in range(1, int(n**0.5) + 1) if n % d == 0)
    sheet = rearrange(drawn, "(r m) k c h w -> (r h) (m k w) c", r=rows).round().byte().numpy()
    try:
        done, content = cv2.imencode(path.suffix, sheet[..., ::-1])
    except cv2.error:
        done = False
    if not done:
        raise OSError("no known kind of picture")
    path.write_bytes(content)


def as_sound(X, turns: list, path: Path, pause: float = 0.2) -> None:
    """One after another, `pause` seconds apart."""
    import numpy as np

    from domains.audiofile import AudioOrigin, write
    from domains.vocoders import RATE, vocoder

    if path.suffix != ".wav":
        raise OSError("it is a recording")
    speak, silence = vocoder(X.vocoder), np.zeros(int(pause * RATE), np.float32)
    wave = np.concatenate([part for s in turns for mel in s.x for part in (speak(mel[0]).numpy(), silence)])
    write(wave, AudioOrigin(RATE, len(wave)), path.with_suffix(""))


def as_text(X, turns: list, path: Path) -> None:
    """One a line; an empty line behind each line of interpolated ones."""
    text = "".join("\n".join(X.sentences(s)) + "\n" * (2 if len(s) > 1 else 1) for s in turns)
    if str(path) == "-":
        print(text, end="")
    else:
        path.write_text(text, encoding="utf-8")


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


def summed(z, said: str) -> list:
    """Noise [N,D] and "1,5,9 - 2,4 + 3" -> each term's mean noise, then their sum, [1,D] each."""
    import re

    from translate.errors import UserError

    term = r"([+-]?)\s*(\d+(?:\s*,\s*\d+)*)"
    terms = [(sign, [int(i) for i in numbers.split(",")]) for sign, numbers in re.findall(term, said)]
    if not terms or re.sub(term, "", said).strip() or max(i for _, rows in terms for i in rows) >= len(z):
        raise UserError(f"--arithmetic {said}: give numbers of samples, 0 to {len(z) - 1}, as in '1,5,9 - 2,4 + 3'")
    means = [z[rows].mean(0, keepdim=True) for _, rows in terms]
    return [*means, sum(-mean if sign == "-" else mean for (sign, _), mean in zip(terms, means))]


def between(a, b, share):
    """Along the great circle of each row, [N,D] (White 2016, arXiv:1609.04468)."""
    import torch

    angle = torch.nn.functional.cosine_similarity(a, b).clamp(-1 + 1e-6, 1 - 1e-6).acos()[:, None]
    return ((1 - share) * angle).sin() / angle.sin() * a + (share * angle).sin() / angle.sin() * b
