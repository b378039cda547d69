"""A cipher whose key is known: see --help."""

from recipes.cipher import cipher
from recipes.launch import command

if __name__ == "__main__":
    command(cipher)
