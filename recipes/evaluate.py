"""Scores of a run on test files, with what costs nothing beside them."""

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
    """Score a run's translations of the test files, beside what costs nothing: the copied input and other floors of its kind.

    Writes RUN/scores-<to>.json. Test files are the testA/testB (test.X or dev.X beside train.X) of the run's data; files trained on
    where there are none (said so).

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

    from recipes import kinds
    from recipes.translator import saved_config
    from translate.checkpoint import write_file

    if data_root:
        os.environ["UNPAIRED_DATA"] = data_root
    folder = Path(run)
    config = saved_config(folder)
    specs = {"a": a or config["args"]["a"], "b": b or config["args"]["b"]}
    rows, facts = score(folder, specs, to, ("best", "final") if which == "both" else (which,), device)
    print("\n".join(f"{key}: {value}" for key, value in facts.items()) + "\n")
    print(table(rows, kinds.named(facts["kind"]).COLUMNS))
    write_file(
        folder / f"scores-{to}.json", json.dumps({"facts": facts, "rows": without_infinities(rows)}, indent=1).encode()
    )


def score(folder, specs: dict[str, str], to: str, which: tuple[str, ...], device: str) -> tuple[dict, dict]:
    """(rows of scores by name, facts about the measurement)"""
    import platform
    from datetime import date

    import torch

    from recipes.translator import Translator, saved_config

    translators = [
        Translator.from_pretrained(folder, name, device=device) for name in which if (folder / name).is_dir()
    ]
    names = [name for name in which if (folder / name).is_dir()]
    if not translators:
        names, translators = ["best"], [Translator.from_pretrained(folder, device=device)]
    kind, source, files = tested(translators[0], specs, to)
    if len({t.config["step"] for t in translators}) < len(translators):  # the last step was the best
        names, translators = [" = ".join(names)], translators[:1]
    learned = {f"{name} (step {t.config['step']})": t for name, t in zip(names, translators)}
    rows, facts = kind.score(learned, files, source, to, folder)
    config = saved_config(folder)
    return rows, facts | {
        "run": folder.name, "direction": f"{files[source].name} to {files[to].name}", "kind": kind.__name__.rpartition(".")[2],
        "tested on": "test files" if files[source].test else "FILES TRAINED ON (the data has no test split)",
        "date": date.today().isoformat(), "seed": config["args"].get("seed"), "trained on": config["environment"],
        "scored with": f"torch {torch.__version__}, Python {platform.python_version()}",
    }  # fmt: skip


def tested(translator, specs: dict[str, str], to: str):
    """(the kind's module, the side that is translated, the files of both sides)"""
    from domains.sources import find
    from recipes import kinds

    source = translator.source(to)
    kind = kinds.of(translator.domains[to])
    return kind, source, {side: kinds.keep(find(specs[side], side), kind, side) for side in (source, to)}


def table(rows: dict[str, dict[str, float]], columns: dict) -> str:
    """Rows of scores -> a Markdown table; a score's deviation `<key>_sd` beside it, an empty cell where one does not apply."""
    present = dict.fromkeys(key for scores in rows.values() for key in scores)
    keys = shown(present, columns)
    lines = [["", *(heading(k, columns) for k in keys)], ["---"] * (len(keys) + 1)]
    lines += [[name, *(cell([scores], key, columns) for key in keys)] for name, scores in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(present, columns: dict) -> list[str]:
    """The columns of a table, in the kind's own order; deviations and subset sizes have none."""
    others = [key for key in present if key not in columns and not key.endswith(("_sd", "_subset"))]
    return [key for key in columns if key in present] + others


def heading(key: str, columns: dict) -> str:
    return columns[key][0] if key in columns else key


def cell(rows: list[dict], key: str, columns: dict) -> str:
    """The mean of several runs' scores ± their deviation; of one run's ± its own."""
    import statistics

    values = [row[key] for row in rows if row.get(key) is not None]
    if not values:
        return ""
    spread = statistics.stdev(values) if len(values) > 1 else rows[0].get(f"{key}_sd")
    write = columns[key][1] if key in columns else "{:.2f}".format
    return write(statistics.fmean(values)) + (f" ± {write(spread)}" if spread is not None else "")


def without_infinities(rows: dict) -> dict:
    """The PSNR of a picture to itself is infinite, which JSON has no word for."""
    import math

    return {name: {k: v if math.isfinite(v) else None for k, v in row.items()} for name, row in rows.items()}
