"""What has been trained here."""

from __future__ import annotations

import sys
from pathlib import Path


def runs(folder: str = "runs", compare: str | None = None) -> None:
    """List the runs in a folder: state, steps, validation score; or compare some of them.

    Args:
        folder: where the runs are.
        compare: RUN,RUN,...: their differing arguments and scores side by side.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from recipes.translator import read_json, saved_config
    from translate.errors import UserError

    root = Path(folder)
    found = [Path(p) for p in compare.split(",")] if compare else sorted(p.parent for p in root.glob("*/config.yaml"))
    if not found:
        raise UserError(f"{root} holds no runs: train one, or name another folder")
    configs = {}
    for run in found:
        try:
            configs[run] = saved_config(run)
        except UserError as error:
            if compare:
                raise
            sys.stderr.write(f"skipped: {error}\n")
    table = Table(box=box.SIMPLE)
    if compare:
        table.add_column("")
        for run in found:
            table.add_column(run.name)
        rows = {
            run: config["args"] | last_line(run) | read_json(run / "best" / "config.json").get("scores", {})
            for run, config in configs.items()
        }
        for key in dict.fromkeys(k for row in rows.values() for k in row):
            values = [_short(row.get(key, "")) for row in rows.values()]
            if len(set(values)) > 1:
                table.add_row(key, *values)
    else:
        for column in ("run", "recipe", "a", "b", "step", "state", "best", "at step", "device"):
            table.add_column(column)
        for run, config in configs.items():
            best = read_json(run / "best" / "config.json")
            said = {key: " ".join(v) if isinstance(v, list) else str(v) for key, v in config["args"].items()}
            many = said.get("domains", "None")
            step, steps = last_line(run).get("step", 0), config["args"]["steps"]
            state = "finished" if (run / "final" / "config.json").exists() and step >= steps else "stopped or training"
            table.add_row(
                run.name, config["recipe"], *((many, "") if many != "None" else (said.get("a", said.get("data", "")), said.get("b", said.get("model", "")))), f"{step}/{steps}", state,
                _short(best.get("scores", {}).get("score", "")), _short(best.get("step", "")), config["environment"]["device"],
            )  # fmt: skip
    Console(width=None if Console().is_terminal else 160).print(table)


def last_line(run: Path) -> dict:
    import json

    try:
        lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()[-20:]]
        return next(line for line in reversed(lines) if not any(k.startswith("val/") for k in line))
    except (OSError, ValueError, StopIteration):
        return {}


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
