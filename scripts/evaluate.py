"""Score a run beside the baselines: see --help."""

from recipes.evaluate import evaluate
from recipes.launch import command

if __name__ == "__main__":
    command(evaluate)
