"""docs/results.md: runs add up over time."""

from __future__ import annotations

from pathlib import Path

LEARNED = {"best": "selected", "final": "final"}  # what evaluation calls a checkpoint -> what the page calls it
WAYS = ("way", "method")  # arguments that a row always names


def results(
    run: str,
    to: str | None = None,
    source: str | None = None,
    tests: int | None = None,
    data_root: str | None = None,
    docs: str = "docs",
    device: str = "auto",
) -> None:
    """Score a run, keep its scores and unpicked samples under docs/, and write docs/results.md again from all that is kept there.

    Args:
        run: a run's folder; of scripts/gan.py and scripts/seqgan.py also a pattern of several, in quotes.
        to: the side to translate into; b where left out, of many domains each.
        source: of many domains the one to translate; each where left out.
        tests: how many test files, the first ones, as for scripts/evaluate.py.
        data_root: where named sets are looked up; default $UNPAIRED_DATA.
        docs: the folder that scores, samples and page are kept in.
        device: auto, cpu or cuda.
    """
    import glob
    import json
    import os
    from datetime import date

    from recipes import drawn
    from recipes.evaluate import averaged, score, sides, tested, wanted, without_infinities
    from recipes.runs import last_line
    from recipes.translator import Translator, saved_config

    if data_root:
        os.environ["UNPAIRED_DATA"] = data_root
    kept = Path(docs) / "results"
    kept.mkdir(parents=True, exist_ok=True)
    folder, *others = [path for path in map(Path, sorted(glob.glob(run))) if path.is_dir()] or [Path(run)]
    config = saved_config(folder)
    if config["recipe"] in ("gan", "seqgan"):
        drawn.record([folder, *others], Path(docs), device)
        return publish(Path(docs))
    args = config["args"]
    specs = sides(folder, args)
    ways = wanted(specs, source, to)
    found = [*score(folder, specs, ways, ("best", "final"), device, tests)]
    rows, facts = found[0]
    if len(ways) > 1:
        names = list(dict.fromkeys(name for _, f in found for name in f["direction"].split(" to ")))
        rows = averaged([rows for rows, _ in found])
        facts |= {
            "direction": f"{', '.join(names)}: the mean of {len(ways)} directions",
            "ways": {f["direction"]: without_infinities(rows) for rows, f in found},
        }
    name = "-".join(
        [
            config["recipe"],
            *(facts["direction"].split(" to ") if len(ways) == 1 else names),
            *(args[key] for key in ("way", "budget") if key in args),
            f"{args['steps']}steps",
            f"seed{args['seed']}",
        ]
    )
    facts |= {
        "minutes": last_line(folder).get("seconds", 0) / 60,
        "step": last_line(folder).get("step", 0),
        "args": {
            key: value for key, value in args.items() if key not in ("a", "b", "domains")
        }  # paths: the direction names them
        | ({"continued from": Path(config["init_from"]).name} if config.get("init_from") else {}),
        "recipe": config["recipe"],
        "validation": config["validation"],
    }
    name = unlike(kept, name, facts["args"])
    (kept / f"{name}.json").write_text(
        json.dumps({"facts": facts, "rows": without_infinities(rows), "written": date.today().isoformat()}, indent=1)
    )
    translator = Translator.from_pretrained(folder, device=device)
    kind, files, _ = tested(translator, specs, ways, tests)
    for (one, other), stem in zip(ways, stems(facts, kept / name)):
        kind.samples(translator, files, one, other, stem)
    publish(Path(docs))


def unlike(kept: Path, name: str, args: dict) -> str:
    """The name of a record, longer where one of other numbers has it already."""
    import json

    path = kept / f"{name}.json"
    other = differing(args, json.loads(path.read_text())["facts"]["args"]) if path.exists() else {}
    return unlike(kept, "-".join([name, *(f"{key}{value}" for key, value in other.items())]), args) if other else name


def differing(args: dict, others: dict) -> dict:
    """Those that tell a run from another; a switch that an older one did not have was off."""
    return {
        key: value
        for key, value in args.items()
        if key not in ("seed", "steps") and others.get(key, False if value is True else value) != value
    }


def stems(facts: dict, stem: Path) -> list[Path]:
    """Of the samples of each direction."""
    ways = facts.get("ways")
    return [stem.with_name(f"{stem.name}-{way.replace(' to ', '-')}") for way in ways] if ways else [stem]


def publish(docs: Path) -> None:
    """Writes docs/results.md from all that is kept below docs/results."""
    import json

    from recipes import drawn

    kept = docs / "results"
    records = [json.loads(p.read_text()) | {"name": p.stem} for p in sorted(kept.glob("*.json"))]
    text = page(records, kept) + "\n" + "\n".join(drawn.sections(kept / "drawn"))
    (docs / "results.md").write_text(text)


def page(records: list[dict], kept: Path) -> str:
    """One section a data set and its test items; one line a method and budget with n seeds, mean ± sd; the baselines below."""
    from collections import Counter
    from itertools import groupby

    from recipes import kinds
    from recipes.evaluate import cell, heading, shown

    def kind_of(r):
        return kinds.named(r["facts"].get("kind", "images"))  # earlier records do not say

    def task(r):
        return r["facts"]["direction"]

    def tested(r):
        facts, items = r["facts"], kind_of(r).ITEMS
        return f"{facts[items]} {items}, {facts['tested on']}, truth: {facts['truth']}"

    def section(r):
        return kind_of(r).ITEMS, task(r), tested(r)

    def order(r):
        args = r["facts"]["args"]
        return *section(r), r["facts"]["recipe"], *(args.get(key, "") for key in WAYS), args["steps"], args["seed"]

    out = [
        "# Results", "",
        "Written by `python scripts/results.py RUN`; every number is measured by `recipes/evaluate.py` on the test files. *selected*: "
        "the checkpoint with the best validation score; *final*: the last one. No test file is looked at before scoring. What a method has to "
        "beat stands below it in its table; a line in bold says where it does not.", "",
    ]  # fmt: skip
    begun = None
    sets = Counter((items, direction) for items, direction, _ in {section(r) for r in records})
    for (items, direction, test), group in groupby(sorted(records, key=order), key=section):
        group = list(group)
        kind = kind_of(group[0])
        if items != begun:
            out += [f"# {items.capitalize()}", "", kind.ABOUT, ""]
            begun = items
        columns = shown(sorted({k for r in group for row in r["rows"].values() for k in row}), kind.COLUMNS)
        heads = [heading(k, kind.COLUMNS) for k in columns]
        title = direction if sets[items, direction] == 1 else f"{direction}: {test}"
        out += [f"## {title}", "", "| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(columns)]
        floors = {}
        notes = []
        for same in restarts(group):
            facts = same[0]["facts"]
            lines: dict[str, list[dict]] = {}
            for r in same:
                for name, row in r["rows"].items():
                    learned = [LEARNED[which] for which in name.split(" (")[0].split(" = ") if which in LEARNED]
                    for which in learned:
                        lines.setdefault(which, []).append(row)
                    if not learned:
                        floors[name] = row
            seeds = ", ".join(str(r["facts"]["seed"]) for r in same)
            made = {
                key: " and ".join(dict.fromkeys(r["facts"]["trained on"][key] for r in same))
                for key in facts["trained on"]
            }
            minutes = sum(r["facts"]["minutes"] for r in same) / len(same)
            asked = facts["args"]["steps"]
            steps = f"{asked} steps" if facts["step"] == asked else f"stopped at step {facts['step']} of {asked}"
            label = ", ".join(
                [
                    facts["recipe"],
                    *(facts["args"][key] for key in WAYS if key in facts["args"]),
                    *apart(facts, group),
                    steps,
                    f"{minutes:.0f} min",
                ]
            )
            out += [
                f"| **{label}**, {which} | " + " | ".join(cell(rows, c, kind.COLUMNS) for c in columns) + " |"
                for which, rows in lines.items()
            ]
            notes += [
                f"{label}: seeds {seeds} (n = {len(same)}); {made['device']}, torch {made['torch']}, commit {made['git']}; {facts['date']}; "
                + (f"selected: {facts['selected']}; " if "selected" in facts else "")
                + ", ".join(f"{k} {v}" for k, v in facts["args"].items() if k not in ("seed", "steps"))
                + "."
            ]
            notes += [unbeaten(f"{label}, {which}", rows, floors, kind) for which, rows in lines.items()]
            if "diversity" in facts:
                notes.append(f"Diversity: {facts['diversity']}. The rows below the input are these styles'.")
            notes += across(facts["ways"], columns[0], kind) if "ways" in facts else []
            notes += ["\n".join(kind.show(stem)) for stem in stems(facts, kept / same[0]["name"])]
        out += [
            f"| {name} | " + " | ".join(cell([row], c, kind.COLUMNS) for c in columns) + " |"
            for name, row in floors.items()
        ]
        out += [
            "",
            f"{test}.",
            "",
        ]
        out += [line for note in notes if note for line in (note, "")]
    return "\n".join(out)


def restarts(records: list[dict]) -> list[list[dict]]:
    """Those together that differ in nothing but their seed."""
    found: list[list[dict]] = []
    for r in records:
        same = (group for group in found if _about(group[0]) == _about(r))
        args = r["facts"]["args"]
        for group in same:
            other = group[0]["facts"]["args"]
            if not differing(args, other) and not differing(other, args):
                group.append(r)
                break
        else:
            found.append([r])
    return found


def _about(r: dict) -> tuple:
    facts = r["facts"]
    return facts["recipe"], facts["args"]["steps"], facts["trained on"]["device"].split(",")[0]


def apart(facts: dict, group: list[dict]) -> list[str]:
    """What tells a run of a table from those of the same recipe, way and method there, in words."""

    def method(facts: dict) -> tuple:
        return facts["recipe"], *(facts["args"].get(key) for key in WAYS)

    others = [r["facts"]["args"] for r in group if method(r["facts"]) == method(facts)]
    found = {key: value for other in others for key, value in differing(facts["args"], other).items()}
    found.pop("warm", None)  # a share of the steps
    return [key if value is True else f"{key} {value}" for key, value in found.items() if value not in (False, None)]


def across(ways: dict[str, dict[str, dict]], key: str, kind) -> list[str]:
    """[what the table is, the table]: a score of the selected checkpoint from each domain, a row, into each other, a column."""
    from recipes.evaluate import cell, heading

    names = list(dict.fromkeys(name for way in ways for name in way.split(" to ")))

    def learned(one: str, other: str) -> str:
        rows = ways.get(f"{one} to {other}", {})
        return cell([row for name, row in rows.items() if name.startswith("best")], key, kind.COLUMNS)

    lines = [["from, to", *names], ["---"] * (len(names) + 1)]
    lines += [[one, *(learned(one, other) for other in names)] for one in names]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return [f"{heading(key, kind.COLUMNS)} of each direction, selected:", table]


def unbeaten(label: str, rows: list[dict], floors: dict[str, dict], kind) -> str:
    """Says where the mean of `rows` is no better than the first floor, the copied input; empty where it is better everywhere."""
    from statistics import mean

    from recipes.evaluate import heading

    name, floor = next(iter(floors.items()))
    common = [key for key in kind.BETTER if key in floor and all(key in row for row in rows)]
    means = {key: mean(row[key] for row in rows) for key in common}
    worse = [key for key in common if kind.BETTER[key](means[key], floor[key]) == floor[key]]
    return (
        f"**{label} does not beat *{name}* in {', '.join(heading(k, kind.COLUMNS) for k in worse)}.**" if worse else ""
    )
