"""This project beside what people use, measured in one process: see --help."""

from recipes.benchmark import benchmark
from recipes.launch import command

if __name__ == "__main__":
    command(benchmark)
