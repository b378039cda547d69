"""Scores of a run on test pictures, with the baselines beside them."""

from __future__ import annotations

from typing import Literal


def evaluate(
    run: str,
    a: str | None = None,
    b: str | None = None,
    to: str = "b",
    which: Literal["best", "final", "both"] = "both",
    data_root: str | None = None,
    device: str = "auto",
) -> None:
    """Score a run's translations of the test files, beside what costs nothing: the copied input, a white page, the mean picture.

    Writes RUN/scores-<to>.json. Test files are the testA/testB of the run's data; files trained on where there are none (said so).

    Args:
        run: a run's folder.
        a: other data than the run's, in the same words as when training.
        b: likewise.
        to: the side to translate into.
        which: the checkpoint that validation selected, the final one, or both.
        data_root: where named sets are looked up; default $UNPAIRED_DATA.
        device: auto, cpu or cuda.
    """
    import json
    import os
    from pathlib import Path

    from domains.metrics.images import table
    from recipes.translator import saved_config
    from translate.checkpoint import write_file

    if data_root:
        os.environ["UNPAIRED_DATA"] = data_root
    folder = Path(run)
    config = saved_config(folder)
    specs = {"a": a or config["args"]["a"], "b": b or config["args"]["b"]}
    rows, facts = score(folder, specs, to, ("best", "final") if which == "both" else (which,), device)
    print("\n".join(f"{key}: {value}" for key, value in facts.items()) + "\n")
    print(table(rows))
    write_file(
        folder / f"scores-{to}.json", json.dumps({"facts": facts, "rows": without_infinities(rows)}, indent=1).encode()
    )


def score(folder, specs: dict[str, str], to: str, which: tuple[str, ...], device: str) -> tuple[dict, dict]:
    """(rows of scores by name, facts about the measurement)"""
    import platform
    from datetime import date

    import torch

    from domains.metrics import images as judges
    from domains.sources import find
    from recipes.data import keep_images
    from recipes.judge import translate_all
    from recipes.translator import Translator, saved_config

    translators = {
        name: Translator.from_pretrained(folder, name, device=device) for name in which if (folder / name).is_dir()
    }
    translators = translators or {"best": Translator.from_pretrained(folder, device=device)}
    first = next(iter(translators.values()))
    source = first.source(to)
    files = {side: find(specs[side], side) for side in (source, to)}
    for side, found in files.items():
        keep_images(found, side)
    inputs, targets = (whole(first.domains[side], files[side].test or files[side].train) for side in (source, to))
    train = {side: pictures(whole(first.domains[side], files[side].train[:1000])) for side in (source, to)}
    names = [[item_name(i) for i in files[side].test] for side in (source, to)]
    paired = bool(names[0]) and names[0] == names[1] and all(x.x.shape == y.x.shape for x, y in zip(inputs, targets))

    judge = judges.ImageJudge(train[source], train[to])
    digits = DigitJudge(folder, files[source], files[to], train[to]) if "train" in files[to].labels else None
    truth = pictures(targets) if paired else None
    given, real = pictures(inputs), pictures(targets)

    def judged(fake) -> dict[str, float]:
        return judge.score(fake, given, truth) | (digits.score(fake) if digits else {})

    rows = {}
    for name, translator in translators.items():
        on = [s.to(translator.device) for s in inputs]
        fake = translate_all(translator.domains[source], translator.system.translator(to), on)
        rows[f"{name} (step {translator.config['step']})"] = judged(fake)
    rows["copy the input"] = judged(given)
    rows["white page"] = judged(judges.white_page(given))
    if len({x.shape for x in [*train[to], *given]}) == 1:
        rows["mean of the training pictures"] = judged([judges.mean_of(train[to])] * len(given))
    rows["colours matched by histogram"] = judged(judges.histogram_match(given, train[to]))
    if paired:
        rows["real targets"] = judged(real)
    else:
        rows["real test pictures"] = {k: v for k, v in judge.score(real, real).items() if k != "vgg_to_input"}
    facts = {
        "run": folder.name, "direction": f"{files[source].name} to {files[to].name}", "pictures": len(given),
        "tested on": "test files" if files[source].test else "FILES TRAINED ON (the data has no test split)",
        "truth": "paired by name" if paired else "none", "date": date.today().isoformat(),
        "seed": saved_config(folder)["args"].get("seed"), "trained on": saved_config(folder)["environment"],
        "scored with": f"torch {torch.__version__}, Python {platform.python_version()}",
    }  # fmt: skip
    return rows, facts


class DigitJudge:
    """FID[digits-cnn] and how often a classifier of the target side finds the input's digit in the translation."""

    def __init__(self, folder, source, target, train: list):
        import numpy as np

        from domains.metrics import images as judges

        arrays = np.stack([item.array for item in target.train])
        grey = arrays if arrays.ndim == 3 else arrays.mean(-1).round().astype(np.uint8)
        self.classifier = judges.digit_classifier(grey, target.labels["train"], folder / "digits-cnn.safetensors")
        self.real = judges.features(self.classifier.features, train)
        self.labels = source.labels.get("test")

    def score(self, fake: list) -> dict[str, float]:
        import torch

        from domains.metrics import images as judges

        scores = {"FID[digits-cnn]": judges.fid(judges.features(self.classifier.features, fake), self.real)}
        if self.labels is not None:
            found = judges.features(self.classifier, fake).argmax(1)
            scores["same digit"] = (found == torch.from_numpy(self.labels).long()).float().mean().item()
        return scores


def without_infinities(rows: dict) -> dict:
    """The PSNR of a picture to itself is infinite, which JSON has no word for."""
    import math

    return {name: {k: v if math.isfinite(v) else None for k, v in row.items()} for name, row in rows.items()}


def whole(domain, items: list) -> list:
    """Items at their own size, a batch of one each, normalised."""
    from domains.sources import Picture

    samples = []
    for item in items:
        s = (
            domain.normalise(domain.collate([domain.from_array(item.array)]))
            if isinstance(item, Picture)
            else domain.load(item)[0]
        )
        samples.append(s)
    return samples


def pictures(samples: list) -> list:
    """[C,H,W] in [0, 1]"""
    return [s.x[0] * 0.5 + 0.5 for s in samples]


def item_name(item) -> str:
    return item.name.removesuffix(getattr(item, "suffix", "")) if hasattr(item, "suffix") else item.name


def samples(folder, specs: dict[str, str], to: str, path, n: int = 10) -> None:
    """A sheet of the first n test files, unpicked: input, translation, and the truth where files are paired by name."""
    import cv2
    import numpy as np
    import torch
    import torch.nn.functional as F

    from domains.sources import find
    from recipes.data import keep_images
    from recipes.judge import translate_all
    from recipes.translator import Translator

    t = Translator.from_pretrained(folder)
    source = t.source(to)
    files = {side: find(specs[side], side) for side in (source, to)}
    for side, found in files.items():
        keep_images(found, side)
    given = whole(t.domains[source], (files[source].test or files[source].train)[:n])
    rows = [pictures(given), translate_all(t.domains[source], t.system.translator(to), [s.to(t.device) for s in given])]
    if files[source].test and [*map(item_name, files[source].test)] == [*map(item_name, files[to].test)]:
        rows.append(pictures(whole(t.domains[to], files[to].test[:n])))
    side = 160

    def square(x):
        x = x if x.shape[0] == 3 else x.repeat(3, 1, 1)
        ratio = side / max(x.shape[1:])
        x = F.interpolate(x[None], scale_factor=ratio, mode="area" if ratio < 1 else "nearest")[0]
        x = F.pad(x, (0, side - x.shape[2], 0, side - x.shape[1]), value=1.0)
        return F.pad(x, (2, 2, 2, 2), value=1.0)

    sheet = torch.cat([torch.cat([square(x) for x in row], 2) for row in rows], 1)
    array = (sheet.clamp(0, 1).permute(1, 2, 0).numpy()[..., ::-1] * 255).round().astype(np.uint8)
    cv2.imwrite(str(path), array, [cv2.IMWRITE_JPEG_QUALITY, 88])
