import base64
import inspect
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.errors import UserError
from translate.log import FRAMES, POINTS, Curve, NoLog, RunLog, encode_picture

HOSTILE = "\"'><script>alert(1)<!--<img src=x onerror=alert(2)>"


def open_log(out: Path, start: int = 0, **kw) -> RunLog:
    return RunLog(out, 100, start, **{"title": "Photo → Van Gogh", **kw})


def train(log: RunLog, steps: range) -> None:
    for step in steps:
        log.advance(step)
        log.log(step, {"adv_a": 1 / step, "cycle_a": 2.0})


def picture(out: Path, step: int, name: str = "a") -> Path:
    path = out / "samples" / f"step_{step:06d}_{name}.png"
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (40, 30), (step % 256, 90, 160)).save(path)
    return path


def strict(text: str):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def stats(out: Path) -> list[dict]:
    return [strict(line) for line in (out / "stats.jsonl").read_text().splitlines()]


class Page(HTMLParser):
    """What a browser would make of the page: its tags, and the text of its scripts."""

    def __init__(self, out: Path):
        super().__init__()
        self.tags, self.scripts, self.text = [], [], ""
        self.source = (out / "index.html").read_text()
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)
        self.text += data

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]

    def curves(self) -> dict:
        return strict(self.scripts[0])


def test_a_resumed_run_logs_each_step_once(tmp_path):
    log = open_log(tmp_path)
    train(log, range(1, 10))
    log.scores(5, {"score": 0.5})
    log.scores(9, {"score": 0.1})
    for step in (5, 9):
        log.pictures(step, [picture(tmp_path, step)])
    with open(tmp_path / "stats.jsonl", "a") as f:
        f.write('{"step": 10, "adv_a": 0.')  # killed in the middle of a line
    log = open_log(tmp_path, start=6)
    assert [p.name for p in (tmp_path / "samples").iterdir()] == ["step_000005_a.png"]
    train(log, range(7, 13))
    log.scores(9, {"score": 0.2})
    log.close("finished")

    lines = stats(tmp_path)
    assert [line["step"] for line in lines if "adv_a" in line] == list(range(1, 13))
    assert [(line["step"], line["val/score"]) for line in lines if "val/score" in line] == [(5, 0.5), (9, 0.2)]
    (line,) = Page(tmp_path).curves()["losses"][0]["lines"]
    assert [step for step, _ in line["points"]] == list(range(1, 13))


def test_a_resumed_run_repeats_nothing_in_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for start, steps in ((0, range(1, 10)), (6, range(7, 13))):
        log = open_log(tmp_path, start)
        train(log, steps)
        log.close("stopped")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("adv_a")] == list(range(1, 13))


def test_a_step_before_the_checkpoint_only_is_a_fresh_run(tmp_path):
    """Killed before the first checkpoint: the run starts over, and so does its log."""
    train(open_log(tmp_path), range(1, 4))
    log = open_log(tmp_path)
    train(log, range(1, 3))
    assert [line["step"] for line in stats(tmp_path)] == [1, 2]


def test_hostile_names_are_inert(tmp_path):
    out = tmp_path / HOSTILE.replace("/", "")
    out.mkdir()
    facts = {HOSTILE: HOSTILE, "device": HOSTILE, "args": {HOSTILE: HOSTILE}}
    log = open_log(out, title=HOSTILE, paper=HOSTILE, command=HOSTILE, facts=facts)
    files = [picture(out, 1, HOSTILE)]
    for suffix in (".txt", ".html"):
        files.append(files[0].with_suffix(suffix))
        files[-1].write_text(f"</pre></iframe>{HOSTILE}")
    log.log(1, {HOSTILE: 1.0, f"</script>{HOSTILE}": 2.0})
    log.scores(1, {HOSTILE: 1.0})
    log.pictures(1, files)
    log.close(f"failed: {HOSTILE}")

    page = Page(out)
    data, code = page.all("script")
    assert data == {"type": "application/json", "id": "curves"} and list(code) == ["nonce"]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "x" not in [a["src"] for a in page.all("img")]
    (frame,) = page.all("iframe")
    assert frame["sandbox"] is None  # present and empty: nothing is allowed
    assert page.text.count(HOSTILE) >= 8
    assert f"script-src 'nonce-{code['nonce']}'" in page.source


def test_the_page_holds_the_newest_sample_and_loads_nothing(tmp_path):
    log = open_log(tmp_path, paper="CycleGAN, arXiv:1703.10593")
    train(log, range(1, 4))
    for step in (1, 2, 3):
        text = picture(tmp_path, step).with_suffix(".html")
        text.write_text("a sentence")
        log.pictures(step, [picture(tmp_path, step), text])
    page = Page(tmp_path)
    newest = base64.b64encode(picture(tmp_path, 3).read_bytes()).decode()
    assert f"data:image/png;base64,{newest}" in [a["src"] for a in page.all("img")]
    for tag, attributes in page.tags:
        if "src" in attributes or tag == "link":
            assert attributes.get("src", attributes.get("href", "")).startswith("data:"), (tag, attributes)
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|import\(", page.source)
    assert "default-src 'none'" in page.source
    assert "https://arxiv.org/abs/1703.10593" in [a["href"] for a in page.all("a")]  # only a click follows it


def test_the_page_stays_small(tmp_path):
    log = open_log(tmp_path)
    log._page = lambda: None
    for step in range(1, 101):
        log.pictures(step, [picture(tmp_path, step)])
    del log._page
    log.close("finished")
    page = Page(tmp_path)
    shown = [int(a["data-step"]) for a in page.all("div") if "data-step" in a]
    assert FRAMES / 2 <= len(shown) - 1 <= FRAMES and shown[-1] == 100 and set(np.diff(shown[:-1])) == {8}

    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 900, 3), np.uint8)).save(noise)
    uri = encode_picture(noise, 720, 60_000)
    content = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    width, height = Image.open(io.BytesIO(content)).size
    assert len(content) <= 60_000 and width <= 720 and width / height == pytest.approx(9 / 5, rel=0.02)


def test_sound_is_embedded_where_it_is_small(tmp_path):
    log = open_log(tmp_path)
    (tmp_path / "samples").mkdir()
    small, large = tmp_path / "samples/step_000001_a.wav", tmp_path / "samples/step_000001_a_b.wav"
    small.write_bytes(b"RIFF" * 10)
    large.write_bytes(b"RIFF" * 500_000)
    log.pictures(1, [small, large])
    first, second = Page(tmp_path).all("audio")
    assert first["src"].startswith("data:audio/wav;base64,") and second["src"] == "samples/step_000001_a_b.wav"
    assert "a → b" in Page(tmp_path).text


def test_a_sample_that_somebody_removed_ends_no_run(tmp_path):
    log = open_log(tmp_path)
    files = [picture(tmp_path, 1), tmp_path / "samples" / "step_000001_a.txt"]
    files[1].write_text("a sentence")
    log.pictures(1, files)
    for path in files:
        path.unlink()
    log = open_log(tmp_path)
    log.frames[1] = files
    log.close("finished")
    assert Page(tmp_path).text.count("no longer in samples/") == 2 and "Finished" in Page(tmp_path).text


def test_the_page_refreshes_itself_until_the_run_ends(tmp_path):
    log = open_log(tmp_path)
    train(log, range(1, 3))
    log.close("stopped")
    after = Page(tmp_path)
    open_log(tmp_path, start=2)
    before = Page(tmp_path)
    assert {"http-equiv": "refresh", "content": "20"} in before.all("meta") and "location.reload" in before.source
    assert {"http-equiv": "refresh", "content": "20"} not in after.all("meta") and "location.reload" not in after.source
    assert "Stopped" in after.text and "step 2 of 100" in after.text


def test_the_best_score_is_marked(tmp_path, capsys):
    log = open_log(tmp_path)
    for step, score in ((10, 0.3), (20, 0.1), (30, float("nan")), (40, 0.2)):
        log.scores(step, {"kid_a2b": 1 - score, "score": score})
    page = Page(tmp_path)
    assert page.curves()["best"] == 20 and "best · 20" in page.text and page.text.count("best · ") == 1
    said = capsys.readouterr().out
    assert "step 20: kid_a2b 0.9, score 0.1 (best so far)\n" in said and "score 0.2\n" in said


def test_values_that_are_not_finite_are_gaps(tmp_path):
    log = open_log(tmp_path)
    for step, value in enumerate((1.0, float("nan"), float("inf"), 4.0), 1):
        log.log(step, {"d_a": value})
    log.close("finished")
    assert [line["d_a"] for line in stats(tmp_path)] == [1.0, None, None, 4.0]
    (line,) = Page(tmp_path).curves()["losses"][0]["lines"]
    assert line == {"name": "a", "points": [[1, 1.0], [2, None], [3, None], [4, 4.0]], "gaps": 2}


def test_one_chart_shows_a_family_of_terms_in_the_order_of_the_losses(tmp_path):
    log = open_log(tmp_path)
    log.log(
        1,
        {
            key: 1.0
            for key in ("cycle_b", "adv_b", "cycle_a", "adv_a", "d_a", "self_bleu_a2b", "grad_g", "lr_g", "rate")
        },
    )
    log.close("finished")
    curves = Page(tmp_path).curves()
    drawn = {group["code"]: [line["name"] for line in group["lines"]] for group in curves["losses"]}
    assert list(drawn.items()) == [("cycle", ["a", "b"]), ("adv", ["a", "b"]), ("d", ["a"]), ("self_bleu", ["a2b"])]
    assert [group["code"] for group in curves["machinery"]] == ["grad", "lr", "rate"]


def test_a_curve_of_any_length_keeps_its_mean_in_few_points():
    curve, values = Curve(), np.random.default_rng(0).random(400 * 8 - 1)
    for step, value in enumerate(values):
        curve.add(step, value)
        assert len(curve.full) < POINTS
    assert POINTS / 2 <= len(curve.points()) <= POINTS and curve.points()[-1][0] == len(values) - 1
    full = [value for _, value in curve.full]
    assert np.mean(full) == pytest.approx(values[: len(full) * curve.stride].mean())


def test_without_a_terminal_there_are_plain_lines_and_few(tmp_path, capsys):
    log = open_log(tmp_path)
    train(log, range(1, 51))
    log.note("a note")
    log.close("finished")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and not re.search(r"[\x1b\r]", "".join(lines))
    assert lines[1].startswith("1/100") and "adv 1 cycle 2" in lines[1]
    assert lines[2:] == ["a note", "finished at step 50 after 0s"]


def test_on_a_terminal_there_is_a_bar(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    log = open_log(tmp_path)
    train(log, range(1, 51))
    log.note("[bold]a note")
    log.close("finished")
    said = capsys.readouterr().out
    assert "50/100" in said and "adv 0.02 cycle 2" in said and "[bold]a note" in said
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")  # the cursor is back


def test_a_page_that_cannot_be_written_ends_no_run(tmp_path, capsys):
    (tmp_path / "index.html").mkdir()
    log = open_log(tmp_path)
    train(log, range(1, 4))
    log.close("finished")
    assert len(stats(tmp_path)) == 3 and "index.html was not written: Is a directory" in capsys.readouterr().out
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_full_disk_is_one_sentence(tmp_path, capsys):
    log = open_log(tmp_path)
    log.file = open("/dev/full", "w")
    with pytest.raises(UserError, match=r"stats.jsonl could not be written \(No space left on device\): make room"):
        log.log(1, {"adv_a": 1.0})
    log.close("failed: no room")
    assert "no room" in Page(tmp_path).text


def test_the_silent_log_has_the_same_methods():
    def public(c):
        return {name: inspect.signature(f) for name, f in vars(c).items() if callable(f) and not name.startswith("_")}

    assert public(NoLog) == public(RunLog) and len(public(RunLog)) == 6


def test_importing_it_is_cheap():
    code = "import sys, translate.log; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "translate" in loaded
    assert not {"torch", "numpy", "rich", "jinja2", "PIL", "yaml", "tensorboard", "matplotlib"} & set(loaded)
