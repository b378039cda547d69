"""This project beside the work that the widely used implementations do: the same losses from the same weights, side by side in one run.

The reference lies in scripts/reference, which is on the path of whoever runs scripts/benchmark.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

# row -> (goal, stretch): ../SPEED's table, of a CPU with AMX where it matters
GOALS = {
    "step_256_b1_bf16": (6.0, 7.5),
    "step_256_b1_fp32": (1.2, 1.35),
    "inference_256_bf16": (6.0, 8.0),
    "inference_256_test_command": (20.0, None),
    "data_fp32": (15.0, None),
    "data_uint8": (50.0, None),
    "memory_256_b1": (3.0, 4.0),
    "dcgan_64_b64_bf16": (3.0, 4.0),
    "step_256_b1": (3.5, 5.0),
    "infer_256_b1": (4.0, None),
    "infer_256_b8": (5.0, None),
    "dcgan_64_b64": (5.0, None),
    "wgangp_64_b64": (5.0, None),
}
PARTS = ("step", "blocks", "inference", "data", "memory", "gan", "sequences", "ranks")
SAME = 1e-5  # largest relative difference of a loss from the reference's, float32, same weights


def benchmark(
    quick: bool = False,
    json: str | None = None,
    docs: str = "docs/benchmarks",
    only: Literal["all", "step", "blocks", "inference", "data", "memory", "gan", "sequences", "ranks"] = "all",
    peer: str | None = None,
    device: str = "auto",
) -> None:
    """Time training, inference and data beside the reference; write a table under docs/.

    Losses are asserted to be the reference's before anything is timed. About three minutes on two cores with --quick, twenty without.

    Args:
        quick: fewer rounds.
        json: a file for the rows, {"rows": [{"name", "ratio", "spread", ...}]}.
        docs: the folder that the table is written into.
        only: one part.
        peer: the checkout of a peer's repository, timed as it ships beside the reference.
        device: auto, cpu or cuda.
    """
    from json import dumps

    from recipes import measure
    from recipes.versus import Bench
    from translate import runtime

    where = runtime.start(device)
    bench = Bench(where, quick, measure.peaks(where, 0.2 if quick else 1.0), peer)
    facts = measure.hardware(where) | {"clock": measure.Clock(where).what, "peaks": bench.peaks, "quick": quick}
    rows = []
    for part in PARTS if only == "all" else (only,):
        rows += getattr(bench, part)()
        if json:  # what is measured is kept, whatever comes after
            Path(json).write_text(dumps({"facts": facts, "rows": rows}, indent=1))
    Path(docs).mkdir(parents=True, exist_ok=True)
    name = "-".join([where.type, *(["quick"] if quick else []), *([only] if only != "all" else [])])
    (Path(docs) / f"{name}.md").write_text(page(rows, facts))
    print(page(rows, facts))


def page(rows: list[dict], facts: dict) -> str:
    """The table, and a sentence where a goal is missed."""
    out = [
        "# Speed" + (", --quick" if facts["quick"] else ""), "",
        f"Written by `python scripts/benchmark.py` on {facts['date']}: {facts['device']}, torch {facts['torch']}, Python {facts['python']}.",
        "Ratios compare with the re-expressed step of the widely used implementations (`scripts/reference`), float32, whose losses are "
        f"asserted to be equal (within {SAME:g}) from the same weights before anything is timed. Variants are interleaved in one process; "
        f"a ratio is the median over rounds of {facts['clock']}, in brackets the lowest and highest round: other programs on the machine "
        "slow both sides of a round.", "",
        "| | ratio | goal, stretch | seconds here, reference | limit here | share of the limit | GFLOP | operations here, reference | rounds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    missed, spent = [], []
    for row in (row for row in rows if "ratio" in row):
        low, high = row["spread"]
        goal = "" if row["goal"] is None else f"≥ {row['goal']:g}" + (f", {row['stretch']:g}" if row["stretch"] else "")
        n = row.get("items", 1)
        cost = (
            f"{row['seconds'] / n:.4g}, {row['reference_seconds'] / n:.4g}"
            if "seconds" in row
            else f"{row['mib']:.0f}, {row['reference_mib']:.0f} MiB"
        )
        known = "limit" in row
        out.append(
            f"| {row['name']} | **{row['ratio']:.2f}x** ({low:.2f} to {high:.2f}) | {goal} | {cost} | "
            + (
                f"{row['limit']:.2f}x | {row['share_of_peak']:.0%} | {row['gflop']:.0f} | {row['operations']}, {row['reference_operations']}"
                if known
                else " | | |"
            )
            + f" | {row.get('rounds', 1)} |"
        )
        if row["goal"] and row["ratio"] < row["goal"]:
            missed.append(shortfall(row, facts))
            spent += profiled(row)
    out += ["", "Limit: the ratio if a step were nothing but its convolutions and matrix products at the peak below. Seconds are an item's "
            "(a step, a picture).", "", "| measured peak, GFLOP/s | forward | backward |", "|---|---|---|"]  # fmt: skip
    for name, speed in facts["peaks"].items():
        out.append(f"| {name} | {speed['forward']:.0f} | {speed.get('backward', 0):.0f} |")
    alone = [row for row in rows if "value" in row]
    if alone:
        out += ["", "| without a reference | |", "|---|---|"]
        out += [
            f"| {r['name']} | {r['value']:.3g} {r['unit']} ({r['spread'][0]:.3g} to {r['spread'][1]:.3g}) |"
            for r in alone
        ]
    met = [row["name"] for row in rows if row.get("goal") and row["ratio"] >= row["goal"]]
    if met or missed:
        out += ["", f"Goals met: {', '.join(met) or 'none'}."]
    return "\n".join([*out, "", *[f"- {line}" for line in missed], *([""] if missed else []), *spent])


def profiled(row: dict) -> list[str]:
    """Where the time of a step goes, by operation."""
    if not row.get("profile"):
        return []
    lines = [f"| {p['operation'][:60]} | {p['calls']} | {p['share']:.1%} |" for p in row["profile"]]
    return [f"| {row['name']}: operation | calls | share of the time |", "|---|---|---|", *lines, ""]


def shortfall(row: dict, facts: dict) -> str:
    """One sentence: by how much, and what the limit is."""
    said = f"`{row['name']}` is {row['ratio']:.2f}x where {row['goal']:g}x was the goal"
    best = {
        kind: max(facts["peaks"][f"{kind} {layout}"]["forward"] for layout in ("NCHW", "NHWC"))
        for kind in ("fp32", "bf16")
    }
    units = f"this processor's bf16 convolutions reach {best['bf16']:.0f} GFLOP/s forward, {best['bf16'] / best['fp32']:.1f} times its float32 ones"
    if "limit" in row:
        return f"{said}: the arithmetic alone at the measured peak would give {row['limit']:.2f}x, {row['share_of_peak']:.0%} of the time is that; {units}."
    if row["name"].startswith("infer"):
        return f"{said}: {units}."
    return f"{said}."
