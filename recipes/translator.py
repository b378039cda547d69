"""Translator: rebuilds a bundle's domains and networks, and translates with them, either way."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import torch

from recipes import kinds
from recipes.train import METHODS
from translate import bundle, checkpoint, runtime
from translate.errors import UserError
from translate.modules.cycle import Towards
from translate.nets.sequence import Autoregressive, Beam, Drawn
from translate.sample import Sample
from translate.system import System

RECIPES = {method: module for method, (module, _) in METHODS.items()} | {
    "peer": "recipes.peer",
    "sentences": "recipes.sentences",
    "sentiment": "recipes.sentiment",
    "summarise": "recipes.summarise",
    "voice": "recipes.voice",
}  # what a bundle may name; nothing else is ever imported


class Translator:
    """A trained translator between domains.

    >>> t = Translator.from_pretrained("runs/cyclegan-photos-vangogh")
    >>> t(PIL.Image.open("bridge.jpg"), to="b").save("painting.png")
    """

    def __init__(self, tensors: dict[str, torch.Tensor], config: dict, device: str = "auto", precision: str = "fp32"):
        """precision: fp32 gives the same pixels everywhere; bf16 is faster where the device has it; auto."""
        self.tensors, self.config, self.precision = tensors, config, precision
        self.device = runtime.start(device)
        if config.get("recipe") in ("gan", "seqgan"):
            raise UserError(f"what {config['recipe']} made translates nothing: scripts/sample.py draws from it")
        try:
            module = importlib.import_module(RECIPES[config["recipe"]])
            self.domains = {key: build_domain(spec) for key, spec in config["domains"].items()}
            function = getattr(module, config["recipe"])
            pair = set(self.domains) == {"a", "b"} and "a" in inspect.signature(function).parameters
            recipe = function(**config["args"] | (self.domains if pair else {"domains": self.domains}))
            self.system: System = recipe.system()
            loaded = self.system.load_state_dict(tensors, strict=False)
            missing = set(bundle.parts(self.system)) & set(loaded.missing_keys) or loaded.unexpected_keys
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise UserError(
                f"the bundle does not fit this version of unpaired ({checkpoint.reason(error)}): train or export it again"
            ) from error
        if missing:
            raise UserError(
                f"the bundle's weights are not those of its config in this version of unpaired ({sorted(missing)[0]}): train or export it again"
            )
        runtime.place(self.system, self.device).eval().requires_grad_(False)
        self.styles: dict[str, torch.Tensor] = {}  # of a method with many translations, by domain
        self.beam = 0

    @classmethod
    def from_pretrained(cls, path: str | Path, which: str = "best", **kw) -> Translator:
        """path: a run's folder, or a bundle. which: of a run, the checkpoint that validation selected ("best") or "final"."""
        return cls(*bundle.load_bundle(bundle_folder(Path(path), which)), **kw)

    def save_pretrained(self, folder: str | Path) -> None:
        config = {k: v for k, v in self.config.items() if k not in ("weights", "sha256")}
        bundle.save_bundle(Path(folder), self.tensors, config, bundle.card(config, Path(folder).name))

    def source(self, to: str, said: str = "") -> str:
        """The domain that is translated into `to`: the one that was said, or else the other one.

        Of more than two it may be left out where neither the networks nor the scale of numbers that they see depend on it.
        """
        known = f"this translator knows {' and '.join(self.domains)}"
        for option, name in (("to", to), ("source", said or to)):
            if name not in self.domains:
                raise UserError(f"--{option} {name}: {known}")
        if said == to:
            raise UserError(f"--source {said}: what is {to} already is not translated; name another")
        first, *others = [key for key in self.domains if key != to]
        scales = [self.domains[key].normalise(self.domains[key].blank(1)).x for key in (first, *others)]
        alike = type(self.system).direction is System.direction and all(torch.equal(x, scales[0]) for x in scales)
        if not said and others and not alike:
            raise UserError(f"--to {to} alone: {known}; say with --source which of them the input is")
        return said or first

    @torch.inference_mode()
    def restyle(self, to: str, file: str | Path = "", seed: int = 0) -> None:
        """How translations into `to` look from here on: in the style of a file, or in one that is drawn."""
        net, domain = self.system.direction(self.source(to), to), self.domains[to]
        if not hasattr(net, "restyled"):
            said = f"--style {file}" if file else f"--seed {seed}"
            raise UserError(f"{said}: {self.config['recipe']} gives an input one translation; munit gives it many")
        if not file:
            self.styles[to] = torch.randn(net.width, generator=torch.Generator().manual_seed(seed))
            return
        if domain.blank(1).mask is not None:
            s = domain.load(Path(file))[0]  # sentences: the mean of their styles
        else:
            s = domain.normalise(domain.collate(domain.views(domain.decode(Path(file)))[:1]))
        self.styles[to] = self.system.style_of(to, s.to(self.device)).mean(0).cpu()

    def decode(self, beam: int = 0, sample: bool = False, seed: int = 0) -> None:
        """How sentences are written from here on: greedily, by a beam of so many, or drawn.

        Raises UserError for networks that this has no meaning for.
        """
        if beam and sample:
            raise UserError(f"--beam {beam} --sample: a beam draws nothing; give one of them")
        made = f"this run's generator ({self.config['args'].get('generator', self.config['recipe'])})"
        if sample:
            chosen = [module for module in self.system.modules() if hasattr(module, "bottleneck")]
            if not chosen:
                raise UserError(f"--sample: {made} draws no words; leave it out")
            for module in chosen:
                module.bottleneck = Drawn(seed)
        if beam and not any(isinstance(module, Autoregressive) for module in self.system.modules()):
            raise UserError(f"--beam {beam}: {made} does not write word by word; leave it out")
        self.beam = beam

    def direction(self, source: str, to: str) -> torch.nn.Module:
        """The network of a direction; one that wants a style has the one chosen by `restyle`, or that of seed 0."""
        net = self.system.direction(source, to)
        if hasattr(net, "restyled"):
            if to not in self.styles:
                self.restyle(to)
            net = net.restyled(self.styles[to])
        return searching(net, self.beam) if self.beam else net

    @torch.inference_mode()
    def translate(self, s: Sample, to: str = "b", tile: int = 0, source: str = "") -> Sample:
        """A batch of whole, normalised samples of equal shape. tile: see the domain's `whole`. source: of more than two domains."""
        source = self.source(to, source)
        with runtime.autocast(self.device, self.precision):
            return self.domains[source].whole(self.direction(source, to), s.to(self.device), tile)

    def __call__(self, item: Any, to: str = "b", source: str = "") -> Any:
        """A PIL image, an array [H,W,3] or [H,W] of uint8, a sentence: what the domain's `take` takes; the same kind comes back."""
        source = self.source(to, source)
        s, origin = self.domains[source].take(item)
        return self.domains[to].give(self.translate(s, to, source=source), origin)

    def files(
        self, pairs: Iterable[tuple[Path, Path]], to: str = "b", tile: int = 0, batch: int = 8, source: str = ""
    ) -> Iterator[tuple[Path, str]]:
        """Translates each (input, output); reading, translating and writing overlap, equal sizes go together.

        Yields (input, "") or (input, why it was skipped) in order of completion.
        """
        source = self.source(to, source)
        target = self.domains[to]
        most = 2**18 if self.device.type == "cpu" else 2**21  # values at a time: a CPU is the slower for much memory

        def read(pair):
            try:
                return pair, *self.domains[source].load(pair[0])
            except UserError as error:
                return pair, error, None

        def write(pair, s, origin):
            try:
                target.save(s, replace(origin, suffix=pair[1].suffix), pair[1].with_suffix(""))
                return pair[0], ""
            except (UserError, OSError) as error:
                return pair[0], str(error)

        with ThreadPoolExecutor(2) as readers, ThreadPoolExecutor(2) as writers:
            writing = []
            read_ahead = _ahead(readers, read, pairs, 2 * batch)
            for shape, group in groupby(
                read_ahead, key=lambda r: None if isinstance(r[1], UserError) else r[1].x.shape
            ):
                while members := [
                    r for _, r in zip(range(max(1, min(batch, most // shape.numel()) if shape else 1)), group)
                ]:
                    if shape is None:
                        yield members[0][0][0], str(members[0][1])
                        continue
                    out = self.translate(Sample.cat([s for _, s, _ in members]), to, tile, source).to("cpu")
                    ends = accumulate(len(s) for _, s, _ in members)
                    writing += [
                        writers.submit(write, pair, out[end - len(s) : end], origin)
                        for (pair, s, origin), end in zip(members, ends)
                    ]
                    while writing and writing[0].done():
                        yield writing.pop(0).result()
            for done in writing:
                yield done.result()


def searching(net: torch.nn.Module, width: int) -> torch.nn.Module:
    """A direction whose decoder is led by a beam."""
    if isinstance(net, Towards):
        return Towards(searching(net.net, width), net.label)
    if not isinstance(getattr(net, "decoder", None), Autoregressive):
        raise UserError(f"--beam {width}: this method's networks are no plain encoder and decoder; leave it out")
    return Beam(net, width).eval()


def _ahead(pool: ThreadPoolExecutor, f, items: Iterable, n: int) -> Iterator:
    """f over items in order, at most n of them ahead of what is consumed: a folder of any length in constant memory."""
    waiting = []
    for item in items:
        waiting.append(pool.submit(f, item))
        if len(waiting) >= n:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def build_domain(spec: dict):
    """From what `Domain.spec` wrote."""
    spec = dict(spec)
    domain = kinds.named(spec.pop("domain")).Domain(**{k: v for k, v in spec.items() if k != "name"})
    domain.name = spec.get("name", "")
    return domain


def bundle_folder(path: Path, which: str = "best") -> Path:
    """Where a run keeps the bundle asked for; a bundle's own folder as it is."""
    if (path / "config.json").is_file():
        return path
    for name in dict.fromkeys((which, "best", "final")):
        if (path / name / "config.json").is_file():
            return path / name
    if (path / "config.yaml").is_file():
        raise UserError(
            f"{path} has no translator yet: the first is written at the first validation; train on, then repeat this"
        )
    raise UserError(f"{path} is neither a run's folder nor a bundle: give the folder that a training script named")


def initialise(system: System, path: Path, data: dict) -> System:
    """Starts from another run: all its parameters from its newest checkpoint, else its translators from the bundle."""
    theirs = next((c["domains"] for w in (".", "best", "final") if (c := read_json(path / w / "config.json"))), {})
    for key, source in data.items():
        ours = source.domain.spec().get("tokenizer")
        if ours != theirs.get(key, {}).get("tokenizer", ours):
            raise UserError(
                f"--init-from {path}: its vocabulary is not the one of these sentences, so that its weights mean other words; "
                "give the files that it was trained on, or start without it"
            )
    found = checkpoint.load_latest(path) if (path / "checkpoints").is_dir() else None
    tensors = found[1]["parameters"] | found[1]["ema"] if found else bundle.load_bundle(bundle_folder(path))[0]
    try:
        unexpected = system.load_state_dict(tensors, strict=False).unexpected_keys
    except RuntimeError as error:
        raise UserError(
            f"--init-from {path}: its networks have other sizes; give its --width, --blocks, --size and --generator"
        ) from error
    if unexpected:
        raise UserError(
            f"--init-from {path}: it has {unexpected[0]}, which this system has not; give the same method and sizes, and its critics' "
            "options, such as --spectral"
        )
    return system


def saved_config(run: Path) -> dict:
    import yaml

    try:
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        _ = config["recipe"], config["args"]["steps"], config["environment"]["device"]
        return config
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise UserError(f"{run} is no run: its config.yaml cannot be read") from error


def read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
