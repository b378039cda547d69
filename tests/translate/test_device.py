"""On a device that is not the host: what is made lies there, nothing in a step waits, losses are float32 under CUDA's autocast."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from domains.images import Images
from domains.mels import Mels
from domains.metrics.images import DigitFeatures
from recipes.cyclegan import cyclegan
from recipes.gan import ALL, gan
from recipes.kinds import images as image_kind
from recipes.kinds import mels as mel_kind
from recipes.kinds import tokens as token_kind
from recipes.sample import lines
from recipes.sentences import sentences
from recipes.translator import Translator
from tests.cases import CASES, CPU, NAMES, SOURCES, draw, paint, recipe_of
from tests.device import mimic, swap
from tests.voices import recordings
from translate import bundle, checkpoint, runtime
from translate.ema import EMA
from translate.log import NoLog
from translate.loop import Trainer, train
from translate.recipe import Recipe
from translate.sample import Sample
from translate.systems.cyclegan import CycleGAN


@pytest.fixture(autouse=True)
def averages(monkeypatch):
    monkeypatch.setattr(EMA, "_swap", lambda self: [swap(p, self.average[name]) for name, p in self.live.items()])


def runs_without_a_wait(recipe: Recipe) -> None:
    """Every update once."""
    with mimic() as (device, watched):
        trainer = Trainer(recipe, device)
        batch = next(trainer.feed(recipe.data, 0, 1))
        read = sum(t is not None for s in batch.values() for t in s)
        assert watched.waits["from the host"] >= read and all(s.x.device == device for s in batch.values())
        losses, terms = trainer.losses, []

        def noted(*of):
            for found in losses(*of):
                terms.extend(found.items())
                yield found

        trainer.losses = noted
        watched.waits.clear()
        for update in trainer.system.updates:
            trainer.update(update, batch)
        trainer.ema.update(1)
        assert not watched.waits
        assert {t.device for _, t in terms} == {device}
        assert not [name for name, t in terms if t.dtype != torch.float32]


@pytest.mark.parametrize("system, kind", CASES, ids=NAMES)
def test_no_step_mixes_devices_or_waits(system, kind):
    runs_without_a_wait(recipe_of(system, kind, precision="bf16"))


def test_every_case_was_there():
    assert len(CASES) == 70 and len(ALL) == 29


@pytest.mark.parametrize("model", ALL)
def test_no_model_of_noise_mixes_devices_or_waits(model):
    runs_without_a_wait(gan(model=model, data="digits", steps=12, batch=8, width=4, noise=6, precision="bf16", budget="laptop"))  # fmt: skip


def test_sentences_with_pseudo_pairs():
    runs_without_a_wait(sentences(a="old", b="modern", size=8, steps=4, width=4, blocks=1, batch=2, precision="bf16"))


def test_pictures_of_every_network(pictures):
    for how in (dict(generator="residual"), dict(critic="vgg", size=32), dict(spectral=True)):
        recipe = cyclegan(**dict(a=str(pictures), b=str(pictures), steps=2, size=16, width=4, blocks=1) | how)
        runs_without_a_wait(replace(recipe, run=replace(recipe.run, precision="bf16")))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_step_gives_the_numbers_of_the_host(kind):
    """Trained one step there, on from the host's checkpoint: weights, moments, averages, bit for bit."""
    recipe, ends = recipe_of(CycleGAN, kind), []
    host = Trainer(recipe, CPU)
    host.train_step(host.feed(recipe.data, 0, 1))
    shared, own = host.shared_state(), host.own_state()
    shared, own = torch.utils._pytree.tree_map_only(torch.Tensor, torch.clone, (shared, own))
    with mimic() as (device, watched):
        there = Trainer(recipe, device)
        there.load(shared, own)
        for optimiser in there.optimisers.values():
            assert {t.device for state in optimiser.state.values() for t in state.values()} == {device}
        for trainer in (there, host):
            runtime.set_random_states(own["random"])
            trainer.train_step(trainer.feed(recipe.data, 1, 2))
            moments = [t for o in trainer.optimisers.values() for state in o.state.values() for t in state.values()]
            ends.append([*trainer.system.parameters(), *trainer.ema.average.values(), *moments])
        assert len(ends[0]) == len(ends[1]) > 50
        assert all(torch.allclose(a.detach().cpu(), b.detach(), 1e-4, 1e-6) for a, b in zip(*ends))


class Judged:
    """Of pictures by a small network, of voices by their cepstra."""

    criterion = "the lowest"

    def __init__(self, kind: str):
        self.judge = {"images": partial(image_kind.Judge, Scaled), "mels": mel_kind.Judge}[kind]()

    def __call__(self, system, data):
        return self.judge(system, data)


class Scaled(DigitFeatures):
    def forward(self, x):
        return super().forward(torch.nn.functional.interpolate(x, (28, 28)))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_whole_run(kind, tmp_path, monkeypatch):
    """Previews, judges, bundles. A checkpoint of such tensors cannot be written."""
    kept = []
    monkeypatch.setattr(checkpoint, "save", lambda *state: kept.append(state))
    recipe = recipe_of(CycleGAN, kind, steps=2, precision="bf16")
    if kind != "tokens":
        recipe = replace(recipe, judge=Judged(kind))
    with mimic() as (device, _):
        assert train(recipe, tmp_path, device, lambda _: NoLog()) == 0
    assert kept and list((tmp_path / "samples").iterdir())
    assert bundle.load_bundle(tmp_path / "final")[0] and (kind == "tokens" or (tmp_path / "best").is_dir())


def translator_of(kind: str, device, monkeypatch) -> tuple[Translator, Recipe]:
    recipe = recipe_of(CycleGAN, kind)
    domains = {key: source.domain for key, source in recipe.data.items()}
    made = bundle.parts(recipe.system())
    monkeypatch.setattr("recipes.translator.RECIPES", {"made": __name__})
    monkeypatch.setattr("recipes.translator.build_domain", lambda spec: domains[spec["name"]])
    monkeypatch.setitem(globals(), "made", lambda **_: recipe)
    monkeypatch.setattr(runtime, "start", lambda _: device)
    config = {"recipe": "made", "args": {}, "domains": {key: {"name": key} for key in domains}}
    return Translator(made, config, precision="bf16"), recipe


def test_pictures_through_a_translator(tmp_path, monkeypatch):
    files = [paint(tmp_path / f"{i}.png", draw(40, 30 + 2 * i, i)) for i in range(3)]
    pairs = [(f, tmp_path / "out" / f.name) for f in files]
    (tmp_path / "out").mkdir()
    with mimic() as (device, _):
        translator, _ = translator_of("images", device, monkeypatch)
        for tile in (0, 64):
            assert [why for _, why in translator.files(pairs, "b", tile)] == [""] * 3
        wide, domain = Sample(torch.rand(1, 3, 70, 90, device=device)), Images(size=16, scale=0)
        assert domain.whole(translator.direction("a", "b"), wide, 64).x.device == device
        assert translator(draw(20, 20, 1)).shape == (20, 20, 3)


def test_voices_and_sentences_through_a_translator(tmp_path, monkeypatch):
    with mimic() as (device, _):
        translator, recipe = translator_of("mels", device, monkeypatch)
        translator.domains["b"].speak_with("griffin-lim")
        source = sorted(p for p in (tmp_path / recordings().name / "a").iterdir())[0]
        assert [why for _, why in translator.files([(source, tmp_path / "out.wav")])] == [""]
        long = Sample(torch.randn(1, 1, 80, 1500, device=device))
        assert Mels().whole(translator.direction("a", "b"), long).x.device == device
        translator, recipe = translator_of("tokens", device, monkeypatch)
        domain = recipe.data["a"].domain
        said = token_kind.translated(domain, translator.direction("a", "b"), ["3 4 5", "6 7 8 9 10 11 3 4"], device)
        assert len(said) == 2
        for how in (dict(beam=2), dict(sample=True)):
            translator.decode(**how)
            token_kind.translated(domain, translator.direction("a", "b"), ["3 4 5"], device)


def test_samples_are_drawn(monkeypatch):
    with mimic() as (device, _):
        for model, how in (("dcgan", {}), ("cgan", dict(label=2)), ("dcgan", dict(interpolate=3)), ("dcgan", dict(arithmetic="0 - 1 + 2"))):  # fmt: skip
            recipe = gan(model=model, data="digits", steps=12, batch=8, width=4, noise=6, budget="laptop")
            system = runtime.place(recipe.system(), device).eval().requires_grad_(False)
            domains = {key: source.domain for key, source in recipe.data.items()}
            asked = dict(n=4, label=None, text=None, truncation=1.0, interpolate=0, arithmetic=None) | how
            drawn = lines(system, domains, *asked.values())
            assert all(s.x.device == CPU and np.isfinite(s.x.numpy()).all() for s in drawn)


def test_what_comes_back_to_the_host_is_there():
    """`.to("cpu", non_blocking=True)` gives memory that the device has yet to write."""
    with mimic() as (device, watched):
        there = Sample(torch.ones(2, device=device))
        assert there.to("cpu").x.tolist() == [1, 1] and watched.waits["to the host"]
        with pytest.raises(RuntimeError, match="not there yet"):
            there.x.to("cpu", non_blocking=True)


def test_the_device_refuses_what_a_gpu_refuses():
    with mimic() as (device, watched):
        x = torch.rand(3, device=device)
        for mixed in (lambda: x + torch.rand(3), lambda: torch.stack([x[0], torch.tensor(1.0)]), lambda: torch.cat([x, torch.rand(1)])):  # fmt: skip
            with pytest.raises(RuntimeError, match="of the host among"):
                mixed()
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, device=device, generator=torch.Generator())
        for waits in (lambda: x.sum().item(), lambda: bool(x[0] > 2), lambda: x[x > 0.5], lambda: torch.tensor([1.0], device=device)):  # fmt: skip
            watched.waits.clear()
            waits()
            assert watched.waits
        with torch.autocast(device.type, torch.bfloat16):
            assert torch.nn.functional.linear(x[None], x[None]).dtype == torch.bfloat16
            assert x.bfloat16().sum().dtype == x.bfloat16().exp().dtype == torch.float32
