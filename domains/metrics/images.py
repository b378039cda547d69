"""How good translated pictures are: to their truth where there is one, to the target collection, to their input.

Pictures are float [N,3,H,W] in [0, 1], or lists of [3,H,W] where sizes differ; grey ones get three channels.
What is slow to import is imported where it is used.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate.errors import UserError

from ..pretrained import efficientnet_lite0, frozen, rgb, vgg19
from . import MissingJudge

Pictures = Tensor | Sequence[Tensor]

EPOCHS = 4  # of the digit classifier: 96.5 % of 1,000 MNIST test digits after 8,000


def _batches(*sets: Pictures, batch: int) -> Iterator[tuple[Tensor, ...]]:
    """Neighbours of one shape together, in order: tuples of [n,3,H,W], n <= batch."""
    if len({len(s) for s in sets}) > 1:
        raise ValueError(f"sets of {' and '.join(str(len(s)) for s in sets)} pictures cannot be compared one to one")
    for _, group in groupby(zip(*sets), key=lambda row: [x.shape for x in row]):
        rows = list(group)
        for i in range(0, len(rows), batch):
            yield tuple(rgb(torch.stack(column).float()) for column in zip(*rows[i : i + batch]))


# a digit network of our own


class DigitFeatures(nn.Module):
    """[N,1 or 3,28,28] in [0, 1] -> [N,128]"""

    name = "digits-cnn"

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.float().mean(1, keepdim=True))


class DigitClassifier(nn.Module):
    """A small CNN for digits; its `features` are the network of FID[digits-cnn]. Gives logits [N,10]."""

    def __init__(self):
        super().__init__()
        self.features = DigitFeatures()
        self.head = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def digit_classifier(
    train_x: np.ndarray, train_y: np.ndarray, path: str | Path | None = None, seed: int = 0
) -> DigitClassifier:
    """Trained on uint8 [N,28,28] and labels [N] in half a minute; kept at `path` (.safetensors) where one is given.

    The json beside it holds its sha256 and that of what it was trained on; where either differs, it is trained anew.
    """
    from safetensors.torch import load, save

    x, y = np.ascontiguousarray(train_x), np.ascontiguousarray(train_y, dtype=np.int64)
    data = hashlib.sha256(x.tobytes() + y.tobytes() + f"{seed} {EPOCHS}".encode()).hexdigest()
    card = Path(path).with_suffix(".json") if path else None
    if card and card.is_file() and Path(path).is_file():
        kept, blob = json.loads(card.read_text()), Path(path).read_bytes()
        if kept == {"name": DigitFeatures.name, "data": data, "sha256": hashlib.sha256(blob).hexdigest()}:
            classifier = DigitClassifier()
            classifier.load_state_dict(load(blob))
            return frozen(classifier)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = _train_digits(torch.from_numpy(x), torch.from_numpy(y))
    if card:
        blob = save(classifier.state_dict())
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(blob)
        sha256 = hashlib.sha256(blob).hexdigest()
        card.write_text(json.dumps({"name": DigitFeatures.name, "data": data, "sha256": sha256}))
    return frozen(classifier)


def _train_digits(x: Tensor, y: Tensor) -> DigitClassifier:
    classifier, batch = DigitClassifier(), 64
    adam = torch.optim.Adam(classifier.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(batch):
            loss = F.cross_entropy(classifier(x[rows, None] / 255), y[rows])
            adam.zero_grad()
            loss.backward()
            adam.step()
    return classifier


@torch.inference_mode()
def features(net: nn.Module, pictures: Pictures, batch: int = 32) -> Tensor:
    """What a feature network sees in pictures, [N,D] float32 on the CPU. One that stands in a list several times is looked at once."""
    device = next(chain(net.parameters(), net.buffers())).device
    each = {id(x): x for x in pictures}
    if len(each) < len(pictures):
        at = {key: i for i, key in enumerate(each)}
        return features(net, list(each.values()), batch)[[at[id(x)] for x in pictures]]
    return torch.cat([net(x.to(device)).float().cpu() for (x,) in _batches(pictures, batch=batch)])


class Looking:
    """`features` by one network, which keeps what it saw in collections that come again."""

    def __init__(self, net: nn.Module):
        self.net = net
        self.kept: dict[int, tuple[Pictures, Tensor]] = {}  # with the collection itself, so that its id stays its own

    def __call__(self, pictures: Pictures, keep: bool = False) -> Tensor:
        if id(pictures) in self.kept:
            return self.kept[id(pictures)][1]
        seen = features(self.net, pictures)
        if keep:
            self.kept[id(pictures)] = pictures, seen
        return seen


# between collections, on features


def kid(fake: Tensor, real: Tensor, subset_size: int = 100, subsets: int = 100, seed: int = 0) -> tuple[float, float]:
    """Kernel distance of features [N,D], [M,D]: unbiased MMD² with a cubic kernel. arXiv:1801.01401.

    Mean and deviation over subsets of min(subset_size, N, M) items.
    """
    from torchmetrics.image.kid import poly_mmd

    size = min(subset_size, len(fake), len(real))
    if size < 2:
        raise UserError("a single picture has no KID: give at least two on each side")
    rng = torch.Generator().manual_seed(seed)  # its own: the global state belongs to the training run

    def draw(x: Tensor) -> Tensor:
        return x[torch.randperm(len(x), generator=rng)[:size]]

    scores = torch.stack([poly_mmd(draw(real), draw(fake)) for _ in range(subsets)])
    return scores.mean().item(), scores.std(unbiased=False).item()


def fid(fake: Tensor, real: Tensor) -> float:
    """Fréchet distance of features [N,D], [M,D], biased for small sets; reported as FID[network]. arXiv:1706.08500."""
    fake, real = fake.double(), real.double()
    product = torch.cov(fake.T) @ torch.cov(real.T)
    mean = (fake.mean(0) - real.mean(0)).square().sum()
    # tr sqrt(S1 S2): its eigenvalues are real and not negative but for rounding
    cross = torch.linalg.eigvals(product).real.clamp(min=0).sqrt().sum()
    return (mean + torch.cov(fake.T).trace() + torch.cov(real.T).trace() - 2 * cross).item()


def precision_recall(fake: Tensor, real: Tensor, k: int = 3) -> tuple[float, float]:
    """(share of fakes inside the real manifold, of reals inside the fake one); features [N,D], [M,D]. arXiv:1904.06991.

    A manifold is the union of balls that reach to each point's k-th neighbour. With few reals a ball can be so wide
    that a white page lies inside: precision alone proves nothing.
    """

    def inside(x: Tensor, of: Tensor) -> float:
        radius = _cdist(of, of).kthvalue(min(k + 1, len(of)), dim=1).values  # [M], itself is the first neighbour
        return (_cdist(x, of) <= radius).any(1).double().mean().item()

    return inside(fake, real), inside(real, fake)


def _cdist(x: Tensor, y: Tensor) -> Tensor:
    # the matrix product's way leaves equal points apart
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def retrieval_at_1(fake: Tensor, target: Tensor) -> float:
    """Share of fakes [N,D] whose own target is the nearest (cosine) of all, each side standardised."""

    def unit(x: Tensor) -> Tensor:
        # 1e-3: features that hardly ever fire would outweigh the others
        return F.normalize((x - x.mean(0)) / (x.std(0) + 1e-3))

    nearest = (unit(fake) @ unit(target).T).argmax(1)
    return (nearest == torch.arange(len(fake))).double().mean().item()


class StyleProbe:
    """Logistic regression between two collections' training features [N,D], [M,D], standardised."""

    def __init__(self, real_a: Tensor, real_b: Tensor):
        try:
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler
        except ImportError as error:
            raise MissingJudge("scikit-learn is not installed: pip install 'unpaired[judges]'") from error
        # photographs and paintings come in different numbers: balanced, so that neither answer is the default
        self.model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, class_weight="balanced"))
        self.model.fit(torch.cat([real_a, real_b]).numpy(), np.repeat([0, 1], [len(real_a), len(real_b)]))

    def rate(self, feats: Tensor) -> float:
        """Share that is called B."""
        return float(self.model.predict(feats.numpy()).mean())


style_probe = StyleProbe


# picture by picture


def _each(measure: Callable[[Tensor, Tensor], Tensor], x: Pictures, y: Pictures, batch: int = 64) -> Tensor:
    return torch.cat([measure(*pair) for pair in _batches(x, y, batch=batch)])


def l1(x: Pictures, y: Pictures) -> Tensor:
    """Mean absolute difference in [0, 1], a picture: [N]"""
    return _each(lambda x, y: (x - y).abs().mean((1, 2, 3)), x, y)


def psnr(x: Pictures, y: Pictures) -> Tensor:
    """Peak signal-to-noise ratio in dB, a picture: [N]; infinite for equal pictures."""
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return _each(lambda x, y: peak_signal_noise_ratio(x, y, 1.0, reduction="none", dim=(1, 2, 3)), x, y)


def ssim(x: Pictures, y: Pictures) -> Tensor:
    """Structural similarity, 11-pixel Gaussian window, a picture: [N]. Wang et al. 2004."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    def measure(x: Tensor, y: Tensor) -> Tensor:
        return structural_similarity_index_measure(x, y, data_range=1.0, reduction="none").reshape(-1)

    return _each(measure, x, y)


_vgg19 = functools.cache(vgg19)  # read once a process


@torch.inference_mode()
def vgg_distance(x: Pictures, y: Pictures, path: str | Path | None = None) -> Tensor:
    """LPIPS without its learned heads, a picture: [N]. arXiv:1801.03924, eq. 1 with w = 1.

    Features after relu1_2 2_2 3_4 4_4 5_4 of unit length along channels; squared differences summed over channels,
    averaged over space; mean of the five.
    """
    net = _vgg19(path=path)

    def measure(x: Tensor, y: Tensor) -> Tensor:
        layers = [(F.normalize(p) - F.normalize(q)).square().sum(1).mean((1, 2)) for p, q in zip(net(x), net(y))]
        return torch.stack(layers).mean(0)

    return _each(measure, x, y, batch=8)  # 256-pixel pictures take 17 MB each in the first layer alone


def compared(
    fake: Pictures, targets: Pictures, measures: Iterable[str] = ("l1", "psnr", "ssim", "vgg")
) -> dict[str, float]:
    """Each measure's mean over pictures and their truth."""
    known = dict(l1=l1, psnr=psnr, ssim=ssim, vgg=vgg_distance)
    return {name: known[name](fake, targets).mean().item() for name in measures}


# what costs nothing


def copy_input(x: Pictures) -> Pictures:
    return x


def white_page(x: Pictures) -> list[Tensor]:
    pages = {p.shape: torch.ones_like(p) for p in x}
    return [pages[p.shape] for p in x]


def mean_of(train_b: Pictures) -> Tensor:
    """The mean picture [3,H,W] of pictures of one size."""
    return rgb(torch.stack(list(train_b))).mean(0)


def histogram_match(x: Pictures, train_b: Pictures) -> Pictures:
    """Each channel's grey levels take the distribution of the pooled target pictures, picture by picture.

    One picture [C,H,W] gives one, several give a list.
    """
    levels = np.arange(256)
    counts = sum(_histogram(rgb(p)) for p in train_b)
    target = counts.cumsum(1) / counts.sum(1, keepdims=True)  # [3,256]

    def match(p: Tensor) -> Tensor:
        p = rgb(p)
        own = _histogram(p)
        own = own.cumsum(1) / own.sum(1, keepdims=True)
        # of the target only levels that occur: its distribution is flat between them, and interpolation ambiguous
        maps = np.stack([np.interp(own[c], target[c, at], levels[at] / 255) for c, at in enumerate(counts > 0)])
        index = (p * 255).round().long().clamp(0, 255)
        return torch.stack([torch.from_numpy(maps[c]).float()[index[c]] for c in range(3)])

    return match(x) if isinstance(x, Tensor) and x.ndim == 3 else [match(p) for p in x]


def _histogram(x: Tensor) -> np.ndarray:
    """[3,H,W] -> counts of the 256 levels [3,256]"""
    levels = (x * 255).round().long().clamp(0, 255).flatten(1)
    return np.stack([np.bincount(c.numpy(), minlength=256) for c in levels])


# all together


class ImageJudge:
    """Scores against two collections whose features are computed once.

    real_train_a may be None: nothing is then said about the style probe. look: by EfficientNet-Lite0 where None; one that several
    judges share looks at what is common to them once.
    """

    def __init__(self, real_train_a: Pictures | None, real_train_b: Pictures, look: Looking | None = None):
        self.look = look or Looking(efficientnet_lite0())
        self.real_b, self.real_train_a = self.look(real_train_b, keep=True), real_train_a

    @functools.cached_property
    def probe(self) -> StyleProbe:
        return StyleProbe(self.look(self.real_train_a, keep=True), self.real_b)

    def kid(self, fake: Pictures) -> tuple[float, float]:
        """(mean, deviation) of KID to the real side b"""
        return kid(self.look(fake), self.real_b)

    def score(self, fake: Pictures, inputs: Pictures, targets: Pictures | None = None) -> dict[str, float]:
        """Everything that applies: to `targets` where pairs exist, else to `inputs` and by the style probe.

        kid_subset is the subset size that KID was measured with. FID[network] appears from five pictures a feature
        dimension on: with fewer it measures the sample's size.
        """
        feats = self.look(fake, keep=fake is inputs)
        mean, deviation = kid(feats, self.real_b)
        scores = {"kid": mean, "kid_sd": deviation, "kid_subset": min(100, len(feats), len(self.real_b))}
        scores["precision"], scores["recall"] = precision_recall(feats, self.real_b)
        if min(len(feats), len(self.real_b)) >= 5 * feats.shape[1]:
            scores[f"FID[{self.look.net.name}]"] = fid(feats, self.real_b)
        if targets is None:
            # of large pictures this takes most of the time
            scores["vgg_to_input"] = 0.0 if fake is inputs else vgg_distance(fake, inputs).mean().item()
            if self.real_train_a is not None:
                scores["called_b"] = self.probe.rate(feats)
            return scores
        return scores | compared(fake, targets) | {"retrieval": retrieval_at_1(feats, self.look(targets, keep=True))}


def score(
    fake: Pictures,
    inputs: Pictures,
    real_train_b: Pictures,
    real_train_a: Pictures | None = None,
    targets: Pictures | None = None,
) -> dict[str, float]:
    """ImageJudge.score for a single set of fakes."""
    return ImageJudge(real_train_a, real_train_b).score(fake, inputs, targets)


COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "l1": ("L1", "{:.3f}".format),
    "psnr": ("PSNR, dB", lambda v: "∞" if math.isinf(v) else f"{v:.2f}"),
    "ssim": ("SSIM", "{:.3f}".format),
    "vgg": ("VGG distance", "{:.3f}".format),
    "retrieval": ("retrieval@1", "{:.1%}".format),
    "kid": ("KID", "{:.4f}".format),
    "precision": ("precision", "{:.3f}".format),
    "recall": ("recall", "{:.3f}".format),
    "vgg_to_input": ("VGG distance to the input", "{:.3f}".format),
    "called_b": ("called B", "{:.1%}".format),
}
