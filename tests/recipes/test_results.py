"""docs/results.md: restarts together, and rows of other numbers apart."""

from __future__ import annotations

import json

from recipes.results import apart, page, restarts, unlike


def record(seed: int = 0, steps: int = 100, device: str = "CPU, 1 threads", **args) -> dict:
    args = dict(cycle=10.0, steps=steps, seed=seed) | args
    return {"facts": {"recipe": "cyclegan", "trained on": {"device": device}, "args": args}}


def test_runs_that_differ_in_their_seed_alone_are_restarts():
    runs = [record(0), record(1), record(2, device="CPU, 2 threads"), record(0, cycle=5.0), record(0, steps=200)]
    assert [len(group) for group in restarts(runs)] == [3, 1, 1]
    assert len(restarts([record(0), record(1, device="H100")])) == 2


def test_a_record_from_before_an_option_is_a_restart_unless_the_option_is_switched_on():
    old = record(0)
    assert len(restarts([old, record(1, diffaugment=False, queue=0)])) == 1
    assert len(restarts([old, record(1, diffaugment=True)])) == 2
    assert len(restarts([record(1, diffaugment=True), old])) == 2


def test_a_row_says_what_tells_it_from_the_others():
    runs = [record(cycle=5.0, diffaugment=True, warm=3), record(warm=5), record(way="policy", cycle=1.0)]
    said = [apart(run["facts"], runs) for run in runs]
    assert said == [["cycle 5.0", "diffaugment"], ["cycle 10.0"], []]


def test_a_record_takes_the_place_of_its_like_alone(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(record(cycle=5.0)))
    assert unlike(tmp_path, "run", record(cycle=5.0)["facts"]["args"]) == "run"
    other = record(cycle=2.0)
    name = unlike(tmp_path, "run", other["facts"]["args"])
    assert name == "run-cycle2.0"
    (tmp_path / f"{name}.json").write_text(json.dumps(other))
    assert unlike(tmp_path, "run", other["facts"]["args"]) == name


def test_restarts_on_other_test_items_stand_in_another_table(tmp_path):
    runs = [record(0), record(1)]
    for run, count in zip(runs, (50, 60)):
        run["facts"] |= {
            "direction": "a to b", "pictures": count, "tested on": "test files", "truth": "none", "minutes": 1, "step": 100, "date": "", "seed": 0,
        }  # fmt: skip
        run["facts"]["trained on"] |= {"torch": "", "git": ""}
        run |= {"name": f"run{count}", "rows": {"best": {"kid": count / 1000}, "copy the input": {"kid": 0.5}}}
    apart_, together = page(runs, tmp_path), page([runs[0], runs[0]], tmp_path)
    assert apart_.count("(n = 1)") == 2 and "## a to b: 60 pictures" in apart_
    assert together.count("(n = 2)") == 1 and "## a to b\n" in together
