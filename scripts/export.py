"""Export a translator to ONNX: see --help."""

from recipes.export import export
from recipes.launch import command

if __name__ == "__main__":
    command(export)
