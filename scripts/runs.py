"""List and compare runs: see --help."""

from recipes.launch import command
from recipes.runs import runs

if __name__ == "__main__":
    command(runs)
