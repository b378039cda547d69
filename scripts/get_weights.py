"""Fetch weights of judges that no dependency brings: see --help."""

from recipes.get_weights import get_weights
from recipes.launch import command

if __name__ == "__main__":
    command(get_weights)
