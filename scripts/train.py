"""Any method between two collections: see --help."""

from recipes.train import train

if __name__ == "__main__":
    train()
