"""What recipes share that draw from noise: the collection with its conditions, the judge, and a trained generator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from domains.conditions import Conditions, Labels, labels_of, made_of
from domains.described import describe, language, parts, seen
from domains.folder import Folder
from domains.images import Images, survey
from domains.mels import Mels
from domains.metrics import generated
from domains.metrics import images as judges
from domains.sources import Files, Sentence, find
from domains.tokens import Tokens
from recipes import kinds
from translate.errors import UserError
from translate.nets.dcgan import halvings
from translate.recipe import Source
from translate.sample import Sample
from translate.systems.generative import Generative

DIGIT = 28  # pixels: what the digit classifier takes
CLASSES = 10
PIECES = 400  # of words, at most, that sentences are written in: a step's time is in proportion
LONGEST = 32  # pieces of a sentence


def open_collection(
    data: str | dict,
    size: int | None,
    full: bool,
    seed: int,
    labels: bool = False,
    wrong: bool = False,
    make: Callable | None = None,
    words: bool = False,
) -> dict[str, Source]:
    """x: the collection; c: its labels, what `make` makes of each picture, or what `words` say; wrong: other ones.

    Domains by these keys in place of a name: no files, for drawing.
    """
    if not isinstance(data, str):
        return {key: Folder(domain, Files(key, [])) for key, domain in data.items()}
    files = find(data, "")
    kind = kinds.common({"x": files})
    if kind.Domain is not Images:
        if labels or words or make:
            raise UserError(
                f"--data {files.name}: {kind.ITEMS} have no conditions here; choose a model without, such as wgan-gp"
            )
        how = dict(words=PIECES, pieces=True, soft=True, filled=True) if kind.Domain is Tokens else {}
        size = size or (LONGEST if how else None)
        return {"x": kind.folders({"x": files}, size, full, seed, **how)["x"]}
    if words:
        files, sentences = describe(files, seed)
    short, colour, _ = survey(files.train)
    sizes = [s for s in range(16, 257, 4) if s % 2 ** halvings(s) == 0]  # sides that halve evenly
    if size is None:
        size = max(s for s in sizes if s <= max(16, min(128 if full else 64, short)))
    if size not in sizes:
        raise UserError(
            f"--size {size}: the side must halve evenly until it is 4 to 7 pixels: {', '.join(map(str, sizes))}"
        )
    x = Folder(Images(size, size, 3 if colour else 1, colour, flip=colour and not make and not words), files, seed)
    sources = {"x": x}
    if labels:
        sources["c"] = labels_of(x)
    if words:
        tokens = language(sentences)
        told = tokens.collate([tokens.decode(Sentence("", sentence)) for sentence in sentences])
        sources["c"] = Conditions(x, tokens, told)
    if make:
        sources["c"] = made_of(x, make)
    if wrong:
        sources["wrong"] = Conditions(x, sources["c"].domain, sources["c"].values, wrong=True)
    return sources


class SampleJudge:
    """Samples against a collection's own pictures, as a feature network sees them.

    Labelled digits: a small classifier trained on them says which digit a sample is; FID[digits-cnn] selects. Other pictures: KID of
    EfficientNet-Lite0 selects.
    """

    def __init__(self, x: Folder, n: int | None = None, described: bool = False, net: nn.Module | None = None):
        """n: samples; 500 digits, 150 of other pictures, whose network is a hundred times larger. described: digits that
        domains/described.py coloured. net: a feature network that is loaded already."""
        self.x, self.described = x, described
        classes = 0 if x.labels is None else int(x.labels.max()) + 1
        self.digits = 0 < classes <= CLASSES and x.domain.size == DIGIT and (described or x.domain.channels == 1)
        self.n = n or (500 if self.digits else 150)
        selects = "FID, digits-cnn" if self.digits else "KID, EfficientNet-Lite0"
        if described:
            selects = f"share of samples {'not as told' if self.digits else 'that another name finds'}"
        self.criterion = f"the lowest {selects}, of {self.n} samples"
        self.net, self.real = net, None

    def load(self) -> None:
        """The feature network; the digit classifier is trained in half a minute and kept below ~/.cache/unpaired."""
        if self.net is not None:
            return
        if self.digits:
            import numpy as np

            cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "unpaired")
            arrays, labels = np.stack([grey(item.array) for item in self.x.items]), self.x.labels.numpy()
            times = max(1, 4000 // len(arrays))  # a few hundred are gone through more often
            kept = cache / f"digits-cnn-{'described-' if self.described else ''}{self.x.name}.safetensors"
            self.net = judges.digit_classifier(np.tile(arrays, (times, 1, 1)), np.tile(labels, times), kept)
        else:
            self.net = judges.efficientnet_lite0()

    def __call__(self, system: Generative, data: dict[str, Source]) -> dict[str, float]:
        """Of `n` samples; under a condition each class in turn."""
        self.load()
        if "c" in data and isinstance(data["c"].domain, Images):
            return self.against_truth(system, data["c"])
        if "c" in data and isinstance(data["c"].domain, Tokens):
            return (self.as_told if self.digits else self.by_name)(system, data["c"])
        c = None
        if "c" in data:
            labels = data["c"].domain
            c = labels.of(torch.arange(self.n, device=next(system.parameters()).device) % labels.classes)
        drawn = []
        for rows in torch.arange(self.n).split(100):
            s = system.draw(len(rows), None if c is None else c[rows])
            drawn += list(pictures(s))
        scores = self.score(drawn)
        if self.digits:
            if c is not None:
                found = judges.features(self.net, drawn).argmax(1)
                scores["called as asked"] = (found == c.label.cpu()).double().mean().item()
            if hasattr(system, "categorise"):
                scores["code names digit"] = self.named(system)
        return scores

    def score(self, drawn: list[Tensor]) -> dict[str, float]:
        """Of pictures [C,H,W] in [0, 1]. `score` is what selects, lower is better."""
        self.load()
        network = self.net.features if self.digits else self.net
        if self.real is None:
            real = self.x.training(2 * self.n) + self.x.validation()
            self.real = judges.features(network, [pictures(self.x.domain.normalise(s))[0] for s in real])
        seen = judges.features(network, drawn)
        precision, recall = judges.precision_recall(seen, self.real)
        kid = judges.kid(seen, self.real)[0]
        if not self.digits:
            return {"score": kid, "KID": kid, "precision": precision, "recall": recall}
        logits = judges.features(self.net, drawn)
        fid, found = judges.fid(seen, self.real), logits.argmax(1)
        return {
            "score": fid,
            "FID[digits-cnn]": fid,
            "KID[digits-cnn]": kid,
            "IS[digits-cnn]": generated.inception_score(logits),
            "coverage": generated.coverage(found, CLASSES),
            "entropy": generated.entropy(found, CLASSES),
            "precision": precision,
            "recall": recall,
        }

    def as_told(self, system: Generative, c: Conditions) -> dict[str, float]:
        """Of samples of training sentences: how often colour, style and digit are those that were said, and all three, which selects."""
        told = c.values[torch.tensor(self.x.train_ids)[torch.arange(self.n) % len(self.x.train_ids)]]
        return self.told_of(torch.cat(list(self.drawn(system, told))), c.domain.sentences(told))

    def told_of(self, drawn: Tensor, sentences: list[str]) -> dict[str, float]:
        """Of pictures [n,3,H,W] in [0, 1] and what they should show."""
        said = torch.tensor([parts(sentence) for sentence in sentences])  # [n,3]
        colour, style, digit = seen(drawn)
        found = torch.stack([colour, style, judges.features(self.net, digit).argmax(1)], 1)
        right = found == said
        shares = dict(zip(("colour", "style", "digit"), right.double().mean(0).tolist()))
        whole = right.all(1).double().mean().item()
        return {"score": 1 - whole, "as told": whole} | shares

    def by_name(self, system: Generative, c: Conditions) -> dict[str, float]:
        """Of samples of training names: how often, of as many pictures, the nearest to a sample is the one that bears its name."""
        ids = c.of.train_ids[: self.n]
        real = [
            pictures(c.of.domain.normalise(c.of.domain.collate([c.of.domain.crop(c.of._decoded(i), None)])))[0]
            for i in ids
        ]
        drawn = torch.cat(list(self.drawn(system, c.values[ids])))
        found = judges.retrieval_at_1(*(judges.features(self.net, list(x)) for x in (drawn, real)))
        return {"score": 1 - found, "found by name": found} | {
            k: v for k, v in self.score(list(drawn)).items() if k == "KID"
        }

    def drawn(self, system: Generative, told: Sample) -> Iterator[Tensor]:
        """A sample of each condition, [n,C,H,W] in [0, 1], a hundred at a time."""
        device = next(system.parameters()).device
        for rows in torch.arange(len(told)).split(100):
            yield pictures(system.draw(len(rows), told[rows].to(device)))

    def against_truth(self, system: Generative, c: Conditions) -> dict[str, float]:
        """Held-out pictures from their own conditions. L1 in [0, 1] selects; beside it that of another one's condition."""
        held = self.x.validation_ids or self.x.train_ids
        x = self.x.domain.normalise(self.x.domain.collate([self.x.domain.crop(self.x._decoded(i), None) for i in held]))
        told = c.domain.normalise(c.values[held].to(next(system.parameters()).device))
        drawn = pictures(system.draw(len(held), told))
        l1 = (drawn - pictures(x)).abs().mean().item()
        return {"score": l1, "L1": l1, "L1 of another": (drawn.roll(1, 0) - pictures(x)).abs().mean().item()}

    def named(self, system) -> float:
        """Share of held-out digits whose category, found without labels, is their digit's."""
        held = self.x.validation_ids or self.x.train_ids
        x = self.x.domain.normalise(self.x.domain.collate([self.x.domain.crop(self.x._decoded(i), None) for i in held]))
        device = next(system.parameters()).device
        return generated.cluster_accuracy(system.categorise(x.to(device)).cpu(), self.x.labels[held])


def grey(array):
    """A digit in white on black, [H,W] uint8; a coloured one as `seen` sees it."""
    if array.ndim == 2:
        return array
    x = torch.from_numpy(array).permute(2, 0, 1)[None] / 255
    return (seen(x)[2][0, 0] * 255).round().byte().numpy()


def pictures(s: Sample) -> Tensor:
    """[-1, 1] -> [0, 1], on the CPU."""
    return (s.x.float().clamp(-1, 1) * 0.5 + 0.5).cpu()


def generator_of(path: Path, device: torch.device, which: str = "best") -> tuple[Generative, dict]:
    """(system, its domains) of a run or bundle that recipes/gan.py or recipes/seqgan.py made, ready to draw."""
    from recipes.gan import gan
    from recipes.seqgan import seqgan
    from recipes.translator import bundle_folder
    from translate import bundle

    tensors, config = bundle.load_bundle(bundle_folder(path, which))
    recipe = {"gan": gan, "seqgan": seqgan}.get(config.get("recipe"))
    if recipe is None:
        made = config.get("recipe")
        raise UserError(
            f"{path} draws nothing: it was made by {made}; give a run of scripts/gan.py or scripts/seqgan.py"
        )
    known = {"images": Images, "labels": Labels, "tokens": Tokens, "mels": Mels}
    try:
        domains = {}
        for key, spec in config["domains"].items():
            arguments = {k: v for k, v in spec.items() if k not in ("domain", "name")}
            domains[key] = known[spec["domain"]](**arguments)
        system = recipe(**config["args"] | {"data": domains}).system()
        missing = set(bundle.parts(system)) & set(system.load_state_dict(tensors, strict=False).missing_keys)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} does not fit this version of unpaired ({error}): train it again") from error
    if missing:
        raise UserError(f"{path}: its weights are not those of its config ({sorted(missing)[0]}): train it again")
    return system.to(device).eval().requires_grad_(False), domains
