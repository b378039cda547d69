"""Strips between samples, and sums of samples: see --help."""

from recipes.latent import latent
from recipes.launch import command

if __name__ == "__main__":
    command(latent)
