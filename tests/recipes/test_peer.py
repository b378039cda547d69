"""Generators of the widely used CycleGAN implementation. fixtures/peer: saved by that implementation, random weights."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from domains.imagefile import read
from recipes import launch
from recipes.convert import convert
from recipes.import_peer import import_peer
from recipes.translator import Translator
from tests.cases import Hostile, draw, paint
from translate.sample import Sample

FIXTURES = Path(__file__).parents[1] / "fixtures" / "peer"
KINDS = ("plain_resnet6", "antialias_resnet9")


def command(function, *argv) -> int:
    with pytest.raises(SystemExit) as left:
        launch.command(function, [str(arg) for arg in argv])
    return left.value.code


def weights(kind: str) -> Path:
    return FIXTURES / f"{kind}_net_G_A.pth"


@pytest.mark.parametrize("kind", KINDS)
def test_its_outputs_are_reproduced(kind, tmp_path, capsys):
    assert command(import_peer, tmp_path / "imported", "--g_a", weights(kind)) == 0
    assert f"scripts/convert.py {tmp_path / 'imported'} --to b" in capsys.readouterr().out
    net = Translator.from_pretrained(tmp_path / "imported", device="cpu").system.translator("b")
    known = np.load(FIXTURES / f"{kind}_io.npz")
    with torch.no_grad():
        y = net(Sample(torch.from_numpy(known["x"]))).x.numpy()
    assert np.abs(y - known["y"]).max() < 1e-5 and known["y"].std() > 0.01


def test_an_imported_bundle_converts_files(tmp_path, capsys):
    assert command(import_peer, tmp_path / "imported", "--g_a", weights(KINDS[0]), "--g_b", weights(KINDS[0])) == 0
    paint(tmp_path / "in.png", draw(37, 50, 0))
    for to in "ab":
        assert (
            command(
                convert,
                tmp_path / "imported",
                tmp_path / "in.png",
                tmp_path / f"{to}.png",
                "--to",
                to,
                "--device",
                "cpu",
            )
            == 0
        )
    assert np.array_equal(read(tmp_path / "a.png")[0], read(tmp_path / "b.png")[0]), "both were given the same weights"
    assert read(tmp_path / "a.png")[0].shape == (37, 50, 3)

    assert command(import_peer, tmp_path / "one", "--g_b", weights(KINDS[0])) == 0
    capsys.readouterr()
    assert (
        command(convert, tmp_path / "one", tmp_path / "in.png", tmp_path / "x.png", "--to", "b", "--device", "cpu") == 2
    )
    assert "--to b: only the generator to a was imported" in capsys.readouterr().err


def test_weights_saved_by_parallel_training_are_the_same(tmp_path):
    state = torch.load(weights(KINDS[0]), weights_only=True)
    torch.save({f"module.{k}": t for k, t in state.items()}, tmp_path / "parallel.pth")
    bundles = []
    for path in (weights(KINDS[0]), tmp_path / "parallel.pth"):
        assert command(import_peer, tmp_path / path.stem, "--g_a", path) == 0
        bundles.append(Translator.from_pretrained(tmp_path / path.stem, device="cpu").tensors)
    assert all(torch.equal(bundles[0][k], bundles[1][k]) for k in bundles[0] | bundles[1])


def wrong(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no generator of that kind, and what is said of them."""
    state = torch.load(weights(KINDS[0]), weights_only=True)
    cases = {}

    def save(name: str, content, message: str) -> None:
        path = tmp_path / f"{name}.pth"
        content(path) if callable(content) else torch.save(content, path)
        cases[name] = path, message

    save("batchnorm", state | {"model.2.running_mean": torch.zeros(8)}, "was trained with batch norm")
    save("unet", {"model.model.0.weight": torch.zeros(8, 3, 4, 4)}, "is not a ResNet generator's file")
    save("list", [torch.zeros(3)], "is not a ResNet generator's file")
    save(
        "fewer",
        {k: t for k, t in state.items() if "model.10" not in k or k.endswith("bias")},
        "its layers are not those",
    )
    save(
        "shapes", {k: t[..., :1] if k == "model.4.weight" else t for k, t in state.items()}, "its layers are not those"
    )
    save(
        "turned",
        {k: t.transpose(0, 1) if k == "model.4.weight" else t for k, t in state.items()},
        "its layers are not those",
    )
    save("vector", state | {"model.1.weight": torch.zeros(3)}, "is not a ResNet generator's file")
    save("numbers", dict.fromkeys(state, 1.0), "is not a ResNet generator's file")
    save("empty", lambda p: p.write_bytes(b""), "cannot be read as weights")
    save("text", lambda p: p.write_text("words"), "cannot be read as weights")
    save("cut", lambda p: p.write_bytes(weights(KINDS[0]).read_bytes()[:5000]), "cannot be read as weights")
    save(
        "pickle", lambda p: p.write_bytes(pickle.dumps(Hostile(tmp_path / "executed"), 2)), "cannot be read as weights"
    )
    save("hostile", {"model.1.weight": Hostile(tmp_path / "executed")}, "cannot be read as weights")
    cases["missing"] = tmp_path / "none.pth", "cannot be read as weights (No such file"
    return cases


def test_other_files_are_refused_in_one_sentence_and_none_is_executed(tmp_path, capsys):
    cases = wrong(tmp_path)
    for name, (path, message) in cases.items():
        capsys.readouterr()
        assert command(import_peer, tmp_path / "out", "--g_a", path) == 2, name
        said = capsys.readouterr().err.strip()
        assert message in said and str(path) in said and "\n" not in said, name
    assert len(cases) == 14 and not (tmp_path / "executed").exists() and not (tmp_path / "out").exists()
    assert command(import_peer, tmp_path / "out") == 2
    assert "name at least one generator: --g_a latest_net_G_A.pth" in capsys.readouterr().err
