"""Runs of many domains: from --domains to every tool that reads a run."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import ANY

import cv2
import numpy as np
import pytest
import soundfile

from domains.images import Images
from domains.sources import Files, find
from recipes import launch
from recipes.convert import convert
from recipes.data import named
from recipes.evaluate import evaluate
from recipes.kinds import images
from recipes.matrix import rendered
from recipes.renderings import RENDERINGS, renderings
from recipes.results import results
from recipes.runs import runs
from recipes.stargan import stargan
from recipes.train import train
from recipes.translator import Translator
from recipes.voice import voice
from tests.voices import recordings
from translate.errors import UserError

TINY = [
    "--size",
    "16",
    "--width",
    "4",
    "--blocks",
    "2",
    "--layers",
    "1",
    "--batch",
    "2",
    "--device",
    "cpu",
    "--steps",
    "2",
]
METHODS = ("stargan", "combogan")


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """plain.npz, inverted.npz, coloured.npz, thick.npz: 6 digits of 16 pixels each, the same 3 for testing."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    arrays = {
        f"x_{split}": rng.integers(0, 256, (n, 16, 16), dtype=np.uint8) for split, n in (("train", 24), ("test", 3))
    }
    classes = {f"y_{split}": np.arange(len(arrays[f"x_{split}"])) % 10 for split in ("train", "test")}
    np.savez(folder / "digits.npz", **arrays, **classes)
    renderings(str(folder / "digits.npz"), str(folder / "four"))
    return folder / "four"


def left(argv: list) -> int:
    with pytest.raises(SystemExit) as exit:
        train([str(arg) for arg in argv])
    return exit.value.code


@pytest.fixture(scope="module", params=METHODS)
def run(request, digits, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recipes.kinds.images.Judge.load", lambda _: None)
        patch.setattr("recipes.kinds.images.Judge.__call__", lambda *_: {"score": 1.0})
        assert (
            left([request.param, "--domains", *(digits / f"{name}.npz" for name in RENDERINGS), *TINY, "--out", out])
            == 0
        )
    return out


def test_renderings_share_no_digit_in_training_and_all_in_testing(digits):
    found = {name: find(str(digits / f"{name}.npz"), "") for name in RENDERINGS}
    assert [len(files.train) for files in found.values()] == [6] * 4
    plain = [item.array for item in found["plain"].test]
    for name in RENDERINGS[1:]:
        assert (rendered(np.stack(plain), name) == np.stack([item.array for item in found[name].test])).all()
    back = [255 - item.array for item in found["inverted"].train]
    assert not any((x == item.array).all() for x in back for item in found["plain"].train)
    assert found["coloured"].test[0].array.shape == (16, 16, 3)
    side = find(str(digits / "plain.npz"), "a")
    assert (side.name, len(side.train), len(side.test)) == ("plain", 6, 3), "one collection is a side of a pair, too"


def test_the_page_shows_what_each_becomes_in_every_other(run):
    page = (run / "index.html").read_text()
    assert {p.stem for p in (run / "samples").iterdir()} == {f"step_000002_{name}" for name in RENDERINGS}
    assert "--domains" in page and "plain ↔ inverted ↔ coloured ↔ thick" in page
    assert "--to thick" in (run / "final" / "README.md").read_text()
    terms = json.loads((run / "stats.jsonl").read_text().splitlines()[0])
    assert ("class_fake" in terms) == ("stargan" in str(run))


def test_files_are_converted_by_their_domains_names(run, digits, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "in.png"), find(str(digits / "plain.npz"), "").test[0].array)
    for to in ("thick", "coloured"):
        convert(str(run), str(tmp_path / "in.png"), str(tmp_path / f"{to}.png"), to, "plain", device="cpu")
    thick, coloured = (cv2.imread(str(tmp_path / f"{to}.png"), cv2.IMREAD_UNCHANGED) for to in ("thick", "coloured"))
    assert thick.shape == (16, 16) and coloured.shape == (16, 16, 3)
    assert not np.array_equal(thick, coloured.mean(-1).round())
    for to, source, said in (
        ("b", "", "--to b: this translator knows plain and inverted and coloured and thick"),
        ("thick", "fat", "--source fat: this translator knows plain"),
        ("thick", "thick", "--source thick: what is thick already"),
    ):
        with pytest.raises(UserError, match=said):
            convert(str(run), str(tmp_path / "in.png"), str(tmp_path / "x.png"), to, source, device="cpu")


def test_in_python_the_source_is_said_where_it_matters(run, digits):
    translator, picture = (
        Translator.from_pretrained(run, device="cpu"),
        find(str(digits / "plain.npz"), "").test[0].array,
    )
    if "stargan" in str(run):
        assert np.array_equal(translator(picture, "thick"), translator(picture, "thick", "plain"))
    else:
        with pytest.raises(UserError, match="--to thick alone: .* say with --source which of them the input is"):
            translator(picture, "thick")
        assert not np.array_equal(translator(picture, "thick", "plain"), translator(picture, "thick", "inverted"))


def test_every_direction_is_scored_and_their_mean(run, capsys, monkeypatch):
    def score(translators, files, ways, folder):
        for _, to in ways:
            assert len(files[to].test) == len(files[to].labels["test"]) == min(images.MANY, 3)
            yield {"best (step 2)": {"l1": 0.1 if to == "thick" else 0.4, "l1_sd": 1.0}}, {}

    monkeypatch.setattr("recipes.kinds.images.score", score)
    evaluate(str(run), to="thick", which="best", device="cpu")
    evaluate(str(run), which="best", device="cpu")
    monkeypatch.setattr(images, "MANY", 2)
    evaluate(str(run), which="best", device="cpu")
    said = capsys.readouterr().out
    assert "the mean of 3 directions" in said and "the mean of 12 directions" in said
    assert said.rstrip().endswith("| 0.325 |")
    assert len([*run.glob("scores-*-*.json")]) == 12
    facts = json.loads((run / "scores-plain-thick.json").read_text())["facts"]
    assert facts["direction"] == "plain to thick"
    assert facts["tested on"] == "the first 2 test files of each direction"
    with pytest.raises(UserError, match="--to bold: this run knows plain and inverted"):
        evaluate(str(run), to="bold")
    runs(str(run.parent))
    said = capsys.readouterr().out
    assert "plain.npz" in said and "vangogh" not in said, "the default of --b, which --domains replaces"


class Sure:
    """In place of a network of digits."""

    def __init__(self, *_):
        pass

    def score(self, fake, labels):
        assert len(fake) == len(labels) == 3
        return {"same digit": 1.0}


def test_between_many_sides_with_truth_and_digits_known_no_large_network_is_asked(run, digits, monkeypatch):
    # as for digits of 28 pixels
    monkeypatch.setattr(images.Side, "digits", property(lambda side: Sure(side.run, side.files, side.train)))
    monkeypatch.setattr(images.judges, "ImageJudge", None)
    files = {name: find(str(digits / f"{name}.npz"), "") for name in RENDERINGS}
    ways = [("plain", "thick"), ("inverted", "plain")]
    scores = [
        rows for rows, _ in images.score({"best": Translator.from_pretrained(run, device="cpu")}, files, ways, run)
    ]
    given, wanted = (np.stack([item.array for item in files[name].test]) / 255 for name in ways[1])
    assert scores[1]["copy the input"] == {
        "l1": pytest.approx(abs(given - wanted).mean()),
        "psnr": ANY,
        "same digit": 1.0,
    }
    assert all(rows["real targets"]["l1"] == 0 < rows["best"]["l1"] for rows in scores)


def test_small_pictures_of_many_sides_are_judged_by_a_small_network():
    def small(sides: str, size: int) -> bool:
        return "VGG" in images.judge(dict.fromkeys(sides, Images(size))).criterion

    assert [small("ab", 28), small("abc", 64), small("abc", 128)] == [False, True, False]


def test_the_page_has_a_row_of_the_mean_and_a_table_of_all_directions(run, tmp_path, monkeypatch):
    def score(translators, files, ways, folder):
        for _, to in ways:
            rows = {name: {"l1": 0.1 if to == "thick" else 0.4, "kid": 0.5} for name in translators}
            yield rows | {"copy the input": {"l1": 0.3, "kid": 0.25}}, {"pictures": 3, "truth": "paired by name"}

    monkeypatch.setattr("recipes.kinds.images.score", score)
    results(str(run), docs=str(tmp_path), device="cpu")
    results(str(run), to="thick", source="plain", docs=str(tmp_path), device="cpu")
    page = (tmp_path / "results.md").read_text()
    one, together = page.split("## ")[1:]
    assert together.startswith("plain, inverted, coloured, thick: the mean of 12 directions\n")
    assert ", selected | 0.325 | 0.5000 |" in together and "| copy the input | 0.300 | 0.2500 |" in together
    assert "L1 of each direction, selected:" in together and "| plain |  | 0.400 | 0.400 | 0.100 |" in together
    assert "| thick | 0.400 | 0.400 | 0.400 |  |" in together
    shown = [tmp_path / line.split("(")[1].rstrip(")") for line in together.splitlines() if line.startswith("![")]
    assert len({*shown}) == 12 and all(path.exists() for path in shown)
    assert one.startswith("plain to thick\n") and ", selected | 0.100 |" in one and "of each direction" not in one


def test_the_judge_takes_every_direction_in_turns(digits, tmp_path):
    from recipes.kinds import directions, share
    from recipes.kinds.tokens import Judge

    items = list(range(10))
    for source in "xyz":
        parts = [share(items, "xyz", source, to) for one, to in directions("xyz") if one == source]
        assert sorted(sum(parts, [])) == items
    assert share(items, "ab", "a", "b") == share(items, "ab", "b", "a") == items
    for few in ([1], [1, 2, 3]):
        assert share(few, "xyz", "x", "z") == few, "too few to share: one alone has no KID"

    for name, words in (("red", "fire rose blood"), ("green", "grass leaf moss"), ("blue", "sky sea ink")):
        lines = [f"{a} and {b} {i}" for i, a in enumerate(words.split() * 8) for b in words.split()]
        (tmp_path / f"train.{name}.txt").write_text("\n".join(lines))
    recipe = recipe_of_tokens(sorted(tmp_path.glob("*.txt")))
    scores = Judge()(recipe.system().eval(), recipe.data)
    assert {key for key in scores if key.startswith("gm")} == {
        f"gm_{a}2{b}" for a, b in directions(("blue", "green", "red"))
    }
    assert scores["score"] == pytest.approx(1 - sum(v for k, v in scores.items() if k.startswith("gm")) / 600)


def recipe_of_tokens(paths: list[Path]):
    from recipes.methods import combogan

    return combogan(domains=[str(p) for p in paths], steps=2, size=8, width=4, blocks=1, layers=1, batch=2)


def test_names_become_keys():
    files = [Files(name, []) for name in ("summer_2020", "dogs", "dogs", "été", "dogs")]
    assert list(named(files)) == ["summer-2020", "dogs", "dogs-2", "été", "dogs-3"]
    with pytest.raises(UserError, match="--domains dogs: give at least two"):
        named(files[1:2])


def test_mistakes_are_one_sentence(digits, tmp_path, capsys):
    plain = digits / "plain.npz"
    assert left(["stargan", "--domains", plain, tmp_path / "nothing", *TINY]) == 2
    assert "error: --domains" in capsys.readouterr().err
    assert left(["stargan", "--domains", plain, plain, "--generator", "unet", *TINY, "--out", tmp_path / "x"]) == 2
    assert "told what is wanted, it is resnet or residual" in capsys.readouterr().err


def test_the_list_may_be_words_or_json():
    for words in (["--domains", "x", "y", "--steps", "3"], ['--domains=["x","y"]', "--steps=3"]):
        options = launch.parse(stargan, words)
        assert (options.domains, options.steps) == (["x", "y"], 3)


def test_three_voices_by_the_method_that_knows_any_number(tmp_path, capsys):
    sides = [str(Path(recordings().name) / side) for side in "abc"]
    options = ["--size", "16", "--width", "4", "--blocks", "1", "--batch", "2", "--device", "cpu", "--steps", "2"]
    with pytest.raises(SystemExit) as exit:
        launch.main(voice, ["--domains", *sides, "--method", "disentangle", *options, "--out", str(tmp_path / "run")])
    assert exit.value.code == 0
    source = str(Path(sides[0]) / "0.wav")
    with pytest.raises(UserError, match="--to c alone"):  # each voice is standardised by its own bands
        convert(str(tmp_path / "run"), source, str(tmp_path / "c.wav"), "c")
    convert(str(tmp_path / "run"), source, str(tmp_path / "c.wav"), "c", "a", vocoder="griffin-lim")
    assert soundfile.info(tmp_path / "c.wav").frames == soundfile.info(source).frames
    with pytest.raises(SystemExit) as exit:
        launch.main(voice, ["--domains", *sides, *options, "--out", str(tmp_path / "other")])
    assert exit.value.code == 2 and "give --method disentangle" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "method"), [("--warm", "stargan"), ("--warm", "content"), ("--share", "inpaint")])
@pytest.mark.parametrize("value", ["1.5", "-0.1"])
def test_a_share_of_more_than_all_is_refused(option, method, value, capsys):
    assert left([method, f"{option}={value}"]) == 2
    assert capsys.readouterr().err == f"error: {option} {float(value)}: it is a share; give a number from 0 to 1\n"
