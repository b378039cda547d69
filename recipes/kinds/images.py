"""Pictures: the crop that suits a collection, CycleGAN's networks and numbers, KID while training, scores and sheets afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import groupby
from pathlib import Path

import torch
from torch import nn

from domains.folder import Folder
from domains.images import Images as Domain
from domains.images import survey
from domains.metrics import images as judges
from domains.metrics.images import COLUMNS as COLUMNS
from domains.pretrained import VGG19Statistics, vgg, vgg19
from domains.sources import Files, Picture
from recipes.kinds import directions, share
from translate.errors import UserError
from translate.modules.conditional import Critic, Realism, spectral
from translate.modules.cycle import Pair
from translate.modules.noise import ToCode
from translate.nets import dcgan
from translate.nets.attention import AdaptiveDecoder, Attending, AttendingCritic
from translate.nets.diffaugment import diffaugment as diffaugment  # a name of this kind
from translate.nets.layers import init_gan
from translate.nets.projected import Features
from translate.nets.resnet import Residual
from translate.nets.styled import StyleBody, StyledResidual
from translate.nets.unet import UNet
from translate.sample import Sample
from translate.system import System
from translate.systems.munit import STYLES

ITEMS = "pictures"
ALIKE = 0.2  # less than this apart
MANY = 200  # networks look at each several times
BETTER = {"l1": min, "psnr": max, "ssim": max, "vgg": min, "retrieval": max, "kid": min, "called_b": max}
ABOUT = (
    "Pictures: *selected* is the checkpoint with the best KID on held-out training files, all directions. KID: EfficientNet-Lite0 "
    "features, against the training files of the target side, ± between subsets for one run, ± between seeds for several. An exception to the "
    "rule about test files: of two ways to scale what the VGG critic sees, one was chosen by eye with both ways' test scores known; photographs' 2,400 steps are of "
    "the critic before that, which shared one scale over a picture."
)


def folders(files: dict[str, Files], size: int | None, full: bool, seed: int) -> dict[str, Folder]:
    """size: side of the training crop; None: that of the smaller pictures, at most 256 with a GPU, 128 without."""
    surveys = {side: survey(found.train) for side, found in files.items()}
    short = min(s for s, _, _ in surveys.values())
    size = min(256 if full else 128, short - short % 4) if size is None else size
    if not 16 <= size <= 4096 or size % 4:
        raise UserError(f"--size {size}: the side of the training crop must be a multiple of 4, 16 to 4096 pixels")
    # small uniform pictures (digits, emoji) are trained on as they are; of others a crop shows most, so that strokes stay visible
    uniform = all(same for _, _, same in surveys.values()) and short <= 96
    scale = size if uniform else min(max(short, size), size * 3 // 2)
    coloured = any(colour for _, colour, _ in surveys.values())
    return {
        side: Folder(Domain(size, scale, 3 if coloured else 1, colour, flip=coloured), files[side], seed)
        for side, (_, colour, _) in surveys.items()
    }


def numbers(domain: Domain, full: bool, method: str) -> dict:
    small = domain.size <= 64
    # digits (28 pixels) become another drawing, not a retouched one: measured, from the residual's copy they do not get there
    digits = domain.size < 32
    # typefaces, line art and two vendors' emoji were the better for it; digits and the other methods now better, now worse
    smooth = method == "CycleGAN" and small and not digits and not full
    return dict(
        steps=200_000 if full else 2000,
        batch=4 if small else 1,
        lr=2e-4 if full or small else 3e-4,
        cycle=3.0 if smooth else 10.0 if full or small else 1.5,
        identity=5.0 if full and not small else 0.0,
        warm=1 / 3,
        pool=50,
        generator="resnet" if full or digits else "residual",
        width=64 if full else 32,
        blocks=9 if full else 4,
        critic="patch" if full or small else "vgg",
        layers=1 if domain.size == 32 else 2 if small else 3,
        spectral=smooth,
    )


def direction(source: Domain, target: Domain, generator: str, width: int, blocks: int, styles: int = 0) -> nn.Module:
    """styles: how many wanted domains the network is told apart by its input's label, by the later half of its blocks."""
    down = 1 if source.size <= 32 else 2
    if styles:
        if generator not in ("resnet", "residual"):
            raise UserError(f"--generator {generator}: of pictures, told what is wanted, it is resnet or residual")
        encoder = source.encoder(width=width, down=down, blocks=blocks // 2)
        decoder = target.decoder(width=width, down=down, blocks=blocks - blocks // 2, styles=styles)
        return Pair(encoder, decoder) if generator == "resnet" else StyledResidual(target.channels, encoder, decoder)
    if generator == "unet":
        depth = max(d for d in range(2, 6) if source.size % 2**d == 0)
        return init_gan(UNet(target.channels, width, depth))
    if generator == "residual":
        numbers = dict(width=width, down=down, local=source.size > 64)  # on small pictures no patches were seen
        return Residual(
            target.channels, source.encoder(blocks=blocks, **numbers), target.decoder(resize=True, **numbers)
        )
    if generator == "resnet":
        return Pair(source.encoder(width=width, down=down, blocks=blocks), target.decoder(width=width, down=down))
    raise UserError(f"--generator {generator}: of pictures it is resnet, residual or unet")


def halves(domain: Domain, width: int, blocks: int) -> tuple[nn.Module, nn.Module]:
    down = 1 if domain.size <= 32 else 2
    decoder = domain.decoder(width=width, down=down, blocks=max(1, blocks // 2), resize=True)
    return domain.encoder(width=width, down=down, blocks=max(1, blocks)), decoder


@torch.no_grad()
def pairs(data: dict[str, Folder]) -> float:
    """Their weight, where nobody said. Of small pictures that look alike a translation is near its input.

    Measured, KID by VGG-19's statistics and what pairs did: two vendors' emoji .03 and two typefaces .07, better; line art and its
    colours .42, worse; digits and their outlines .61.
    """
    if next(iter(data.values())).domain.size > 64:
        return 0.0
    both = [[folder.domain.normalise(s) for s in folder.peek(100)] for folder in data.values()]
    if min(map(len, both)) < 20:
        return 0.0  # too few to tell
    see = VGG19Statistics()
    a, b = (judges.features(see, pictures(samples)) for samples in both)
    return 2.0 if judges.kid(a, b)[0] < ALIKE else 0.0


def pseudo_pairs(a: Folder, b: Folder) -> tuple[nn.Module, nn.Module]:
    """Each picture itself: SimGAN's self-regularisation (Shrivastava 2017, arXiv:1612.07828, eq. 4)."""
    return nn.Identity(), nn.Identity()


def attending(source: Domain, target: Domain, width: int, blocks: int) -> nn.Module:
    down = 1 if source.size <= 32 else 2
    encoder = source.encoder(width=width, down=down, blocks=blocks)
    decoder = AdaptiveDecoder(target.channels, width, down, max(1, blocks))
    return init_gan(Attending(encoder, decoder, width * 2**down))


def attending_critic(domain: Domain, width: int, layers: int) -> nn.Module:
    (patches,) = critic(domain, "patch", width, layers, 1, False).scales
    return init_gan(AttendingCritic(patches.body, patches.head, patches.head.in_channels))


@torch.no_grad()
def near(first: Folder, other: Folder) -> bool:
    """Whether a picture is a fair first guess at its translation: the sides' mean pictures differ by less than pictures do from their mean.

    Black digits on white are not near white ones on black: UNIT that started there was ten times as far from them after 24 seconds.
    """
    sides = [[folder.domain.normalise(s).x[0].mean(0) for s in folder.peek(100)] for folder in (first, other)]
    if min(map(len, sides)) < 2:
        return True  # nothing will be trained
    a, b = map(torch.stack, sides)
    return bool((a.mean(0) - b.mean(0)).square().mean() < (a.var(0) + b.var(0)).mean() / 2)


def seeing(domain: Domain, path: str | None) -> nn.Module:
    """Features of VGG-19, or of the VGG whose weights `path` holds, that know objects at the pictures' size."""
    layers = ("3_1" if domain.size <= 64 else "4_1",)
    return Features(vgg(path, layers) if path else vgg19(layers))


def from_noise(domain: Domain, noise: int, width: int, blocks: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """DCGAN's, whose depth follows from the size."""
    if domain.size % 2 ** dcgan.halvings(domain.size):
        near = domain.size >> dcgan.halvings(domain.size) << dcgan.halvings(domain.size)
        raise UserError(f"--size {domain.size}: pictures out of noise are doubled in size; give {near}")
    bodies = [dcgan.Body(domain.channels, domain.size, width, norm) for norm in (None, nn.BatchNorm2d)]
    critic = spectral(Critic(bodies[0], Realism(bodies[0].features)))
    return (
        init_gan(dcgan.Generator(domain.channels, domain.size, noise, width)),
        critic,
        init_gan(ToCode(bodies[1], noise)),
    )


def styled(domain: Domain, width: int, blocks: int, style: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    down = 1 if domain.size <= 32 else 2
    content = domain.encoder(width=width, down=down, blocks=max(1, blocks // 2))
    decoder = domain.decoder(width=width, down=down, blocks=max(1, blocks - blocks // 2), styles=style)
    return content, ToCode(StyleBody(domain.channels, width, down + 1), style), decoder


def critic(
    domain: Domain, critic: str, width: int, layers: int, scales: int, spectral: bool, classes: int = 1
) -> nn.Module:
    if critic == "vgg":
        if domain.size < 32:
            raise UserError(f"--critic vgg: crops of {domain.size} pixels are too small for it; give --critic patch")
        return domain.critic(vgg=True, classes=classes)
    if critic != "patch":
        raise UserError(f"--critic {critic}: of pictures it is patch or vgg")
    if domain.size // 2 ** (layers + scales - 1) < 3:
        raise UserError(
            f"--layers {layers} --scales {scales}: the critic's patches are larger than {domain.size} pixels; give fewer"
        )
    return domain.critic(width=width, layers=layers, scales=scales, spectral=spectral, classes=classes)


@torch.no_grad()
def translate_all(domain, net, samples: list[Sample], batch: int = 16) -> list[torch.Tensor]:
    """Whole normalised pictures through a network, equal shapes together; each [C,H,W] in [0, 1], on the CPU."""
    done: list[torch.Tensor] = []
    for _, group in groupby(samples, key=lambda s: s.x.shape):
        group = list(group)
        for i in range(0, len(group), batch):
            x = domain.whole(net, Sample.cat(group[i : i + batch])).x
            done += list((x.float().clamp(-1, 1) * 0.5 + 0.5).cpu())
    return done


def judge(domains: dict[str, Domain]) -> Judge:
    """Of many sides small pictures by a small network: validation would take longer than training."""
    small = len(domains) > 2 and max(domain.size for domain in domains.values()) <= 64
    return quick_judge() if small else Judge()


def quick_judge() -> Judge:
    return Judge(VGG19Statistics, VGG19Statistics.name)


class Judge:
    """KID of translated held-out pictures to the real ones of the other side, every way (arXiv:1801.01401).

    The score is the mean of all directions. network: makes that of the features, which is called `name`.
    """

    def __init__(self, network: Callable[[], nn.Module] = judges.efficientnet_lite0, name: str = "EfficientNet-Lite0"):
        self.real: dict[str, torch.Tensor] = {}
        self.network, self.net = network, None
        self.criterion = f"the lowest mean of all directions' KID, {name}"

    def load(self) -> None:
        """The feature network; raises MissingJudge where it is not there, better before training than at the first validation."""
        self.net = self.net or self.network().eval()

    def __call__(self, system: System, data: dict) -> dict[str, float]:
        self.load()
        device, scores = next(system.parameters()).device, {}
        net = self.net.to(device)
        for source, target in directions(data):
            folder = data[source]
            if target not in self.real:
                real = [
                    data[target].domain.normalise(s).x[0] * 0.5 + 0.5
                    for s in data[target].validation() + data[target].training(400)
                ]
                self.real[target] = judges.features(net, real)
            inputs = [folder.domain.normalise(s.to(device)) for s in share(folder.validation(), data, source, target)]
            fake = translate_all(folder.domain, system.direction(source, target), inputs)
            scores[f"kid_{source}2{target}"] = judges.kid(judges.features(net, fake), self.real[target])[0]
        return {"score": sum(scores.values()) / len(scores)} | scores


class Side:
    """A side's pictures, and what judges know of them, whichever direction asks."""

    def __init__(self, domain: Domain, files: Files, run: Path):
        self.domain, self.files, self.run = domain, files, run
        self.given = whole(domain, files.test or files.train)
        self.test, self.train = pictures(self.given), pictures(whole(domain, files.train[:1000]))

    @cached_property
    def digits(self) -> DigitJudge | None:
        labels = self.files.labels.get("train")
        known = labels is not None and labels.max() < 10 and {x.shape[1:] for x in self.train} == {(28, 28)}
        return DigitJudge(self.run, self.files, self.train) if known else None

    def paired(self, other: Side) -> bool:
        names = [[item_name(i) for i in side.files.test] for side in (self, other)]
        same = names[0] == names[1] and all(x.x.shape == y.x.shape for x, y in zip(self.given, other.given))
        return bool(names[0]) and same


def score(
    translators: dict, files: dict[str, Files], ways: list[tuple[str, str]], run: Path
) -> Iterator[tuple[dict, dict]]:
    domains = next(iter(translators.values())).domains
    sides, look = {key: Side(domains[key], found, run) for key, found in files.items()}, None
    for source, to in ways:
        nets = {name: (t.system.direction(source, to), t.device) for name, t in translators.items()}
        known = len(files) > 2 and sides[source].paired(sides[to]) and sides[to].digits
        look = look or (None if known else judges.Looking(judges.efficientnet_lite0()))
        yield _one_way(nets, sides[source], sides[to], None if known else look)


def _one_way(nets: dict, source: Side, to: Side, look: judges.Looking | None) -> tuple[dict, dict]:
    """Beside what costs nothing: the copied input, a white page, the mean picture, matched histograms.

    look: None where the truth and a network of digits say enough.
    """
    paired = source.paired(to)
    judge = judges.ImageJudge(source.train, to.train, look) if look else None

    def judged(fake) -> dict[str, float]:
        if judge:
            scores = judge.score(fake, source.test, to.test if paired else None)
        else:
            scores = judges.compared(fake, to.test, ("l1", "psnr"))
        return scores | (to.digits.score(fake, source.files.labels.get("test")) if to.digits else {})

    rows = {}
    for name, (net, device) in nets.items():
        rows[name] = judged(translate_all(source.domain, net, [s.to(device) for s in source.given]))
    rows["copy the input"] = judged(source.test)
    rows["white page"] = judged(judges.white_page(source.test))
    if len({x.shape for x in [*to.train, *source.test]}) == 1:
        rows["mean of the training pictures"] = judged([judges.mean_of(to.train)] * len(source.test))
    rows["colours matched by histogram"] = judged(judges.histogram_match(source.test, to.train))
    if paired:
        rows["real targets"] = judged(to.test)
    else:
        rows["real test pictures"] = {k: v for k, v in judge.score(to.test, to.test).items() if k != "vgg_to_input"}
    facts = {ITEMS: len(source.test), "truth": "paired by name" if paired else "none"}
    return rows, facts | ({"KID": f"subsets of {rows['copy the input']['kid_subset']}"} if judge else {})


class DigitJudge:
    """FID[digits-cnn], of five pictures a feature or more, and how often a classifier of the target side finds the input's digit in
    the translation."""

    def __init__(self, run: Path, target: Files, train: list):
        import numpy as np

        arrays = np.stack([item.array for item in target.train])
        grey = arrays if arrays.ndim == 3 else arrays.mean(-1).round().astype(np.uint8)
        self.classifier = judges.digit_classifier(
            grey, target.labels["train"], run / f"digits-cnn-{target.name}.safetensors"
        )
        self.real = judges.features(self.classifier.features, train)

    def score(self, fake: list, labels=None) -> dict[str, float]:
        """labels: [N] of the inputs' digits"""
        feats, scores = judges.features(self.classifier.features, fake), {}
        if len(feats) >= 5 * feats.shape[1]:
            scores["FID[digits-cnn]"] = judges.fid(feats, self.real)
        if labels is not None:
            found = self.classifier.head(feats).argmax(1)
            scores["same digit"] = (found == torch.from_numpy(labels).long()).float().mean().item()
        return scores


def whole(domain, items: list) -> list[Sample]:
    """Items at their own size, a batch of one each, normalised."""
    return [domain.take(item.array)[0] if isinstance(item, Picture) else domain.load(item)[0] for item in items]


def pictures(samples: list[Sample]) -> list[torch.Tensor]:
    """[C,H,W] in [0, 1]"""
    return [s.x[0] * 0.5 + 0.5 for s in samples]


def item_name(item) -> str:
    return item.name.removesuffix(getattr(item, "suffix", "")) if hasattr(item, "suffix") else item.name


def samples(translator, files: dict[str, Files], source: str, to: str, stem: Path, n: int = 10) -> None:
    """A sheet of the first n test files, unpicked: input, translation, or as many as there are styles, and the truth where files are
    paired by name."""
    import cv2
    import numpy as np
    import torch.nn.functional as F

    domains = translator.domains
    given = whole(domains[source], (files[source].test or files[source].train)[:n])
    on = [s.to(translator.device) for s in given]
    net = translator.system.direction(source, to)
    nets = net.drawn(STYLES) if hasattr(net, "drawn") else [net]
    rows = [pictures(given), *(translate_all(domains[source], net, on) for net in nets)]
    if files[source].test and [*map(item_name, files[source].test)] == [*map(item_name, files[to].test)]:
        rows.append(pictures(whole(domains[to], files[to].test[:n])))
    side = 160

    def square(x):
        x = x if x.shape[0] == 3 else x.repeat(3, 1, 1)
        ratio = side / max(x.shape[1:])
        x = F.interpolate(x[None], scale_factor=ratio, mode="area" if ratio < 1 else "nearest")[0]
        x = F.pad(x, (0, side - x.shape[2], 0, side - x.shape[1]), value=1.0)
        return F.pad(x, (2, 2, 2, 2), value=1.0)

    sheet = torch.cat([torch.cat([square(x) for x in row], 2) for row in rows], 1)
    array = (sheet.clamp(0, 1).permute(1, 2, 0).numpy()[..., ::-1] * 255).round().astype(np.uint8)
    cv2.imwrite(f"{stem}.jpg", array, [cv2.IMWRITE_JPEG_QUALITY, 88])


def show(stem: Path) -> list[str]:
    return [f"![unpicked test files: input, translation, truth where there is one](results/{stem.name}.jpg)"]
