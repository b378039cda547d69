"""From the command line to train(): parsing, the run folder, exit codes. Shared by every training script."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from translate.errors import UserError

# flags of the widely used CycleGAN implementation -> what they are here
OLD_FLAGS = {
    "dataroot": "--a DIR --b DIR (a folder that holds trainA and trainB serves both)",
    "name": "--out DIR", "checkpoints_dir": "--out DIR",
    "load_size": "--size (pictures are scaled to 1.5 times the crop's side)", "crop_size": "--size", "preprocess": "--size",
    "batch_size": "--batch", "pool_size": "--pool", "n_epochs": "--steps", "n_epochs_decay": "--steps", "niter": "--steps",
    "lambda_A": "--cycle", "lambda_B": "--cycle", "lambda_identity": "--identity (absolute: 5 is their 0.5 times --cycle 10)",
    "gan_mode": "--adv", "netG": "--generator and --blocks", "ngf": "--width", "ndf": "--width", "netD": "--scales",
    "norm": "nothing: instance norm always; --spectral for the critics", "direction": "swapping --a and --b; a run translates both ways",
    "gpu_ids": "--device", "continue_train": "nothing: repeating the command resumes", "no_flip": "nothing: grey collections are not mirrored",
    "display_id": "nothing: open index.html in the run's folder", "model": "the script's name", "phase": "scripts/convert.py",
}  # fmt: skip


KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def main(recipe: Callable, argv: list[str] | None = None, words: tuple[str, ...] = ()) -> None:
    """Runs a recipe's command line and exits: 0 done, 2 a user's mistake, 130 / 143 after SIGINT / SIGTERM.

    words: what was typed ahead of argv.
    """
    sys.exit(_guarded(partial(run, words=words), recipe, sys.argv[1:] if argv is None else argv))


def command(function: Callable, argv: list[str] | None = None) -> None:
    """Runs a function whose signature is its command line, and exits likewise."""
    sys.exit(_guarded(_call, function, sys.argv[1:] if argv is None else argv))


def _guarded(f: Callable, function: Callable, argv: list[str]) -> int:
    try:
        return f(function, [_underscored(arg) for arg in argv]) or 0
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _call(function: Callable, argv: list[str]) -> None:
    parser = _parser(function)
    parser.add_function_arguments(function, as_positional=True)
    argv = _bare_flags(parser, _gathered(function, argv))
    options = parser.parse_args(_bare_words(function, argv)).as_dict()
    options.pop("config", None)
    function(**options)


def _bare_words(function: Callable, argv: list[str]) -> list[str]:
    """Words behind the required ones stand, in order, for the parameters whose default is "-": convert.py RUN [INPUT [OUTPUT]]."""
    import inspect

    parameters = inspect.signature(function).parameters
    required = sum(p.default is p.empty for p in parameters.values())
    spare = iter([name for name, p in parameters.items() if p.default == "-"])
    placed, words = [], iter(argv)
    for word in words:
        if word.startswith("--"):
            placed += (
                [word]
                if "=" in word or word == "--help"
                else [word, *[value for value in [next(words, None)] if value]]
            )
        elif required:
            required -= 1
            placed.append(word)
        else:
            name = next(spare, None)
            placed.append(f"--{name}={word}" if name else word)
    return placed


def _gathered(function: Callable, argv: list[str]) -> list[str]:
    """`--domains x y z` for `--domains=["x", "y", "z"]`."""
    import inspect
    import json

    lists = {f"--{name}" for name, p in inspect.signature(function).parameters.items() if "list[" in str(p.annotation)}
    gathered, words = [], list(argv)
    while words:
        word = words.pop(0)
        if word in lists:
            end = next((i for i, w in enumerate(words) if w.startswith("--")), len(words))
            if not words[:end] or words[0].startswith("["):
                gathered.append(word)
                continue
            word, words = f"{word}={json.dumps(words[:end])}", words[end:]
        gathered.append(word)
    return gathered


def _bare_flags(parser, argv: list[str]) -> list[str]:
    """`--force` for `--force true`."""
    switches = {f"--{name}" for name, default in parser.get_defaults().as_dict().items() if default is False}
    said = [*argv, ""]
    return [
        f"{arg}=true" if arg in switches and after.lower() not in ("true", "false") else arg
        for arg, after in zip(said, said[1:])
    ]


def _parser(function: Callable):
    import inspect
    from argparse import RawDescriptionHelpFormatter

    from jsonargparse import ArgumentParser, DefaultHelpFormatter

    class Help(DefaultHelpFormatter, RawDescriptionHelpFormatter):
        """The description's lines stay lines."""

    class Parser(ArgumentParser):
        def error(self, message: str, ex: Exception | None = None):
            raise UserError(_sentence(message, [*self._option_string_actions])) from ex

    about = inspect.cleandoc(function.__doc__.split("Args:")[0])
    parser = Parser(prog=f"{function.__name__}.py", description=about, formatter_class=Help)
    parser.add_argument("--config", action="config", help="a YAML file of these options, as --print_config writes it")
    return parser


def _sentence(message: str, options: list[str]) -> str:
    """What the library says of a command line that it cannot read, for people."""
    import difflib
    import re

    key, value = re.search(r'key "(\w+)"', message), re.findall(r"(?:Got|Given) value: (.*)", message)
    wanted = re.search(r"Literal\[(.*?)\]|<class '(\w+)'>", message)
    if key and value and wanted:
        choices, kind = wanted.groups()
        said = f"one of {choices.replace(chr(39), '')}" if choices else KINDS.get(kind, kind)
        return f"--{key[1]} {value[-1]}: it must be {said}"
    if unknown := re.match(r"unrecognized arguments: (\S+)", message):
        if not unknown[1].startswith("-"):
            return f"{unknown[1]}: one value too many; a pattern needs quotes, an option its name, which --help lists"
        near = difflib.get_close_matches(unknown[1].split("=")[0], options, 3)
        return f"{unknown[1]}: there is no such option; " + (
            f"the nearest names are {', '.join(near)}" if near else "--help lists all"
        )
    return f"{' '.join(message.split())[:200]}; --help lists the options"


def parse(recipe: Callable, argv: list[str]):
    import inspect

    own = inspect.signature(recipe).parameters
    for arg in argv:
        old = arg.split("=")[0].removeprefix("--")
        if arg.startswith("--") and old in OLD_FLAGS and old not in own:
            raise UserError(f"--{old} is another program's flag; here it is {OLD_FLAGS[old]}")
    parser = _parser(recipe)
    parser.add_function_arguments(recipe)
    argv = _bare_flags(parser, _gathered(recipe, argv))
    place = parser.add_argument_group("run")
    place.add_argument("--out", type=str | None, default=None, help="the run's folder; default runs/<recipe>-<a>-<b>")
    place.add_argument(
        "--data_root", type=str | None, default=None, help="where named sets are looked up; default $UNPAIRED_DATA"
    )
    place.add_argument("--device", type=str, default="auto", help="auto, cpu or cuda")
    place.add_argument(
        "--init_from", type=str | None, default=None, help="a run or bundle whose weights training starts from"
    )
    place.add_argument("--check", action="store_true", help="examine the data, estimate time and memory, stop")
    return parser.parse_args(argv)


def _underscored(arg: str) -> str:
    """--data-root and --data_root are one option."""
    if not arg.startswith("--"):
        return arg
    name, equals, value = arg.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


PLACE = ("out", "data_root", "device", "init_from", "check")


def run(
    recipe_function: Callable,
    argv: list[str],
    words: tuple[str, ...] = (),
    adjust: Callable = lambda recipe: recipe,
) -> int:
    """adjust: of the recipe, what no option says."""
    options = parse(recipe_function, argv).as_dict()
    options.pop("config", None)
    place = {key: options.pop(key) for key in PLACE}
    if place["data_root"]:
        os.environ["UNPAIRED_DATA"] = place["data_root"]

    from domains.folder import Folder, report
    from translate import runtime
    from translate.log import NoLog, RunLog
    from translate.loop import train

    device = runtime.start(place["device"])
    recipe = adjust(replace(recipe_function(**options), name=recipe_function.__name__))
    folders = [source for source in recipe.data.values() if isinstance(source, Folder)]
    for folder in folders:
        folder.scan()
        if runtime.rank() == 0:
            report(folder)
    if recipe.run.batch % runtime.world_size():
        raise UserError(
            f"--batch {recipe.run.batch} cannot be shared by {runtime.world_size()} processes: make it a multiple"
        )
    if place["check"]:
        return check(recipe, device)
    if recipe.judge:
        recipe = with_judge(recipe)
    if place["init_from"]:
        from recipes.translator import initialise

        build = recipe.system
        recipe = replace(recipe, system=lambda: initialise(build(), Path(place["init_from"]), recipe.data))
    named = recipe.folder or "-".join([recipe.name, *(folder.name for folder in folders)])
    out = Path(place["out"] or Path("runs", named))
    facts = describe(recipe, options, place, device)
    if runtime.rank() == 0:
        claim(out, facts)
    runtime.barrier()
    command = shlex.join([Path(sys.argv[0]).name if sys.argv[0].startswith("/") else sys.argv[0], *words, *argv])
    log = []

    def open_log(start: int):
        log.append(
            RunLog(out, recipe.run.steps, start, recipe.title, recipe.paper, f"python {command}", facts)
            if runtime.rank() == 0
            else NoLog()
        )
        return log[0]

    try:
        stopped = train(recipe, out, device, open_log)
    except BaseException as error:
        for opened in log:
            opened.close(
                f"failed: {error}" if isinstance(error, UserError) else f"failed: {type(error).__name__}: {error}"
            )
        raise
    if runtime.rank() == 0:
        if stopped:
            sys.stderr.write("\nstopped, everything is saved: repeat the command to go on\n")
        else:
            quoted = shlex.quote(str(out))
            print(f"done: open {out / 'index.html'}, or {recipe.then.format(out=quoted)}")
    return 128 + stopped if stopped else 0


def with_judge(recipe):
    """Without the judge's weights training goes on all the same; the final checkpoint is then the one used."""
    from domains.metrics import MissingJudge
    from translate import runtime

    try:
        recipe.judge.load()
        return recipe
    except MissingJudge as error:
        runtime.say(f"no validation: {error}")
        return replace(recipe, judge=None)


def describe(recipe, options: dict, place: dict, device) -> dict:
    """What is written into config.yaml: enough to repeat the run, and to tell it from another."""
    import platform
    import shutil
    import subprocess

    import torch

    from translate.nets import native

    own = "" if device.type == "cuda" or native.library() else ", torch's own operations"
    ask = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    git = subprocess.run(ask, capture_output=True, text=True).stdout.strip() if shutil.which("git") else ""
    return {
        "recipe": recipe.name,
        "args": options | recipe.args,
        "init_from": place["init_from"],
        "validation": [s.protocol for s in recipe.data.values() if hasattr(s, "protocol")],
        "selected": recipe.judge.criterion if recipe.judge else "the final checkpoint",
        "environment": {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads{own}",
            "git": git or "unknown", "python": platform.python_version(), "torch": str(torch.__version__),
        },
    }  # fmt: skip


def claim(out: Path, facts: dict) -> None:
    """Writes config.yaml into a new run folder; refuses one in which another command has begun to train."""
    import yaml

    from translate.checkpoint import reason, write_file

    path = out / "config.yaml"
    if path.exists():
        try:
            before = yaml.safe_load(path.read_text())
            old, new = (
                _flat({k: f[k] for k in ("recipe", "args", "init_from", "validation")}) for f in (before, facts)
            )
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be read: choose another --out, or delete the folder") from error
        differing = [k for k in old | new if old.get(k) != new.get(k) and k != "steps"]
        if differing and (out / "stats.jsonl").exists():
            said = "; ".join(f"{k} was {old.get(k)}, now {new.get(k)}" for k in differing[:4])
            raise UserError(f"{out} is another run ({said}): repeat its command to resume it, or choose another --out")
    elif out.exists() and (out.is_file() or any(p.is_file() for p in out.rglob("*"))):
        raise UserError(f"{out} holds files but no config.yaml: choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "samples").mkdir(exist_ok=True)
        (out / "checkpoints").mkdir(exist_ok=True)
        write_file(path, yaml.safe_dump(facts, sort_keys=False, allow_unicode=True).encode())
    except OSError as error:
        raise UserError(f"{out} cannot be written ({reason(error)}): choose another --out") from error


def _flat(facts: dict) -> dict:
    return {k: v for k, v in facts.items() if k != "args"} | facts["args"]


def check(recipe, device) -> int:
    """Says what the data is and what training would cost, from a few real steps."""
    import resource

    from domains.folder import Folder
    from translate import runtime

    for side, folder in recipe.data.items():
        if not isinstance(folder, Folder):
            continue
        print(
            f"{side}: {folder.protocol}; {len(folder.bad)} unreadable, {len(folder.test)} for testing; {folder.domain.kind}"
        )
    seconds = pace(recipe, device)
    if device.type == "cuda":
        import torch

        memory = torch.cuda.max_memory_allocated() / 2**30
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    total = seconds * recipe.run.steps
    if runtime.rank() == 0:
        print(
            f"{recipe.run.steps} steps of {seconds:.2f} s: about {total / 60:.0f} minutes, {memory:.1f} GiB; nothing was written"
        )
    return 0


def steps_in(minutes: float, function: Callable, argv: list[str], device: str) -> int:
    """How many steps of a recipe take so long; on a CPU, of the processor's time."""
    from translate import runtime

    said = parse(function, argv).as_dict()
    recipe = function(**{key: value for key, value in said.items() if key not in (*PLACE, "config")})
    return max(20, int(60 * minutes / pace(recipe, runtime.start(device), timed=8, busy=True)))


def pace(recipe, device, timed: int = 3, busy: bool = False) -> float:
    """Seconds a step, measured on a few real ones. busy: on a CPU only those in which it computes: others may use the machine too."""
    import time

    from translate.loop import Trainer

    clock = time.process_time if busy and device.type == "cpu" else time.monotonic
    trainer, warm = Trainer(recipe, device), 2
    feed = trainer.feed(recipe.data, 0, warm + timed)
    for i in range(warm + timed):
        if i == warm:
            trainer.means()  # waits for the device
            began = clock()
        trainer.train_step(feed)
    trainer.means()
    return (clock() - began) / timed
