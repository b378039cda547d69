"""What a translator travels in."""

import errno
import hashlib
import json
import math
import os
import pickle
import random
from dataclasses import replace

import pytest
import torch

from tests.cases import CASES, CPU, NAMES, Hostile, recipe_of
from translate import bundle
from translate.bundle import export, load_bundle, parts
from translate.errors import UserError
from translate.loop import Trainer

every_case = pytest.mark.parametrize("system, kind", CASES, ids=NAMES)


def exported(folder, seed: int = 0, step: int = 7):
    recipe = replace(recipe_of(*CASES[0], seed=seed), args={"width": 4}, title="A ↔ B", paper="Zhu")
    export(folder, Trainer(recipe, CPU).system, recipe, step, {"score": 0.25})
    return folder


@every_case
def test_it_holds_the_generators_state_and_nothing_else(system, kind):
    built = recipe_of(system, kind).system()
    mine = {id(m) for player in built.ema for top in built.players()[player] for m in top.modules()}
    expected = {
        f"{name}.{key}"
        for name, m in built.named_modules()
        if id(m) in mine
        for key in dict(m.state_dict())
        if "." not in key
    }
    assert set(parts(built)) == expected
    assert {name for player in built.ema for name in built.names_of(player)} <= expected
    assert not any(
        name in expected for player in set(built.players()) - set(built.ema) for name in built.names_of(player)
    )
    # `show`: of the auto-encoder through which contents are compared, which translates nothing
    temperatures = {n for n, _ in built.named_buffers() if n.endswith("temperature") and not n.startswith("show.")}
    assert temperatures <= expected and bool(temperatures) == (kind == "tokens"), "schedules belong to it"


def test_there_and_back(tmp_path):
    trainer = Trainer(recipe_of(*CASES[0]), CPU)
    tensors, config = load_bundle(exported(tmp_path / "new" / "bundle"))
    assert all(torch.equal(tensors[key], t) for key, t in parts(trainer.system).items()) and len(tensors) > 8
    assert (config["format"], config["recipe"], config["step"], config["scores"]) == (1, "cyclegan", 7, {"score": 0.25})
    assert config["domains"]["a"] == {"domain": "images", "name": "a"} | {
        "size": 16, "scale": 16, "channels": 3, "colour": True, "flip": True,
    }  # fmt: skip
    card = (tmp_path / "new" / "bundle" / "README.md").read_text()
    assert all(word in card for word in ("A ↔ B", "Zhu", "step 7", "score 0.2500", "scripts/convert.py bundle"))
    assert bundle.score(tmp_path / "new" / "bundle") == 0.25 and bundle.score(tmp_path) == math.inf


def test_writing_again_replaces_it(tmp_path):
    exported(tmp_path)
    first = load_bundle(tmp_path)[0]
    exported(tmp_path, seed=3, step=8)
    second, config = load_bundle(tmp_path)
    assert config["step"] == 8 and len(list(tmp_path.iterdir())) == 3
    assert any(not torch.equal(first[key], second[key]) for key in first)


def test_a_kill_while_it_is_replaced_leaves_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    seen, original, fsync = set(), os.replace, os.fsync
    for n in range(1, 12):
        folder, calls = exported(tmp_path / str(n)), [0]

        def dying(call, calls=calls, n=n):
            def dies(*args):
                calls[0] += 1
                if calls[0] == n:
                    raise Killed
                return call(*args)

            return dies

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", dying(original))
            patch.setattr(os, "fsync", dying(fsync))
            try:
                exported(folder, seed=3, step=8)
            except Killed:
                pass
        seen.add(load_bundle(folder)[1]["step"])
    assert seen == {7, 8}


def test_a_flipped_bit_is_one_sentence(tmp_path):
    """In the weights it is always found; in config.json it is found, or harmless to the weights."""
    folder, rng = exported(tmp_path), random.Random(0)
    (weights,) = folder.glob("*.safetensors")
    sound = weights.read_bytes()
    for _ in range(20):
        at = rng.randrange(len(sound))
        weights.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << rng.randrange(8)]) + sound[at + 1 :])
        with pytest.raises(UserError, match="is damaged: its sha256 is not the one in config.json; copy it again"):
            load_bundle(folder)
    weights.write_bytes(sound)
    whole, config = load_bundle(folder)[0], folder / "config.json"
    text = config.read_bytes()
    for at in range(0, len(text), 3):
        config.write_bytes(text[:at] + bytes([text[at] ^ 1 << rng.randrange(8)]) + text[at + 1 :])
        try:
            tensors, _ = load_bundle(folder)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert all(torch.equal(tensors[key], whole[key]) for key in whole)


GARBAGE = {
    "empty": "",
    "no json": "{",
    "a list": "[]",
    "a number": "3",
    "no weights": "{}",
    "weights a number": '{"weights": 3, "sha256": ""}',
    "weights a folder": '{"weights": "..", "sha256": ""}',
    "nested": "[" * 100_000,
}


@pytest.mark.parametrize("what", GARBAGE)
def test_a_config_of_another_kind_is_one_sentence(what, tmp_path):
    exported(tmp_path)
    (tmp_path / "config.json").write_text(GARBAGE[what])
    with pytest.raises(UserError, match="is no readable bundle: .+") as said:
        load_bundle(tmp_path)
    assert "\n" not in str(said.value)
    assert bundle.score(tmp_path) == math.inf


def test_what_is_missing_is_named(tmp_path):
    exported(tmp_path)
    next(tmp_path.glob("*.safetensors")).unlink()
    with pytest.raises(UserError, match=r"is no bundle: translator-\w+.safetensors is missing"):
        load_bundle(tmp_path)
    with pytest.raises(UserError, match="is no bundle: config.json is missing"):
        load_bundle(tmp_path / "elsewhere")


def test_weights_outside_the_bundle_are_not_opened(tmp_path):
    config = json.loads((exported(tmp_path / "in") / "config.json").read_text())
    (tmp_path / "in" / config["weights"]).rename(tmp_path / config["weights"])
    (tmp_path / "in" / "config.json").write_text(json.dumps(config | {"weights": f"../{config['weights']}"}))
    with pytest.raises(UserError, match="is missing"):
        load_bundle(tmp_path / "in")


def test_a_pickle_in_place_of_weights_is_not_executed(tmp_path):
    exported(tmp_path)
    content = pickle.dumps(Hostile(tmp_path / "executed"))
    next(tmp_path.glob("*.safetensors")).write_bytes(content)
    config = json.loads((tmp_path / "config.json").read_text()) | {"sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="is no readable bundle"):
        load_bundle(tmp_path)
    assert not (tmp_path / "executed").exists()


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    exported(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"could not be written \(No space left on device\); make room"):
        exported(tmp_path, seed=3, step=8)
    assert load_bundle(tmp_path)[1]["step"] == 7
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be written"):
        exported(tmp_path / "file" / "bundle")
