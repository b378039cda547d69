"""What a critic has learned without labels: see --help."""

from recipes.launch import command
from recipes.probe import probe

if __name__ == "__main__":
    command(probe)
