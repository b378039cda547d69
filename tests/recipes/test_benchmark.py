"""The benchmark: it compares like with like, refuses what is not, and writes what it measured."""

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[2] / "scripts"))  # as whoever runs scripts/benchmark.py has it

from recipes import benchmark, measure, versus
from recipes.measure import Clock, Timed, count, interleaved
from tests.cases import CPU
from tests.device import mimic
from translate import graphs


def test_a_step_has_the_references_losses_and_another_has_not(monkeypatch):
    versus.check_step(CPU, 40)
    monkeypatch.setattr(versus.reference, "_towards", lambda scores, target: (scores - target).abs().mean())
    with pytest.raises(AssertionError, match="adv_b is .* nothing was timed"):
        versus.check_step(CPU, 40)


@pytest.mark.parametrize("model", ["dcgan", "wgan-gp"])
def test_a_gan_has_the_references_losses(model):
    versus.check_gan(CPU, model, 2)
    with mimic() as (device, _):
        versus.check_gan(device, model, 2)


def test_rounds_are_interleaved_and_ratios_are_taken_round_by_round():
    calls = []
    timed = interleaved({name: lambda name=name: calls.append(name) for name in "ab"}, Clock(CPU), 2)
    assert "".join(calls) == "ab" + "ab" + "ba", "counted first; another one begins each round"
    assert len(timed["a"].cost) == len(timed["b"].wall) == 2
    mine, theirs = Timed([1.0, 2.0, 4.0]), Timed([2.0, 8.0, 4.0])
    assert mine.ratio_to(theirs) == (2.0, (1.0, 4.0))


def test_on_a_gpu_steps_are_recorded_before_they_are_timed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    calls = []

    def step():  # as one that is launched three times, then replayed
        calls.append(torch.ones(2) + 1 if len(calls) < 1 + graphs.WARM else None)

    timed = interleaved({"a": step}, Clock(torch.device("cuda")), 2)
    assert len(calls) == 1 + graphs.WARM + 1 + 2 and timed["a"].counted.operations == 0


def test_arithmetic_is_counted_by_its_way_and_kind_of_numbers():
    x, w = torch.rand(1, 2, 5, 5, requires_grad=True), torch.rand(3, 2, 3, 3, requires_grad=True)
    m = torch.rand(4, 5, dtype=torch.bfloat16)
    counted = count(lambda: (torch.conv2d(x, w).sum().backward(), m @ m.T))
    once = 2 * 3 * 9 * 2 * 9
    assert counted.flops == {
        ("fp32", "forward"): once,
        ("fp32", "backward"): 2 * once,
        ("bf16", "forward"): 2 * 4 * 4 * 5,
    }
    found = {
        "fp32 NCHW": dict(forward=1e-6, backward=1e-6),
        "fp32 NHWC": dict(forward=2e-6, backward=0.5e-6),
        "bf16 NCHW": dict(forward=1e-6),
        "bf16 NHWC": dict(forward=4e-6),
    }
    assert measure.floor(counted, found) == pytest.approx(once / 2e3 + 2 * once / 1e3 + 160 / 4e3)


def test_a_profile_names_what_takes_the_time_of_a_step_that_falls_short():
    a = torch.rand(700, 700)
    found = measure.profile(lambda: [a @ a for _ in range(5)] and a.neg(), CPU, most=1)
    assert found[0]["operation"] == "aten::mm" and found[0]["calls"] == 5 and found[0]["share"] > 0.5
    assert [row["operation"] for row in found] == ["aten::mm", "others"] and sum(
        r["share"] for r in found
    ) == pytest.approx(1)
    row = dict(name="step", ratio=1.0, spread=(1, 1), goal=2.0, stretch=None, seconds=1.0, reference_seconds=1.0)
    facts = dict(date="", device="", torch="", python="", clock="", quick=False, peaks={"fp32 NCHW": {"forward": 1}, "fp32 NHWC": {"forward": 1},
                 "bf16 NCHW": {"forward": 1}, "bf16 NHWC": {"forward": 1}})  # fmt: skip
    for goal, shown in ((2.0, True), (0.5, False)):
        page = benchmark.page([row | dict(goal=goal, profile=found)], facts)
        assert ("| aten::mm | 5 |" in page) == shown


def allocate(n: int):
    return lambda: None, lambda: torch.ones(n, 2**18).sum()


def test_peak_memory_is_of_the_second_call():
    from functools import partial

    assert 60 < measure.peak_memory(partial(allocate, 64), CPU) < 100


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_the_command_writes_rows_and_a_table(tmp_path, monkeypatch, capsys):
    row = dict(
        name="data_uint8",
        ratio=40.0,
        spread=(39.0, 41.0),
        goal=50.0,
        stretch=None,
        seconds=1.0,
        reference_seconds=40.0,
        rounds=3,
    )
    monkeypatch.setattr(versus.Bench, "data", lambda self: [row])
    benchmark.benchmark(quick=True, json=str(tmp_path / "rows.json"), docs=str(tmp_path), only="data", device="cpu")
    assert json.loads((tmp_path / "rows.json").read_text())["rows"][0]["ratio"] == 40.0
    page = (tmp_path / "cpu-quick-data.md").read_text()
    assert "| data_uint8 | **40.00x** (39.00 to 41.00) | ≥ 50 |" in page and "torch " + torch.__version__ in page
    assert "`data_uint8` is 40.00x where 50x was the goal" in page and "Goals met: none" in page


PEER = """
import torch
def create_model(options):
    assert options.model == "cycle_gan" and options.device.type == "cpu"
    return Model()
class Model:
    def setup(self, options): print("noise on standard output")
    def set_input(self, batch): self.x = batch["A"]
    def optimize_parameters(self): self.x @ self.x
"""
OPTIONS = """
import argparse
class TrainOptions:
    def parse(self):
        parser = argparse.ArgumentParser()
        for name in ("dataroot", "model", "gpu_ids", "checkpoints_dir"): parser.add_argument("--" + name)
        return parser.parse_args()
"""


def test_what_has_no_reference_stands_in_a_table_of_its_own():
    row = versus.absolute("text_fp32", "sentences a second", 8, Timed([2.0, 1.0, 4.0]))
    assert row["value"] == 4 and row["spread"] == (2, 8)
    facts = dict(date="", device="", torch="", python="", clock="", quick=True, peaks={})
    assert "| text_fp32 | 4 sentences a second (2 to 8) |" in benchmark.page([row], facts)


def test_a_gpus_rows_have_the_goals_names(monkeypatch):
    """Each is reachable: goals are looked up by the names that the parts give."""
    bench = versus.Bench(CPU, True, {})
    bench.gpu = True
    monkeypatch.setattr(versus.Bench, "shares", lambda *_: {})
    for name in ("check_step", "check_gan"):
        monkeypatch.setattr(versus, name, lambda *_: None)
    for name in ("reference_step", "reference_gan"):
        monkeypatch.setattr(versus, name, lambda *_: (Nothing(), ()))
    for name in ("cyclegan_trainer", "gan_trainer"):
        monkeypatch.setattr(versus, name, lambda *_: (Nothing(), None))
    monkeypatch.setattr(versus, "cyclegan_translator", lambda *_: Nothing())
    monkeypatch.setattr(versus, "jpegs", lambda *_: [Path("a.jpg")])
    for name in ("translate", "test"):
        monkeypatch.setattr(versus.files_of, name, lambda *_: None)
    rows = [row for part in (bench.step, bench.inference, bench.gan) for row in part()]
    wanted = {"step_256_b1", "step_256_b4", "infer_256_b1", "infer_256_b8", "dcgan_64_b64", "wgangp_64_b64"}
    assert wanted <= {row["name"] for row in rows}
    assert all(
        row["goal"] == benchmark.GOALS[row["name"]][0] for row in rows if row["name"] in wanted - {"step_256_b4"}
    )


class Nothing:
    """Stands for steps, networks and translators, and costs no time."""

    def __call__(self, *_):
        return None

    def eval(self):
        return self

    train_step, files, g_a, g_b = __call__, lambda *_, **__: [], property(lambda s: s), property(lambda s: s)


def test_a_peer_is_timed_as_it_ships(tmp_path):
    for name, text in (
        ("models/__init__.py", PEER),
        ("options/__init__.py", ""),
        ("options/train_options.py", OPTIONS),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    peer = versus.Peer(tmp_path, 16, CPU)
    assert 0 < peer() < 60 and 0 < peer() < 60
    peer.close()
    assert peer.process.returncode == 0
    with pytest.raises(versus.UserError, match="--peer .* give a checkout"):
        versus.Peer(tmp_path / "nothing", 16, CPU)
