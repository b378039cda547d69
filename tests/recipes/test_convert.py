"""Files in, translated files out: what a user's folder looks like afterwards."""

from __future__ import annotations

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from domains.imagefile import probe, read
from recipes import launch
from recipes.convert import convert
from recipes.cyclegan import cyclegan
from recipes.export import export
from recipes.get_weights import get_weights
from recipes.translator import RECIPES, Translator
from tests.cases import draw, paint
from tests.domains.test_images import Identity
from translate import bundle
from translate.errors import UserError
from translate.sample import Sample
from translate.systems.cyclegan import CycleGAN


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory) -> Path:
    """A run's folder whose best and final translators differ; no data is needed to use them."""
    data = tmp_path_factory.mktemp("data") / "gone"
    shutil.copytree(pictures, data)
    folder = tmp_path_factory.mktemp("runs") / "run"
    for seed, which in enumerate(("best", "final")):
        torch.manual_seed(seed)
        recipe = cyclegan(a=str(data), b=str(data), steps=1, size=16, width=4, blocks=1, generator="resnet", pool=2)
        recipe = replace(recipe, name="cyclegan")
        system = recipe.system()
        for p in system.parameters():
            p.data *= 20  # from 0.02: an untrained translator is grey all over
        bundle.export(folder / which, system, recipe, seed, {})
    (folder / "config.yaml").write_text("")
    shutil.rmtree(data)
    return folder


@pytest.fixture
def photos(tmp_path) -> Path:
    """Files of many kinds, in sub-folders too."""
    folder = tmp_path / "photos"
    paint(folder / "a.png", draw(20, 24, 0))
    paint(folder / "sub" / "b.jpg", draw(33, 21, 1))
    paint(folder / "sub" / "c.d.JPEG", draw(16, 16, 2))
    cv2.imwrite(str(folder / "grey.png"), draw(19, 23, 3)[..., 0])
    cv2.imwrite(str(folder / "deep.png"), draw(18, 22, 4).astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "float.tif"), draw(18, 22, 5).astype(np.float32) / 255)
    cv2.imwrite(
        str(folder / "alpha.webp"),
        np.dstack([draw(18, 22, 6), draw(18, 22, 7)[..., :1]]),
        [cv2.IMWRITE_WEBP_QUALITY, 101],
    )
    cv2.imwrite(str(folder / "flat.bmp"), draw(5, 3, 8))
    (folder / "notes.txt").write_text("no picture")
    (folder / "._a.png").write_bytes(b"what a Mac writes beside it")
    return folder


NAMES = ["a.png", "alpha.webp", "deep.png", "flat.bmp", "float.tif", "grey.png", "sub/b.jpg", "sub/c.d.JPEG"]


def call(*argv) -> int:
    with pytest.raises(SystemExit) as left:
        launch.command(convert, [str(arg) for arg in (*argv, "--device", "cpu")])
    return left.value.code


def refused(capsys, *argv) -> str:
    capsys.readouterr()
    assert call(*argv) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: ") and "\n" not in said
    return said.removeprefix("error: ")


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("to", ["a", "b"])
def test_a_folder_keeps_names_sizes_depths_and_channels(run, photos, tmp_path, to, capsys):
    assert call(run, photos, tmp_path / "out", "--to", to) == 0
    assert files(tmp_path / "out") == NAMES
    said = capsys.readouterr()
    assert "8 translated into" in said.out and not said.err, "hidden files are nobody's"
    for name in NAMES:
        before, after = probe(photos / name), probe(tmp_path / "out" / name)
        assert after == before, name
        x, y = (read(folder / name)[0] for folder in (photos, tmp_path / "out"))
        assert x.shape == y.shape and np.abs(x - y).mean() > 0.02, "translated, not copied"
    alpha = [read(folder / "alpha.webp")[1].alpha for folder in (photos, tmp_path / "out")]
    assert np.array_equal(*alpha)


def test_both_directions_and_both_checkpoints_differ(run, photos, tmp_path):
    outputs = set()
    for to in "ab":
        for which in ("best", "final"):
            assert call(run, photos / "a.png", tmp_path / f"{to}{which}.png", "--to", to, "--which", which) == 0
            outputs.add((tmp_path / f"{to}{which}.png").read_bytes())
    assert len(outputs) == 4


def test_one_file_many_files_and_one_by_one_are_the_same(run, photos, tmp_path):
    assert call(run, photos, tmp_path / "all") == 0
    assert call(run, photos / "a.png", tmp_path / "new.png") == 0
    (tmp_path / "there").mkdir()
    assert call(run, photos / "a.png", tmp_path / "there") == 0
    assert call(run, photos / "a.png", tmp_path / "made") == 0
    assert call(run, f"{photos}/*.png", tmp_path / "glob") == 0
    assert files(tmp_path / "glob") == ["a.png", "deep.png", "grey.png"]
    ours = read(tmp_path / "all" / "a.png")[0]
    for other in ("new.png", "there/a.png", "made/a.png", "glob/a.png"):
        assert np.array_equal(read(tmp_path / other)[0], ours), other
    assert call(run, photos / "a.png", tmp_path / "new.tif") == 0
    assert np.array_equal(read(tmp_path / "new.tif")[0], ours), "another suffix is another format"


def test_nothing_is_overwritten_without_force(run, photos, tmp_path, capsys):
    assert call(run, photos / "sub", tmp_path / "out") == 0
    kept = (tmp_path / "out" / "b.jpg").read_bytes()
    said = refused(capsys, run, photos / "sub", tmp_path / "out", "--to", "a")
    assert said == f"2 of 2 outputs exist already, the first is {tmp_path / 'out' / 'b.jpg'}: --force overwrites them"
    assert (tmp_path / "out" / "b.jpg").read_bytes() == kept
    assert call(run, photos / "sub", tmp_path / "out", "--to", "a", "--force") == 0
    assert (tmp_path / "out" / "b.jpg").read_bytes() != kept
    before = (photos / "a.png").read_bytes()
    assert "exist already" in refused(capsys, run, photos, photos)
    assert (photos / "a.png").read_bytes() == before


def test_an_unreadable_file_among_good_ones_is_skipped(run, photos, tmp_path, capsys):
    (photos / "bad.png").write_bytes((photos / "a.png").read_bytes()[:40])
    (photos / "sub" / "empty.jpg").write_bytes(b"")
    assert call(run, photos, tmp_path / "out") == 0
    captured = capsys.readouterr()
    skipped = captured.err.strip().splitlines()
    assert len(skipped) == 2 and all(line.startswith("skipped: ") for line in skipped)
    assert "bad.png" in captured.err and "empty.jpg" in captured.err
    assert "8 translated into" in captured.out and "2 skipped" in captured.out
    assert files(tmp_path / "out") == NAMES


def test_where_no_file_is_readable_it_ends_with_two(run, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.jpg"):
        (tmp_path / "in" / name).write_bytes(b"")
    assert call(run, tmp_path / "in", tmp_path / "out") == 2
    assert "nothing was translated: 2 of 2 files were skipped" in capsys.readouterr().err


@pytest.mark.parametrize("h, w", [(1, 1), (2, 90), (3, 5)])
def test_tiny_pictures_are_translated(run, tmp_path, h, w):
    paint(tmp_path / "in.png", np.full((h, w, 3), 77, np.uint8))
    assert call(run, tmp_path / "in.png", tmp_path / "out.png") == 0
    assert read(tmp_path / "out.png")[0].shape == (h, w, 3)


@pytest.mark.parametrize("tile", [0, 64])
def test_tiles_of_the_identity_are_the_picture(run, tmp_path, tile, monkeypatch):
    net = Identity()
    monkeypatch.setattr(CycleGAN, "translator", lambda *_: net)
    paint(tmp_path / "in.png", draw(20, 150, 5))  # no larger than the scale of training: every pixel goes through
    assert call(run, tmp_path / "in.png", tmp_path / "out.png", "--tile", tile) == 0
    assert np.abs(read(tmp_path / "in.png")[0] - read(tmp_path / "out.png")[0]).max() <= 1 / 255
    assert (len(net.shapes) > 1) == (tile > 0)


MISTAKES = [
    (
        ["{run}", "{photos}/none.png", "out"],
        "none.png: no such file, or a folder without one that this translator reads: .jpg",
    ),
    (["{run}", "{photos}/notes.txt", "out"], "notes.txt: this translator reads .jpg"),
    (["{run}", "{photos}/a.png", "out.gif"], "out.gif: this translator writes .jpg"),
    (["{run}", "{photos}", "{photos}/a.png"], "a.png is a file, and 8 files need a folder: name one"),
    (["{run}", "{photos}/**/*.*", "out"], "1 files of the glob share a name with another; translate folder by folder"),
    (["{run}", "{photos}", "out", "--to", "c"], "--to c: this translator knows a and b"),
    (["{run}", "{photos}", "out", "--tile", "32"], "--tile 32: tiles of less than 64 pixels show their seams"),
    (["{photos}", "{photos}", "out"], "photos is neither a run's folder nor a bundle: give the folder"),
    (["{tmp}/nowhere", "{photos}", "out"], "nowhere is neither a run's folder nor a bundle"),
    (["{tmp}/new", "{photos}", "out"], "new has no translator yet: the first is written at the first validation"),
    (["{run}", "{photos}", "{photos}/notes.txt/out"], "cannot be made"),
]


@pytest.mark.parametrize("argv, message", MISTAKES, ids=[" ".join(argv) for argv, _ in MISTAKES])
def test_mistakes_are_one_sentence(argv, message, run, photos, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "config.yaml").write_text("")
    shutil.copy(photos / "a.png", photos / "sub" / "a.png") if "**" in argv[1] else None
    assert message in refused(capsys, *(arg.format(run=run, photos=photos, tmp=tmp_path) for arg in argv))
    assert not (tmp_path / "out").exists()


# bundles


@pytest.fixture
def alone(run, tmp_path) -> Path:
    """A bundle by itself: config, weights and card."""
    shutil.copytree(run / "best", tmp_path / "bundle")
    return tmp_path / "bundle"


def rewrite(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_a_bundle_needs_nothing_else(alone, run, photos, tmp_path):
    assert call(alone, photos / "a.png", tmp_path / "x.png") == 0
    assert call(run, photos / "a.png", tmp_path / "y.png") == 0
    assert (tmp_path / "x.png").read_bytes() == (tmp_path / "y.png").read_bytes()


def test_a_run_without_a_best_uses_its_final(run, photos, tmp_path):
    shutil.copytree(run / "final", tmp_path / "run" / "final")
    assert call(tmp_path / "run", photos / "a.png", tmp_path / "x.png") == 0
    assert call(run, photos / "a.png", tmp_path / "y.png", "--which", "final") == 0
    assert (tmp_path / "x.png").read_bytes() == (tmp_path / "y.png").read_bytes()


@pytest.mark.parametrize("name", ["os", "recipes.launch", "launch", "../recipes/cyclegan", "", None, 3, ["cyclegan"]])
def test_a_hostile_recipe_name_is_refused(name, alone, photos, tmp_path, capsys, monkeypatch):
    """Nothing is ever imported because a file names it."""
    rewrite(alone, recipe=name)
    monkeypatch.setattr("importlib.import_module", lambda name: pytest.fail(f"{name} was imported"))
    assert "the bundle does not fit this version of unpaired" in refused(capsys, alone, photos, tmp_path / "out")


CHANGES = {
    "another domain": {"domains": {"a": {"domain": "os"}, "b": {"domain": "images"}}},
    "a domain of other fields": {"domains": {"a": {"domain": "images", "evil": 1}, "b": {"domain": "images"}}},
    "no domains": {"domains": {}},
    "other arguments": {"args": {"evil": True}},
    "arguments of another kind": {"args": []},
    "another width": {"args": {"width": 8, "blocks": 1, "size": 16, "generator": "resnet"}},
    "more blocks": {"args": {"width": 4, "blocks": 3, "size": 16, "generator": "resnet"}},
    "a width of another kind": {"args": {"width": "4", "blocks": 1}},
    "an unknown objective": {"args": {"adv": "__builtins__x"}},
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_config_that_does_not_fit_is_one_sentence(what, alone, photos, tmp_path, capsys):
    rewrite(alone, **CHANGES[what])
    said = refused(capsys, alone, photos, tmp_path / "out")
    assert "bundle" in said or what == "no domains"


def test_a_flipped_bit_is_one_sentence(alone, photos, tmp_path, capsys):
    (weights,) = alone.glob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 16
    weights.write_bytes(content)
    assert "is damaged: its sha256 is not the one in config.json; copy it again" in refused(
        capsys, alone, photos, tmp_path / "out"
    )


def test_the_allow_list_names_what_is_there():
    for name, module in RECIPES.items():
        assert callable(getattr(importlib.import_module(module), name))


# in Python


def test_pictures_in_python(run):
    translator = Translator.from_pretrained(run, device="cpu")
    array = draw(21, 30, 1)
    out = translator(Image.fromarray(array))
    assert isinstance(out, Image.Image) and out.size == (30, 21) and out.mode == "RGB"
    assert np.array_equal(np.asarray(out), translator(array))
    assert not np.array_equal(translator(array, to="a"), translator(array, to="b"))
    for picture, size in (
        (Image.fromarray(array[..., 0]), (30, 21)),
        (Image.fromarray(array).convert("RGBA"), (30, 21)),
    ):
        assert translator(picture).size == size
    assert translator(array[..., 0]).shape == translator(array[..., :1]).shape == (21, 30, 3)
    for wrong in (array.astype(np.float32), array[0, 0], np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8)):
        with pytest.raises(UserError, match="a picture is a PIL image or a uint8 array"):
            translator(wrong)


def test_saved_and_loaded_it_translates_the_same(run, tmp_path):
    first = Translator.from_pretrained(run, "final", device="cpu")
    first.save_pretrained(tmp_path / "mine")
    second = Translator.from_pretrained(tmp_path / "mine", device="cpu")
    assert second.config == first.config and "scripts/convert.py mine" in (tmp_path / "mine" / "README.md").read_text()
    assert np.array_equal(first(draw(20, 20, 0)), second(draw(20, 20, 0)))


def test_where_nothing_can_be_written_is_said_ahead_of_the_work(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for function, *argv in (
        (export, str(run), str(tmp_path / "file" / "b.onnx")),
        (get_weights, str(tmp_path / "file")),
    ):
        with pytest.raises(SystemExit) as left:
            launch.command(function, argv)
        said = capsys.readouterr().err
        assert left.value.code == 2 and said.startswith(f"error: {tmp_path / 'file'}") and said.count("\n") == 1


def test_onnx_is_the_same_function(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        launch.command(export, [str(run), str(tmp_path / "b.onnx"), "--to", "b"])
    assert left.value.code == 0 and "written: " in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / "b.onnx", providers=["CPUExecutionProvider"])
    net = Translator.from_pretrained(run, device="cpu").system.translator("b")
    for shape in ((1, 3, 16, 16), (3, 3, 32, 24), (1, 3, 64, 20)):
        x = torch.rand(shape) * 2 - 1
        (y,) = session.run(["y"], {"x": x.numpy()})
        with torch.no_grad():
            assert np.abs(y - net(Sample(x)).x.numpy()).max() < 1e-4
