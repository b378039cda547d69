"""train(): the only training loop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from . import bundle, checkpoint, runtime
from .ema import EMA
from .errors import UserError
from .feed import batches, drawn
from .graphs import graphs
from .recipe import Recipe, Run, Source
from .sample import Sample
from .system import Losses, System, Update


class Trainer:
    """Everything that changes while training, and the one step that changes it."""

    def __init__(self, recipe: Recipe, device: torch.device):
        self.run, self.device = recipe.run, device
        runtime.keep_memory()
        torch.backends.cudnn.benchmark = True  # every step has the same shapes: the fastest kernels are worth a search
        runtime.seed_all(self.run.seed)  # equal weights on all processes
        self.system: System = runtime.place(recipe.system(), device)
        runtime.seed_all(self.run.seed + 1 + runtime.rank())  # noise of their own
        lr = self.run.lr
        self.lr = {player: lr[player] if isinstance(lr, dict) else lr for player in self.system.players()}
        self.optimisers = {player: self.adam(player) for player in self.system.players()}
        self.graphs = graphs(device, self.run.steps)
        named = dict(self.system.named_parameters())
        self.ema = EMA({n: named[n] for player in self.system.ema for n in self.system.names_of(player)}, self.run.ema)
        self.step = 0
        self.seconds = 0.0  # spent training, over all starts
        # what an update logs -> sums, how many were finite, how many: since the last log, on the device, no step waits for it
        self.sums: dict[tuple[str, ...], tuple[Tensor, Tensor, int]] = {}

    def adam(self, player: str) -> torch.optim.Adam:
        """Its learning rate lies on the device, where a recorded step finds the new one."""
        lr = torch.full((), self.lr[player], device=self.device)
        how = dict(fused=True, capturable=self.device.type == "cuda")
        return torch.optim.Adam(self.system.parameters_of(player), lr, self.run.betas, **how)

    def feed(self, data: dict[str, Source], first: int, last: int) -> Iterator[dict[str, Sample]]:
        """The batches of steps `first` to `last`."""
        n, some = draws(self.system), self.system.at_once
        chosen = (lambda i: drawn(data, some, self.run.seed, i // n)) if some else None
        return batches(data, self.run.batch, first * n, last * n, self.device, chosen)

    def train_step(self, feed) -> None:
        """All updates of one step. Updates of the same repetition share a batch."""
        fresh: list[dict[str, Sample]] = [next(feed) for _ in range(draws(self.system))]
        for update in self.system.updates:
            if update.active(self.step):
                for r in range(update.repeat):
                    self.update(update, fresh[r])
        self.step += 1
        self.ema.update(self.step)

    def update(self, update: Update, batch: dict[str, Sample]) -> None:
        """One optimiser step of one player."""
        for group in self.optimisers[update.player].param_groups:
            group["lr"].fill_(self.lr[update.player] * lr_share(self.run, self.step))
        run = partial(self.launch, update)
        self.record(*(self.graphs(update, run, batch) if self.graphs else run(batch)))

    def launch(self, update: Update, batch: dict[str, Sample]) -> tuple[tuple[str, ...], Tensor]:
        """What the device does for an update; the names and values of its terms. Every other player is frozen before the forward pass."""
        player, optimiser = update.player, self.optimisers[update.player]
        rows = len(next(iter(batch.values())))
        micro = self.run.micro or rows
        parameters = self.system.parameters_of(player)
        terms: list[tuple[str, Tensor]] = []
        with only(parameters, self.system):
            for first in range(0, rows, micro):
                part = {key: s[first : first + micro] for key, s in batch.items()}
                share = len(next(iter(part.values()))) / rows  # the last part may be smaller
                for losses in self.losses(update.loss or f"loss_{player}", part):
                    (sum(losses.values()) * (update.every * share)).backward()
                    terms += [(key, t.detach()) for key, t in losses.items()]
        runtime.average_gradients(parameters)
        used = [p for p in parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in used])
        if self.run.clip:
            torch.nn.utils.clip_grads_with_norm_(used, self.run.clip, norm)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        names, values = zip(*terms, (f"grad_{player}", norm))
        return names, torch.stack([t.float() for t in values])

    def losses(self, method: str, batch: dict[str, Sample]) -> Iterator[Losses]:
        """What a loss method returns, or yields: then what is consumed of it is freed before the rest is computed."""
        with runtime.autocast(self.device, self.run.precision):
            given = getattr(self.system, method)(**batch)
        if isinstance(given, dict):
            yield given
            return
        while True:
            with runtime.autocast(self.device, self.run.precision):
                losses = next(given, None)
            if losses is None:
                return
            yield losses

    def record(self, names: tuple[str, ...], values: Tensor) -> None:
        total, finite, n = self.sums.get(names, (0, 0, 0))
        self.sums[names] = total + values, finite + values.isfinite(), n + 1

    def means(self) -> dict[str, float]:
        """Of each term since the last `forget`; raises NotFinite with the term that was the first to go."""
        if not self.sums:
            return {}
        keys = [
            key for group in self.sums for key in group
        ]  # a term may belong to several: of pairs that share a domain
        stacked = torch.cat(
            [torch.stack([total, finite, torch.full_like(total, n)]) for total, finite, n in self.sums.values()], 1
        )
        whole: dict[str, tuple[float, ...]] = {}
        for key, *new in zip(keys, *stacked.tolist()):  # the one wait
            whole[key] = tuple(map(sum, zip(whole.get(key, (0, 0, 0)), new)))
        share = {key: finite / n for key, (_, finite, n) in whole.items()}
        first = min(share, key=share.__getitem__)
        if share[first] < 1:
            raise NotFinite(first)
        return {key: total / n for key, (total, _, n) in whole.items()}

    def forget(self) -> None:
        self.sums = {}

    def shared_state(self) -> dict:
        """Equal on all processes."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "steps": self.run.steps,
            "threads": torch.get_num_threads(),
            "parameters": {k: t for k, t in self.system.state_dict().items() if k in self._parameter_names()},
            "optimisers": {player: o.state_dict() for player, o in self.optimisers.items()},
            "ema": self.ema.average,
        }

    def own_state(self) -> dict:
        """This process's: pools, schedules, statistics, random states."""
        state = {k: t for k, t in self.system.state_dict().items() if k not in self._parameter_names()}
        return {"buffers": state, "random": runtime.random_states()}

    def load(self, shared: dict, own: dict) -> None:
        self.step, self.seconds = shared["step"], shared["seconds"]
        self.system.load_state_dict(shared["parameters"] | own["buffers"])
        for player, o in self.optimisers.items():
            own_groups = o.param_groups
            o.load_state_dict(shared["optimisers"][player])
            for group, mine in zip(o.param_groups, own_groups):  # the learning rate's place, and what the device can
                group |= {key: mine[key] for key in ("lr", "capturable")}
            for (
                p,
                state,
            ) in o.state.items():  # fused Adam reads memory as it lies: a moment in another layout is another moment
                state |= {key: torch.empty_like(p).copy_(t) for key, t in state.items() if t.shape == p.shape}
        for name, t in self.ema.average.items():
            t.copy_(shared["ema"][name])
        runtime.set_random_states(own["random"])

    def _parameter_names(self) -> set[str]:
        return {name for name, _ in self.system.named_parameters(remove_duplicate=False)}


class NotFinite(Exception):
    """A loss term or gradient norm became NaN or infinite; the message is its name."""


def draws(system: System) -> int:
    return max(update.repeat for update in system.updates)


def lr_share(run: Run, step: int) -> float:
    """1, then down to zero over the last `decay` of the steps (CycleGAN section 4)."""
    flat = run.steps * (1 - run.decay)
    return 1.0 if step < flat else (run.steps - step) / max(run.steps - flat, 1)


@contextmanager
def only(parameters: list[Tensor], system: System):
    """Gradients reach these parameters alone."""
    before = {p: p.requires_grad for p in system.parameters()}
    mine = set(parameters)
    for p in before:
        p.requires_grad_(p in mine)
    try:
        yield
    finally:
        for p, wanted in before.items():
            p.requires_grad_(wanted)


def train(recipe: Recipe, out: Path, device: torch.device, open_log) -> int:
    """Trains until `recipe.run.steps`, from the newest checkpoint in `out` if there is one.

    open_log: first step -> translate/log.py's RunLog or NoLog.
    Returns 0, or the signal (SIGINT, SIGTERM) that stopped it, with a checkpoint of that very step.
    """
    run, trainer, first = recipe.run, Trainer(recipe, device), runtime.rank() == 0
    notes = resume(trainer, out)
    log = open_log(trainer.step)
    for note in notes:
        log.note(note)
    best = bundle.score(out / "best")
    feed = trainer.feed(recipe.data, trainer.step, run.steps)
    n = trainer.system.shown
    shown = {key: source.domain.normalise(source.preview(n).to(device)) for key, source in recipe.data.items()}

    def due(every: int) -> bool:
        return trainer.step % every == 0 or trainer.step == run.steps

    with runtime.StopSignal() as stop:
        clock, since, since_step = time.monotonic() - trainer.seconds, trainer.seconds, trainer.step
        while trainer.step < run.steps:
            trainer.train_step(feed)
            log.advance(trainer.step)
            stopping = stop.agreed()
            saving = stopping or due(run.save_every)
            if due(run.log_every) or due(run.judge_every) or saving:
                means = means_or_stop(trainer, out)
                if due(run.log_every):
                    trainer.seconds = time.monotonic() - clock
                    rate = (trainer.step - since_step) / (trainer.seconds - since)
                    since, since_step = trainer.seconds, trainer.step
                    lr = {f"lr_{player}": o.param_groups[0]["lr"].item() for player, o in trainer.optimisers.items()}
                    log.log(trainer.step, means | lr | {"rate": rate, "seconds": trainer.seconds})
                    trainer.forget()
            if first and due(run.sample_every):
                with showing(trainer), runtime.autocast(device, run.precision):
                    rows = trainer.system.sample(**shown)
                log.pictures(trainer.step, preview(recipe, rows, out / "samples" / f"step_{trainer.step:06d}"))
            if first and recipe.judge and due(run.judge_every):
                with showing(trainer):
                    scores = recipe.judge(trainer.system, recipe.data)
                    log.scores(trainer.step, scores)
                    if scores["score"] < best:
                        best = scores["score"]
                        bundle.export(out / "best", trainer.system, recipe, trainer.step, scores)
            if saving:
                checkpoint.save(out, trainer.step, trainer.shared_state(), trainer.own_state(), run.keep)
            if stopping and trainer.step < run.steps:
                log.close("stopped")
                return stopping
    if first:
        with showing(trainer):
            bundle.export(out / "final", trainer.system, recipe, trainer.step, {})
    log.close("finished")
    return 0


def resume(trainer: Trainer, out: Path) -> list[str]:
    """Loads the newest sound checkpoint; returns what the user should know."""
    found = checkpoint.load_latest(out)
    if not found:
        return []
    _, shared, own = found
    try:
        trainer.load(shared, own)
    except (RuntimeError, KeyError, ValueError) as error:
        raise UserError(
            f"{out} was begun by a version of unpaired whose networks were others: go on with that version (`git` in its "
            "config.yaml), or start anew with another --out"
        ) from error
    notes = [f"resuming at step {trainer.step}"]
    if shared["steps"] != trainer.run.steps:
        notes.append(f"--steps was {shared['steps']}, now {trainer.run.steps}: the learning-rate schedule is stretched")
    if shared["threads"] != torch.get_num_threads():
        notes.append(
            f"threads were {shared['threads']}, now {torch.get_num_threads()}: the result will not be bit-identical"
        )
    return notes


def means_or_stop(trainer: Trainer, out: Path) -> dict[str, float]:
    try:
        return trainer.means()
    except NotFinite as term:
        last = next(iter(checkpoint.checkpoints(out)), "none")
        raise UserError(
            f"{term} is not finite near step {trainer.step}: stopped, and nothing was saved from it; the last good checkpoint is "
            f"{last}; a smaller --lr or --precision fp32 usually helps"
        ) from None


def preview(recipe: Recipe, rows: dict[str, Sample], stem: Path) -> list[Path]:
    """One picture for each source that is shown: input, translation, cycle, or samples beside real ones."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = []
    for key, source in recipe.data.items():
        mine = {}
        for name, s in rows.items():
            first, *_, last = name.split("_") * 2
            if first == key:
                side = recipe.data[last if last in recipe.data else key]  # whose view of the world the row is in
                mine[title(name, recipe.data)] = side.domain.denormalise(s.to("cpu"))
        files += source.domain.preview(mine, stem.with_name(f"{stem.name}_{key}")) if mine else []
    return files


def title(row: str, keys: Iterable[str]) -> str:
    """a_b_a -> a → b → a, x_again -> again"""
    first, *others = row.split("_")
    return " → ".join([first, *others]) if set(others) <= set(keys) else " ".join(others)


@contextmanager
def showing(trainer: Trainer):
    """Averaged weights, no gradients, and training's random numbers left alone; no search for kernels: whole items have many shapes."""
    fixed = torch.backends.cudnn.flags(enabled=True, benchmark=False)
    with trainer.ema.swapped(), runtime.preserved_randomness(), torch.no_grad(), fixed:
        trainer.system.eval()
        yield
        trainer.system.train()
