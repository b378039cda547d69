"""docs/results.md's part about samples: what scripts/gan.py or scripts/seqgan.py drew, against test items that no model was trained on."""

from __future__ import annotations

from pathlib import Path

LEARNED = {"best": "selected", "final": "final"}
SENTENCES = 10  # that are shown
DRAWS = 5  # of floors: a hundred sentences score 6 or 10 by chance
GROUPS = {  # heading -> the score that tells its rows from others
    "out of noise": "FID[digits-cnn]",
    "out of noise, other pictures": "KID",
    "out of noise, sentences": "bleu_ha",
    "out of noise, voices": "frechet",
    "out of a picture": "L1",
    "out of a sentence": "as told",
    "out of a name": "found by name",
}
ABOUT = (
    "Samples: as many as there are test pictures, at most 1,000. FID, KID, IS, precision, recall: a small classifier trained on the "
    "collection's digits (digits-cnn), comparable within a table only. Coverage: share of the classes that at least 1 % of the samples are "
    "called; entropy: of the classes, in nats (log 10 = 2.30 at most). *Called as asked*: how often that classifier finds the class that was "
    "asked for. *Code names digit*: of test digits whose label nobody used, the share whose categorical code is their digit's, under the best "
    "one-to-one naming of codes. L1: of test pictures, each drawn from its own condition, in [0, 1]; *L1 of another*: the same samples against "
    "another one's picture. *As told*: colour, style and digit all as the sentence says. *Found by name*: how often, of as many training pictures, the one nearest to a "
    "sample is the one whose name it was drawn from (EfficientNet-Lite0). *matching-blind*, *words-blind*: their namesakes "
    "without wrong conditions. Training pictures: real against real, what a model that copies would score. Sentences: BLEU of each to all test "
    "sentences, of these to all samples, and their harmonic mean; distinct word pairs, shares that are the same or recited from training. Voices: "
    "Fréchet distance of cepstra and their slopes, a frame of samples to one of test recordings."
)
HIGHER = ("as told", "found by name", "bleu_ha")  # is better


def record(runs: list[Path], docs: Path, device: str) -> None:
    """Score runs of scripts/gan.py or scripts/seqgan.py, and keep scores and unpicked samples below docs/results/drawn, a file a collection."""
    import json
    from datetime import date

    from domains.images import Images
    from recipes.gan import gan
    from recipes.runs import last_line
    from recipes.seqgan import seqgan
    from recipes.translator import saved_config
    from translate import runtime

    kept, opened, seen = folder(docs), {}, set()
    for run in runs:
        config = saved_config(run)
        args = {"model": config["recipe"]} | config["args"]
        key = args["data"], family(args["model"])
        if key not in opened:
            recipe = {"gan": gan, "seqgan": seqgan}[config["recipe"]](**config["args"])
            pictures = isinstance(recipe.data["x"].domain, Images)
            opened[key] = (Tested if pictures else TestedSequences)(recipe, args)
        tested = opened[key]
        path = kept / f"{tested.x.name}.json"
        found = read(path)
        if key not in seen:
            found["floors"][tested.group] = tested.floors()
            seen.add(key)
        found["tested on"] = found.get("tested on", {}) | {tested.group: tested.on}
        found["runs"][run.name] = {
            "group": tested.group,
            "args": args,
            "rows": tested.score(run, runtime.start(device)),
            "minutes": last_line(run).get("seconds", 0) / 60,
            "environment": config["environment"],
            "selected": config["selected"],
            "date": date.today().isoformat(),
        }
        if texts := sorted((run / "samples").glob("step_*_x.txt")):
            found["runs"][run.name]["said"] = texts[-1].read_text().splitlines()[:SENTENCES]
        path.write_text(json.dumps(found, indent=1))
        sheet(run, kept / f"{run.name}.jpg")
        print(f"{run.name}: {json.dumps(found['runs'][run.name]['rows'])}")


def read(path: Path) -> dict:
    import json

    return json.loads(path.read_text()) if path.exists() else {"runs": {}, "floors": {}, "probes": {}}


def folder(docs: Path) -> Path:
    kept = docs / "results" / "drawn"
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def keep(docs: Path, collection: str, kind: str, name: str, facts: dict) -> None:
    """What scripts/probe.py (kind: probes) or scripts/latent.py (latents) found of a run."""
    import json

    path = folder(docs) / f"{collection}.json"
    found = read(path)
    found.setdefault(kind, {})[name] = facts
    path.write_text(json.dumps(found, indent=1))


def family(model: str) -> str:
    """Models whose samples are judged alike: of one set of conditions."""
    from recipes import gan

    return next((name for name in ("MADE", "SAID") if model in getattr(gan, name)), "ALL")


class Tested:
    """The test pictures of a collection as a collection, and a judge that has not seen them."""

    def __init__(self, recipe, args: dict, most: int = 1000):
        from domains.folder import Folder
        from domains.sources import Files
        from recipes.gan import MADE, SAID
        from recipes.generative import SampleJudge

        self.recipe, self.x = recipe, (x := recipe.data["x"])
        x.scan()
        self.made, self.said = args["model"] in MADE, args["model"] in SAID
        items = x.test or [x.items[i] for i in x.validation_ids]
        given = (
            x.files.labels.get("test") if x.test else None if x.labels is None else x.labels[x.validation_ids].numpy()
        )
        labels = {} if given is None else {"train": given[:most]}
        self.tests = Folder(x.domain, Files(x.name, items[:most], labels=labels))
        self.tests.train_ids, self.tests.validation_ids, self.tests.few = list(range(len(items[:most]))), [], False
        where = "test pictures" if x.test else "pictures held out from training, which selected too"
        trained = SampleJudge(x, described=self.said)
        trained.load()
        n = len(self.tests.items) if not self.said else most if trained.digits else trained.n
        self.judge = SampleJudge(self.tests, n, self.said, trained.net)
        self.judge.digits = trained.digits
        known = "sentences" if trained.digits else "names"
        self.on = f"{n} samples of known {known}" if self.said else f"{n} {where}"
        self.group = "out of a picture" if self.made else f"out of a {known[:-1]}" if self.said else "out of noise"
        if self.group == "out of noise" and not trained.digits:
            self.group = "out of noise, other pictures"

    def data(self, args: dict, domains: dict) -> dict:
        """The test pictures with the conditions that a model wants; sentences are those of training, there are no others, in the words of
        its own vocabulary: another seed's has another order."""
        from domains import conditions
        from domains.sources import Sentence

        data = {"x": self.tests}
        if self.made:
            data["c"] = conditions.made_of(self.tests, getattr(conditions, args["made"]))
        elif self.said:
            c, own = self.recipe.data["c"], domains["c"]
            said = [own.decode(Sentence("", sentence)) for sentence in c.domain.sentences(c.values)]
            data["c"] = conditions.Conditions(c.of, own, own.collate(said))
        elif args["model"] in labelled():
            data["c"] = conditions.labels_of(self.x)
        return data

    def score(self, run: Path, device) -> dict[str, dict[str, float]]:
        import torch

        from recipes.generative import generator_of
        from recipes.translator import read_json, saved_config
        from translate import runtime

        rows, args = {}, saved_config(run)["args"]
        steps = {which: read_json(run / which / "config.json").get("step") for which in LEARNED}
        for which, name in LEARNED.items():
            if steps[which] is None:
                continue
            if which == "final" and steps["best"] == steps["final"]:  # the last step was the best
                rows[name] = rows[LEARNED["best"]]
                continue
            system, domains = generator_of(run, device, which)
            with torch.inference_mode(), runtime.preserved_randomness():
                runtime.seed_all(0)
                scores = self.judge(system, self.data(args, domains))
            rows[name] = {key: value for key, value in scores.items() if key != "score"} | {"step": steps[which]}
        return rows

    def floors(self) -> dict[str, dict[str, float]]:
        """What costs nothing, and what a copy of the training pictures scores."""
        import torch
        from einops import rearrange

        from domains.metrics.generated import cluster_accuracy
        from recipes.generative import CLASSES
        from recipes.probe import clusters

        n = self.judge.n
        if self.said and not self.judge.digits:
            return {"chance": {"found by name": 1 / n}}
        if self.said:
            c, rows = self.recipe.data["c"], self.x.train_ids[: self.judge.n]
            real = torch.stack([self.x.domain.decode(self.x.items[i]).x for i in rows]) / 255
            real = self.judge.told_of(real, c.domain.sentences(c.values[rows]))
            chance = {"as told": 1 / 80, "colour": 1 / 4, "style": 1 / 2, "digit": 1 / 10}
            return {"the pictures described": {k: v for k, v in real.items() if k != "score"}, "chance": chance}
        train, test = (torch.stack([s.x[0] / 255 for s in folder.training(n)]) for folder in (self.x, self.tests))
        if self.made:
            mean = train.mean(0, keepdim=True)
            given = {made: self.given(made) for made in ("edges", "colours")}
            rows = {"the mean picture": mean.expand_as(test)}
            rows |= {f"the {made} themselves": rearrange(g, "n h w c -> n c h w") / 255 for made, g in given.items()}
            return {
                name: {"L1": (x - test).abs().mean().item(), "L1 of another": (x.roll(1, 0) - test).abs().mean().item()}
                for name, x in rows.items()
            }
        sets = {
            "training pictures": list(train),
            "the mean picture": [train.mean(0)] * n,
            "uniform noise": list(torch.rand(n, *train.shape[1:], generator=torch.Generator().manual_seed(0))),
        }
        rows = {
            name: {k: v for k, v in self.judge.score(drawn).items() if k != "score"} for name, drawn in sets.items()
        }
        if self.judge.digits:
            from domains.metrics import images as judges

            found = judges.features(self.judge.net, list(test)).argmax(1)
            rows["test pictures"] = {"called as asked": (found == self.tests.labels).double().mean().item()}
            groups = clusters(train.flatten(1), test.flatten(1), CLASSES)
            rows["pixels, k-means"] = {"code names digit": cluster_accuracy(groups, self.tests.labels)}
        return rows

    def given(self, made: str):
        import torch

        from domains import conditions

        return conditions.made_of(self.tests, getattr(conditions, made)).values.x.permute(0, 2, 3, 1).to(torch.float32)


class TestedSequences(Tested):
    """Sentences or recordings, as their kind's own judge takes them, beside test ones in place of those that select."""

    def __init__(self, recipe, args: dict, most: int = 200):
        from domains.folder import Folder
        from domains.sources import Files
        from domains.tokens import Tokens
        from recipes import kinds

        self.x = x = recipe.data["x"]
        x.scan()
        items, known = (x.test or [x.items[i] for i in x.validation_ids])[:most], len(x.items)
        self.words, kind = isinstance(x.domain, Tokens), kinds.of(x.domain)
        self.tests = Folder(x.domain, Files(x.name, [*x.items, *items]))
        ids = list(range(known)), list(range(known, known + len(items)))
        # voices are judged beside what is trained on
        self.tests.train_ids, self.tests.validation_ids = ids if self.words else ids[::-1]
        self.tests.few = False
        self.judge = kind.WriterJudge(len(items)) if self.words else kind.SpokenJudge(most)
        self.judge.load()
        where = f"test {kind.ITEMS}" if x.test else f"{kind.ITEMS} held out from training, which selected too"
        self.on = f"{self.judge.n} samples, {len(items)} {where}"
        self.group = f"out of noise, {'sentences' if self.words else 'voices'}"

    def data(self, args: dict, domains: dict) -> dict:
        return {"x": self.tests}

    def floors(self) -> dict[str, dict[str, float]]:
        """What costs nothing, and what a copy of training items scores: the mean of several draws, of which each is as many as a run's."""
        from statistics import fmean

        import torch

        from translate.sample import Sample

        x, n = self.x, self.judge.n
        draws = max(1, min(DRAWS, len(x.train_ids) // n))
        items = x.rows(range(draws * n))
        sets = {"training items": items}
        if self.words:
            sets["their words, shuffled"] = shuffled(x, draws * n)
        else:
            sets["the mean frame"] = x.domain.denormalise(Sample(torch.zeros(items.x.shape)))
            noise = torch.randn(items.x.shape, generator=torch.Generator().manual_seed(0))
            sets["noise of each band's deviation"] = x.domain.denormalise(Sample(noise))
        floors = {}
        for name, s in sets.items():
            handed = Handed(x.domain.normalise(s))
            found = [self.judge(handed, self.data({}, {})) for _ in range(draws)]
            floors[name] = {key: fmean(row[key] for row in found) for key in found[0] if key != "score"}
        return floors


class Handed:
    """In a generator's place: hands out what is there."""

    def __init__(self, s):
        self.s, self.taken = s, 0

    def draw(self, n: int):
        self.taken += n
        return self.s[self.taken - n : self.taken]


def shuffled(x, n: int):
    """n sentences as long as those of a collection, of all its words in random order."""
    import random

    from domains.sources import Sentence

    said = [x.items[i].text.split() for i in x.train_ids]
    words = [word for sentence in said for word in sentence]
    random.Random(0).shuffle(words)
    texts, at = [], 0
    for sentence in said[:n]:
        texts.append(" ".join(words[at : at + len(sentence)]))
        at += len(sentence)
    return x.domain.collate([x.domain.decode(Sentence("", text)) for text in texts])


def labelled() -> dict:
    from recipes.gan import LABELLED

    return LABELLED


def sheet(run: Path, path: Path) -> None:
    """The last step's unpicked samples, where there are any."""
    from PIL import Image

    drawn = sorted((run / "samples").glob("step_*_x.png"))
    if drawn:
        with Image.open(drawn[-1]) as picture:
            picture.convert("RGB").reduce(2).save(path, quality=80)


def sections(kept: Path) -> list[str]:
    """Markdown of all that is kept: a section a collection and kind of model."""
    import json

    records = {path.stem: json.loads(path.read_text()) for path in sorted(kept.glob("*.json"))}
    out = ["# Samples", "", ABOUT, ""] if records else []
    for name, record in records.items():
        for group in GROUPS:
            runs = {stem: run for stem, run in record["runs"].items() if run["group"] == group}
            if runs:
                out += [f"## {name}, {group}", "", *section(runs, record["floors"][group], GROUPS[group]), ""]
                out += [f"{record['tested on'][group]}; selected by {GROUPS[group]} while training.", ""]
                out += [*facts(runs), "", *gallery(runs, kept), *spoken(runs), ""]
        if record.get("latents"):
            out += [f"## {name}, between samples and sums of samples", "", *latents(record["latents"]), ""]
        if record["probes"]:
            out += [f"## {name}, named by what a critic learned without labels", "", *probes(record["probes"]), ""]
    return out


def settings(runs: dict[str, dict]) -> dict[str, list[dict]]:
    """Runs that differ in nothing but their seed, by what tells them from the model's others."""
    found: dict[str, list[dict]] = {}
    for run in runs.values():
        args = run["args"]
        label = [
            " + ".join([args["model"], *args.get("tricks", [])]),
            *([args["made"]] if run["group"] == "out of a picture" else []),
            f"{args['steps']} steps",
        ]
        found.setdefault(", ".join(label), []).append(run)
    return found


def section(runs: dict[str, dict], floors: dict[str, dict], by: str) -> list[str]:
    """A line a model, checkpoint and number of steps, the best first by what it ended with; the floors below."""
    from statistics import fmean

    groups = settings(runs)
    rows = [row for run in runs.values() for row in run["rows"].values()] + list(floors.values())
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if key != "step"]

    def rank(label: str) -> float:
        value = fmean(run["rows"]["selected" if "selected" in run["rows"] else "final"][by] for run in groups[label])
        return -value if by in HIGHER else value

    lines = [["", "seeds", "min", *columns], ["---"] * (len(columns) + 3)]
    for label in sorted(groups, key=rank):
        same = groups[label]
        head = [str(len(same)), f"{fmean(run['minutes'] for run in same):.1f}"]
        ended = {which: [run["rows"][which] for run in same if which in run["rows"]] for which in LEARNED.values()}
        if ended["selected"] == ended["final"]:  # the last step was the best
            ended = {"selected = final": ended["final"]}
        for which, found in ended.items():
            if found:
                lines.append([f"**{label}**, {which}", *head, *(cell(found, key) for key in columns)])
    lines += [[name, "", "", *(cell([row], key) for key in columns)] for name, row in floors.items()]
    return [f"| {' | '.join(line)} |" for line in lines]


def cell(rows: list[dict], key: str) -> str:
    """mean ± deviation between seeds"""
    from statistics import fmean, stdev

    values = [row[key] for row in rows if key in row]
    if not values:
        return ""
    return f"{fmean(values):.3g}" + (f" ± {stdev(values):.2g}" if len(values) > 1 else "")


def facts(runs: dict[str, dict]) -> list[str]:
    """How the rows were made, and what they cannot show."""
    args = [run["args"] for run in runs.values()]
    minutes = [run["minutes"] for run in runs.values()]

    def every(values) -> str:
        return ", ".join(sorted({str(value) for value in values}))

    made = {key: every(run["environment"][key] for run in runs.values()) for key in ("device", "torch", "git")}
    same = "; ".join(
        f"{key} {every(a[key] for a in args if key in a)}"
        for key in ("lr", "batch", "width", "noise", "size", "precision")
        if any(key in a for a in args)
    )
    return [
        f"{len(runs)} runs of {min(minutes):.1f} to {max(minutes):.1f} minutes each, seeds {every(a['seed'] for a in args)}: a small budget, in which "
        "systems that learn slowly are not seen at their best, and the order of neighbours means little. The minutes are those that passed, on "
        "cores that others used too; steps were set so that each took about as much of the processor, where models of a section differ in them. "
        f"{same}. {made['device']}; torch {made['torch']}; commits {made['git']}; {every(run['date'] for run in runs.values())}."
    ]


def gallery(runs: dict[str, dict], kept: Path, columns: int = 4) -> list[str]:
    """The first seed's samples of each setting; on each line a real one, then samples (a column a code of infogan)."""
    shown = {}
    for label in settings(runs):
        stem = next(stem for stem, run in runs.items() if run in settings(runs)[label])
        if (kept / f"{stem}.jpg").exists():
            shown[label] = stem
    out = ["Unpicked, at the last step, of the first seed:", ""] if shown else []
    labels = list(shown)
    for i in range(0, len(labels), columns):
        part = labels[i : i + columns]
        out += [
            f"| {' | '.join(part)} |",
            "|---" * len(part) + "|",
            f"| {' | '.join(f'![{label}](results/drawn/{shown[label]}.jpg)' for label in part)} |",
            "",
        ]
    return out


def spoken(runs: dict[str, dict]) -> list[str]:
    """Sentences of the last step of each setting's first seed."""
    out = []
    for label, (first, *_) in settings(runs).items():
        if "said" in first:
            out += [f"{label}, unpicked:", "", "```text", *first["said"], "```", ""]
    return out


def probes(found: dict[str, dict]) -> list[str]:
    """A line a setting, number of labels and classifier: mean ± deviation between seeds."""
    groups: dict[tuple, list[dict]] = {}
    for probe in found.values():
        for name, share in probe["rows"].items():
            head = f"{probe['model']}, {probe['steps']} steps: {name}" if name.startswith("critic") else name
            groups.setdefault((head, probe["labels"]), []).append({"accuracy": share})
    made = {
        f"{p['environment']['device']}, torch {p['environment']['torch']}, commit {p['environment']['git']}, {p['date']}"
        for p in found.values()
    }
    lines = [
        f"| {head} | {labels} | {len(rows)} | {cell(rows, 'accuracy')} |" for (head, labels), rows in groups.items()
    ]
    return [
        "| | labels | runs | test accuracy |",
        "|---|---|---|---|",
        *lines,
        "",
        f"Test digits; written by `scripts/probe.py RUN --docs docs`. {'; '.join(sorted(made))}.",
    ]


def latents(found: dict[str, dict]) -> list[str]:
    """A line a run and what was drawn, then its two pictures."""
    out = ["| | drawn | called b | bolder than thin b | both |", "|---|---|---|---|---|"]
    for run in found.values():
        label = f"{run['model']}, {run['steps']} steps, seed {run['seed']}"
        for name, row in run["rows"].items():
            out.append(
                f"| {label}: {name} | {run['sums']} | {' | '.join(cell([row], k) for k in ('b', 'bolder', 'both'))} |"
            )
    made = {
        f"{r['environment']['device']}, torch {r['environment']['torch']}, commit {r['environment']['git']}, {r['date']}"
        for r in found.values()
    }
    out += [
        "",
        "For all ordered pairs of digits that samples are called: a term is the mean noise of the three samples of a digit that have the most ink "
        f"(bold) or the least (thin). Written by `scripts/latent.py RUN`, nothing picked by eye. {'; '.join(sorted(made))}.",
        "",
    ]
    for stem, run in found.items():
        out += [
            f"{run['model']}, {run['steps']} steps: on each line bold a, thin a, thin b, and bold a - thin a + thin b; then lines from one sample to "
            "another along the sphere that noise lies on.",
            "",
            *(f"![{stem}, {name}](results/drawn/{stem}-{name}.jpg)" for name in ("arithmetic", "interpolation")),
            "",
        ]
    return out
