"""Sentences out of nothing: see --help."""

from recipes.launch import main
from recipes.seqgan import seqgan

if __name__ == "__main__":
    main(seqgan)
