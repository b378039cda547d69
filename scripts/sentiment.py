"""Sentences between two sentiments: see --help."""

from recipes.launch import main
from recipes.sentiment import sentiment

if __name__ == "__main__":
    main(sentiment)
