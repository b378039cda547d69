"""Imports point downwards only, and the command line answers at once."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("translate", "domains", "recipes")  # each may import what stands before it
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_downwards(package):
    above = {*PACKAGES[PACKAGES.index(package) + 1 :], "scripts", "tests"}
    files = sorted((ROOT / package).rglob("*.py"))
    assert len(files) >= 5
    for path in files:
        assert not imported(path) & above, path


def test_no_relative_import_leaves_its_package():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            depth = len(path.relative_to(ROOT).parts) - 1
            levels = [n.level for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
            assert max(levels, default=0) <= depth, path


def test_no_script_bears_a_packages_name():
    """scripts/ comes first on the path."""
    assert SCRIPTS and not {p.stem for p in SCRIPTS} & {*PACKAGES, *sys.stdlib_module_names, "torch", "cv2", "numpy"}


def test_scripts_hold_no_logic():
    for path in SCRIPTS:
        body = [type(node) for node in ast.parse(path.read_text()).body]
        assert (
            set(body) <= {ast.Expr, ast.Import, ast.ImportFrom, ast.If} and len(path.read_text().splitlines()) <= 40
        ), path


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT)


SLOW = ("torch", "cv2", "albumentations", "torchmetrics", "matplotlib", "tensorboard")


def test_light_modules_import_nothing_slow():
    modules = ["translate.recipe", "translate.errors", "recipes.launch", "recipes.console"]
    modules += sorted(f"recipes.{p.stem}" for p in SCRIPTS)
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules}]; print([m for m in {SLOW} if m in sys.modules])"
    assert python("-c", code).stdout == "[]\n"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_help_answers_without_torch(script):
    code = (
        f"import sys, runpy; sys.argv = ['{script.name}', '--help']\n"
        f"try: runpy.run_path({str(script)!r}, run_name='__main__')\n"
        f"except SystemExit as e: print('EXIT', e.code, [m for m in {SLOW} if m in sys.modules])"
    )
    done = python("-c", code)
    assert done.stdout.endswith("EXIT 0 []\n") and not done.stderr, done
    assert done.stdout.startswith("usage:") and script.name in done.stdout
