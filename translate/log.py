"""What a person sees of a run: a bar or plain lines, stats.jsonl, TensorBoard, and one HTML page, `index.html`.

The page shows what lies in the run's folder, and nothing in it is loaded from elsewhere. rich, jinja2, PIL and
tensorboard are imported where they are used, so that a command line that imports this module answers at once.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import re
import secrets
import shlex
import sys
import time
from collections import deque
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from .errors import UserError

POINTS = 400  # of a curve on the page
FRAMES = 24  # earlier samples on the page
NEWEST_BYTES = 1_500_000  # of the newest sample's pictures, and of its audio, inside the page
EARLIER_BYTES = 120_000  # of an earlier sample; the page stays below 8 MB
PAGE_SECONDS = 15  # between two writes of the page while training
LINE_SECONDS = 10  # between two plain lines
BAR_SECONDS = 0.2  # the bar is drawn by the training thread itself: rich's own thread would hold a lock across a fork

KINDS = {
    "image": {".png", ".jpg", ".jpeg", ".webp", ".gif"},
    "audio": {".wav", ".flac", ".mp3", ".ogg"},
    "text": {".txt", ".tsv"},
    "html": {".html"},
}
WORDS = {
    "adv": "Adversarial",
    "cycle": "Cycle consistency",
    "identity": "Identity",
    "d": "Discriminator",
    "grad": "Gradient norm",
    "lr": "Learning rate",
    "rate": "Steps a second",
    "seconds": "Seconds",
}
MACHINERY = ("grad", "lr", "rate", "seconds")  # families that are no losses


class NoLog:
    """The log of every process but the first: says nothing, writes nothing."""

    def log(self, step: int, stats: dict[str, float]) -> None: ...
    def advance(self, step: int) -> None: ...
    def pictures(self, step: int, files: list[Path]) -> None: ...
    def scores(self, step: int, scores: dict[str, float]) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self, state: str) -> None: ...


class RunLog:
    """The log of the first process. Tell it all about a step before that step's checkpoint is saved, and a resumed run
    has each line once."""

    def __init__(
        self,
        out: Path,
        steps: int,
        start: int,
        title: str,
        paper: str = "",
        command: str = "",
        facts: dict | None = None,
    ):
        """Forgets what an interrupted run logged after `start`, and shows the first page.

        facts: what config.yaml holds, plain values and sections of them.
        """
        self.out, self.steps, self.start, self.title = Path(out), steps, start, title
        self.paper, self.command, self.facts = paper, command, facts or {}
        self.started, self.state = datetime.now().astimezone(), "training"
        self.begun = self.moved = time.monotonic()
        self.step = start
        self.marks: deque[tuple[float, int]] = deque(maxlen=60)  # (time, step) of about the last minute, for the rate
        self.drawn = self.printed = self.paged = -math.inf
        self.losses = ""

        self.curves: dict[str, Curve] = {}
        self.validation: list[dict] = []
        path = self.out / "stats.jsonl"
        with writing(path):
            replace(path, (self._remember(line) for line in lines_until(path, start)))
            self.file = open(path, "a")

        self.frames: dict[int, list[Path]] = {}
        self.cache: dict[tuple, str] = {}  # of encoded pictures on the page
        for path in sorted((self.out / "samples").glob("step_*")):
            number = re.match(r"step_(\d+)", path.name)
            if number and path.is_file():
                if int(number[1]) > start:
                    path.unlink()
                else:
                    self.frames.setdefault(int(number[1]), []).append(path)

        try:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(self.out / "tensorboard"), purge_step=start + 1)
        except ImportError:
            self.board = None
        self.bar = None
        if sys.stdout.isatty():
            self.bar = new_bar()
            self.task = self.bar.add_task("", total=steps, completed=start, text="")
            self.bar.start()
            self.bar.console.show_cursor()  # which a crash would leave hidden
        since = f" from step {start:,}" if start else ""
        self.note(f"{title}{since}, to step {steps:,}. Page: {self.out / 'index.html'}")
        self._page()

    def log(self, step: int, stats: dict[str, float]) -> None:
        self._write(step, stats)
        self.losses = summary(stats)
        now = time.monotonic()
        if not self.bar and now - self.printed >= LINE_SECONDS:
            self.printed = now
            self.note(self._text())
        if now - self.paged >= PAGE_SECONDS:
            self._page()

    def advance(self, step: int) -> None:
        self.step, self.moved = step, time.monotonic()
        now = self.moved
        if not self.marks or now - self.marks[-1][0] >= 1:  # from the end of the first step on, which may have compiled
            self.marks.append((now, step))
        if self.bar and now - self.drawn >= BAR_SECONDS:
            self.drawn = now
            self.bar.update(self.task, completed=step, text=self._text(), refresh=True)

    def pictures(self, step: int, files: list[Path]) -> None:
        """files: what a domain's preview just wrote into `samples/`, whatever they are."""
        self.frames[step] = [Path(f) for f in files]
        if self.board:
            import numpy as np
            from PIL import Image

            for path in self.frames[step]:
                if kind(path) == "image":
                    with Image.open(path) as image:
                        pixels = np.asarray(image.convert("RGB"))
                    with writing(self.out / "tensorboard"):
                        self.board.add_image(name_of(path), pixels, step, dataformats="HWC")
        self._page()

    def scores(self, step: int, scores: dict[str, float]) -> None:
        """Validation scores, lower is better; `score`, or else the first of them, says which step is best."""
        self._write(step, {f"val/{key}": value for key, value in scores.items()})
        best = " (best so far)" if self._best() is self.validation[-1] else ""
        self.note(f"step {step:,}: " + ", ".join(f"{k} {float(v):.4g}" for k, v in scores.items()) + best)
        self._page()

    def note(self, text: str) -> None:
        """A line above the bar."""
        if self.bar:
            self.bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)

    def close(self, state: str) -> None:
        """state: "finished", "stopped", or "failed: " and a sentence."""
        self.state = state
        self._page()
        if self.bar:
            self.bar.update(self.task, completed=self.step, text=self._text(), refresh=True)
            self.bar.stop()
            self.bar = None
        self.note(f"{state} at step {self.step:,} after {duration(time.monotonic() - self.begun)}")
        for file in filter(None, (self.file, self.board)):
            with suppress(OSError):  # a full disk was reported when it was met
                file.close()

    def _write(self, step: int, numbers: dict[str, float]) -> None:
        with writing(self.out / "stats.jsonl"):
            self.file.write(self._remember({"step": step} | {key: finite(value) for key, value in numbers.items()}))
            self.file.flush()
        if self.board:
            with writing(self.out / "tensorboard"):
                for key, value in numbers.items():
                    self.board.add_scalar(key, float(value), step)

    def _remember(self, line: dict) -> str:
        """Keeps what the page shows of a line of stats.jsonl; returns its text."""
        if any(key.startswith("val/") for key in line):
            self.validation.append(line)
        else:
            for key, value in line.items():
                if key != "step":
                    self.curves.setdefault(key, Curve()).add(line["step"], value)
        return json.dumps(line) + "\n"

    def _best(self) -> dict | None:
        keys = [key for line in self.validation for key in line if key.startswith("val/")]
        main = "val/score" if "val/score" in keys else keys[0] if keys else ""
        scored = [line for line in self.validation if line.get(main) is not None]
        return min(scored, key=lambda line: line[main], default=None)

    def _rate(self) -> float | None:
        """Steps a second over about the last minute."""
        before, first = self.marks[0] if self.marks else (self.moved, self.step)
        return (self.step - first) / (self.moved - before) if self.moved > before else None

    def _left(self) -> str:
        rate = self._rate()
        return duration((self.steps - self.step) / rate) if rate and self.step < self.steps else ""

    def _text(self) -> str:
        """12,500/400,000  2.31 steps/s  1h 30m, 46h left  adv 0.31 cycle 0.84"""
        rate, left = self._rate(), self._left()
        parts = [f"{self.step:,}/{self.steps:,}", pace(rate), duration(time.monotonic() - self.begun)]
        parts[-1] += f", {left} left" if left else ""
        return "  ".join(part for part in [*parts, self.losses] if part)

    # the page

    def _page(self) -> None:
        """Rewrites index.html. A page that cannot be written is no reason to end a run that trains."""
        self.paged = time.monotonic()
        try:
            replace(self.out / "index.html", [self._render()])
        except OSError as error:
            self.note(f"{self.out / 'index.html'} was not written: {error.strerror or error}")

    def _render(self) -> str:
        from jinja2 import Environment, FileSystemLoader

        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        state, _, reason = self.state.partition(": ")
        frames = self._frames()
        best = self._best()
        return environment.get_template("page.html.j2").render(
            title=self.title,
            name=self.out.resolve().name,
            paper=re.split(r"(arXiv:\d{4}\.\d{4,5})", self.paper),
            command=self.command,
            state=state,
            reason=reason,
            step=self.step,
            start=self.start,
            steps=self.steps,
            pace=pace(self._rate()),
            left=self._left(),
            elapsed=duration(time.monotonic() - self.begun),
            started=self.started,
            written=datetime.now().astimezone(),
            device=self.facts.get("environment", self.facts).get("device", ""),
            frames=frames,
            hidden=len(self.frames) - len(frames),
            columns=list(dict.fromkeys(k for line in self.validation for k in line if k != "step")),
            validation=self.validation,
            best=best,
            curves=self._curves(best),
            config=tables(self.facts),
            places=self._places(),
            board=shlex.quote(str(self.out / "tensorboard")) if self.board else "",
            nonce=secrets.token_urlsafe(16),  # of the page's own script: no other one runs
        )

    def _frames(self) -> list[dict]:
        """The newest sample in full, and at most FRAMES earlier ones as previews."""
        steps = sorted(self.frames)
        stride = 1  # powers of two, so that a longer run drops frames and encodes none again
        while len(steps[:-1:stride]) > FRAMES:
            stride *= 2
        self.used = set()
        frames = []
        for step in steps[:-1:stride] + steps[-1:]:
            files = self.frames[step]
            items = [self._item(path, len(files), step == steps[-1]) for path in files]
            first = next((path for path in files if kind(path) == "image"), None)
            frames.append({"step": step, "items": items, "thumb": self._picture(first, 240, 20_000) if first else ""})
        self.cache = {key: uri for key, uri in self.cache.items() if key in self.used}
        return frames

    def _picture(self, path: Path, width: int, limit: int) -> str:
        """A data URI; empty where somebody removed the file."""
        key = (path, width)
        self.used.add(key)
        if not self.cache.get(key):
            try:
                self.cache[key] = encode_picture(path, width, limit)
            except OSError:
                return ""
        return self.cache[key]

    def _item(self, path: Path, among: int, newest: bool) -> dict:
        """One sample file as the page shows it. among: how many files share the sample's bytes."""
        what, href = kind(path), "samples/" + quote(path.name, errors="surrogateescape")
        limit = (NEWEST_BYTES if newest else EARLIER_BYTES) // among
        try:
            if what == "image":
                source = self._picture(path, 4096 if newest else 720, limit) or None
            elif what == "audio" and newest and path.stat().st_size <= limit:
                source = data_uri(f"audio/{path.suffix[1:].lower()}", path.read_bytes())
            elif what in ("text", "html"):
                with open(path, errors="replace") as f:
                    source = f.read(limit // 8)
            else:
                source = href
        except OSError:
            source = None
        group = "seen" if what in ("image", "text", "html") else "heard"
        return {
            "kind": "missing" if source is None else what,
            "group": group,
            "name": name_of(path),
            "href": href,
            "source": source,
        }

    def _curves(self, best: dict | None) -> dict:
        losses = {key: c for key, c in self.curves.items() if family(key) not in MACHINERY}
        machinery = {key: c for key, c in self.curves.items() if key not in losses}
        scores: dict[str, Curve] = {}
        for line in self.validation:
            for key, value in line.items():
                if key != "step":
                    scores.setdefault(key.removeprefix("val/"), Curve()).add(line["step"], value)
        return {
            "best": best["step"] if best else None,
            "validation": charts(scores),
            "losses": charts(losses),
            "machinery": charts(machinery),
        }

    def _places(self) -> list[dict]:
        """What lies in the folder besides the page, with a word on what it is for."""
        found = sorted((self.out / "checkpoints").glob("step_*"))
        places = [
            ("final/", "the translator as it came out of training"),
            ("best/", "the translator with the best validation score"),
            ("checkpoints/", "what the same command continues from: " + ", ".join(p.name for p in found[-3:])),
            ("samples/", "every sample, in full"),
            ("stats.jsonl", "every logged number, one JSON object a line"),
            ("config.yaml", "recipe, arguments, versions"),
        ]
        return [{"href": place, "text": text} for place, text in places if (self.out / place).exists()]


class Curve:
    """At most POINTS points of a series of any length: neighbours are averaged whenever it grows longer."""

    def __init__(self):
        self.full: list[tuple[int, float | None]] = []
        self.pending: list[tuple[int, float | None]] = []  # less than a point's worth
        self.stride = 1  # values a point
        self.gaps = 0  # values that were not finite

    def add(self, step: int, value: float | None) -> None:
        self.gaps += value is None
        self.pending.append((step, value))
        if len(self.pending) == self.stride:
            self.full.append(merged(self.pending))
            self.pending = []
        if len(self.full) == POINTS:
            self.full = [merged(pair) for pair in zip(self.full[::2], self.full[1::2])]
            self.stride *= 2

    def points(self) -> list[tuple[int, float | None]]:
        points = self.full + ([merged(self.pending)] if self.pending else [])
        return [(step, value if value is None else float(f"{value:.5g}")) for step, value in points]


def merged(points) -> tuple[int, float | None]:
    values = [value for _, value in points if value is not None]
    return points[-1][0], sum(values) / len(values) if values else None


def finite(value: float) -> float | None:
    """None where JSON has no word for it."""
    value = float(value)
    return value if math.isfinite(value) else None


def family(key: str) -> str:
    """cycle_a -> cycle, self_bleu_a2b -> self_bleu"""
    return key.rpartition("_")[0] or key


def charts(curves: dict[str, Curve]) -> list[dict]:
    """One chart a family of keys, in the order in which they were logged."""
    families = list(dict.fromkeys(map(family, curves)))
    ordered = sorted(curves, key=lambda key: (families.index(family(key)), key))
    return [
        {
            "title": WORDS.get(name, name),
            "code": name,
            "lines": [
                {"name": key.removeprefix(name).lstrip("_"), "points": curves[key].points(), "gaps": curves[key].gaps}
                for key in keys
            ],
        }
        for name, keys in groupby(ordered, family)
    ]


def summary(stats: dict[str, float]) -> str:
    """The losses in short, domains averaged: adv 0.31 cycle 0.84"""
    groups: dict[str, list[float]] = {}
    for key, value in stats.items():
        if family(key) not in MACHINERY:
            groups.setdefault(family(key), []).append(float(value))
    return " ".join(f"{name} {sum(values) / len(values):.3g}" for name, values in groups.items())


def duration(seconds: float) -> str:
    """Its two largest units: 1d 23h, 2h 05m, 3m 20s, 12s"""
    s = round(seconds)
    if s < 60:
        return f"{s}s"
    if s < 3600:
        return f"{s // 60}m {s % 60:02}s"
    if s < 86400:
        return f"{s // 3600}h {s % 3600 // 60:02}m"
    return f"{s // 86400}d {s % 86400 // 3600:02}h"


def pace(rate: float | None) -> str:
    if not rate:
        return ""
    if rate >= 100:
        return f"{rate:,.0f} steps/s"
    return f"{rate:.3g} steps/s" if rate >= 1 else f"{1 / rate:.3g} s/step"


def lines_until(path: Path, start: int):
    """The lines of a stats.jsonl up to a step. A kill leaves a last line half-written: it is dropped."""
    if not path.exists():
        return
    with open(path, errors="replace") as f:
        for text in f:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and isinstance(line.get("step"), int) and line["step"] <= start:
                yield line


def replace(path: Path, text: Iterable[str]) -> None:
    """A reader, or a kill, meets the old file or the new one."""
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        with open(temporary, "w", encoding="utf-8", errors="replace") as f:
            f.writelines(text)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def writing(path: Path):
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path} could not be written ({reason}): make room, then repeat the command") from error


def kind(path: Path) -> str:
    return next((name for name, suffixes in KINDS.items() if path.suffix.lower() in suffixes), "other")


def name_of(path: Path) -> str:
    """step_000500_a_b.wav -> a → b, step_000500_all_rows.png -> all rows"""
    name = re.sub(r"^step_\d+_?", "", path.stem)
    return name.replace("_", " → " if re.fullmatch("[a-z](_[a-z])+", name) else " ") or "samples"


def data_uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def encode_picture(path: Path, width: int, limit: int) -> str:
    """A data URI: the file as it is where it is small enough, otherwise a JPEG within `width` and `limit` bytes."""
    from PIL import Image

    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        if len(content) <= limit and image.width <= width:
            return data_uri(Image.MIME[image.format], content)
        image = image.convert("RGB")
    share = min(1.0, width / image.width)
    while True:
        size = max(1, round(image.width * share)), max(1, round(image.height * share))
        buffer = io.BytesIO()
        image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=85)
        if buffer.tell() <= limit or max(size) < 32:
            return data_uri("image/jpeg", buffer.getvalue())
        share *= 0.8


def tables(facts: dict) -> list[dict]:
    """Titled rows: what stands at the top first, then a table for each section."""
    sections = {key: value for key, value in facts.items() if isinstance(value, dict)}
    top = {key: value for key, value in facts.items() if key not in sections}
    return [
        {"title": title, "rows": [(key, shown(value)) for key, value in rows.items()]}
        for title, rows in [("run", top), *sections.items()]
        if rows
    ]


def shown(value) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return "–" if value is None else str(value)


def new_bar():
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    one_line = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    text = TextColumn("{task.fields[text]}", markup=False, table_column=one_line)
    return Progress(BarColumn(bar_width=10), text, auto_refresh=False, expand=True)
