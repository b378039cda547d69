"""docs/matrix.md: every method on every data set under one budget. Cells add up over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from recipes.train import METHODS


@dataclass(frozen=True)
class Row:
    """A method: the recipe, and what tells it from the recipe's other rows. kind: the only one that it knows."""

    recipe: str
    options: dict = field(default_factory=dict)
    kind: str = ""


@dataclass(frozen=True)
class Column:
    """A data set. a, b: as for --a and --b, {made}: what was made for this page. score: what a cell shows.

    small: options of the small matrix; those that a method does not have are left out.
    """

    a: str
    b: str
    score: str
    better: Callable
    small: dict
    options: dict = field(default_factory=dict)  # of both


ROWS = {name: Row(name) for name in METHODS if name != "inpaint"} | {
    "fastcut": Row("cut", dict(contrast=10.0, nce_identity=0.0), "images"),
    "cut": Row("cut", kind="images"),
    "cyclegan, UVCGANv2's critics": Row("cyclegan", dict(queue=3, penalty=0.01)),
    "crossaligned": Row("crossaligned", kind="tokens"),
    "sentences": Row("sentences", kind="tokens"),
    "sentences, policy": Row("sentences", dict(way="policy"), "tokens"),
    "voice, disentangle": Row("voice", dict(method="disentangle"), "mels"),
}
ELSEWHERE = {"sentences": "recipes.sentences", "voice": "recipes.voice"}  # recipes that are no method of train.py
FAMILIES = {
    "straight across": (
        "cyclegan",
        "cyclegan, UVCGANv2's critics",
        "stargan",
        "ugatit",
        "discogan",
        "dualgan",
        "sentences",
        "sentences, policy",
    ),
    "through a code": (
        "unit",
        "cogan",
        "xgan",
        "munit",
        "combogan",
        "aligned",
        "crossaligned",
        "arae",
        "reversal",
        "voice, disentangle",
    ),
    "one-sided": ("cut", "fastcut", "content"),
}
PAPERS = dict(cycle=10.0, spectral=False, pairs=0.0)  # numbers and terms of the papers alone
DIGITS = dict(width=16, blocks=2, lr=5e-4) | PAPERS
PICTURES = dict(size=32, width=16, blocks=2, lr=5e-4, generator="residual") | PAPERS
COLUMNS = {
    "digits2inverted": Column("{made}/inverted.npz", "{made}/inverted.npz", "l1", min, DIGITS),
    "digits2thick": Column("{made}/thick.npz", "{made}/thick.npz", "l1", min, DIGITS),
    "digits2coloured": Column("{made}/coloured.npz", "{made}/coloured.npz", "l1", min, DIGITS),
    "glyphs_sans2serif": Column("glyphs_sans2serif", "glyphs_sans2serif", "vgg", min, PICTURES),
    "emoji_line2colour": Column("emoji_line2colour", "emoji_line2colour", "vgg", min, PICTURES),
    "emoji_noto2twemoji": Column("emoji_noto2twemoji", "emoji_noto2twemoji", "vgg", min, PICTURES),
    "photos2vangogh": Column("photos2vangogh", "photos2vangogh", "kid", min, PICTURES | dict(size=64, critic="patch")),
    "slt2rms": Column("slt", "rms", "envelope", min, dict(width=64, blocks=2)),
    "old2modern": Column("old", "modern", "gm", max, dict(width=64)),
    "cipher50": Column(
        "{made}/train.cipher50.txt",
        "{made}/train.plain50.txt",
        "accuracy",
        max,
        dict(width=64),
        dict(generator="parallel"),
    ),
}
SHORT = 20  # letters of a reason that fits into a cell
COPY, SIMPLE = "copy the input", "best simple baseline"
HEADS = {"envelope": ("envelope, dB", "{:.2f}".format)}  # beside the kinds' own COLUMNS
ABOUT = """# Every method on every data set

Written by `python scripts/matrix.py`. A cell: the checkpoint that validation selected, then the last one where it is another; ± is the
deviation between n seeds. **Bold**: better than the copied input, which is what a method must beat. Test files, a to b; none is looked at
while training. L1, VGG distance (lower is better): to the truth, which is known by construction or paired by name. KID (lower):
EfficientNet-Lite0, to the training paintings. Envelope (lower): dB between 24 cepstra of the log-mel spectra, translation and the same
sentence said by the target, along the time warping; no vocoder. GM (higher): geometric mean of style accuracy (TF-IDF) and BLEU to the
reference. Token accuracy (higher): of the cipher's known key. Exceptions to the rule about test files: the default weight of `content`
was chosen on digits2thick's test digits, so that its cell there is optimistic; and that the networks of the
sides start alike, but not where pictures are far apart, was chosen with cells of methods through a code seen. The small matrix's
digits are `--digits mnist`."""


def matrix(
    methods: str = "all",
    data: str = "all",
    seeds: str = "0",
    scale: Literal["small", "full"] = "small",
    minutes: float = 1.0,
    steps: int | None = None,
    digits: str = "digits",
    folder: str = "runs/matrix",
    docs: str = "docs",
    data_root: str | None = None,
    device: str = "auto",
) -> None:
    """Train every method on every data set, score what it selected and what it ended with, and write docs/matrix.md.

    Repeating the command goes on where it was: a cell is a run folder, and its score is kept in docs/matrix/. Further methods, data
    and seeds add to it.

    Args:
        methods: METHOD,METHOD,... of the rows, or all.
        data: SET,SET,... of the columns, or all.
        seeds: of each cell.
        scale: small: 28 to 64 pixels and narrow networks, for a CPU; full: what each method takes by itself.
        minutes: training time of a cell, which its steps follow from; on a CPU, time of the processor.
        steps: in place of minutes.
        digits: the collection that is inverted, thickened, coloured.
        folder: where the runs are kept.
        docs: the folder of matrix.md and matrix/.
        data_root: where named sets are looked up; default $UNPAIRED_DATA.
        device: auto, cpu or cuda.
    """
    import os
    import re
    import sys
    import traceback

    from translate.errors import UserError, at_least

    if data_root:
        os.environ["UNPAIRED_DATA"] = data_root
    at_least(1e-3, minutes=minutes)
    rows, columns = chosen(methods, ROWS, "--methods"), chosen(data, COLUMNS, "--data")
    kept = Path(docs) / "matrix" / scale
    budget = f"{steps} steps" if steps else f"{minutes:g} min"
    for seed in map(int, seeds.split(",")):  # in the outer loop: an interrupted matrix has every cell once
        for name in columns:
            done = {m for m, c in cells(kept / f"{name}.json", budget).items() if "selected" in c.get(str(seed), {})}
            if done.issuperset(rows):
                continue
            column = placed(COLUMNS[name], Path(folder) / "data")
            try:
                made(name, Path(folder) / "data", digits)
                judge = judge_of(name, column, scale, kept)
            except UserError as error:
                sys.stderr.write(f"{name} is left out: {error}\n")
                continue
            for method in [m for m in rows if m not in done]:
                out = Path(folder, scale, budget.replace(" ", ""), name, re.sub(r"\W+", "-", method), f"seed{seed}")
                try:
                    cell = trained(ROWS[method], column, scale, out, seed, minutes, steps, device, judge)
                except UserError as error:
                    cell = {"why": str(error)}
                except Exception:  # the others are worth having; this one is tried again when the command is repeated
                    traceback.print_exc()
                    sys.stderr.write(f"{name}, {method}, seed {seed}: broke, as above, and is left empty\n")
                    continue
                keep(kept / f"{name}.json", budget, method, seed, cell)
                publish(Path(docs))
                sys.stderr.write(f"{name}, {method}, seed {seed}: {cell.get('selected', cell.get('why'))}\n")
    publish(Path(docs))


def chosen(said: str, known: dict, option: str) -> list[str]:
    import difflib
    import re

    from translate.errors import UserError

    names = list(known) if said == "all" else re.split(",(?! )", said)  # a name may hold a comma and a blank
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.3) or list(known)
            raise UserError(f"{option} {name}: there is no such one; the nearest names are {'; '.join(near)}")
    return names


def recipe_of(row: Row) -> Callable:
    import importlib

    module = METHODS[row.recipe][0] if row.recipe in METHODS else ELSEWHERE[row.recipe]
    return getattr(importlib.import_module(module), row.recipe)


def placed(column: Column, folder: Path) -> Column:
    return replace(column, a=column.a.format(made=folder), b=column.b.format(made=folder))


# data whose truth is known because it was made here


def made(name: str, folder: Path, digits: str) -> None:
    """Writes what a column's {made} names, once."""
    from recipes.cipher import cipher

    if name == "cipher50" and not (folder / "train.plain50.txt").exists():
        cipher("modern", str(folder), 50)
    rendering = name.removeprefix("digits2")
    path = folder / f"{rendering}.npz"
    if rendering == name or path.exists():
        return
    import numpy as np

    from domains.sources import find
    from translate.errors import UserError

    files = find(digits, "")
    if not files.test:
        raise UserError(f"--digits {digits}: no test digits; give an .npz with x_train and x_test")
    train, test = (np.stack([item.array for item in items]) for items in (files.train, files.test[:1000]))
    half = len(train) // 2
    arrays = dict(trainA=train[:half], trainB=rendered(train[half:], rendering), testA=test)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays, testB=rendered(test, rendering))


def rendered(digits, rendering: str):
    """[N,H,W] uint8, white on black -> what the same digits are on the other side: inverted, thick, coloured from top to bottom, or
    hues, each digit in one that is drawn."""
    import cv2
    import numpy as np

    if rendering == "inverted":
        return 255 - digits
    if rendering == "thick":
        return np.stack([cv2.dilate(x, np.ones((3, 3), np.uint8)) for x in digits])
    if rendering == "hues":
        hue = np.random.default_rng(0).integers(180, size=len(digits))  # OpenCV's, half a degree each
        ink = cv2.cvtColor(
            np.stack([hue, np.full_like(hue, 255), np.full_like(hue, 255)], -1)[None].astype(np.uint8),
            cv2.COLOR_HSV2RGB,
        )[0]
        return (digits[..., None] * (ink[:, None, None] / 255)).round().astype(np.uint8)
    down = np.linspace(0, 1, digits.shape[1])[:, None]  # [H,1]
    ink = np.stack([1 - down, np.full_like(down, 0.3), down], -1)  # [H,1,3]: red above, blue below
    return (digits[..., None] * ink).round().astype(np.uint8)


# a cell


def trained(
    row: Row,
    column: Column,
    scale: str,
    out: Path,
    seed: int,
    minutes: float,
    steps: int | None,
    device: str,
    judge: Judge,
) -> dict:
    """Trains, or goes on, and scores."""
    import sys

    from recipes import kinds, launch
    from recipes.runs import last_line
    from recipes.translator import Translator, saved_config
    from translate.errors import UserError

    if row.kind not in ("", judge.kind):
        raise UserError(f"{kinds.named(row.kind).ITEMS} only")
    function = recipe_of(row)
    options = column.options | (column.small if scale == "small" else {}) | row.options
    known = launch.parse(function, []).as_dict()
    argv = [f"--{key}={value}" for key, value in options.items() if key in known]
    argv += [f"--a={column.a}", f"--b={column.b}", f"--seed={seed}"]
    if (out / "config.yaml").exists():
        steps = saved_config(out)["args"]["steps"]
    steps = steps or launch.steps_in(minutes, function, argv, device)

    def adjust(recipe):
        every = max(1, -(-recipe.run.steps // 3))
        run = replace(recipe.run, sample_every=recipe.run.steps, judge_every=every, save_every=every)
        return replace(recipe, run=run, judge=judge.validation(seed) or recipe.judge)

    if not (out / "final" / "config.json").exists():
        stopped = launch.run(function, [*argv, f"--steps={steps}", f"--out={out}", f"--device={device}"], adjust=adjust)
        if stopped:
            sys.exit(stopped)
    best, final = (Translator.from_pretrained(out, which, device=device) for which in ("best", "final"))
    scores = judge.score(final)
    same = best.config["step"] == final.config["step"]
    return {
        "selected": scores if same else judge.score(best),
        "final": scores,
        "step": best.config["step"],
        "steps": final.config["step"],
        "seconds": round(last_line(out).get("seconds", 0)),
        "environment": saved_config(out)["environment"],
    }


@dataclass
class Judge:
    """kind: of the files. score: Translator -> scores on test files. validation: seed -> what selects checkpoints, None: what the recipe brings."""

    kind: str
    score: Callable
    floors: dict[str, dict[str, float]]
    validation: Callable = lambda seed: None


def judge_of(name: str, column: Column, scale: str, kept: Path) -> Judge:
    """Of a column; its floors are written down."""
    from domains.sources import find
    from recipes import kinds

    files = {"a": find(column.a, "a"), "b": find(column.b, "b")}
    kind = kinds.common(files)
    size = column.small.get("size") if scale == "small" else None
    of = {"images": of_pictures, "mels": of_voices, "tokens": of_sentences}
    judge = of[kind.__name__.rpartition(".")[2]](kind, files, size, column)
    record = read(kept / f"{name}.json")
    facts = {"score": column.score, "kind": judge.kind, "highest": column.better is max}
    write(kept / f"{name}.json", {"cells": {}} | record | facts | {"floors": judge.floors})
    return judge


def of_pictures(kind, files: dict, size: int | None, column: Column, most: int = 200) -> Judge:
    """At the size of training: what a small network cannot see it need not draw."""
    import functools

    import torch

    from domains.metrics import images as judges
    from domains.pretrained import efficientnet_lite0

    domains = {side: folder.domain for side, folder in kind.folders(files, size, False, 0).items()}

    def opened(side: str, items: list) -> list:
        return [domains[side].normalise(domains[side].collate([domains[side].decode(item)])) for item in items]

    def pictures(samples: list) -> list:
        return [s.x[0] * 0.5 + 0.5 for s in samples]

    given = opened("a", files["a"].test[:most])
    train = pictures(opened("b", files["b"].train[:1000]))
    truth = None if column.score == "kid" else pictures(opened("b", files["b"].test[:most]))
    net = efficientnet_lite0() if truth is None else None
    real = judges.features(net, train) if net else None

    def scored(fake: list) -> dict[str, float]:
        if truth is None:
            return {"kid": judges.kid(judges.features(net, fake), real)[0]}
        return {
            name: measure(fake, truth).mean().item()
            for name, measure in (("l1", judges.l1), ("vgg", judges.vgg_distance))
        }

    def score(translator) -> dict[str, float]:
        inputs = [s.to(translator.device) for s in given]
        return scored(kind.translate_all(translator.domains["a"], translator.system.direction("a", "b"), inputs))

    copied = pictures(given)
    floors = {COPY: scored(copied), "white page": scored(judges.white_page(copied))}
    floors["colours matched by histogram"] = scored(judges.histogram_match(copied, train))
    if len({x.shape for x in [*train, *copied]}) == 1:
        mean = torch.stack(train).mean(0)
        floors["mean of the training pictures"] = scored([mean] * len(given))
    return Judge("images", score, floors, functools.cache(lambda seed: kind.quick_judge()))


def of_voices(kind, files: dict, size: int | None, column: Column, most: int = 20) -> Judge:
    import torch

    from domains.metrics.voice import DECIBELS, mcd
    from recipes.kinds.mels import Copy

    domains = {side: folder.domain for side, folder in kind.folders(files, size, False, 0).items()}
    given, wanted = (files[side].test[:most] for side in "ab")
    # orthonormal cepstra of natural logarithms of magnitudes -> root mean square dB over bands
    to_db = 20 / torch.tensor(10.0).log().item() / 80**0.5 / DECIBELS

    def envelope(s) -> torch.Tensor:
        return kind.cepstra([s.x.cpu()])[:, :24].double().numpy()

    def opened(side: str, path):
        return domains[side].load(path)[0]

    truth = [envelope(domains["b"].denormalise(opened("b", path))) for path in wanted]

    def scored(mels: list) -> dict[str, float]:
        return {"envelope": to_db * sum(mcd(envelope(s), t) for s, t in zip(mels, truth)) / len(truth)}

    def through(net, device="cpu") -> list:
        with torch.inference_mode():
            return [
                domains["b"].denormalise(domains["a"].whole(net, opened("a", p).to(device)).to("cpu")) for p in given
            ]

    floors = {COPY: scored([domains["a"].denormalise(opened("a", p)) for p in given])}
    floors["each band's mean and deviation shifted"] = scored(through(Copy()))
    return Judge("mels", lambda t: scored(through(t.system.direction("a", "b"), t.device)), floors)


def of_sentences(kind, files: dict, size: int | None, column: Column) -> Judge:
    from domains.metrics import text as judges

    inputs, truth = kind.tested(files["a"])
    train = {side: [s.text for s in kind.lines(files[side].train)] for side in "ab"}
    judge = judges.TextJudge(train["a"], train["b"], minilm=False)

    def scored(outputs: list[str]) -> dict[str, float]:
        found = judge.score(outputs, inputs, "b", truth)
        return {key: found[key] for key in ("gm", "accuracy", "bleu", "style[TF-IDF]") if key in found}

    floors = {
        COPY: inputs,
        "lexicon swap": judges.lexicon_swap(inputs, train["a"], train["b"]),
        "delete and retrieve": judges.delete_retrieve(inputs, train["a"], train["b"]),
        "words matched by frequency": judges.frequency_match(inputs, train["a"], train["b"]),
    }

    def score(translator) -> dict[str, float]:
        net = translator.system.direction("a", "b")
        return scored(kind.translated(translator.domains["a"], net, inputs, translator.device))

    return Judge("tokens", score, {name: scored(outputs) for name, outputs in floors.items()})


# what is kept, and the page


def read(path: Path) -> dict:
    from recipes.translator import read_json

    return read_json(path)


def write(path: Path, record: dict) -> None:
    import json

    from translate.checkpoint import write_file

    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())


def cells(path: Path, budget: str) -> dict[str, dict[str, dict]]:
    """method -> seed -> cell"""
    return read(path).get("cells", {}).get(budget, {})


def keep(path: Path, budget: str, method: str, seed: int, cell: dict) -> None:
    record = read(path)
    record["cells"].setdefault(budget, {}).setdefault(method, {})[str(seed)] = cell
    write(path, record)


def publish(docs: Path) -> None:
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "matrix.md").write_text(page(docs / "matrix"))


def page(kept: Path) -> str:
    """A section a scale and budget."""
    out = [ABOUT, ""]
    for folder in sorted(kept.glob("*")):
        records = {name: read(folder / f"{name}.json") for name in COLUMNS}
        records = {name: record for name, record in records.items() if record}
        for budget in sorted({b for record in records.values() for b in record["cells"]}):
            out += [f"## {folder.name}, {budget} a cell", "", *section(records, budget), ""]
    return "\n".join(out)


def section(records: dict[str, dict], budget: str) -> list[str]:
    """The table, why some cells are empty, and what follows from the numbers."""

    def value(record: dict, row: dict) -> str:
        return write_of(record)[1](row[record["score"]])

    names = list(records)
    arrow = {name: "↑" if record["highest"] else "↓" for name, record in records.items()}
    heads = [f"{name}<br>{write_of(record)[0]} {arrow[name]}" for name, record in records.items()]
    lines = [["", *heads], ["---"] * (len(names) + 1)]
    lines.append([COPY, *(value(r, r["floors"][COPY]) for r in records.values())])
    simple = {name: best_floor(record) for name, record in records.items()}
    lines.append([SIMPLE, *(f"{value(r, r['floors'][simple[n]])}<br>{simple[n]}" for n, r in records.items())])
    whys: list[str] = []
    seen = [m for m in ROWS if any(m in record["cells"].get(budget, {}) for record in records.values())]
    for method in seen:
        line = [method]
        for record in records.values():
            found = record["cells"].get(budget, {}).get(method, {})
            done = [cell for cell in found.values() if "selected" in cell]
            if done:
                line.append(written(done, record, write_of(record)[1]))
            elif found:
                why = next(iter(found.values()))["why"]
                whys += [why] if why not in whys and len(why) > SHORT else []
                line.append(f"({whys.index(why) + 1})" if why in whys else why)
            else:
                line.append("not yet")
        lines.append(line)
    out = [f"| {' | '.join(line)} |" for line in lines]
    out += ["", *(f"({i}) {why}" + "  " for i, why in enumerate(whys, 1)), "", *summary(records, budget)]
    return out


def write_of(record: dict) -> tuple[str, Callable]:
    """(what the score is called, how it is written)"""
    from recipes import kinds

    return (kinds.named(record["kind"]).COLUMNS | HEADS)[record["score"]]


def best_floor(record: dict) -> str:
    """Of those that do more than copy."""
    others = {name: row[record["score"]] for name, row in record["floors"].items() if name != COPY}
    return (max if record["highest"] else min)(others, key=others.__getitem__)


def mean(done: list[dict], which: str, record: dict) -> float:
    from statistics import fmean

    return fmean(cell[which][record["score"]] for cell in done)


def beats(value: float, other: float, record: dict) -> bool:
    return value > other if record["highest"] else value < other


def written(done: list[dict], record: dict, write: Callable) -> str:
    from statistics import stdev

    values = [cell["selected"][record["score"]] for cell in done]
    selected, final = (mean(done, which, record) for which in ("selected", "final"))
    spread = f" ± {write(stdev(values))} (n = {len(values)})" if len(values) > 1 else ""
    bold = "**" if beats(selected, record["floors"][COPY][record["score"]], record) else ""
    last = "" if final == selected else f", {write(final)}"
    return f"{bold}{write(selected)}{bold}{spread}{last}"


def summary(records: dict[str, dict], budget: str) -> list[str]:
    """Who beats the baseline and the copy, in words; budgets as they were spent."""
    out, every = [], []
    for name, record in records.items():
        found = {
            method: [cell for cell in seeds.values() if "selected" in cell]
            for method, seeds in record["cells"].get(budget, {}).items()
        }
        means = {method: mean(done, "selected", record) for method, done in found.items() if done}
        every += [cell for done in found.values() for cell in done]
        if not means:
            continue
        copied = record["floors"][COPY][record["score"]]
        pick = max if record["highest"] else min
        best = pick(means, key=means.__getitem__)
        line = f"- {name}: the best is {best}; {sum(beats(v, copied, record) for v in means.values())} of {len(means)} beat the copied input"
        if "plain" in means and len(means) > 1:
            others = [m for m, v in means.items() if m != "plain" and beats(v, means["plain"], record)]
            worse = [m for m in means if m != "plain" and m not in others]
            line += f", {len(others)} of {len(means) - 1} beat plain G + D" + (
                f" ({', '.join(worse)} did not)" if worse else ""
            )
        write = write_of(record)[1]
        firsts = {f: pick((m for m in group if m in means), key=means.get, default="") for f, group in FAMILIES.items()}
        if any(firsts.values()):
            line += "; of each family: " + ", ".join(f"{f} {m} {write(means[m])}" for f, m in firsts.items() if m)
        out.append(line + ".")
    if every:
        steps, seconds = [cell["steps"] for cell in every], [cell["seconds"] for cell in every]
        made_on = {f"{c['environment']['device']}, torch {c['environment']['torch']}" for c in every}
        commits = sorted({c["environment"]["git"] for c in every})
        out += [
            "",
            f"{len(every)} cells; {min(steps)} to {max(steps)} steps, {min(seconds)} to {max(seconds)} s of training each; "
            f"{'; '.join(sorted(made_on))}; commits {', '.join(commits)}.",
        ]
    return out
