"""Every method on every data set under one budget: see --help."""

from recipes.launch import command
from recipes.matrix import matrix

if __name__ == "__main__":
    command(matrix)
