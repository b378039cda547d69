"""scripts/equal.py, scripts/probe.py and scripts/latent.py; and the judge of samples, on pictures whose scores are known beforehand."""

from __future__ import annotations

import json
import shutil
from math import log, pi

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from domains.metrics import images as judges
from recipes import drawn, launch
from recipes.equal import equal, floors_of, table
from recipes.gan import gan
from recipes.generative import SampleJudge, open_collection
from recipes.latent import boldest_and_thinnest, latent
from recipes.probe import probe
from recipes.results import results
from recipes.translator import saved_config
from translate.loop import Trainer


def command(function, *argv) -> int:
    with pytest.raises(SystemExit) as left:
        launch.command(function, [str(arg) for arg in argv])
    return left.value.code


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """The digit classifier, trained once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def test_a_table_by_hand():
    rows = [
        {"model": "a", "lr": 0.1, "seed": 0, "score": 5.0, "FID": 5.0},
        {"model": "a", "lr": 0.1, "seed": 1, "score": 7.0, "FID": 7.0},
        {"model": "a", "lr": 0.2, "seed": 0, "score": 4.0, "FID": 4.0},
        {"model": "b", "lr": 0.1, "seed": 0, "score": 3.0, "FID": 3.0, "told": 0.5},
    ]
    assert table(rows, {"real": {"FID": 1.0}}).splitlines() == [
        "| model | lr | seeds | FID | told |",
        "| --- | --- | --- | --- | --- |",
        "| b | 0.1 | 1 | 3 | 0.5 |",  # the best model first, and of each its best rate
        "| a | 0.2 | 1 | 4 |  |",
        "| a | 0.1 | 2 | 6 ± 1.4 |  |",
        "| real |  |  | 1 |  |",
    ]


SWEEP = ["--recipe", "points", "--data", "ring8", "--lrs", "0.001", "--steps", 10, "--device", "cpu"]


def test_a_sweep_goes_on_where_it_was(tmp_path, capsys, monkeypatch):
    argv = [*SWEEP, "--folder", tmp_path / "runs", "--docs", tmp_path / "docs"]
    assert command(equal, *argv, "--models", "gan", "--seeds", "0,1") == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2
    said = capsys.readouterr().out
    assert "| gan | 0.001 | 2 |" in said
    trained, step = [], Trainer.train_step
    monkeypatch.setattr(Trainer, "train_step", lambda self, feed: trained.append(0) or step(self, feed))
    assert command(equal, *argv, "--models", "gan,vae", "--seeds", "0,1") == 0
    assert len(trained) == 2 * 10, "vae alone"
    page = (tmp_path / "docs" / "equal.md").read_text()
    assert "## ring8, 10 steps" in page and "| vae | 0.001 | 2 |" in page and "modes" in page
    assert (tmp_path / "docs" / "equal" / "points-ring8-10steps-gan.jpg").stat().st_size
    record = tmp_path / "docs" / "equal" / "points-ring8-10steps.json"
    rows = json.loads(record.read_text())["rows"]
    assert len(rows) == 4
    for run in (tmp_path / "runs").glob("*-gan-*"):
        shutil.rmtree(run)
    assert command(equal, *argv, "--models", "vae", "--seeds", "0") == 0
    again = json.loads(record.read_text())["rows"]
    assert sorted(map(str, again)) == sorted(map(str, rows)), "rows whose runs are gone stay"


def test_a_sweep_by_minutes_gives_every_seed_the_same_steps_and_goes_on_past_a_failure(tmp_path, capsys):
    argv = [*SWEEP, "--minutes", 0.001, "--folder", tmp_path, "--models", "nothing,gan"]
    assert command(equal, *argv, "--seeds", "0,1") == 0
    assert capsys.readouterr().err.count("--model nothing: there is no such one here") == 2
    assert len({saved_config(run)["args"]["steps"] for run in tmp_path.iterdir()}) == 1 < len(list(tmp_path.iterdir()))
    assert command(equal, *SWEEP, "--folder", tmp_path, "--models", "nothing") == 2
    assert "no run of the sweep was finished" in capsys.readouterr().err


def test_a_sweep_that_is_stopped_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "run", lambda *_, **__: 130)
    assert command(equal, *SWEEP, "--folder", tmp_path, "--models", "gan,vae") == 130


def test_a_sweep_of_something_else(capsys):
    assert command(equal, "--recipe", "cyclegan") == 2
    assert "--recipe cyclegan: a sweep trains gan or points" in capsys.readouterr().err


def test_modes_are_hit_by_chance_too():
    """Three deviations around 25 points are 5 % of the square: 25 pi 0.15^2 / 36."""
    density, uniform = floors_of("points", "grid25").values()
    assert density["modes"] == uniform["modes"] == 25
    assert density["high quality"] > 0.98 and uniform["high quality"] == pytest.approx(25 * pi * 0.15**2 / 36, abs=0.01)
    assert floors_of("points", "lines")["the density itself"] == pytest.approx(
        dict(distance=0, accuracy=0.5, JS=0), abs=1e-3
    )


def test_real_digits_are_nearest_to_real_digits():
    floors = floors_of("gan", "digits")
    assert list(floors) == ["real test pictures", "the mean picture", "uniform noise"]
    real, mean, noise = floors.values()
    assert real["FID[digits-cnn]"] < 0.3 * min(mean["FID[digits-cnn]"], noise["FID[digits-cnn]"])
    assert real["coverage"] == 1 and mean["coverage"] == 0.1 and real["entropy"] == pytest.approx(log(10), abs=0.1)
    assert real["IS[digits-cnn]"] > 4 and mean["IS[digits-cnn]"] == pytest.approx(1, abs=1e-6)
    assert real["recall"] > 0.5 and mean["recall"] == 0


class Recite:
    """A system that knows the training pictures by heart, and draws what it is told."""

    def __init__(self, recipe):
        self.x, self.c, self.at = recipe.data["x"], recipe.data["c"], 0

    def parameters(self):
        yield torch.zeros(())

    def draw(self, n, c):
        items = [self.find(c[i : i + 1]) for i in range(n)]
        return self.x.domain.normalise(self.x.domain.collate([self.x._decoded(i) for i in items]))

    def find(self, told) -> int:
        if told.mask is None:
            return int((self.x.labels == told.label).nonzero()[0])
        same = (self.c.values.x == told.x).all(1) & (self.c.values.mask == told.mask).all(1)
        return int(same.nonzero()[0])


@pytest.mark.parametrize("model, key", [("cgan", "called as asked"), ("words", "as told")])
def test_what_is_drawn_as_asked_is_counted(model, key):
    recipe = gan(model=model, steps=2, batch=8, width=4)
    scores = SampleJudge(recipe.data["x"], n=100, described=model == "words")(Recite(recipe), recipe.data)
    assert scores[key] > 0.9
    if model == "words":
        assert scores["colour"] == scores["style"] == 1 and scores["score"] == pytest.approx(1 - scores["as told"])


@pytest.mark.parametrize("classes, side, digits", [(3, 16, False), (26, 28, False), (3, 28, True)])
def test_collections_have_any_number_of_classes(classes, side, digits, tmp_path, monkeypatch):
    """Each is drawn in turn, and what is no digit is not taken for one."""
    pictures = np.random.default_rng(0).integers(0, 256, (52, side, side), np.uint8)
    np.savez(tmp_path / "some.npz", x_train=pictures, y_train=np.arange(52) % classes)
    monkeypatch.setattr(
        judges, "efficientnet_lite0", lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 16))
    )
    recipe = gan(data=str(tmp_path / "some.npz"), model="cgan", steps=2, batch=8, width=4)
    judge, know, asked = SampleJudge(recipe.data["x"], n=60), Recite(recipe), []
    assert judge.digits == digits
    know.find = lambda told: asked.append(told.label.item()) or 0
    judge.net = judge.net or (None if not digits else judges.DigitClassifier())
    judge(know, recipe.data)
    assert set(asked) == set(range(classes))


def test_a_sample_is_found_by_its_name(tmp_path, monkeypatch):
    """Who knows the pictures by heart is found each time; one picture for all names, once."""
    rng = np.random.default_rng(0)
    (tmp_path / "train").mkdir()
    for i in range(30):
        cv2.imwrite(str(tmp_path / "train" / f"{i}.png"), rng.integers(0, 256, (16, 16, 3), np.uint8))
    (tmp_path / "INDEX.csv").write_text("file,name\n" + "".join(f"train/{i}.png,THING {i}\n" for i in range(30)))
    monkeypatch.setattr(judges, "efficientnet_lite0", lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 64)))
    recipe = gan(data=str(tmp_path / "train"), model="words", steps=2, batch=8, width=4)
    know, x = Recite(recipe), recipe.data["x"]
    x.scan()
    judge = SampleJudge(x, n=20, described=True)
    assert judge(know, recipe.data)["found by name"] == 1 and judge(know, recipe.data)["score"] == 0
    know.find = lambda told: x.train_ids[3]
    assert judge(know, recipe.data)["found by name"] <= 1 / 20


def test_a_run_is_told_in_its_own_vocabulary():
    """Another seed colours otherwise, and its words have another order."""
    first, other = (gan(model="words", seed=seed, steps=2, batch=8, width=4) for seed in (0, 1))
    domain = other.data["c"].domain
    assert domain != first.data["c"].domain
    told = drawn.Tested(first, first.args).data(first.args, {"c": domain})["c"]
    assert told.domain is domain and told.values.x.unique().numel() > 10
    assert domain.sentences(told.values) == first.data["c"].domain.sentences(first.data["c"].values)


def test_pictures_from_their_own_condition_have_no_distance():
    recipe = gan(model="pix2pix", steps=2, batch=8, width=4)
    x, c = recipe.data["x"], recipe.data["c"]

    class Know(Recite):
        def draw(self, n, told):
            same = [int((c.domain.normalise(c.values).x == told.x[i]).flatten(1).all(1).nonzero()[0]) for i in range(n)]
            return x.domain.normalise(x.domain.collate([x._decoded(i) for i in same]))

    scores = SampleJudge(x)(Know(recipe), recipe.data)
    assert scores["L1"] == scores["score"] == 0 < scores["L1 of another"]


def test_a_critics_features_are_probed(tmp_path, capsys, monkeypatch):
    out = tmp_path / "run"
    monkeypatch.setattr(SampleJudge, "__call__", lambda *_: {"score": 1.0})
    with pytest.raises(SystemExit):
        launch.main(gan, f"--model dcgan --steps 2 --batch 8 --width 4 --device cpu --out {out}".split())
    capsys.readouterr()
    assert command(probe, out, "--labels", 200, "--docs", tmp_path / "docs") == 0
    page = (tmp_path / "docs" / "results.md").read_text()
    assert "| dcgan, 2 steps: critic's features (192), linear SVM | 200 | 1 |" in page
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3 and "critic's features (192), linear SVM" in said[0] and "pixels (784)" in said[1]
    shares = [float(line.split("%")[0]) for line in said]
    assert shares[1] > 50 and 20 < shares[2] < 80, "of 100 digits, after 200"
    assert command(probe, tmp_path) == 2


def test_terms_are_the_boldest_and_the_thinnest_of_a_digit():
    z, called = torch.arange(8.0)[:, None], torch.tensor([4, 4, 4, 4, 4, 4, 4, 9])
    terms = boldest_and_thinnest(z, called, torch.tensor([0.1, 0.7, 0.2, 0.6, 0.3, 0.5, 0.4, 0.9]))
    assert {digit: (bold.item(), thin.item()) for digit, (bold, thin) in terms.items()} == {4: (3.0, 2.0)}


def test_sums_and_strips_are_drawn_and_counted(tmp_path, capsys, monkeypatch):
    """A classifier that calls samples 5, 7, 2 in turn is right three times of six."""
    out, docs = tmp_path / "run", tmp_path / "docs"
    monkeypatch.setattr(SampleJudge, "__call__", lambda *_: {"score": 1.0})
    with pytest.raises(SystemExit):
        launch.main(gan, f"--model dcgan --steps 2 --batch 8 --width 4 --device cpu --out {out}".split())
    capsys.readouterr()
    calls = torch.eye(10)[[5, 7, 2]]
    monkeypatch.setattr(judges, "features", lambda net, drawn: calls[torch.arange(len(drawn)) % 3])
    assert command(latent, out, "--n", 30, "--docs", docs) == 0
    assert "thin b alone: b 50.0%" in capsys.readouterr().out, "asked are 5, 7, 2, 7, 2, 5"
    assert "| dcgan, 2 steps, seed 0: bold a - thin a + thin b | 6 | 0.5 |" in (docs / "results.md").read_text()
    shapes = [cv2.imread(str(docs / f"results/drawn/run-{name}.jpg")).shape for name in ("arithmetic", "interpolation")]
    assert shapes == [(28, 4 * 28, 3), (6 * 28, 12 * 28, 3)]
    monkeypatch.setattr(judges, "features", lambda net, drawn: calls[:1].expand(len(drawn), -1))
    assert command(latent, out, "--n", 30, "--docs", docs) == 2
    assert "its samples are of one digit only" in capsys.readouterr().err


def test_every_kind_of_model_has_rows_beside_floors(tmp_path, monkeypatch, capsys):
    """One line a setting with both seeds, one for each checkpoint where they differ; scored again, nothing is there twice."""
    with monkeypatch.context() as patch:
        patch.setattr(SampleJudge, "__call__", lambda *_: {"score": 1.0})
        for model, seed in (("infogan", 0), ("infogan", 1), ("cgan", 0), ("pix2pix", 0), ("words", 0)):
            argv = f"--model {model} --seed {seed} --steps 12 --batch 8 --width 4 --device cpu"
            with pytest.raises(SystemExit):
                launch.main(gan, [*argv.split(), f"--out={tmp_path}/{model}{seed}"])
    for pattern in (f"{tmp_path}/*[01]", f"{tmp_path}/cgan0"):
        assert command(results, pattern, "--docs", tmp_path / "docs", "--device", "cpu") == 0
    page = (tmp_path / "docs" / "results.md").read_text()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    found = {
        line[0]: dict(zip(head, line))
        for line in lines
        for head in [next(h for h in reversed(lines[: lines.index(line) + 1]) if h[0] == "")]
    }
    assert (
        found["**infogan, 12 steps**, selected"]["seeds"] == "2"
        and "±" in found["**infogan, 12 steps**, final"]["code names digit"]
    )
    assert (
        float(found["**cgan, 12 steps**, selected"]["called as asked"])
        < 0.5
        < float(found["test pictures"]["called as asked"])
    )
    assert float(found["training pictures"]["FID[digits-cnn]"]) < 0.3 * float(found["uniform noise"]["FID[digits-cnn]"])
    assert float(found["the edges themselves"]["L1"]) > float(found["the mean picture"]["L1"]) > 0
    assert {"as told", "digit"} < set(found["**words, 12 steps**, selected"]) and found["chance"]["digit"] == "0.1"
    assert float(found["the pictures described"]["as told"]) > 0.9
    assert page.count("cgan, 12 steps**, final") == 1 and "| ![infogan, 12 steps]" in page
    assert len(list((tmp_path / "docs" / "results" / "drawn").glob("*.jpg"))) == 5


@pytest.mark.parametrize("data, kind, by", [("modern", "sentences", "bleu_ha"), ("slt", "voices", "frechet")])
def test_sentences_and_voices_have_rows_beside_floors(data, kind, by, tmp_path):
    """Training items are nearer to the test ones than shuffled words, or noise; the sentences of the last step are there to be read."""
    out, docs = tmp_path / f"gan-{data}", tmp_path / "docs"
    argv = f"--data {data} --model dcgan --steps 2 --batch 4 --width 4 --device cpu --out {out}"
    with pytest.raises(SystemExit):
        launch.main(gan, argv.split())
    assert command(results, out, "--docs", docs, "--device", "cpu") == 0
    page = (docs / "results.md").read_text()
    (record,) = (json.loads(path.read_text()) for path in (docs / "results" / "drawn").glob("*.json"))
    (floors,), (run,) = record["floors"].values(), record["runs"].values()
    copied, *costless = (row[by] for row in floors.values())
    assert (
        all(copied > row if by == "bleu_ha" else copied < row for row in costless)
        and len(costless) == (by == "frechet") + 1
    )
    assert (
        by in run["rows"]["final"]
        and f", out of noise, {kind}" in page
        and "test " in record["tested on"][f"out of noise, {kind}"]
    )
    assert ("```text" in page) == (kind == "sentences") == (len(run.get("said", [])) == 10)


def test_a_collection_of_any_size():
    for size, halved in ((None, 28), (32, 32), (16, 16)):
        assert open_collection("digits", size, False, 0)["x"].domain.size == halved
