"""Sentences between two styles: see --help."""

from recipes.launch import main
from recipes.sentences import sentences

if __name__ == "__main__":
    main(sentences)
