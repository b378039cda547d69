"""Scores of a run on test files, with what costs nothing beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal


def evaluate(
    run: str,
    a: str | None = None,
    b: str | None = None,
    domains: list[str] | None = None,
    to: str | None = None,
    source: str | None = None,
    which: Literal["best", "final", "both"] = "both",
    tests: int | None = None,
    beam: int = 0,
    sample: bool = False,
    seed: int = 0,
    data_root: str | None = None,
    device: str = "auto",
) -> None:
    """Score a run's translations of the test files, beside what costs nothing: the copied input and other floors of its kind.

    Writes RUN/scores-<to>.json; of many domains RUN/scores-<source>-<to>.json for each direction, and prints their mean. Test files are the testA/testB (test.X or dev.X beside train.X) of the run's data; files trained on
    where there are none (said so).

    Args:
        run: a run's folder.
        a: other data than the run's, in the same words as when training.
        b: likewise.
        domains: likewise, of a run with many domains, in their order.
        to: the side to translate into; b where left out, of many domains each.
        source: of many domains the one to translate; each where left out.
        which: the checkpoint that validation selected, the final one, or both.
        tests: how many test files, the first ones; all, or between many domains 200 pictures, 6 recordings, where left out.
        beam: of sentences, as for scripts/convert.py.
        sample: likewise.
        seed: of --sample.
        data_root: where named sets are looked up; default $UNPAIRED_DATA.
        device: auto, cpu or cuda.
    """
    import json
    import os
    from pathlib import Path

    from recipes import kinds
    from recipes.translator import saved_config
    from translate.checkpoint import write_file
    from translate.errors import at_least

    at_least(1, tests=1 if tests is None else tests)
    if data_root:
        os.environ["UNPAIRED_DATA"] = data_root
    folder = Path(run)
    config = saved_config(folder)
    specs = sides(folder, config["args"], a, b, domains)
    named, found = ("best", "final") if which == "both" else (which,), []
    ways = wanted(specs, source, to)
    decoding = dict(beam=beam, sample=sample, seed=seed)
    for (one, other), (rows, facts) in zip(ways, score(folder, specs, ways, named, device, tests, decoding)):
        columns = kinds.named(facts["kind"]).COLUMNS
        print("\n".join(f"{key}: {value}" for key, value in facts.items()) + "\n")
        print(table(rows, columns) + "\n")
        stem = f"scores-{other}" if set(specs) == {"a", "b"} else f"scores-{one}-{other}"
        content = json.dumps({"facts": facts, "rows": without_infinities(rows)}, indent=1)
        write_file(folder / f"{stem}.json", content.encode())
        found.append(rows)
    if len(found) > 1:
        print(f"the mean of {len(found)} directions:\n")
        print(table(averaged(found), columns))


def sides(folder, args: dict, a=None, b=None, domains=None) -> dict[str, str]:
    """What the data of a run is called, by data key: as its config.yaml has it, or as it is given here."""
    from recipes.translator import bundle_folder, read_json
    from translate.errors import UserError

    if not args.keys() & {"a", "domains"}:
        raise UserError(f"{folder} translates nothing: of a generator scripts/results.py scores the samples")
    if not args.get("domains"):
        return {"a": a or args["a"], "b": b or args["b"]}
    keys = list(read_json(bundle_folder(folder) / "config.json").get("domains", {}))
    if len(domains or keys) != len(keys):
        raise UserError(f"--domains: this run has {len(keys)}, {', '.join(keys)}; give as many, in this order")
    return dict(zip(keys, domains or args["domains"]))


def wanted(specs: dict[str, str], source: str | None, to: str | None) -> list[tuple[str, str]]:
    """(source, to) of each direction asked for: into b where there are two sides and nothing is said, every one of many."""
    from recipes import kinds
    from translate.errors import UserError

    if set(specs) == {"a", "b"} and not (source or to):
        return [("a", "b")]
    for option, name in (("source", source), ("to", to)):
        if name and name not in specs:
            raise UserError(f"--{option} {name}: this run knows {' and '.join(specs)}")
    found = [(one, other) for one, other in kinds.directions(specs) if source in (None, one) and to in (None, other)]
    if not found:
        raise UserError(f"--source {source} --to {to}: what is {to} already is not translated; name another")
    return found


def averaged(found: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The mean of each row's scores over several directions that all have it, without deviations."""
    from statistics import fmean

    rows = {name: [rows[name] for rows in found] for name in found[0] if all(name in rows for rows in found)}
    return {
        name: {
            key: fmean(row[key] for row in same)
            for key in same[0]
            if not key.endswith("_sd") and all(key in row for row in same)
        }
        for name, same in rows.items()
    }


def score(
    folder,
    specs: dict[str, str],
    ways: list[tuple[str, str]],
    which: tuple[str, ...],
    device: str,
    tests: int | None = None,
    decoding: dict | None = None,
) -> Iterator[tuple[dict, dict]]:
    """(rows of scores by name, facts about the measurement) of each direction. tests: how many test files; decoding: what
    Translator.decode is told."""
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
    decoding = decoding or {}
    for translator in translators:
        translator.decode(**decoding)
    first, config = translators[0], saved_config(folder)
    kind, files, of = tested(first, specs, ways, tests)
    if len({t.config["step"] for t in translators}) < len(translators):  # the last step was the best
        names, translators = [" = ".join(names)], translators[:1]
    learned = {f"{name} (step {t.config['step']})": t for name, t in zip(names, translators)}
    torch.manual_seed(0)  # of styles that are drawn
    for (source, to), (rows, facts) in zip(ways, kind.score(learned, files, ways, folder)):
        if hasattr(first.system.direction(source, to), "restyled"):
            facts |= {"diversity": diverse(first, files, source, to)}
        if decoding.get("beam"):
            facts |= {"decoding": f"a beam of {decoding['beam']}"}
        if decoding.get("sample"):
            facts |= {"decoding": f"words drawn, seed {decoding['seed']}"}
        yield rows, facts | {
            "run": folder.name, "direction": f"{files[source].name} to {files[to].name}", "kind": kind.__name__.rpartition(".")[2],
            "tested on": of if files[source].test else "FILES TRAINED ON (the data has no test split)",
            "date": date.today().isoformat(), "seed": config["args"].get("seed"), "selected": config["selected"], "trained on": config["environment"],
            "scored with": f"torch {torch.__version__}, Python {platform.python_version()}",
        }  # fmt: skip


def diverse(translator, files: dict, source: str, to: str) -> str:
    """The diversity of translations, in words."""
    from translate.systems.munit import STYLES

    given, real = ((files[side].test or files[side].train)[:20] for side in (source, to))
    spread = diversity(translator, given, source, to)
    most = apart(rows_of(translator.domains[to], real)[:20])
    return (
        f"{spread:.4f}, the mean difference of two styles' outputs for one input, of {len(STYLES)} styles; "
        f"0: one output whatever the style; {most:.4f}: two real targets, whose content differs too"
    )


def diversity(translator, items: list, source: str, to: str) -> float:
    """How far two styles' translations of an input are apart: L1 in the numbers that networks see ([-1, 1] of pictures, of voices the
    bands' deviations), of sentences the share of places with other words. The mean over items and pairs of styles."""
    from statistics import fmean

    import torch

    from translate.systems.munit import STYLES

    domain, nets = translator.domains[source], translator.system.direction(source, to).drawn(STYLES)
    with torch.inference_mode():
        return fmean(
            apart([domain.whole(net, s.to(translator.device)) for net in nets]) for s in rows_of(domain, items)
        )


def apart(items: list) -> float:
    """The mean of that difference over all pairs, as far as both reach."""
    from itertools import combinations
    from statistics import fmean

    found = []
    for pair in combinations((s.x for s in items), 2):
        x, y = (t[tuple(slice(min(sides)) for sides in zip(*(t.shape for t in pair)))] for t in pair)
        found.append(((x - y).abs() if x.is_floating_point() else x != y).float().mean().item())
    return fmean(found)


def rows_of(domain, items: list) -> list:
    """Whole items, normalised, one at a time; of sentences each."""
    batches = [domain.take(item.array)[0] if hasattr(item, "array") else domain.load(item)[0][:64] for item in items]
    return [s[i : i + 1] for s in batches for i in range(len(s))]


def tested(translator, specs: dict[str, str], ways: list[tuple[str, str]], tests: int | None = None):
    """(the kind's module, the files of all sides of these directions, which of the test files they are: of many sides some)"""
    from domains.sources import find, option
    from recipes import kinds
    from translate.errors import at_least

    at_least(1, tests=1 if tests is None else tests)
    pair, sides = set(specs) == {"a", "b"}, dict.fromkeys(side for way in ways for side in way)
    kind = kinds.of(translator.domains[ways[0][1]])
    files = {side: kinds.keep(find(specs[side], side if pair else "", option(side)), kind, side) for side in sides}
    most = kind.MANY if tests is None and len(sides) > 2 else tests
    if not most:
        return kind, files, "test files"
    for found in files.values():
        found.test = found.test[:most]
        found.labels |= {"test": found.labels["test"][:most]} if "test" in found.labels else {}
    return kind, files, f"the first {most} test files" + (" of each direction" if len(ways) > 1 else "")


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
