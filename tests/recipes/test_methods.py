"""Every method of scripts/train.py, on every kind of file that it takes: who learns, what a run leaves behind, what it refuses."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from recipes import kinds, methods
from recipes.export import export
from recipes.train import METHODS, recipe_of, train
from recipes.translator import RECIPES, Translator, initialise
from tests.cases import CPU
from translate import bundle, runtime
from translate.errors import UserError
from translate.loop import Trainer
from translate.sample import Sample

TINY = dict(steps=3, width=4, blocks=1, layers=1, pool=2, batch=2, precision="fp32")
CODES = (
    "aligned",
    "crossaligned",
    "arae",
    "reversal",
)  # nobody judges what they translate: no critic of items, no pool
LACKS = {"cogan": ("layers",), "inpaint": ("layers", "pool")} | dict.fromkeys(CODES, ("layers", "pool"))
STILL = {
    "dualgan": {"d_a.scales.0.head.bias", "d_b.scales.0.head.bias"},
    "stargan": {f"d.critic.{last}.bias" for last in ("scales.0.head", "head", "out")},
}
KINDS = {
    "images": dict(size=16),
    "tokens": dict(a="old", b="modern", size=8),
    "mels": dict(a="slt", b="rms", size=16),
}
CASES = [(method, kind) for method in METHODS for kind in ("images", "tokens")] + [
    (method, "mels") for method in ("unit", "cogan", "stargan", "combogan", "content", "ugatit", "inpaint", "munit")
]
CASES.remove(("cut", "tokens"))
CASES.remove(("crossaligned", "images"))
EVERY = CASES + [(m, "mels") for m in METHODS if (m, "mels") not in CASES and m not in ("cut", "crossaligned")]


@pytest.fixture
def tiny(pictures):
    def recipe(method: str, kind: str):
        sides = dict(a=str(pictures), b=str(pictures)) if kind == "images" else {}
        numbers = {key: n for key, n in TINY.items() if key not in LACKS.get(method, ())}
        return replace(recipe_of(method)(**numbers | KINDS[kind] | sides), name=method)

    return recipe


def test_every_recipe_is_named():
    written = {name for name, f in vars(methods).items() if inspect.isfunction(f) and f.__module__ == methods.__name__}
    assert written == {name for name, (module, _) in METHODS.items() if module == methods.__name__}
    assert all(RECIPES[name] == module for name, (module, _) in METHODS.items()), "a bundle may name each"
    assert len(CASES) == 42


@pytest.mark.parametrize("method, kind", CASES)
def test_every_parameter_learns(method, kind, tiny):
    """But for what a critic adds to every score alike, where its objective is of differences or a hinge inside its margins."""
    recipe = tiny(method, kind)
    trainer = Trainer(recipe, CPU)
    before = {name: p.clone() for name, p in trainer.system.named_parameters()}
    feed = trainer.feed(recipe.data, 0, 3)
    for _ in range(3):
        trainer.train_step(feed)
    assert all(torch.tensor(value).isfinite() for value in trainer.means().values())
    still = {name for name, p in trainer.system.named_parameters() if torch.equal(p, before[name])}
    assert still <= STILL.get(method, set())


@pytest.mark.parametrize("method, kind", CASES)
def test_a_bundle_is_rebuilt_without_the_data(method, kind, tiny, tmp_path):
    recipe = tiny(method, kind)
    system = runtime.place(recipe.system().eval(), CPU)
    bundle.export(tmp_path / "best", system, recipe, 1, {})
    again = Translator.from_pretrained(tmp_path / "best", device="cpu")
    for key, side in kinds.directions(recipe.data):
        source, target = recipe.data[key], recipe.data[side]
        s = source.domain.normalise(source.preview(2))
        expected, found = (torch.manual_seed(0) and one.direction(key, side)(s) for one in (system, again.system))
        assert torch.equal(target.domain.harden(expected).x, target.domain.harden(found).x)


WHOLE = {"images": (1, 3, 21, 30), "mels": (1, 1, 80, 37)}  # larger than TINY's items, and of no round number


@pytest.mark.parametrize("method, kind", [(m, k) for m, k in EVERY if k in WHOLE])
def test_items_of_any_size_are_translated(method, kind, tiny):
    """As validation, conversion and evaluation call them."""
    recipe = tiny(method, kind)
    system = recipe.system().eval()
    for key, side in kinds.directions(recipe.data):
        domain, net = recipe.data[key].domain, system.direction(key, side)
        with torch.inference_mode():
            whole = domain.whole(net, Sample(torch.randn(*WHOLE[kind])))
        assert whole.x.shape == WHOLE[kind] and whole.x.isfinite().all()


def left(argv: list) -> int:
    with pytest.raises(SystemExit) as exit:
        train([str(arg) for arg in argv])
    return exit.value.code


def test_the_command_line(pictures, tmp_path, capsys, monkeypatch):
    assert left(["--help"]) == left([]) == 0
    said = capsys.readouterr().out
    assert all(method in said and line in said for method, (_, line) in METHODS.items())
    assert left(["discogann", "--a", "x"]) == 2
    assert "discogann: no such method; the nearest names are discogan" in capsys.readouterr().err

    monkeypatch.chdir(tmp_path)
    argv = ["plain", "--a", pictures, "--b", pictures, "--size", 16, "--width", 4, "--blocks", 1, "--device", "cpu"]
    monkeypatch.setattr("recipes.kinds.images.Judge.__call__", lambda *_: {"score": 1.0})
    monkeypatch.setattr("recipes.kinds.images.Judge.load", lambda _: None)
    assert left([*argv, "--steps", 2]) == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("plain-") and (run / "final" / "config.json").is_file()
    assert "plain --a" in (run / "index.html").read_text(), "the command that goes on with it"
    assert left([*argv, "--steps", 2, "--cycle", 1]) == 2
    assert "cycle" in capsys.readouterr().err


def test_cut_says_what_it_cannot_do(tiny):
    with pytest.raises(UserError, match="cut compares places of pictures"):
        tiny("cut", "tokens").system()


def test_a_search_is_no_onnx(tiny, tmp_path):
    recipe = tiny("cogan", "images")
    bundle.export(tmp_path / "best", recipe.system(), recipe, 1, {})
    with pytest.raises(UserError, match="a CoGAN translates by a search, which ONNX cannot hold: convert with"):
        export(str(tmp_path / "best"), str(tmp_path / "b.onnx"))


@pytest.mark.parametrize("method, how", [("cyclegan", {}), ("unit", dict(halves=True))])
def test_inpainting_is_a_start(method, how, tiny, tmp_path):
    """Its directions' weights are those that the other method begins with, also where halves are shared."""
    numbers = dict(a="digits", b="digits", **KINDS["images"], **TINY)
    del numbers["layers"], numbers["pool"]
    pretext = replace(recipe_of("inpaint")(**numbers | how), name="inpaint")
    system = pretext.system()
    bundle.export(tmp_path / "final", system, pretext, 1, {})
    other = recipe_of(method)(**numbers)
    started = initialise(other.system(), tmp_path, other.data)
    theirs = dict(started.named_parameters(remove_duplicate=False))
    assert all(torch.equal(p, theirs[name]) for name, p in system.named_parameters(remove_duplicate=False))


def test_critics_that_cannot_remember_say_so(pictures):
    recipe = recipe_of("cyclegan")(a=str(pictures), b=str(pictures), size=32, width=4, steps=2, critic="vgg", queue=3)
    with pytest.raises(UserError, match="--queue 3: no last layer that could remember in --critic vgg; give another"):
        recipe.system()


def test_features_are_chosen_by_what_there_is(tiny, pictures):
    assert tiny("content", "images").system().show is not None, "16 pixels: an encoder of its own"
    recipe = recipe_of("content")(a=str(pictures), b=str(pictures), size=32, width=4, steps=2, features="nowhere.bin")
    with pytest.raises(UserError, match="nowhere.bin does not exist"):
        recipe.system()
    recipe = recipe_of("content")(**TINY | KINDS["tokens"] | dict(features="vgg"))
    with pytest.raises(UserError, match="--features vgg: there is such a network for pictures alone; give own"):
        recipe.system()


def test_pictures_start_alike_unless_their_sides_are_far_apart(tmp_path):
    """A code's decoders agree about it from the first step on, where a picture is a fair first guess at its translation."""
    drawn = np.random.default_rng(0).integers(0, 60, (40, 16, 16), np.uint8)
    for name, pictures in dict(dark=drawn, darker=drawn - drawn // 8, light=255 - drawn).items():
        (tmp_path / name).mkdir()
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / name / f"{i}.png")
    domains = [str(tmp_path / name) for name in ("dark", "darker", "light")]
    system = recipe_of("combogan")(domains=domains, size=16, width=4, blocks=1, steps=2).system()
    for networks in (system.e, system.g):
        first, near, far = ([*net.parameters()] for net in networks)
        assert all(torch.equal(p, q) for p, q in zip(first, near))
        assert not all(torch.equal(p, q) for p, q in zip(first, far))
