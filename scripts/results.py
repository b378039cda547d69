"""Score runs into docs/results.md: see --help."""

from recipes.launch import command
from recipes.results import results

if __name__ == "__main__":
    command(results)
