"""The sides that recipes/benchmark.py compares: this project as it ships, the reference, and a peer's checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F
from reference import cyclegan as reference
from reference import data as files_of
from reference import gan as reference_gans
from reference import peer
from torch import nn

from domains.folder import Folder
from domains.images import Images
from domains.sources import Files, find
from domains.vocoders import HOP, RATE, vocoder
from recipes.benchmark import GOALS, SAME
from recipes.cyclegan import cyclegan
from recipes.gan import gan
from recipes.measure import KINDS, Clock, Timed, Variant, floor, interleaved, peak_memory, profile
from recipes.translator import Translator
from translate import bundle, runtime
from translate.errors import UserError
from translate.feed import batches
from translate.loop import Trainer
from translate.nets.layers import InstanceNorm, behind, init_gan, normed
from translate.nets.winograd import pays, winograd
from translate.sample import Sample


@dataclass
class Bench:
    """Its methods measure a part each and return its rows."""

    device: torch.device
    quick: bool
    peaks: dict[str, dict[str, float]]
    peer: str | None = None

    def __post_init__(self):
        self.clock = Clock(self.device)
        self.gpu = self.device.type == "cuda"
        runtime.keep_memory()  # as train() and convert.py do; the reference has the good of it too

    def rounds(self, variants: dict[str, Variant], quick: int, full: int, seconds: float = 1e9):
        more = 10 if self.gpu else 1  # where a round takes milliseconds
        return interleaved(variants, self.clock, *((more * quick, seconds) if self.quick else (more * full,)))

    def step(self) -> list[dict]:
        """CycleGAN's, 256 pixels, ResNet-9, identity on."""
        rows = []
        for batch in (1, 4) if self.gpu else (1,):
            check_step(self.device, 64)
            theirs, pictures = reference_step(self.device, 256, batch)
            ours = {kind: cyclegan_trainer(self.device, 256, batch, kind) for kind in ("fp32", "bf16")}
            variants = {"reference": partial(theirs, *pictures)}
            variants |= {kind: partial(trainer.train_step, feed) for kind, (trainer, feed) in ours.items()}
            if self.peer and batch == 1:
                variants["peer"] = Peer(Path(self.peer), 256, self.device)
            timed = self.rounds(variants, 2, 5, 20)
            for name in [n for n in variants if n != "reference"]:
                row = (
                    "peer_256_b1"
                    if name == "peer"
                    else f"step_256_b{batch}" + ("" if self.gpu and name == "bf16" else f"_{name}")
                )
                rows.append(self.row(row, timed, name) | (self.shares(timed, name, variants) if name != "peer" else {}))
        return rows

    def row(self, row: str, timed: dict, name: str, of: str = "reference") -> dict:
        ratio, spread = timed[name].ratio_to(timed[of])
        goal, stretch = GOALS.get(row, (None, None))
        return dict(
            name=row, ratio=ratio, spread=spread, goal=goal, stretch=stretch, seconds=timed[name].seconds,
            reference_seconds=timed[of].seconds, wall=sorted(timed[name].wall)[len(timed[name].wall) // 2], rounds=len(timed[name].cost),
        )  # fmt: skip

    def shares(self, timed: dict, name: str, variants: dict[str, Variant]) -> dict:
        """How much of the time the arithmetic takes, what ratio there would be if it took all, and what takes the most."""
        counted = timed[name].counted
        least = floor(counted, self.peaks)
        return dict(
            gflop=counted.flop / 1e9, share_of_peak=least / timed[name].seconds, limit=timed["reference"].seconds / least,
            operations=counted.operations, reference_operations=timed["reference"].counted.operations,
            profile=[] if self.quick else profile(variants[name], self.device),
        )  # fmt: skip

    def blocks(self) -> list[dict]:
        """What a ResNet-9 of 256 pixels consists of, forward and backward, beside torch's own operations: norms with what is behind them,
        and 3x3 convolutions where Winograd's products are taken for them."""
        rows = []
        for kind, dtype in KINDS.items():
            for channels, side in ((256, 64), (64, 256)):
                norm, how = InstanceNorm(channels, slope=0.0, pad=1), dict(device=self.device, dtype=dtype)
                x, slope = (
                    torch.randn(1, channels, n, n, **how).to(memory_format=torch.channels_last)
                    for n in (side, side + 2)
                )
                w = torch.randn(channels, channels, 3, 3, device=self.device).to(memory_format=torch.channels_last)
                sides = {f"norm_{side}_c{channels}_{kind}": (norm, lambda x: behind(normed(x), 0.0, 1), (x,), slope)}
                if pays(slope, w):
                    sides[f"conv_{side}_c{channels}_{kind}"] = (
                        winograd,
                        lambda x, w: F.conv2d(x, w.to(x.dtype)),
                        (slope, w),
                        x,
                    )
                for row, (ours, theirs, given, back) in sides.items():
                    variants = {
                        "ours": partial(both_ways, ours, given, back),
                        "torch": partial(both_ways, theirs, given, back),
                    }
                    rows.append(self.row(row, self.rounds(variants, 5, 15), "ours", "torch"))
        return rows

    def inference(self) -> list[dict]:
        """A folder of JPEGs of 256 pixels, end to end: decode, translate, encode; one direction."""
        with tempfile.TemporaryDirectory() as folder:
            files = jpegs(Path(folder), 256, 3 if self.quick else 8)
            out = Path(folder) / "out"
            out.mkdir()
            theirs, _ = reference_step(self.device, 256, 1)
            nets = [net.eval() for net in (theirs.g_a, theirs.g_b)]
            variants = {
                "pass": lambda: [files_of.translate(nets[0], f, out, self.device) for f in files] and None,
                "test": lambda: [files_of.test(*nets, f, f, out, self.device) for f in files] and None,
            }
            for kind in ("fp32", "bf16"):
                translator = cyclegan_translator(self.device, kind)
                for batch in (1, 8):
                    variants[f"{kind} b{batch}"] = partial(
                        lambda t, b: sum(1 for _ in t.files([(f, out / f"{f.stem}.png") for f in files], batch=b)) and None,
                        translator, batch,
                    )  # fmt: skip
            timed = self.rounds(variants, 1, 5)
        names = {"inference_256_fp32": "fp32 b8", "inference_256_bf16": "bf16 b8", "inference_256_bf16_b1": "bf16 b1"}
        if self.gpu:
            names = {"infer_256_b1": "bf16 b1", "infer_256_b8": "bf16 b8"}
        rows = [self.row(row, timed, name, "pass") | {"items": len(files)} for row, name in names.items()]
        return [*rows, self.row("inference_256_test_command", timed, "bf16 b8", "test") | {"items": len(files)}]

    def data(self) -> list[dict]:
        """A picture of the collection, cut out of 286 pixels to 256, as the training step gets it."""
        n = 24 if self.quick else 64  # fewer than 20 would be held out in parts
        with tempfile.TemporaryDirectory() as name:
            files = jpegs(Path(name), 512, n)
            folder = Folder(Images(256, 286), Files("photographs", list(files)))
            folder.scan()
            variants = {
                "reference": lambda: [files_of.load(f) for f in files] and None,
                "uint8": lambda: [folder.rows(range(i, i + 1)) for i in range(n)] and None,
                "fp32": lambda: [folder.domain.normalise(folder.rows(range(i, i + 1))) for i in range(n)] and None,
            }
            timed = self.rounds(variants, 9, 9)
        return [self.row(f"data_{kind}", timed, kind) | {"items": n} for kind in ("fp32", "uint8")]

    def memory(self) -> list[dict]:
        """The peak of a step above what was there before it."""
        kinds = ("reference", "bf16") if self.quick else ("reference", "fp32", "bf16")
        peaks = {kind: peak_memory(partial(memory_of_step, self.device, kind), self.device) for kind in kinds}
        rows = []
        for kind in kinds[1:]:
            row = "memory_256_b1" if kind == "bf16" else f"memory_256_b1_{kind}"
            goal, stretch = GOALS.get(row, (None, None))
            ratio = peaks["reference"] / peaks[kind]
            rows.append(
                dict(
                    name=row,
                    ratio=ratio,
                    spread=(ratio, ratio),
                    goal=goal,
                    stretch=stretch,
                    mib=peaks[kind],
                    reference_mib=peaks["reference"],
                )
            )
        return rows

    def gan(self) -> list[dict]:
        """64 pixels, batch 64, 64 channels."""
        rows = []
        for model in ("dcgan",) if self.quick and not self.gpu else ("dcgan", "wgan-gp"):
            check_gan(self.device, model)
            theirs, x = reference_gan(self.device, model, 64)
            ours = {kind: gan_trainer(self.device, model, 64, kind) for kind in ("fp32", "bf16")}
            variants = {"reference": partial(theirs, x)}
            variants |= {kind: partial(trainer.train_step, feed) for kind, (trainer, feed) in ours.items()}
            timed = self.rounds(variants, 3, 7)
            for kind in ("fp32", "bf16"):
                row = model.replace("-", "") + "_64_b64" + ("" if self.gpu and kind == "bf16" else f"_{kind}")
                rows.append(self.row(row, timed, kind) | self.shares(timed, kind, variants))
        return rows

    def sequences(self) -> list[dict]:
        """Voices and sentences at the laptop's defaults: a training step, and translating, without and with the vocoder."""
        rows = []
        for name, sides in {"voice": ("slt", "rms"), "text": ("old", "modern")}.items():
            ours, _ = shipped_trainers(self.device, *sides)
            timed = self.rounds({kind: partial(t.train_step, feed) for kind, (t, feed) in ours.items()}, 3, 7)
            rows += [absolute(f"{name}_step_{kind}", "steps a second", 1, timed[kind]) for kind in ours]
            batch = next(ours["fp32"][1])["a"]
            if name == "voice":
                s, unit = Sample(torch.cat([batch.x[:1]] * 8, -1)), "times real time"
                amount = s.x.shape[-1] * HOP / RATE
            else:
                s, unit, amount = Sample.cat([batch] * 4), "sentences a second", 4 * len(batch)
            variants = {kind: partial(translated, t, kind, s) for kind, (t, _) in ours.items()}
            if name == "voice":
                variants["vocoder"] = partial(vocoder(), ours["fp32"][0].system.B.denormalise(s).x[0, 0].cpu())
            timed = self.rounds(variants, 3, 7)
            rows += [absolute(f"{name}_{kind}", unit, amount, timed[kind]) for kind in variants]
        return rows

    def ranks(self) -> list[dict]:
        """CycleGAN's step of 64 pixels and batch 4 by one process and by two that share it; gloo on a CPU, a thread each."""
        (one,), two = (in_processes(n, 3 if self.quick else 8) for n in (1, 2))
        for key, value in one["means"].items():  # of the first step; Adam makes much of rounding in later ones
            mean = sum(process["means"][key] for process in two) / 2
            if abs(mean - value) > 1e-3 * max(abs(value), 0.1):
                raise AssertionError(f"{key} is {mean:.7g} of two processes, {value:.7g} of one")
        costs = [
            one["cpu"] / sum(process["cpu"] for process in two),
            one["wall"] / max(process["wall"] for process in two),
        ]
        names = ("ranks_2_efficiency", "one process's processor seconds over both of two"), ("ranks_2_speedup", "times as quick by the clock")  # fmt: skip
        return [dict(name=n, unit=u, value=v, spread=(v, v)) for (n, u), v in zip(names, costs)]


def both_ways(f: Callable, given: tuple[torch.Tensor, ...], slope: torch.Tensor) -> None:
    given = [t.detach().requires_grad_() for t in given]
    torch.autograd.grad(f(*given), given, slope)


def absolute(name: str, unit: str, amount: float, timed: Timed) -> dict:
    """`amount` of something a round, as a speed."""
    value, *spread = (amount / seconds for seconds in (timed.seconds, max(timed.cost), min(timed.cost)))
    return dict(name=name, unit=unit, value=value, spread=tuple(spread), rounds=len(timed.cost))


@torch.inference_mode()
def translated(trainer: Trainer, precision: str, s: Sample) -> None:
    system = trainer.system.eval()
    with runtime.autocast(trainer.device, precision):
        system.A.whole(system.translator("b"), s)


def in_processes(n: int, steps: int) -> list[dict]:
    """Of each of n processes that train together: seconds of its processor and by the clock, the first step's losses and gradients' norms."""
    import multiprocessing
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(n)]
    children = [context.Process(target=_process, args=(i, n, port, steps, pipes[i][1])) for i in range(n)]
    for child, (_, theirs) in zip(children, pipes):
        child.start()
        theirs.close()  # so that a process that dies ends the waiting
    try:
        return [ours.recv() for ours, _ in pipes]
    finally:
        for child in children:
            child.join()


def _process(i: int, n: int, port: int, steps: int, pipe) -> None:
    os.environ |= dict(
        RANK=str(i), LOCAL_RANK=str(i), WORLD_SIZE=str(n), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    torch.set_num_threads(1)
    device = runtime.start("cpu")
    trainer, feed = trainer_of(*cyclegan_recipe(64, 4, "fp32", 32, pool=0), device)

    trainer.train_step(feed)
    means = trainer.means()
    runtime.barrier()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        trainer.train_step(feed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    pipe.send(dict(wall=wall, cpu=cpu, means=means))
    torch.distributed.destroy_process_group()


class Fixed:
    """A source with one batch, in turn."""

    name = "fixed"

    def __init__(self, domain, batch: int, seed: int):
        self.domain = domain
        generator = torch.Generator().manual_seed(seed)
        shape = domain.blank(batch).x.shape
        self.batch = Sample(torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8))

    def rows(self, indices: range):
        return self.batch[[i % len(self.batch) for i in indices]]


def trainer_of(recipe, data: dict, device: torch.device) -> tuple[Trainer, object]:
    """With an endless feed of the one batch."""
    trainer = Trainer(replace(recipe, data=data), device)
    return trainer, batches(data, recipe.run.batch, 0, 10**9, device)


def cyclegan_trainer(device: torch.device, side: int, batch: int, precision: str, width: int = 64):
    return trainer_of(*cyclegan_recipe(side, batch, precision, width), device)


def shipped_trainers(device: torch.device, a: str, b: str) -> tuple[dict[str, tuple[Trainer, Iterator]], Variant]:
    """CycleGAN on real data at the laptop's defaults, by precision, with feeds; and what reads a batch."""
    recipe = cyclegan(a, b, budget="laptop")
    for source in recipe.data.values():
        source.scan()
    first, found = Trainer(recipe, device), {}
    for kind in ("fp32", "bf16"):
        trainer = deepcopy(first)  # pseudo-pairs are looked for once
        trainer.run = replace(recipe.run, precision=kind)
        found[kind] = trainer, batches(recipe.data, recipe.run.batch, 0, 10**9, device)

    def read() -> None:
        for source in recipe.data.values():
            source.domain.normalise(source.rows(range(recipe.run.batch)))

    return found, read


def cyclegan_recipe(side: int, batch: int, precision: str, width: int = 64, **how):
    a, b = (Fixed(Images(side, side), batch, seed) for seed in (1, 2))
    recipe = cyclegan(a.domain, b.domain, batch=batch, precision=precision, budget="full", identity=5.0, cycle=10.0,
                      generator="resnet", width=width, blocks=9, critic="patch", layers=3, **how)  # fmt: skip
    return recipe, {"a": a, "b": b}


def reference_step(device: torch.device, side: int, batch: int):
    """(the step, its pictures)"""
    torch.manual_seed(0)
    step = reference.Step(device)
    for net in step.networks():
        init_gan(net)
    domain = Images(side, side)
    pictures = [domain.normalise(Fixed(domain, batch, seed).batch.to(device)).x for seed in (1, 2)]
    return step, pictures


def gan_trainer(device: torch.device, model: str, batch: int, precision: str):
    x = Fixed(Images(64, 64), batch, 1)
    recipe = gan({"x": x.domain}, model=model, batch=batch, width=64, noise=100, precision=precision, budget="full")
    return trainer_of(recipe, {"x": x}, device)


def reference_gan(device: torch.device, model: str, batch: int):
    step = {"dcgan": reference_gans.DCGAN, "wgan-gp": reference_gans.WGANGP}[model](device)
    for net in (step.g, step.d):
        init_gan(net)
    domain = Images(64, 64)
    return step, domain.normalise(Fixed(domain, batch, 1).batch.to(device)).x


def give_weights(ours, theirs) -> None:
    """Layer by layer in order. Biases that only one of them has are zero at the start, or cancelled by a norm."""

    def layers(net):
        return [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]

    with torch.no_grad():
        for mine, other in zip(layers(ours), layers(theirs), strict=True):
            turned = isinstance(mine, nn.Linear) and isinstance(other, nn.ConvTranspose2d)  # of noise
            other.weight.copy_((mine.weight.T if turned else mine.weight).reshape(other.weight.shape))
            if mine.bias is not None and other.bias is not None:
                other.bias.copy_(mine.bias)


# a GPU's convolutions round to ten bits unless they are told not to
exactly = partial(torch.backends.cudnn.flags, enabled=True, deterministic=True, allow_tf32=False)


@exactly()
def check_step(device: torch.device, side: int, batch: int = 1) -> None:
    trainer, feed = cyclegan_trainer(device, side, batch, "fp32")
    theirs, pictures = reference_step(device, side, batch)
    system = trainer.system
    for ours, other in zip((system.a2b, system.b2a, system.d_a, system.d_b), theirs.networks()):
        give_weights(ours, other)
    trainer.train_step(feed)
    assert_same(trainer.means(), theirs(*pictures))


@exactly()
def check_gan(device: torch.device, model: str, batch: int = 16) -> None:
    """The first loss of each player, from the same noise."""
    trainer, feed = gan_trainer(device, model, batch, "fp32")
    theirs, x = reference_gan(device, model, batch)
    for ours, other in ((trainer.system.g, theirs.g), (trainer.system.d, theirs.d)):
        give_weights(ours, other)
    trainer.lr["d"] = theirs.adam_d.param_groups[0]["lr"] = 0.0  # both players' losses are those of the same weights
    d, g = trainer.system.updates[:2]
    drawn = next(feed)
    torch.manual_seed(7)
    trainer.update(d, drawn)
    if model == "dcgan":  # one fake for both players
        torch.manual_seed(7)
    trainer.update(g, drawn)
    torch.manual_seed(7)
    assert_same(trainer.means(), theirs(x) if model == "dcgan" else theirs.judge(x) | theirs.draw(len(x)))


def assert_same(ours: dict[str, float], theirs: dict) -> None:
    for name, value in theirs.items():
        value = float(value.detach())
        if not abs(ours[name] - value) <= SAME * max(abs(value), 0.1):
            raise AssertionError(f"{name} is {ours[name]:.7g}, the reference's {value:.7g}: nothing was timed")


def memory_of_step(device: torch.device, kind: str) -> tuple[Variant, Variant]:
    """(what makes Adam's state, a step of 256 pixels)"""
    if kind == "reference":
        step, pictures = reference_step(device, 256, 1)
        optimisers, run = [step.adam_g, step.adam_d], partial(step, *pictures)
    else:
        trainer, feed = cyclegan_trainer(device, 256, 1, kind)
        optimisers, run = [*trainer.optimisers.values()], partial(trainer.train_step, feed)

    def prime() -> None:
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                for p in group["params"]:
                    p.grad = torch.zeros_like(p)
            optimiser.step()
            optimiser.zero_grad()

    return prime, run


def cyclegan_translator(device: torch.device, precision: str):
    """Untrained: what it costs does not depend on its weights."""
    recipe, data = cyclegan_recipe(256, 1, precision)
    recipe = replace(recipe, data=data)
    config = {
        "recipe": "cyclegan",
        "args": recipe.args,
        "domains": {k: s.domain.spec() for k, s in recipe.data.items()},
    }
    return Translator(bundle.parts(recipe.system()), config, str(device.type), precision)


def jpegs(folder: Path, side: int, n: int) -> list[Path]:
    """The built-in photographs, scaled and cut to side x side."""
    files = find("photos", "a").train
    for i in range(n):
        picture = cv2.imread(str(files[i % len(files)]))
        short = min(picture.shape[:2])
        picture = cv2.resize(picture[:short, :short], (side, side), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{i:03d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return sorted(folder.glob("*.jpg"))


class Peer:
    """A process that takes a step of the peer's when it is called, and says what that cost."""

    def __init__(self, folder: Path, side: int, device: torch.device):
        if not (folder / "options" / "train_options.py").is_file():
            raise UserError(
                f"--peer {folder}: it has no options/train_options.py: give a checkout of the widely used CycleGAN implementation"
            )
        command = [sys.executable, peer.__file__, str(folder.resolve()), str(side), str(device)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self) -> float:
        try:
            self.process.stdin.write("step\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline())
        except (OSError, ValueError):
            raise UserError("--peer: its step failed, see above; install what it needs beside this project") from None

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
