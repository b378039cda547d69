"""Many translations of one input: from the command line to files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from recipes.convert import convert
from recipes.evaluate import apart, diversity, evaluate
from recipes.train import recipe_of, train
from recipes.translator import Translator
from tests.cases import draw, paint
from translate import bundle
from translate.errors import UserError
from translate.sample import Sample


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "munit"
    options = [
        "--size",
        16,
        "--width",
        8,
        "--blocks",
        2,
        "--layers",
        1,
        "--steps",
        2,
        "--device",
        "cpu",
        "--critic",
        "patch",
    ]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr("recipes.kinds.images.Judge.load", lambda _: None)
        patch.setattr("recipes.kinds.images.Judge.__call__", lambda *_: {"score": 1.0})
        train(list(map(str, ["munit", "--a", pictures, "--b", pictures, *options, "--out", out])))
    assert left.value.code == 0
    return out


def test_styles_are_drawn_by_seed_or_shown_by_a_file(run, tmp_path, capsys):
    source = paint(tmp_path / "in.png", draw(20, 24, 1))
    styles = [paint(tmp_path / f"style{i}.png", draw(32, 20, 200 + i)) for i in range(2)]
    said = {"plain": {}, "zero": dict(seed=0), "one": dict(seed=1)}
    said |= {"first": dict(style=str(styles[0])), "second": dict(style=str(styles[1]))}
    out = {}
    for name, how in said.items():
        convert(str(run), str(source), str(tmp_path / f"{name}.png"), device="cpu", **how)
        out[name] = cv2.imread(str(tmp_path / f"{name}.png")).astype(int)
        assert out[name].shape == (20, 24, 3)
    assert np.array_equal(out["plain"], out["zero"]), "the same style each time where nothing is said"
    different = [out[name] for name in ("zero", "one", "first", "second")]
    assert all((x != y).any() for i, x in enumerate(different) for y in different[:i])
    with pytest.raises(UserError, match="--style .*nothing.png: no such file"):
        convert(str(run), str(source), str(tmp_path / "x.png"), style=str(tmp_path / "nothing.png"))


def test_diversity_stands_beside_the_scores(run, pictures, capsys, monkeypatch):
    monkeypatch.setattr("recipes.kinds.images.score", lambda *_: [({"best": {"l1": 0.5}}, {})])
    evaluate(str(run), which="best", device="cpu")
    said = capsys.readouterr().out
    assert "diversity: " in said and "of 5 styles" in said and "0: one output whatever the style" in said
    translator, items = Translator.from_pretrained(run, device="cpu"), sorted((pictures / "testA").iterdir())
    assert diversity(translator, items, "a", "b") > 1e-4
    translator.system.g_b.style[0].weight.data.zero_()
    assert diversity(translator, items, "a", "b") == 0, "a decoder that does not look at its style has none"


def test_apart_by_hand():
    x, y = Sample(torch.tensor([[[0.0, 1.0, 5.0]]])), Sample(torch.tensor([[[1.0, 0.0]]]))
    assert apart([x, y]) == 1, "as far as both reach"
    assert apart([x, x, y]) == pytest.approx(2 / 3), "three pairs"
    words = [Sample(torch.tensor([[3, 4, 5, 6]])), Sample(torch.tensor([[3, 4, 5, 7]]))]
    assert apart(words) == 0.25


def test_a_sheet_has_a_row_for_each_style(run, pictures, tmp_path):
    from domains.sources import find
    from recipes.kinds import images

    translator, files = Translator.from_pretrained(run, device="cpu"), {s: find(str(pictures), s) for s in "ab"}
    images.samples(translator, files, "a", "b", tmp_path / "sheet")
    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape[:2] == (7 * 164, 2 * 164), "input, five styles, truth"


def test_a_method_with_one_translation_has_no_style(pictures, tmp_path):
    from dataclasses import replace

    recipe = replace(
        recipe_of("plain")(str(pictures), str(pictures), size=16, width=4, blocks=1, layers=1, critic="patch"),
        name="plain",
    )
    bundle.export(tmp_path / "plain", recipe.system(), recipe, 1, {})
    source = paint(tmp_path / "in.png", draw(20, 24, 1))
    for option, value in (("style", str(source)), ("seed", 3)):
        with pytest.raises(UserError, match=f"--{option} {value}: plain gives an input one translation; munit gives"):
            convert(str(tmp_path / "plain"), str(source), str(tmp_path / "x.png"), device="cpu", **{option: value})


@pytest.mark.parametrize("kind, sides", [("tokens", ("old", "modern")), ("mels", ("slt", "rms"))])
def test_styles_of_sentences_and_voices(kind, sides, tmp_path):
    from dataclasses import replace

    from domains.sources import find

    recipe = replace(recipe_of("munit")(*sides, size=16, width=8, blocks=1, steps=1, batch=2), name="munit")
    torch.manual_seed(0)
    bundle.export(tmp_path / "munit", recipe.system(), recipe, 1, {})
    translator = Translator.from_pretrained(tmp_path / "munit", device="cpu")
    (example, *_), inputs = find(sides[1], "b").train, recipe.data["a"].preview(2)
    s, found = recipe.data["a"].domain.normalise(inputs), []
    for how in (dict(seed=0), dict(seed=1), dict(file=example)):
        translator.restyle("b", **how)
        assert translator.styles["b"].shape == (8,) and translator.styles["b"].isfinite().all()
        net = translator.direction("a", "b")
        out = net(s)
        found.append(out.x if out.logits is None else out.logits[:, 0])
    assert all(not torch.allclose(x, y) for i, x in enumerate(found) for y in found[:i])
