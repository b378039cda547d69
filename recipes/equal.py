"""Are they created equal? Systems, learning rates and seeds under one budget (Lucic 2018, arXiv:1711.10337)."""

from __future__ import annotations

from pathlib import Path


def equal(
    models: str = "dcgan,lsgan,sngan,vae",
    data: str = "digits",
    lrs: str = "0.0002,0.001",
    seeds: str = "0,1,2",
    steps: int | None = 300,
    minutes: float | None = None,
    batch: int | None = None,
    width: int | None = None,
    recipe: str = "gan",
    folder: str = "runs/equal",
    data_root: str | None = None,
    docs: str | None = None,
    device: str = "auto",
) -> None:
    """Train every model at every learning rate with every seed, and print the mean and deviation of their selected checkpoints.

    A sweep that was interrupted goes on where it was; further models, rates and seeds add to it.

    Args:
        models: MODEL,MODEL,... of the recipe, or all.
        data: the collection.
        lrs: learning rates; a model's best one by its mean score stands first. default: the recipe's own.
        seeds: restarts.
        steps: of each run.
        minutes: in place of steps, training time of a run, which its steps follow from; on a CPU, time of the processor.
        batch: items a step; the recipe's own where left out.
        width: of the networks, likewise.
        recipe: gan or points.
        folder: where the runs are kept.
        data_root: where named sets are looked up; default $UNPAIRED_DATA.
        docs: a folder in which the table, samples and the page equal.md are kept; rows of earlier sweeps stay where no run takes their place.
        device: auto, cpu or cuda.
    """
    import importlib
    import json
    import os
    import sys

    from recipes import launch
    from recipes.translator import read_json, saved_config
    from translate.errors import UserError

    if recipe not in ("gan", "points"):
        raise UserError(f"--recipe {recipe}: a sweep trains gan or points")
    if data_root:
        os.environ["UNPAIRED_DATA"] = data_root
    function = getattr(importlib.import_module(f"recipes.{recipe}"), recipe)
    named, budget = data.replace("/", "_"), f"{minutes:g} min" if minutes else f"{steps} steps"
    short = budget.replace(" ", "")
    for seed in seeds.split(","):  # in the outer loop: an interrupted sweep has all models
        for model in known(recipe) if models == "all" else models.split(","):
            for lr in lrs.split(","):
                out = Path(folder, f"{recipe}-{model}-{named}-{short}-lr{lr}-seed{seed}")
                if (out / "final" / "config.json").exists():
                    continue
                options = dict(
                    model=model, data=data, seed=seed, batch=batch, width=width, lr=None if lr == "default" else lr
                )
                argv = [f"--{key}={value}" for key, value in options.items() if value is not None]
                try:
                    taken = steps if not minutes else steps_of(out) or launch.steps_in(minutes, function, argv, device)
                    argv += [f"--steps={taken}", f"--out={out}", f"--device={device}"]
                    stopped = launch.run(function, argv, adjust=thrice)
                except UserError as error:
                    sys.stderr.write(f"{out.name}: {error}\n")  # such as a term that is not finite: the others go on
                    continue
                if stopped:
                    sys.exit(stopped)
    runs = sorted(Path(folder).glob(f"{recipe}-*-{named}-{short}-lr*-seed*/final/config.json"))
    if not runs:
        raise UserError(f"{folder}: no run of the sweep was finished")
    rows, first, environments = [], {}, []
    for run in (path.parents[1] for path in runs):
        config = saved_config(run)
        args = config["args"]
        environments.append(config["environment"])
        rows.append({k: args[k] for k in ("model", "lr", "seed")} | read_json(run / "best" / "config.json")["scores"])
        first.setdefault(args["model"], run)
    floors = floors_of(recipe, data)
    print(table(rows, floors))
    if docs:
        from PIL import Image

        record = {
            "recipe": recipe,
            "data": data,
            "budget": budget,
            "sizes": {k: args[k] for k in ("batch", "width")},
            "rows": rows,
            "floors": floors,
            "environment": {k: sorted({str(e[k]) for e in environments}) for k in ("device", "torch", "git")},
        }
        kept = Path(docs) / "equal"
        kept.mkdir(parents=True, exist_ok=True)
        name = f"{recipe}-{named}-{short}"
        path = kept / f"{name}.json"
        if path.exists():
            record = added(read_json(path), record)
        path.write_text(json.dumps(record, indent=1))
        for model, run in first.items():
            for last in sorted((run / "samples").glob("step_*.png"))[-1:]:  # sentences have none
                with Image.open(last) as sheet:
                    sheet.convert("RGB").reduce(2).save(kept / f"{name}-{model}.jpg", quality=80)
        (Path(docs) / "equal.md").write_text(page(kept))


def added(before: dict, now: dict) -> dict:
    """A sweep's record with rows of an earlier one that this one has no run of: folders of runs are not kept for ever."""
    again = {tuple(row[k] for k in ("model", "lr", "seed")) for row in now["rows"]}
    rows = [row for row in before["rows"] if tuple(row[k] for k in ("model", "lr", "seed")) not in again]
    environment = {k: sorted({*before["environment"][k], *found}) for k, found in now["environment"].items()}
    return now | {"rows": rows + now["rows"], "environment": environment}


def thrice(recipe):
    """Judged and saved three times: in a short run these are what takes long."""
    from dataclasses import replace

    every = max(1, -(-recipe.run.steps // 3))
    return replace(recipe, run=replace(recipe.run, sample_every=recipe.run.steps, judge_every=every, save_every=every))


def known(recipe: str) -> list[str]:
    """Every model that a recipe trains."""
    from recipes.gan import ALL
    from recipes.points import MODELS

    return list(ALL if recipe == "gan" else MODELS)


def steps_of(out: Path) -> int | None:
    """Those of a run of this name that has begun, of any seed: restarts are alike."""
    from recipes.translator import saved_config

    begun = sorted(out.parent.glob(out.name.rpartition("seed")[0] + "seed*/config.yaml"))
    return saved_config(begun[0].parent)["args"]["steps"] if begun else None


def floors_of(recipe: str, data: str) -> dict[str, dict[str, float]]:
    """What costs nothing, and what real items reach that no model was trained on."""
    import torch

    if recipe == "points":
        from domains.points import world
        from recipes.drawn import Handed
        from recipes.planar import SAMPLES, PointJudge
        from translate.sample import Sample

        x = world(data)
        square = (2 * torch.rand(SAMPLES, 2, generator=torch.Generator().manual_seed(0)) - 1) * x.domain.extent
        sets = {"the density itself": x.preview(SAMPLES), "uniform over the square": Sample(square)}
        rows = {name: PointJudge(x)(Handed(s), {}) for name, s in sets.items()}
        return {name: {k: v for k, v in row.items() if k != "score"} for name, row in rows.items()}

    from domains.images import Images
    from recipes.generative import SampleJudge, open_collection

    x = open_collection(data, None, False, 0)["x"]
    if not isinstance(x.domain, Images):
        return {}
    x.scan()
    judge = SampleJudge(x)
    test = [x.domain.decode(item).x / 255 for item in x.test[: judge.n]]
    train = torch.stack([s.x[0] / 255 for s in x.training(judge.n)])
    sets = {"real test pictures": test} if test else {}
    sets |= {
        "the mean picture": [train.mean(0)] * judge.n,
        "uniform noise": list(torch.rand(judge.n, *train.shape[1:])),
    }
    return {name: {k: v for k, v in judge.score(drawn).items() if k != "score"} for name, drawn in sets.items()}


def table(rows: list[dict], floors: dict[str, dict]) -> str:
    """Markdown: a line a model and learning rate, each model's best rate first, mean ± deviation over seeds; the floors below."""
    import statistics

    columns = [k for k in dict.fromkeys(k for row in rows for k in row) if k not in ("model", "lr", "seed", "score")]
    groups: dict[str, dict[float, list[dict]]] = {}
    for row in rows:
        groups.setdefault(row["model"], {}).setdefault(row["lr"], []).append(row)

    def score(runs: list[dict]) -> float:
        return statistics.fmean(run["score"] for run in runs)

    def cell(runs: list[dict], key: str) -> str:
        values = [run[key] for run in runs if key in run]
        if not values:
            return ""
        return f"{statistics.fmean(values):.3g}" + (f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else "")

    lines = [["model", "lr", "seeds", *columns], ["---"] * (len(columns) + 3)]
    for model, by_rate in sorted(groups.items(), key=lambda item: min(map(score, item[1].values()))):
        for lr, runs in sorted(by_rate.items(), key=lambda item: score(item[1])):
            lines.append([model, f"{lr:g}", str(len(runs)), *(cell(runs, key) for key in columns)])
    lines += [[name, "", "", *(cell([row], key) for key in columns)] for name, row in floors.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(kept: Path) -> str:
    import json

    out = [
        "# Systems compared", "",
        "Written by `scripts/equal.py --docs docs`; every number is measured on the checkpoint that validation selected, ± is the deviation between "
        "seeds. FID, IS: a small classifier trained on the collection's digits (digits-cnn), comparable within a table only. Coverage: share of "
        "the classes that at least 1 % of the samples are called; entropy: of the classes, in nats (log 10 = 2.30 at most). "
        "*called as asked*: how often that classifier finds the class that was asked for; *code names digit*: accuracy of InfoGAN's categorical "
        "code on held-out digits, each code named by the best one-to-one assignment. *matching-blind*, *words-blind*: their namesakes whose critic is never "
        "shown real pictures under wrong conditions. Points: modes hit, share of samples within three deviations of one; of the lines, a classifier's "
        "accuracy and its estimate of the Jensen-Shannon divergence (log 2 = 0.693 at most), beside the Wasserstein critic's difference.", "",
    ]  # fmt: skip
    for path in sorted(kept.glob("*.json")):
        record = json.loads(path.read_text())
        made = {key: ", ".join(values) for key, values in record["environment"].items()}
        sizes = (
            ", ".join(f"{k} {v}" for k, v in record["sizes"].items())
            if "sizes" in record
            else "its own batch and width"
        )
        out += [
            f"## {record['data']}, {record.get('budget') or '{steps} steps'.format(**record)}", "", table(record["rows"], record["floors"]), "",
            f"{made['device']}; torch {made['torch']}; commits {made['git']}; scripts/{record['recipe']}.py, {sizes}.", "",
        ]  # fmt: skip
        for model in dict.fromkeys(row["model"] for row in record["rows"]):
            if not (kept / f"{path.stem}-{model}.jpg").exists():
                continue
            out += [f"{model}, unpicked, at the last step:", "", f"![{model}](equal/{path.stem}-{model}.jpg)", ""]
    return "\n".join(out)
